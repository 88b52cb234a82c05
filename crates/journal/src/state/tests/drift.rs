//! Drift, counted by kind in bounded space.

use gateway_core::decode;

use super::*;

fn drift(path: &str) -> Drift {
    Drift {
        path: path.to_owned(),
        expected: "string".to_owned(),
        found: "number".to_owned(),
    }
}

/// Notes drift of an event at each of these times.
pub(super) fn note(state: &mut State, command: &str, path: &str, times: &[u64]) {
    for time in times {
        state.note_drift(command, vec![drift(path)], *time);
    }
}

pub(super) fn kind(
    command: &str,
    path: &str,
    count: u64,
    first_ms: u64,
    last_ms: u64,
) -> DriftKind {
    DriftKind {
        command: command.to_owned(),
        drift: drift(path),
        count,
        first_ms,
        last_ms,
    }
}

/// What a reader finds of all commands.
pub(super) fn kinds(state: &State) -> Vec<DriftKind> {
    state.reader().drift(None).unwrap()
}

/// How many kinds a command has beside its further ones, and how often those came.
fn places(kinds: &[DriftKind], command: &str) -> (usize, u64) {
    let of_command = kinds.iter().filter(|kind| kind.command == command);
    let (further, own): (Vec<_>, Vec<_>) =
        of_command.partition(|kind| kind.drift.path == DriftKind::FURTHER);
    assert!(further.len() <= 1);
    (own.len(), further.iter().map(|kind| kind.count).sum())
}

#[test]
fn drift_is_counted_by_kind_and_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut state = open(&dir);
    note(&mut state, REMOVED, "A", &[20, 10, 30]);
    note(&mut state, REMOVED, "", &[40]);
    note(&mut state, ADDED, "A", &[25]);
    assert!(kinds(&state).is_empty(), "nothing is on disk before a save");
    state.save(&[], &[], &[]).unwrap();
    drop(state);

    let mut state = open(&dir);
    note(&mut state, REMOVED, "A", &[35, 5]);
    state.save(&[(REMOVED, 1)], &[], &[]).unwrap();
    let expected = [
        kind(REMOVED, "", 1, 40, 40),
        kind(REMOVED, "A", 5, 5, 35),
        kind(ADDED, "A", 1, 25, 25),
    ];
    assert_eq!(kinds(&state), expected);
    let of_added = state.reader().drift(Some(ADDED)).unwrap();
    assert_eq!(of_added, expected[2..]);
    assert!(
        state
            .reader()
            .drift(Some("Bot.Unknown"))
            .unwrap()
            .is_empty()
    );
}

#[test]
fn kinds_that_differ_in_one_word_are_two() {
    let dir = tempfile::tempdir().unwrap();
    let mut state = open(&dir);
    let variants = [
        drift("A"),
        Drift {
            expected: "list".to_owned(),
            ..drift("A")
        },
        Drift {
            found: "null".to_owned(),
            ..drift("A")
        },
    ];
    state.note_drift(REMOVED, variants.to_vec(), 1);
    state.note_drift(REMOVED, variants.to_vec(), 2);
    state.save(&[], &[], &[]).unwrap();
    assert!(kinds(&state).iter().all(|kind| kind.count == 2));
    assert_eq!(kinds(&state).len(), 3);
}

#[test]
fn further_kinds_of_a_command_are_added_up() {
    let dir = tempfile::tempdir().unwrap();
    let mut state = open(&dir);
    note(&mut state, REMOVED, "Known", &[1]);
    for number in 0..500 {
        note(
            &mut state,
            REMOVED,
            &format!("Flood{number}"),
            &[number, 1_000],
        );
    }
    note(&mut state, ADDED, "A", &[1]);
    state.save(&[], &[], &[]).unwrap();
    drop(state);
    // What has a place keeps it; what has none gets none later.
    let mut state = open(&dir);
    note(&mut state, REMOVED, "Known", &[2_000]);
    note(&mut state, REMOVED, "Flood499", &[2_001]);
    state.save(&[], &[], &[]).unwrap();

    let kinds = kinds(&state);
    assert_eq!(places(&kinds, REMOVED), (64, 2 * (500 - 63) + 1));
    assert_eq!(places(&kinds, ADDED), (1, 0));
    assert!(kinds.contains(&kind(REMOVED, "Known", 2, 1, 2_000)));
    let further = &kinds[0];
    assert_eq!(further.drift.path, DriftKind::FURTHER);
    assert_eq!((further.first_ms, further.last_ms), (63, 2_001));
    let all: u64 = kinds.iter().map(|kind| kind.count).sum();
    assert_eq!(all, 1 + 2 * 500 + 1 + 2);
}

#[test]
fn all_commands_together_have_bounded_kinds() {
    let dir = tempfile::tempdir().unwrap();
    let mut state = open(&dir);
    let commands: Vec<String> = (0..30)
        .map(|number| format!("Command{number:02}"))
        .collect();
    for command in &commands {
        for number in 0..100 {
            note(&mut state, command, &format!("Field{number}"), &[1]);
        }
    }
    state.save(&[], &[], &[]).unwrap();
    drop(state);
    // It stays so with what was loaded.
    let mut state = open(&dir);
    note(&mut state, "Command99", "Field", &[2]);
    state.save(&[], &[], &[]).unwrap();

    let kinds = kinds(&state);
    let (own, further): (Vec<usize>, Vec<u64>) = commands
        .iter()
        .map(|command| places(&kinds, command))
        .unzip();
    assert_eq!(own.iter().sum::<usize>(), 1_000);
    assert_eq!(own[0], 64);
    assert_eq!((own[29], further[29]), (0, 100));
    assert_eq!(places(&kinds, "Command99"), (0, 1));
    let all: u64 = kinds.iter().map(|kind| kind.count).sum();
    assert_eq!(all, 30 * 100 + 1);
}

#[test]
fn drift_that_could_not_be_saved_is_saved_later_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut state = open(&dir);
    let other = Connection::open(dir.path().join("state.db")).unwrap();
    other
        .execute_batch(
            "CREATE TRIGGER refuse BEFORE INSERT ON drift BEGIN SELECT raise(ABORT, 'no'); END",
        )
        .unwrap();
    note(&mut state, REMOVED, "A", &[1]);
    let failed = state.save(&[(REMOVED, 1)], &[], &[]);
    assert!(matches!(failed, Err(StateError::Write { .. })));
    assert_eq!(state.reader().cursor(REMOVED).unwrap(), None);
    assert!(kinds(&state).is_empty());

    other.execute_batch("DROP TRIGGER refuse").unwrap();
    note(&mut state, REMOVED, "A", &[2]);
    state.save(&[], &[], &[]).unwrap();
    state.save(&[], &[], &[]).unwrap();
    assert_eq!(kinds(&state), [kind(REMOVED, "A", 2, 1, 2)]);
}

#[test]
fn no_field_passes_for_further_kinds() {
    #[derive(Deserialize)]
    struct Nothing {}

    let decoded = decode::<Nothing>("{\"…\": {\"…\": 1}}".as_bytes());
    assert_eq!(decoded.drift.len(), 1);
    assert!(!decoded.drift[0].path.contains(DriftKind::FURTHER));
}

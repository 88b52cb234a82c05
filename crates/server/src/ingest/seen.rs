//! When an app and each of its tokens were seen last, for whoever wonders whether a token is still in use.
//!
//! In memory, since the start. A reload keeps what is known of an app and of the tokens that stay.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use gateway_core::{App, Token};

/// What was seen of one app. Simulated callbacks don't count: they are signed here.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Since when the app is known, in milliseconds since the Unix epoch.
    since_ms: u64,
    app: Moment,
    /// At the places of the app's tokens, with which a reload finds those that stay.
    tokens: Vec<(Token, Moment)>,
}

/// Milliseconds since the Unix epoch; 0 for never.
#[derive(Debug, Clone, Default)]
struct Moment(Arc<AtomicU64>);

// === impl Seen ===

impl Seen {
    /// Nothing, but for what `previous` has of the same app.
    pub(super) fn new(app: &App, previous: Option<&Self>, now_ms: u64) -> Self {
        let known = previous.map_or(&[][..], |previous| &previous.tokens);
        let tokens = app.tokens.iter().map(|token| {
            let kept = known.iter().find(|(known, _)| known.is_same(token));
            let moment = kept.map(|(_, moment)| moment.clone());
            (token.clone(), moment.unwrap_or_default())
        });
        Self {
            since_ms: previous.map_or(now_ms, |previous| previous.since_ms),
            app: previous
                .map(|previous| previous.app.clone())
                .unwrap_or_default(),
            tokens: tokens.collect(),
        }
    }

    /// A genuine callback came, signed with the token at `token`.
    pub(super) fn note(&self, token: Option<usize>, now_ms: u64) {
        self.app.set(now_ms);
        if let Some((_, moment)) = token.and_then(|token| self.tokens.get(token)) {
            moment.set(now_ms);
        }
    }

    /// Since when the app is known: the gateway's start, or the reload that brought it.
    pub(crate) fn since_ms(&self) -> u64 {
        self.since_ms
    }

    /// When the last genuine callback came, in milliseconds since the Unix epoch; `None` for never.
    pub(crate) fn last_ms(&self) -> Option<u64> {
        self.app.get()
    }

    /// The same for each token, at its place.
    pub(crate) fn tokens_last_ms(&self) -> impl Iterator<Item = Option<u64>> {
        self.tokens.iter().map(|(_, moment)| moment.get())
    }
}

// === impl Moment ===

impl Moment {
    fn set(&self, now_ms: u64) {
        self.0.store(now_ms, Ordering::Relaxed);
    }

    fn get(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|ms| *ms > 0)
    }
}

#[cfg(test)]
mod tests {
    use gateway_core::Token;

    use super::*;

    fn app(tokens: &[&str]) -> App {
        App {
            name: "shop".into(),
            sdk_app_id: 1,
            tokens: tokens
                .iter()
                .map(|text| Token::new(*text).unwrap())
                .collect(),
            unsigned: tokens.is_empty(),
            sources: Vec::new(),
        }
    }

    fn tokens(seen: &Seen) -> Vec<Option<u64>> {
        seen.tokens_last_ms().collect()
    }

    #[test]
    fn tells_which_token_is_in_use() {
        let seen = Seen::new(&app(&["old", "new"]), None, 1);
        assert_eq!((seen.last_ms(), tokens(&seen)), (None, vec![None, None]));
        seen.note(Some(1), 7);
        assert_eq!(
            (seen.last_ms(), tokens(&seen)),
            (Some(7), vec![None, Some(7)])
        );
        seen.note(None, 8);
        assert_eq!(seen.last_ms(), Some(8));
    }

    #[test]
    fn a_reload_keeps_what_is_known_of_the_tokens_that_stay() {
        let seen = Seen::new(&app(&["old", "new"]), None, 1);
        seen.note(Some(0), 5);
        seen.note(Some(1), 7);
        let after = Seen::new(&app(&["new", "newer"]), Some(&seen), 6);
        // A callback that was let in by the old configuration.
        seen.note(Some(1), 8);
        assert_eq!(tokens(&after), [Some(8), None]);
        assert_eq!((after.last_ms(), after.since_ms()), (Some(8), 1));
    }
}

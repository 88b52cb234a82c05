//! `events`: what is stored, newest first, page by page.

use super::{
    arguments::{EventsOptions, Filters},
    client::Client,
    event::Event,
    failure::{Ending, Failure},
    moment,
    output::Output,
    pages::{self, MORE, Pages},
};

const ACTION: &str = "read the events";

const HEADING: [&str; 5] = ["TIME", "ID", "APP", "COMMAND", "ABOUT"];

pub(super) fn run(
    client: &Client,
    options: &EventsOptions,
    output: &mut Output<'_>,
) -> Result<Ending, Failure> {
    let mut is_first = true;
    let has_more = walk(client, options, |page| {
        pages::print(page, is_first, &HEADING, row, output)?;
        is_first &= page.is_empty();
        Ok(())
    })?;
    if output.wants_json() {
        return Ok(Ending::Done);
    }
    if is_first {
        output.line("no events")?;
    } else if has_more && output.is_for_people() {
        output.line(MORE)?;
    }
    Ok(Ending::Done)
}

/// Gives the events to `each`, newest first, page by page, up to the limit; tells whether there are more.
pub(super) fn walk(
    client: &Client,
    options: &EventsOptions,
    each: impl FnMut(&[&str]) -> Result<(), Failure>,
) -> Result<bool, Failure> {
    let mut query = query(&options.filters);
    query.extend(options.since.map(|since| ("since", since.to_query())));
    query.extend(options.until.map(|until| ("until", until.to_query())));
    let outcome = options.outcome.iter();
    query.extend(outcome.map(|outcome| ("outcome", outcome.clone())));
    let pages = Pages {
        action: ACTION,
        path: "/v1/events",
        query,
        limit: if options.all { u64::MAX } else { options.limit },
    };
    pages.walk(client, each)
}

/// The filters as the API takes them.
pub(super) fn query(filters: &Filters) -> Vec<(&'static str, String)> {
    let pairs = [
        ("command", &filters.command),
        ("app", &filters.app),
        ("account", &filters.account),
        ("group", &filters.group),
        ("shadow", &filters.shadow),
    ];
    pairs
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.clone()?)))
        .collect()
}

fn row(event: &str) -> Vec<String> {
    let event: Event = serde_json::from_str(event).unwrap_or_default();
    vec![
        moment::show(&event.journaled_at),
        event.id.clone(),
        event.app.clone(),
        event.command_and_mark(),
        event.subjects.short(),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::{
        event::tests::sample,
        test_server::{self, TestServer, answer},
    };

    fn options(server: &TestServer) -> EventsOptions {
        EventsOptions {
            filters: Filters {
                account: Some("alice".into()),
                ..Filters::default()
            },
            since: None,
            outcome: None,
            until: Some("2026-01-31T12:00:00Z".parse().unwrap()),
            limit: 50,
            all: false,
            admin: server.options(),
        }
    }

    fn check(options: &EventsOptions, json: bool) -> String {
        check_on(options, json, true)
    }

    fn check_on(options: &EventsOptions, json: bool, terminal: bool) -> String {
        let client = Client::new(&options.admin, &crate::config::load(None, []).unwrap()).unwrap();
        let mut bytes = Vec::new();
        let mut output = Output::new(&mut bytes, json, terminal);
        run(&client, options, &mut output).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    fn page(data: &[serde_json::Value], next: Option<&str>) -> String {
        let page = json!({ "data": data, "next": next }).to_string();
        answer("200 OK", "application/json", &page)
    }

    #[test]
    fn a_table_for_people() {
        let server = test_server::serve(vec![page(
            &[
                serde_json::from_str(&sample()).unwrap(),
                serde_json::from_str(&sample()).unwrap(),
            ],
            None,
        )]);
        insta::assert_snapshot!(check(&options(&server), false));
    }

    #[test]
    fn pages_until_there_is_no_more() {
        let server = test_server::serve(vec![
            page(&[json!({"id": "1"})], Some("c1")),
            page(&[], Some("c2")),
            page(&[json!({"id": "2"})], None),
        ]);
        let options = options(&server);
        assert_eq!(check(&options, true), "{\"id\":\"1\"}\n{\"id\":\"2\"}\n");
        let requests = [server.request(), server.request(), server.request()];
        let lines = requests.map(|request| request.lines().next().unwrap().to_owned());
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn people_see_one_heading_and_whether_there_is_more() {
        let event = || serde_json::from_str(&sample()).unwrap();
        let server = test_server::serve(vec![
            page(&[event()], Some("c1")),
            page(&[event()], Some("c2")),
        ]);
        let options = EventsOptions {
            limit: 2,
            ..options(&server)
        };
        let text = check(&options, false);
        let starts = text.lines().map(|line| line.split(' ').next().unwrap());
        let starts: Vec<&str> = starts.collect();
        assert_eq!(
            starts,
            ["TIME", "2026-01-31", "2026-01-31", "there"],
            "{text}"
        );
    }

    #[test]
    fn nothing_is_a_word_of_its_own_but_for_scripts() {
        let check = |json, terminal| {
            let server = test_server::serve(vec![page(&[], None)]);
            check_on(&options(&server), json, terminal)
        };
        assert_eq!(check(false, true), "no events\n");
        assert_eq!(check(false, false), "no events\n");
        assert_eq!(check(true, true), "");
    }

    #[test]
    fn stops_at_the_limit() {
        let both = [json!({"id": "1"}), json!({"id": "2"})];
        let server = test_server::serve(vec![page(&both, Some("c1"))]);
        let options = EventsOptions {
            limit: 1,
            ..options(&server)
        };
        assert_eq!(check(&options, true), "{\"id\":\"1\"}\n");
    }
}

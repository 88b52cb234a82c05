//! Which query parameters each operation takes: a filter that is misspelt, or given twice, must not list what nobody
//! asked for.
//!
//! Made from what poem-openapi describes, as the document is.

use std::{borrow::Cow, collections::HashSet, fmt};

use percent_encoding::percent_decode_str;
use poem::http::Method;
use poem_openapi::{OpenApi, registry::MetaParamIn};

/// The operations of an API, by path and method.
#[derive(Debug)]
pub(crate) struct Parameters(Vec<Taken>);

#[derive(Debug)]
struct Taken {
    /// As the document writes it, with `{name}` for a segment that can be anything.
    path: String,
    method: Method,
    names: Vec<String>,
}

/// What is wrong with a query, with the name that is meant.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault<'a, 'p> {
    /// The operation does not take it; it takes these.
    Unknown(Cow<'a, str>, &'p [String]),
    /// Nothing has an empty name: as a filter it would find nothing.
    Empty(Cow<'a, str>),
    /// Which of its values is meant is not clear.
    Repeated(Cow<'a, str>),
}

/// The one parameter that browsers' libraries send empty, for a stream that starts now.
const LAST_EVENT_ID: &str = "last_event_id";

// === impl Parameters ===

impl Parameters {
    /// Those of `T`.
    pub(crate) fn of<T: OpenApi>() -> Self {
        let paths = T::meta().into_iter().flat_map(|api| api.paths);
        let taken = paths.flat_map(|path| {
            let operations = path.operations.into_iter();
            let path = path.path;
            operations.map(move |operation| {
                let query = operation.params.into_iter();
                let query = query.filter(|parameter| parameter.in_type == MetaParamIn::Query);
                Taken {
                    path: path.clone(),
                    method: operation.method,
                    names: query.map(|parameter| parameter.name).collect(),
                }
            })
        });
        Self(taken.collect())
    }

    /// What is wrong with a request's query, the first fault of it; nothing where there is no operation.
    pub(crate) fn fault<'a>(
        &self,
        method: &Method,
        path: &str,
        query: &'a str,
    ) -> Option<Fault<'a, '_>> {
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let mut pairs = pairs.map(decoded).peekable();
        pairs.peek()?;
        let taken = self.taken(method, path)?;
        let mut seen = HashSet::new();
        pairs.find_map(|(name, value)| {
            if !taken.names.iter().any(|known| *known == name) {
                return Some(Fault::Unknown(name, &taken.names));
            }
            if value.is_empty() && name != LAST_EVENT_ID {
                return Some(Fault::Empty(name));
            }
            let is_new = seen.insert(name.clone());
            (!is_new).then_some(Fault::Repeated(name))
        })
    }

    fn taken(&self, method: &Method, path: &str) -> Option<&Taken> {
        // What answers a GET answers a HEAD.
        let method = if *method == Method::HEAD {
            &Method::GET
        } else {
            method
        };
        let of_method = || self.0.iter().filter(|taken| taken.method == *method);
        let exact = of_method().find(|taken| taken.path == path);
        exact.or_else(|| of_method().find(|taken| matches(&taken.path, path)))
    }
}

// === impl Fault ===

impl fmt::Display for Fault<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What a caller wrote is shown to that caller only, and shortly.
        let short = |name: &str| name.chars().take(40).collect::<String>();
        match self {
            Self::Unknown(name, []) => {
                write!(
                    f,
                    "there is no parameter `{}` here; this takes none",
                    short(name)
                )
            }
            Self::Unknown(name, known) => write!(
                f,
                "there is no parameter `{}` here; known are: {}",
                short(name),
                known.join(", ")
            ),
            Self::Empty(name) => write!(
                f,
                "the parameter `{}` has no value; leave it out to have everything",
                short(name)
            ),
            Self::Repeated(name) => {
                write!(f, "the parameter `{}` is given more than once", short(name))
            }
        }
    }
}

/// The name and the value of a pair, without their escapes.
fn decoded(pair: &str) -> (Cow<'_, str>, &str) {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    (percent_decode_str(name).decode_utf8_lossy(), value)
}

fn matches(pattern: &str, path: &str) -> bool {
    let (mut pattern, mut path) = (pattern.split('/'), path.split('/'));
    loop {
        match (pattern.next(), path.next()) {
            (None, None) => return true,
            (Some(segment), Some(given)) if segment.starts_with('{') || segment == given => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::{Api, StatusApi};

    fn check(method: &Method, path: &str, query: &str, expected: Option<&str>) {
        let parameters = Parameters::of::<(Api, StatusApi)>();
        let unknown = parameters.fault(method, path, query);
        let unknown = unknown.as_ref().map(|fault| match fault {
            Fault::Unknown(name, _) => &**name,
            fault => panic!("{path}?{query}: {fault}"),
        });
        assert_eq!(unknown, expected, "{path}?{query}");
    }

    #[test]
    fn a_misspelt_filter_is_found() {
        for (query, unknown) in [
            ("", None),
            ("&", None),
            ("account=alice&limit=5", None),
            ("acount=alice", Some("acount")),
            ("%61ccount=alice", None),
            ("%61count=alice", Some("acount")),
            ("account=alice&Limit=5", Some("Limit")),
            ("=x", Some("")),
        ] {
            check(&Method::GET, "/v1/events", query, unknown);
            check(&Method::HEAD, "/v1/events", query, unknown);
        }
        check(
            &Method::GET,
            "/v1/events/some-id",
            "verbose=1",
            Some("verbose"),
        );
        check(&Method::GET, "/v1/events/stream", "account=alice", None);
        check(&Method::GET, "/metrics", "x=y", Some("x"));
    }

    #[test]
    fn a_filter_without_a_value_or_with_two_is_found() {
        let parameters = Parameters::of::<(Api, StatusApi)>();
        let told = |path, query| parameters.fault(&Method::GET, path, query);
        let told = |path, query| told(path, query).map(|fault| fault.to_string());
        let events = "/v1/events";
        for query in ["command", "command&limit=5", "command=", "%63ommand="] {
            let told = told(events, query).unwrap();
            assert!(told.contains("`command` has no value"), "{query}: {told}");
        }
        for query in ["limit=1&limit=2", "limit=1&limit=1", "limit=1&%6cimit=2"] {
            let told = told(events, query).unwrap();
            assert!(
                told.contains("`limit` is given more than once"),
                "{query}: {told}"
            );
        }
        assert_eq!(told("/v1/events/stream", "last_event_id="), None);
        assert_eq!(told(events, "command=a&app=a"), None);
    }

    #[test]
    fn nothing_is_unknown_where_there_is_nothing() {
        check(&Method::GET, "/v1/nothing", "x=y", None);
        check(&Method::POST, "/v1/events", "x=y", None);
        check(&Method::GET, "/v1/events/a/b", "x=y", None);
    }
}

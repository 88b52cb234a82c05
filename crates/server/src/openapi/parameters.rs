//! Which query parameters each operation takes: a misspelt filter must not list everything.
//!
//! Made from what poem-openapi describes, as the document is.

use std::borrow::Cow;

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

    /// The first parameter of a request that its operation does not take, with those that it does. Nothing is unknown
    /// where there is no operation.
    pub(crate) fn unknown<'a>(
        &self,
        method: &Method,
        path: &str,
        query: &'a str,
    ) -> Option<(Cow<'a, str>, &[String])> {
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let names = pairs.map(|pair| pair.split('=').next().unwrap_or_default());
        let mut names = names
            .map(|name| percent_decode_str(name).decode_utf8_lossy())
            .peekable();
        names.peek()?;
        // What answers a GET answers a HEAD.
        let method = if *method == Method::HEAD {
            &Method::GET
        } else {
            method
        };
        let of_method = || self.0.iter().filter(|taken| taken.method == *method);
        let exact = of_method().find(|taken| taken.path == path);
        let taken = exact.or_else(|| of_method().find(|taken| matches(&taken.path, path)))?;
        let unknown = names.find(|name| !taken.names.iter().any(|known| known == name))?;
        Some((unknown, &taken.names))
    }
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
        let unknown = parameters.unknown(method, path, query);
        let unknown = unknown.as_ref().map(|(name, _)| &**name);
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
    fn nothing_is_unknown_where_there_is_nothing() {
        check(&Method::GET, "/v1/nothing", "x=y", None);
        check(&Method::POST, "/v1/events", "x=y", None);
        check(&Method::GET, "/v1/events/a/b", "x=y", None);
    }
}

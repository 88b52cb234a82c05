//! What is known of the admin listener's paths, a function a question: as they are requested, or with a parameter in
//! braces as the document writes them.

/// Paths that hold no secret; whatever is not listed needs the token.
const OPEN: [&str; 5] = ["/", "/docs", "/openapi.json", "/healthz", "/readyz"];

/// What lies below this is the page's script and style.
const OPEN_BELOW: &str = "/docs/";

/// What tools ask again and again.
const HEALTH: [&str; 2] = ["/healthz", "/readyz"];

/// What ends so does something.
const DEEDS: [&str; 6] = ["/replay", "/pause", "/resume", "/retry", "/skip", "/rewind"];

/// Below this every command is simulated.
const SIMULATE: &str = "/v1/simulate/";

/// A group of operations on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Area {
    /// What was received.
    Events,
    /// Who decides.
    Deciding,
    /// Passing events on.
    Fanout,
    /// The gateway itself.
    Gateway,
}

/// Whether it needs the token, where there is one.
pub(crate) fn needs_token(path: &str) -> bool {
    !OPEN.contains(&path) && !path.starts_with(OPEN_BELOW)
}

/// Whether it is a health check.
pub(crate) fn is_health(path: &str) -> bool {
    HEALTH.contains(&path)
}

/// Whether it is answered with megabytes, and has no limit of its own.
pub(crate) fn is_large(path: &str) -> bool {
    area(path) == Area::Events && path != "/v1/events/stream" && !is_deed(path)
}

/// The command that is simulated there.
pub(crate) fn simulated(path: &str) -> Option<&str> {
    path.strip_prefix(SIMULATE)
}

/// Where a command is simulated.
pub(crate) fn simulation(command: &str) -> String {
    format!("{SIMULATE}{command}")
}

/// The methods that it takes: what does something is posted, everything else is read.
pub(crate) fn methods(path: &str) -> &'static str {
    if simulated(path).is_some() || is_deed(path) {
        "POST"
    } else {
        "GET, HEAD"
    }
}

fn is_deed(path: &str) -> bool {
    DEEDS.iter().any(|deed| path.ends_with(deed))
}

/// The group of what is no simulation; those stand with their feature.
pub(crate) fn area(path: &str) -> Area {
    match path {
        "/v1/deciders" | "/v1/rulings" => Area::Deciding,
        "/v1/drift" => Area::Events,
        "/v1/deliveries" => Area::Fanout,
        path if path.starts_with("/v1/events") => Area::Events,
        path if path.starts_with("/v1/subscriptions") => Area::Fanout,
        _ => Area::Gateway,
    }
}

// === impl Area ===

impl Area {
    /// Its name on the page.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Events => "Events",
            Self::Deciding => "Deciding",
            Self::Fanout => "Fan-out",
            Self::Gateway => "Gateway",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_listed_needs_the_token() {
        for path in ["/", "/docs", "/docs/page.js", "/openapi.json", "/readyz"] {
            assert!(!needs_token(path), "{path}");
        }
        for path in ["/metrics", "/v1/commands", "/docsx", "/healthz/", "/new"] {
            assert!(needs_token(path), "{path}");
        }
    }

    #[test]
    fn a_stream_is_no_large_answer() {
        for path in ["/v1/events", "/v1/events/{id}", "/v1/drift"] {
            assert!(is_large(path), "{path}");
        }
        for path in ["/v1/events/stream", "/v1/commands", "/metrics"] {
            assert!(!is_large(path), "{path}");
        }
    }

    #[test]
    fn a_simulation_is_found_where_it_is() {
        let path = simulation("Sns.CallbackFriendDelete");
        assert_eq!(simulated(&path), Some("Sns.CallbackFriendDelete"));
        assert_eq!(methods(&path), "POST");
        assert_eq!(methods("/v1/events"), "GET, HEAD");
        assert_eq!(methods("/v1/events/{id}/replay"), "POST");
    }
}

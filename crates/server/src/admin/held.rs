//! An answer that holds its place until the caller has taken it: pages are megabytes, and a caller that doesn't read
//! would keep as many of them in memory as it has connections.

use std::sync::Arc;

use http_body_util::combinators::BoxBody;
use poem::Response;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{paths, problem::Problem};
use crate::guarded::Guarded;

/// Pages on their way at once, of at most 4 MiB of bodies each. All drift that there can be is one, too: under 2 MiB.
const PAGES_MAX: usize = 16;

/// The places for pages.
#[derive(Debug, Clone)]
pub(crate) struct Places(Arc<Semaphore>);

/// A page's place.
#[derive(Debug)]
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
}

impl Places {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(PAGES_MAX)))
    }

    /// A place for the answer to a request for this path; `None` for answers that are small, or that have limits of
    /// their own.
    ///
    /// # Errors
    ///
    /// 503 when there is none.
    pub(crate) fn take(&self, path: &str) -> Result<Option<Place>, Problem> {
        if !paths::is_large(path) {
            return Ok(None);
        }
        let permit = Arc::clone(&self.0).try_acquire_owned();
        permit
            .map(|permit| Some(Place { _permit: permit }))
            .map_err(|_| Problem::busy("too many pages are on their way"))
    }
}

impl Place {
    /// Keeps the place until the answer is sent or given up.
    pub(crate) fn hold(self, response: Response) -> Response {
        let (parts, body) = response.into_parts();
        let body = Guarded::hold(body.into(), self);
        Response::from_parts(parts, BoxBody::new(body).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_place_is_free_again_when_the_answer_is_gone() {
        let places = Places::new();
        let mut answers = Vec::new();
        while let Ok(Some(place)) = places.take("/v1/events") {
            answers.push(place.hold(Response::from("page")));
        }
        assert_eq!(answers.len(), PAGES_MAX);
        assert!(places.take("/v1/drift").is_err());
        assert!(places.take("/v1/events/stream").unwrap().is_none());
        let first = answers.pop().unwrap();
        assert_eq!(first.into_body().into_string().await.unwrap(), "page");
        assert!(places.take("/v1/events").unwrap().is_some());
    }
}

//! An answer that holds its place until the caller has taken it: pages are megabytes, and a caller that doesn't read
//! would keep as many of them in memory as it has connections.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use hyper::body::{Body, Frame, SizeHint};
use poem::Response;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::problem::Problem;

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

struct HeldBody {
    body: BoxBody<Bytes, io::Error>,
    _place: Place,
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
        let is_page = path.starts_with("/v1/events") && path != "/v1/events/stream";
        if !is_page && path != "/v1/drift" {
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
        let body = HeldBody {
            body: body.into(),
            _place: self,
        };
        Response::from_parts(parts, BoxBody::new(body).into())
    }
}

impl Body for HeldBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
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

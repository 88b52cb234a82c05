//! Reads of the disk, off the runtime, so many at a time.

use std::{sync::Arc, time::Duration};

use tokio::sync::Semaphore;

use super::problem::Problem;

/// How long a request waits for its turn before it is told that the gateway is busy.
const PATIENCE: Duration = Duration::from_secs(2);

/// Runs blocking work, a bounded number of pieces at once. The rest waits: requests for [`PATIENCE`], streams as long
/// as it takes.
#[derive(Debug)]
pub(crate) struct Blocking {
    permits: Arc<Semaphore>,
    patience: Duration,
}

/// The work panicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the work on a blocking thread panicked")]
pub(crate) struct Panicked;

impl Blocking {
    /// At most `at_once` pieces of work run at the same time.
    pub(crate) fn new(at_once: usize) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(at_once)),
            patience: PATIENCE,
        }
    }

    /// Runs the work of a request.
    ///
    /// # Errors
    ///
    /// 503 when its turn does not come in time, 500 when it panics.
    pub(crate) async fn request<T, F>(&self, work: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        tokio::time::timeout(self.patience, self.turn(work))
            .await
            .map_err(|_| Problem::busy("too many queries are running; try again"))?
            .await
            .map_err(|error| Problem::internal("answer the request", &error))
    }

    /// Runs the work of a stream, whenever its turn comes.
    ///
    /// # Errors
    ///
    /// When it panics.
    pub(crate) async fn stream<T, F>(&self, work: F) -> Result<T, Panicked>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        self.turn(work).await.await
    }

    /// Waits for a turn; the permit goes with the work, which goes on when its caller is gone.
    async fn turn<T, F>(&self, work: F) -> impl Future<Output = Result<T, Panicked>> + use<T, F>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        let handle = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        async move { handle.await.map_err(|_| Panicked) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use poem::{error::ResponseError, http::StatusCode};

    use super::*;

    #[tokio::test]
    async fn a_request_without_a_turn_is_told_so() {
        let blocking = Blocking {
            permits: Arc::new(Semaphore::new(1)),
            patience: Duration::from_millis(1),
        };
        let (release, released) = mpsc::channel::<()>();
        let holder = blocking.turn(move || released.recv()).await;
        let refused = blocking.request(|| ()).await.unwrap_err();
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        release.send(()).unwrap();
        holder.await.unwrap().unwrap();
        assert_eq!(blocking.stream(|| 5).await, Ok(5));
        assert_eq!(blocking.request(|| 5).await, Ok(5));
    }

    #[tokio::test]
    async fn a_panic_is_an_answer() {
        let blocking = Blocking::new(1);
        let failed: Result<(), Problem> = blocking.request(|| panic!("on purpose")).await;
        assert_eq!(
            failed.unwrap_err().status(),
            StatusCode::INTERNAL_SERVER_ERROR
        );
        let failed: Result<(), Panicked> = blocking.stream(|| panic!("on purpose")).await;
        assert_eq!(failed, Err(Panicked));
        assert_eq!(blocking.request(|| 5).await, Ok(5));
    }
}

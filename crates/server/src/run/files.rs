//! How many files may be open at once: each connection is one, Chat's and those to deciders.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

/// Raises the limit to what the system allows: what is common as a default, 1,024, is less than the gateway's own caps.
pub(super) fn raise_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let raised = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: maximum,
            maximum,
        },
    );
    if let Err(error) = raised {
        warn!(%error, "failed to raise the limit of open files; it stays as it is");
    }
}

//! What the fan-out tells the metrics.

use std::{fmt, time::Duration};

use crate::{DeliverError, Delivered, Standing};

/// Told of what happens; must not block.
pub trait Observer: fmt::Debug + Send + Sync + 'static {
    /// An attempt has ended. Called on the planner's thread.
    fn attempted(
        &self,
        subscription: &str,
        ended: &Result<Delivered, DeliverError>,
        took: Duration,
    );
    /// How all subscriptions stand, several times a second.
    fn stands(&self, standings: &[Standing]);
}

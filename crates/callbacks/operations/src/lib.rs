//! What Chat tells the app's operators.
//!
//! One command, one file.

mod limit_alert;

pub use limit_alert::{LimitAlert, LimitAlertRequest};

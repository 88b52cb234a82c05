//! What a reload exchanges as a whole: the apps, and the counters that belong to them.

use std::{collections::HashMap, sync::Arc};

use gateway_core::Apps;

use crate::metrics::{AppMetrics, Metrics};

/// The apps in force.
#[derive(Debug)]
pub(crate) struct Live {
    /// Who may call, and how it is proved.
    pub apps: Apps,
    metrics: HashMap<u64, Arc<AppMetrics>>,
}

impl Live {
    /// Makes the counters of every app.
    pub(crate) fn new(apps: Apps, metrics: &Metrics) -> Self {
        let by_id = apps
            .iter()
            .map(|app| (app.sdk_app_id, metrics.app(&app.name)));
        Self {
            metrics: by_id.collect(),
            apps,
        }
    }

    pub(super) fn metrics(&self, sdk_app_id: u64) -> Arc<AppMetrics> {
        let known = self.metrics.get(&sdk_app_id);
        Arc::clone(known.expect("every app has counters from the start"))
    }
}

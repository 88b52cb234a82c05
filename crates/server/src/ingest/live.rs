//! What a reload exchanges as a whole: the apps, the counters that belong to them, and who decides about what.

use std::{collections::HashMap, io, sync::Arc};

use gateway_core::{Apps, Dispatcher};

use crate::{
    config::Checked,
    deciding::Rulings,
    metrics::{AppMetrics, Metrics},
};

/// What is in force.
#[derive(Debug, Default)]
pub(crate) struct Live {
    /// Who may call, and how it is proved.
    pub apps: Apps,
    /// Who decides about what.
    pub rulings: Rulings,
    metrics: HashMap<u64, Arc<AppMetrics>>,
}

impl Live {
    /// Makes the counters of every app. What `previous` has and did not change goes on.
    ///
    /// # Errors
    ///
    /// When no thread can be had for a decider.
    pub(crate) fn new(
        checked: &Checked,
        dispatcher: &Dispatcher,
        metrics: &Metrics,
        previous: &Self,
    ) -> io::Result<Self> {
        let apps = checked.apps.clone();
        let by_id = apps
            .iter()
            .map(|app| (app.sdk_app_id, metrics.app(&app.name)));
        Ok(Self {
            metrics: by_id.collect(),
            rulings: Rulings::new(checked, dispatcher, metrics, &previous.rulings)?,
            apps,
        })
    }

    pub(super) fn metrics(&self, sdk_app_id: u64) -> Arc<AppMetrics> {
        let known = self.metrics.get(&sdk_app_id);
        Arc::clone(known.expect("every app has counters from the start"))
    }
}

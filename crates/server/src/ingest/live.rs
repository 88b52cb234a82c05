//! What a reload exchanges as a whole: the apps, the counters that belong to them, and who decides about what.

use std::{collections::HashMap, io, sync::Arc};

use gateway_core::{App, Apps, Dispatcher};

use crate::{
    clock,
    config::Checked,
    deciding::Rulings,
    metrics::{AppMetrics, Metrics},
};

use super::seen::Seen;

/// What is in force.
#[derive(Debug, Default)]
pub(crate) struct Live {
    /// Who may call, and how it is proved.
    pub apps: Apps,
    /// Who decides about what.
    pub rulings: Rulings,
    known: HashMap<u64, Known>,
}

/// What is kept of an app beside its configuration.
#[derive(Debug)]
pub(super) struct Known {
    /// Its counters.
    pub metrics: Arc<AppMetrics>,
    /// When it was heard of.
    pub seen: Seen,
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
        let now_ms = clock::now_ms();
        let known = apps.iter().map(|app| {
            let metrics = metrics.app(&app.name);
            let previous = previous.known.get(&app.sdk_app_id);
            let seen = Seen::new(app, previous.map(|known| &known.seen), now_ms);
            (app.sdk_app_id, Known { metrics, seen })
        });
        Ok(Self {
            known: known.collect(),
            rulings: Rulings::new(checked, dispatcher, metrics, &previous.rulings)?,
            apps,
        })
    }

    /// Every app with what was seen of it, in no order.
    pub(crate) fn seen(&self) -> impl Iterator<Item = (&App, &Seen)> {
        self.apps
            .iter()
            .filter_map(|app| Some((app, &self.known.get(&app.sdk_app_id)?.seen)))
    }

    /// What is kept of an app that is in force.
    pub(super) fn known(&self, sdk_app_id: u64) -> &Known {
        let known = self.known.get(&sdk_app_id);
        known.expect("every app is known from the start")
    }
}

//! Who decides about what: a table made from the configuration and exchanged as a whole.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    sync::Arc,
};

use gateway_core::{AckRules, Dispatcher};

use super::{Decider, Policy};
use crate::{
    config::{Checked, CheckedCommand, CheckedCommands},
    metrics::Metrics,
};

/// Who decides about one command of one app.
#[derive(Debug)]
pub(crate) struct Ruling {
    /// Whose answer counts.
    pub who: Who,
    /// Who is asked at the same time, without the answer being used.
    pub shadow: Option<Arc<Decider>>,
    /// What is answered when nobody decides in time.
    pub policy: Policy,
    /// What Chat honours in the ack.
    pub rules: AckRules,
}

/// Whose answer counts.
#[derive(Debug, Clone)]
pub(crate) enum Who {
    /// The command's handler.
    PlugIn,
    /// A service.
    Decider(Arc<Decider>),
    /// The policy alone: there is no plug-in and no decider.
    Nobody,
}

/// Who decides about every before-command.
#[derive(Debug, Default)]
pub(crate) struct Rulings {
    deciders: BTreeMap<String, Arc<Decider>>,
    general: HashMap<String, Arc<Ruling>>,
    /// What differs, by the vendor's number of the app.
    by_app: HashMap<u64, HashMap<String, Arc<Ruling>>>,
}

// === impl Rulings ===

impl Rulings {
    /// Deciders whose configuration stays keep their connections and the state of their breakers.
    ///
    /// # Errors
    ///
    /// When no thread can be had for a decider; nothing has changed then.
    pub(crate) fn new(
        checked: &Checked,
        dispatcher: &Dispatcher,
        metrics: &Metrics,
        previous: &Self,
    ) -> io::Result<Self> {
        let deciders = checked.deciders.iter().map(|(name, checked)| {
            let known = previous.deciders.get(name);
            let decider = match known.filter(|decider| decider.is_of(checked)) {
                Some(kept) => Arc::clone(kept),
                None => Arc::new(Decider::new(name, checked, metrics.decider(name))?),
            };
            Ok((name.clone(), decider))
        });
        let deciders: BTreeMap<String, Arc<Decider>> = deciders.collect::<io::Result<_>>()?;
        for gone in previous
            .deciders
            .keys()
            .filter(|name| !deciders.contains_key(*name))
        {
            metrics.forget_decider(gone);
        }
        let rulings = |commands: &CheckedCommands| -> HashMap<String, Arc<Ruling>> {
            let commands = commands.iter();
            commands
                .map(|(command, checked)| {
                    let is_installed = dispatcher.get(command).is_some();
                    let ruling = Ruling::new(checked, is_installed, &deciders);
                    (command.clone(), Arc::new(ruling))
                })
                .collect()
        };
        let by_app = checked.apps.iter().filter_map(|app| {
            let commands = checked.app_commands.get(&*app.name)?;
            (!commands.is_empty()).then(|| (app.sdk_app_id, rulings(commands)))
        });
        Ok(Self {
            by_app: by_app.collect(),
            general: rulings(&checked.commands),
            deciders,
        })
    }

    /// Who decides about a command of an app; `None` for an after-command.
    pub(crate) fn of(&self, sdk_app_id: u64, command: &str) -> Option<&Arc<Ruling>> {
        let own = self.by_app.get(&sdk_app_id);
        own.and_then(|rulings| rulings.get(command))
            .or_else(|| self.general.get(command))
    }

    /// Every ruling with its command, and the vendor's number of the app where it differs for one.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Option<u64>, &str, &Ruling)> {
        let general = self.general.iter();
        let general = general.map(|(command, ruling)| (None, command.as_str(), &**ruling));
        let by_app = self.by_app.iter().flat_map(|(app, rulings)| {
            let rulings = rulings.iter();
            rulings.map(|(command, ruling)| (Some(*app), command.as_str(), &**ruling))
        });
        general.chain(by_app)
    }

    /// Every decider, by name.
    pub(crate) fn deciders(&self) -> impl Iterator<Item = &Arc<Decider>> {
        self.deciders.values()
    }
}

// === impl Ruling ===

impl Ruling {
    fn new(
        checked: &CheckedCommand,
        is_installed: bool,
        deciders: &BTreeMap<String, Arc<Decider>>,
    ) -> Self {
        let decider = |name: &Option<String>| {
            let decider = name.as_ref().and_then(|name| deciders.get(name));
            decider.cloned()
        };
        Self {
            who: match decider(&checked.decider) {
                Some(decider) => Who::Decider(decider),
                None if is_installed => Who::PlugIn,
                None => Who::Nobody,
            },
            shadow: decider(&checked.shadow),
            policy: Policy::new(&checked.policy),
            rules: checked.rules,
        }
    }

    /// Whether a service is asked, so that the query is needed.
    pub(crate) fn asks_deciders(&self) -> bool {
        self.shadow.is_some() || matches!(self.who, Who::Decider(_))
    }
}

//! What SIGHUP exchanges: apps and tokens, certificates, trusted proxies, and who may call the admin listener. All of it
//! or nothing; on any error the old configuration stays.

use std::sync::Arc;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use ipnet::IpNet;
use tracing::{error, info, warn};

use crate::{
    admin::GuardConfig,
    config::{Checked, Config, Problems, TlsConfig},
    ingest::Live,
    listener::Tls,
    metrics::Metrics,
};

/// What is in force.
#[derive(Debug)]
pub(super) struct Reloadable {
    config: Config,
    pub(super) live: Arc<ArcSwap<Live>>,
    pub(super) callbacks_tls: Option<Arc<ArcSwap<Tls>>>,
    pub(super) admin_tls: Option<Arc<ArcSwap<Tls>>>,
    pub(super) trusted_proxies: Arc<ArcSwap<Vec<IpNet>>>,
    pub(super) guard: Arc<ArcSwap<GuardConfig>>,
}

impl Reloadable {
    pub(super) fn new(checked: &Checked, metrics: &Metrics) -> anyhow::Result<Self> {
        let config = &checked.config;
        let tls = |tls: &Option<TlsConfig>| {
            let loaded = tls.as_ref().map(Tls::load).transpose();
            loaded.map(|tls| tls.map(|tls| Arc::new(ArcSwap::from_pointee(tls))))
        };
        Ok(Self {
            live: Arc::new(ArcSwap::from_pointee(Live::new(
                checked.apps.clone(),
                metrics,
            ))),
            callbacks_tls: tls(&config.callbacks.tls).context("callbacks.tls")?,
            admin_tls: tls(&config.admin.tls).context("admin.tls")?,
            trusted_proxies: Arc::new(ArcSwap::from_pointee(
                config.callbacks.trusted_proxies.clone(),
            )),
            guard: Arc::new(ArcSwap::from_pointee(guard(checked))),
            config: config.clone(),
        })
    }

    /// Takes over what was loaded.
    pub(super) fn reload(&mut self, loaded: Result<Checked, Problems>, metrics: &Metrics) {
        let taken = match loaded {
            Ok(checked) => self.take(&checked, metrics),
            Err(problems) => Err(problems.into()),
        };
        metrics.reloaded(taken.is_ok());
        match taken {
            Ok(()) => info!("the configuration is reloaded"),
            Err(error) => error!(
                error = format!("{error:#}"),
                "the configuration is not reloaded; the old one stays"
            ),
        }
    }

    fn take(&mut self, checked: &Checked, metrics: &Metrics) -> anyhow::Result<()> {
        let config = &checked.config;
        // Whatever can fail comes before the first exchange.
        let callbacks_tls = exchange(self.callbacks_tls.as_ref(), config.callbacks.tls.as_ref())
            .context("callbacks.tls")?;
        let admin_tls =
            exchange(self.admin_tls.as_ref(), config.admin.tls.as_ref()).context("admin.tls")?;
        for key in needing_restart(&self.config, config) {
            warn!(key, "changed, and takes effect with a restart");
        }
        for (current, new) in [callbacks_tls, admin_tls].into_iter().flatten() {
            current.store(new);
        }
        self.live
            .store(Arc::new(Live::new(checked.apps.clone(), metrics)));
        self.trusted_proxies
            .store(Arc::new(config.callbacks.trusted_proxies.clone()));
        self.guard.store(Arc::new(guard(checked)));
        Ok(())
    }
}

type Exchange<'a> = (&'a ArcSwap<Tls>, Arc<Tls>);

/// Loads the certificate that takes the place of the current one; nothing where TLS is or was off.
fn exchange<'a>(
    current: Option<&'a Arc<ArcSwap<Tls>>>,
    config: Option<&TlsConfig>,
) -> anyhow::Result<Option<Exchange<'a>>> {
    let (Some(current), Some(config)) = (current, config) else {
        return Ok(None);
    };
    Ok(Some((&**current, Arc::new(Tls::load(config)?))))
}

fn guard(checked: &Checked) -> GuardConfig {
    GuardConfig {
        token: checked.admin_token.clone(),
        hosts: checked.config.admin.hosts.clone(),
    }
}

/// The keys that differ and that a reload does not change.
fn needing_restart(old: &Config, new: &Config) -> Vec<String> {
    let mut differing = Vec::new();
    collect("", &as_json(old), &as_json(new), &mut differing);
    differing.retain(|key| !is_reloadable(key, old, new));
    differing
}

fn as_json(config: &Config) -> serde_json::Value {
    serde_json::to_value(config).expect("the configuration came from such values")
}

fn collect(
    key: &str,
    old: &serde_json::Value,
    new: &serde_json::Value,
    differing: &mut Vec<String>,
) {
    use serde_json::Value::{Null, Object};
    if let (Object(old), Object(new)) = (old, new) {
        let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for name in names {
            let key = if key.is_empty() {
                name.clone()
            } else {
                format!("{key}.{name}")
            };
            let value = |table: &serde_json::Map<_, _>| table.get(name).cloned().unwrap_or(Null);
            collect(&key, &value(old), &value(new), differing);
        }
    } else if old != new {
        differing.push(key.to_owned());
    }
}

fn is_reloadable(key: &str, old: &Config, new: &Config) -> bool {
    let is_under = |table: &str| {
        key.strip_prefix(table)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    // A certificate is exchanged; switching TLS on or off is not.
    let stays_tls =
        |old: &Option<TlsConfig>, new: &Option<TlsConfig>| old.is_some() == new.is_some();
    is_under("apps")
        || is_under("admin.hosts")
        || is_under("admin.token_file")
        || is_under("callbacks.trusted_proxies")
        || is_under("callbacks.tls") && stays_tls(&old.callbacks.tls, &new.callbacks.tls)
        || is_under("admin.tls") && stays_tls(&old.admin.tls, &new.admin.tls)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load;

    fn config(variables: &[(&str, &str)]) -> Config {
        let owned = variables
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        load(None, owned).unwrap()
    }

    #[test]
    fn names_the_keys_that_need_a_restart() {
        let old = config(&[]);
        let new = config(&[
            ("GATEWAY_CALLBACKS__LISTEN", "127.0.0.1:9999"),
            ("GATEWAY_ADMIN__HOSTS", "[\"gateway.internal\"]"),
            ("GATEWAY_JOURNAL__RETENTION", "1d"),
            ("GATEWAY_APPS__SHOP__SDK_APP_ID", "1"),
        ]);
        assert_eq!(
            needing_restart(&old, &new),
            ["callbacks.listen", "journal.retention"]
        );
    }

    #[test]
    fn switching_tls_on_needs_a_restart() {
        let new = config(&[
            ("GATEWAY_CALLBACKS__TLS__CERTIFICATE", "a.pem"),
            ("GATEWAY_CALLBACKS__TLS__PRIVATE_KEY", "b.pem"),
        ]);
        assert_eq!(needing_restart(&config(&[]), &new), ["callbacks.tls"]);
        assert_eq!(needing_restart(&new, &new), Vec::<String>::new());
    }
}

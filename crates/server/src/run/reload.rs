//! What SIGHUP exchanges: apps and tokens, who decides about what, certificates, trusted proxies, and who may call the
//! admin listener. All of it or nothing; on any error the old configuration stays.

use std::sync::Arc;

use anyhow::{Context as _, ensure};
use arc_swap::ArcSwap;
use gateway_core::{Descriptor, Dispatcher};
use gateway_fanout::{SteerError, Subscriber};
use ipnet::IpNet;
use tracing::{error, info, warn};

use super::demo;
use crate::{
    admin::GuardConfig,
    config::{Checked, Config, Problems, TlsConfig, check},
    ingest::Live,
    listener::Tls,
    metrics::Metrics,
};

/// What is in force.
#[derive(Debug)]
pub(super) struct Reloadable {
    config: Config,
    dispatcher: Dispatcher,
    pub(super) live: Arc<ArcSwap<Live>>,
    pub(super) callbacks_tls: Option<Arc<ArcSwap<Tls>>>,
    pub(super) admin_tls: Option<Arc<ArcSwap<Tls>>>,
    pub(super) trusted_proxies: Arc<ArcSwap<Vec<IpNet>>>,
    pub(super) guard: Arc<ArcSwap<GuardConfig>>,
}

const THREADS: &str = "failed to start the deciders' threads";

impl Reloadable {
    pub(super) fn new(
        checked: &Checked,
        dispatcher: Dispatcher,
        metrics: &Metrics,
    ) -> anyhow::Result<Self> {
        let config = &checked.config;
        let tls = |tls: &Option<TlsConfig>| {
            let loaded = tls.as_ref().map(Tls::load).transpose();
            loaded.map(|tls| tls.map(|tls| Arc::new(ArcSwap::from_pointee(tls))))
        };
        let reloadable = Self {
            live: Arc::new(ArcSwap::from_pointee(
                Live::new(checked, &dispatcher, metrics, &Live::default()).context(THREADS)?,
            )),
            callbacks_tls: tls(&config.callbacks.tls).context("callbacks.tls")?,
            admin_tls: tls(&config.admin.tls).context("admin.tls")?,
            trusted_proxies: Arc::new(ArcSwap::from_pointee(
                config.callbacks.trusted_proxies.clone(),
            )),
            guard: Arc::new(ArcSwap::from_pointee(guard(checked))),
            config: config.clone(),
            dispatcher,
        };
        reloadable.tell_certificates(metrics);
        Ok(reloadable)
    }

    /// Sets when the certificates in force expire.
    fn tell_certificates(&self, metrics: &Metrics) {
        for (listener, tls) in [
            ("callbacks", &self.callbacks_tls),
            ("admin", &self.admin_tls),
        ] {
            if let Some(tls) = tls {
                metrics.certificate_expires(listener, tls.load().expires_seconds());
            }
        }
    }

    /// Takes over what was loaded. `subscribe` exchanges the subscriptions.
    pub(super) fn reload(
        &mut self,
        loaded: Result<Config, Problems>,
        metrics: &Metrics,
        subscribe: impl FnOnce(Vec<Arc<Subscriber>>) -> Result<(), SteerError>,
    ) {
        let taken = loaded
            .map_err(Into::into)
            .and_then(|config| self.take(&config, metrics, subscribe));
        metrics.reloaded(taken.is_ok());
        match taken {
            Ok(()) => info!("the configuration is reloaded"),
            Err(error) => error!(
                error = format!("{error:#}"),
                "the configuration is not reloaded; the old one stays"
            ),
        }
    }

    fn take(
        &mut self,
        loaded: &Config,
        metrics: &Metrics,
        subscribe: impl FnOnce(Vec<Arc<Subscriber>>) -> Result<(), SteerError>,
    ) -> anyhow::Result<()> {
        let installed = self.dispatcher.iter();
        let descriptors: Vec<Descriptor> = installed.map(|one| *one.descriptor()).collect();
        check(loaded.clone(), &descriptors)?;
        // A file that is just being written would refuse every callback.
        ensure!(
            self.config.apps.is_empty() || !loaded.apps.is_empty(),
            "apps: none is configured any more; a gateway without apps needs a restart"
        );
        // What will be in force is checked again: a listener stays where it is, whatever the file says.
        let config = self.merged(loaded);
        let checked = demo::add(check(config.clone(), &descriptors)?)?;
        // Whatever can fail comes before the first exchange.
        let callbacks_tls = exchange(self.callbacks_tls.as_ref(), config.callbacks.tls.as_ref())
            .context("callbacks.tls")?;
        let admin_tls =
            exchange(self.admin_tls.as_ref(), config.admin.tls.as_ref()).context("admin.tls")?;
        let previous = self.live.load();
        let live = Live::new(&checked, &self.dispatcher, metrics, &previous).context(THREADS)?;
        subscribe(checked.subscribers.clone()).context("failed to exchange the subscriptions")?;
        let keys = differing(&config, loaded);
        if !keys.is_empty() {
            let keys = keys.join(", ");
            warn!(keys, "changed, and takes effect with a restart");
        }
        for (current, new) in [callbacks_tls, admin_tls].into_iter().flatten() {
            current.store(new);
        }
        self.tell_certificates(metrics);
        let is_gone = |name: &&String| !config.apps.contains_key(*name);
        for app in self.config.apps.keys().filter(is_gone) {
            warn!(
                app,
                "it is not configured any more; its callbacks are refused"
            );
        }
        self.live.store(Arc::new(live));
        self.trusted_proxies
            .store(Arc::new(config.callbacks.trusted_proxies.clone()));
        self.guard.store(Arc::new(guard(&checked)));
        self.config = config;
        Ok(())
    }

    /// The configuration in force with what a reload changes.
    fn merged(&self, loaded: &Config) -> Config {
        let mut merged = self.config.clone();
        merged.origins.clone_from(&loaded.origins);
        merged.apps.clone_from(&loaded.apps);
        merged.deciders.clone_from(&loaded.deciders);
        merged.commands.clone_from(&loaded.commands);
        merged.subscriptions.clone_from(&loaded.subscriptions);
        merged.admin.hosts.clone_from(&loaded.admin.hosts);
        merged.admin.token_file.clone_from(&loaded.admin.token_file);
        let proxies = &loaded.callbacks.trusted_proxies;
        merged.callbacks.trusted_proxies.clone_from(proxies);
        // A certificate is exchanged; switching TLS on or off is not.
        if merged.callbacks.tls.is_some() && loaded.callbacks.tls.is_some() {
            merged.callbacks.tls.clone_from(&loaded.callbacks.tls);
        }
        if merged.admin.tls.is_some() && loaded.admin.tls.is_some() {
            merged.admin.tls.clone_from(&loaded.admin.tls);
        }
        merged
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

/// The keys in which two configurations differ.
fn differing(one: &Config, other: &Config) -> Vec<String> {
    let mut differing = Vec::new();
    collect("", &as_json(one), &as_json(other), &mut differing);
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

#[cfg(test)]
mod tests {
    use gateway_core::Callbacks;

    use super::*;
    use crate::config::load;

    fn config(variables: &[(&str, &str)]) -> Config {
        let owned = variables
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        load(None, owned).unwrap()
    }

    fn reloadable(config: &Config) -> (Reloadable, Metrics) {
        let dispatcher = Dispatcher::new(Callbacks::new()).unwrap();
        let metrics = Metrics::new(&dispatcher);
        let checked = check(config.clone(), &[]).unwrap();
        let reloadable = Reloadable::new(&checked, dispatcher, &metrics).unwrap();
        (reloadable, metrics)
    }

    #[test]
    fn names_the_keys_that_need_a_restart() {
        let (reloadable, _) = reloadable(&config(&[]));
        let new = config(&[
            ("GATEWAY_CALLBACKS__LISTEN", "127.0.0.1:9999"),
            ("GATEWAY_ADMIN__HOSTS", "[\"gateway.internal\"]"),
            ("GATEWAY_JOURNAL__RETENTION", "1d"),
            ("GATEWAY_TRACES__ENDPOINT", "http://127.0.0.1:4318"),
            ("GATEWAY_APPS__SHOP__SDK_APP_ID", "1"),
            ("GATEWAY_CALLBACKS__TLS__CERTIFICATE", "a.pem"),
            ("GATEWAY_CALLBACKS__TLS__PRIVATE_KEY", "b.pem"),
        ]);
        assert_eq!(
            differing(&reloadable.merged(&new), &new),
            [
                "callbacks.listen",
                "callbacks.tls",
                "journal.retention",
                "traces.endpoint"
            ]
        );
    }

    #[test]
    fn a_public_listener_keeps_its_token_when_the_file_moves_it_to_loopback() {
        let directory = tempfile::tempdir().unwrap();
        let token = directory.path().join("admin.token");
        std::fs::write(&token, "an-admin-token-of-some-length").unwrap();
        let apps = [
            ("GATEWAY_APPS__SHOP__SDK_APP_ID", "1"),
            ("GATEWAY_APPS__SHOP__TOKEN", "secret"),
        ];
        let public = [
            ("GATEWAY_ADMIN__LISTEN", "0.0.0.0:8081"),
            ("GATEWAY_ADMIN__PLAINTEXT", "true"),
            ("GATEWAY_ADMIN__TOKEN_FILE", token.to_str().unwrap()),
        ];
        let (mut reloadable, metrics) = reloadable(&config(&[&apps[..], &public[..]].concat()));

        reloadable.reload(Ok(config(&apps)), &metrics, |_| Ok(()));

        assert!(reloadable.guard.load().token.is_some());
        let text = metrics.render();
        assert!(text.contains("gateway_config_reloads_total{result=\"failed\"} 1"));
    }
}

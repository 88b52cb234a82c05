//! The OpenAPI document: made from the installed plug-ins and the admin API, checked against `docs/openapi.json`.
//!
//! poem-openapi describes the operations (`payload.rs`, `simulations.rs`) as OpenAPI 3.0; what it says is then turned
//! into 3.1 (`upgrade.rs`) and completed with what it can't say (`complete.rs`, `wire.rs`, `webhooks.rs`). Start at [`document`].

mod complete;
pub(crate) mod parameters;
pub(crate) mod payload;
mod simulations;
mod upgrade;
mod webhooks;
mod wire;

use std::sync::Arc;

use gateway_core::List;
use poem_openapi::{LicenseObject, OpenApiService};
use serde_json::{Map, Value};

pub(crate) use self::simulations::Simulations;

use self::simulations::Described;
use crate::admin::{Api, DecidersApi, ReplayApi, Shared, StatusApi, SubscriptionsApi};

/// What the page says first.
const DESCRIPTION: &str = "One URL that Tencent Cloud Chat calls for every callback of every app. Each installed \
    command can be simulated here; what was received is under Events.";

/// Every documented operation of the admin listener.
pub(crate) type AdminApi<L> = (
    Api,
    ReplayApi,
    DecidersApi,
    SubscriptionsApi,
    StatusApi,
    Simulations<L>,
);

/// The operations, ready to be routed to.
pub(crate) fn api<L: List>(shared: &Arc<Shared>) -> AdminApi<L> {
    (
        Api(Arc::clone(shared)),
        ReplayApi(Arc::clone(shared)),
        DecidersApi(Arc::clone(shared)),
        SubscriptionsApi(Arc::clone(shared)),
        StatusApi(Arc::clone(shared)),
        Simulations::new(Arc::clone(shared)),
    )
}

/// The document as pretty JSON, OpenAPI 3.1, for the plug-ins of `L`; `callback_path` is where Chat calls.
pub fn document<L: List>(callback_path: &str) -> String {
    let described: Described<AdminApi<L>> = Described::default();
    let service = OpenApiService::new(described, "Callback gateway", env!("CARGO_PKG_VERSION"))
        .description(DESCRIPTION)
        .license(LicenseObject::new("Apache-2.0").identifier("Apache-2.0"))
        .server("/");
    let mut document: Value =
        serde_json::from_str(&service.spec()).expect("poem-openapi writes JSON");
    upgrade::to_3_1(&mut document);
    complete::complete::<L>(&mut document, callback_path);
    let mut text = serde_json::to_string_pretty(&document).expect("a JSON value can be written");
    text.push('\n');
    text
}

/// The value at a path of keys, made where there is none.
fn at<'a>(value: &'a mut Value, keys: &[&str]) -> &'a mut Value {
    keys.iter().fold(value, |value, key| {
        if !value.is_object() {
            *value = Value::Object(Map::new());
        }
        value
            .as_object_mut()
            .expect("it was made an object")
            .entry(*key)
            .or_insert(Value::Null)
    })
}

/// The value at a path of keys, where there is one.
fn get<'a>(value: &'a Value, keys: &[&str]) -> Option<&'a Value> {
    keys.iter().try_fold(value, |value, key| value.get(key))
}

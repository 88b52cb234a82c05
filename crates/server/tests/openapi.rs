//! The generated document is the one in `docs/openapi.json`, which clients are made from.

use gateway_core::{Callbacks, List};
use gateway_server::{callbacks::installed, openapi::document};
use serde_json::Value;

mod golden;

/// The path of the default configuration.
const CALLBACK_PATH: &str = "/callback";

fn document_of<L: List>(_callbacks: &Callbacks<L>) -> String {
    document::<L>(CALLBACK_PATH)
}

fn generated() -> String {
    document_of(&installed())
}

#[test]
fn the_document_is_the_golden_one() {
    let renew = "cargo run -- openapi > docs/openapi.json";
    golden::check("openapi.json", &generated(), renew);
}

#[test]
fn the_document_is_the_same_every_time() {
    assert_eq!(generated(), generated());
}

#[test]
fn every_reference_has_its_schema() {
    fn check(value: &Value, document: &Value) {
        match value {
            Value::Object(object) => {
                if let Some(Value::String(reference)) = object.get("$ref") {
                    let pointer = reference.strip_prefix('#').unwrap();
                    assert!(document.pointer(pointer).is_some(), "{reference}");
                }
                object.values().for_each(|value| check(value, document));
            }
            Value::Array(list) => list.iter().for_each(|value| check(value, document)),
            _ => {}
        }
    }
    let document: Value = serde_json::from_str(&generated()).unwrap();
    check(&document, &document);
}

#[test]
fn an_empty_list_makes_a_document_too() {
    let document: Value = serde_json::from_str(&document::<()>("/chat")).unwrap();
    assert!(document["paths"]["/chat"]["post"].is_object());
}

#[test]
fn every_command_can_be_executed_and_the_callback_cannot() {
    let document: Value = serde_json::from_str(&generated()).unwrap();
    let callback = &document["paths"][CALLBACK_PATH]["post"];
    assert_eq!(callback["x-executable"], false);
    for descriptor in installed().descriptors() {
        let command = descriptor.command;
        let operation = &document["paths"][format!("/v1/simulate/{command}")]["post"];
        let content = &operation["requestBody"]["content"]["application/json"];
        assert_eq!(operation["operationId"], command);
        assert_eq!(operation.get("x-executable"), None);
        let sample: Value = serde_json::from_str(descriptor.sample).unwrap();
        assert_eq!(content["example"], sample, "{command}");
        let examples = &callback["requestBody"]["content"]["application/json"]["examples"];
        assert_eq!(examples[command]["value"], sample, "{command}");
    }
}

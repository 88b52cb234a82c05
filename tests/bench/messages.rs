//! A message that is about to be sent: the sample of its before-command, as compact as Chat sends it.

use std::sync::LazyLock;

use callback_c2c_message::BeforeC2cMessageSend;
use gateway_core::Callback;
use serde_json::Value;

/// The command.
pub(crate) const COMMAND: &str = BeforeC2cMessageSend::COMMAND;

/// The body.
pub(crate) fn body() -> &'static [u8] {
    static BODY: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let sample = BeforeC2cMessageSend::SAMPLE;
        let value: Value = serde_json::from_str(sample).expect("a plug-in's sample is JSON");
        serde_json::to_vec(&value).expect("a JSON value can be written")
    });
    &BODY
}

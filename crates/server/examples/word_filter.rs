//! A gateway with a handler of its own: it refuses one-to-one messages with one word, and hides another.

use std::process::ExitCode;

use async_trait::async_trait;
use callback_c2c_message::{
    BeforeC2cMessageSend, BeforeC2cMessageSendRequest as Request,
    BeforeC2cMessageSendVerdict as Verdict,
};
use gateway_core::{Callback, Callbacks, Context, Handler, HandlerError};
use gateway_server::cli;
use gateway_wire::{MessageCode, MessageElement, Rewrite};

struct WordFilter {
    refused: &'static str,
    hidden: &'static str,
}

impl WordFilter {
    /// A plain function: a test of it needs no gateway.
    fn judge(&self, request: &Request) -> Result<Verdict, HandlerError> {
        let elements = request.elements.iter();
        let texts: Vec<&str> = elements
            .filter_map(|element| element.content.text.as_deref())
            .collect();
        let text = texts.join(" ");
        if text.contains(self.refused) {
            return Ok(Verdict::RefuseWith {
                code: MessageCode::new(120_001).map_err(HandlerError::new)?,
                info: format!("no {} here", self.refused),
            });
        }
        if text.contains(self.hidden) {
            let shown = MessageElement::text(text.replace(self.hidden, "***"));
            let rewrite = Rewrite::elements(vec![shown]).map_err(HandlerError::new)?;
            return Ok(Verdict::Rewrite(rewrite));
        }
        Ok(Verdict::Allow)
    }
}

#[async_trait]
impl Handler<BeforeC2cMessageSend> for WordFilter {
    async fn handle(&self, _cx: &Context, request: Request) -> Result<Verdict, HandlerError> {
        self.judge(&request)
    }
}

fn main() -> ExitCode {
    let filter = WordFilter {
        refused: "red packet",
        hidden: "secret",
    };
    cli::main(Callbacks::new().with(BeforeC2cMessageSend.handled_by(filter)))
}

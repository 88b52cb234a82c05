//! When an event happened, as each installed command tells it, is what its body says.

use gateway_core::{Callback, Callbacks, EventTime, List, Visitor, decode};
use gateway_server::callbacks::installed;
use serde_json::Value;

/// Without an `EventTime`, as in older versions, these happened when their message was sent.
const BY_MESSAGE: [&str; 6] = [
    "Bot.OnC2CMessage",
    "Bot.OnGroupMessage",
    "C2C.CallbackAfterSendMsg",
    "C2C.CallbackBeforeSendMsg",
    "Group.CallbackAfterSendMsg",
    "OfficialAccount.CallbackAfterSendMsg",
];

/// Checks each command's sample, as it is and without its `EventTime`.
struct Times;

impl Visitor for Times {
    fn visit<C: Callback>(&mut self) {
        let mut body: Value = serde_json::from_str(C::SAMPLE).expect("the sample is JSON");
        let event_time = body.get("EventTime").and_then(at);
        let of_first = body.pointer("/Events/0/EventTime").and_then(at);
        let of_message = BY_MESSAGE
            .contains(&C::COMMAND)
            .then(|| body.get("MsgTime").and_then(at));
        let expected = event_time.or(of_first);
        assert_eq!(time::<C>(&body), expected, "{}", C::COMMAND);
        body.as_object_mut().expect("a body").remove("EventTime");
        let expected = of_message.flatten().or(of_first);
        assert_eq!(time::<C>(&body), expected, "{}", C::COMMAND);
        assert!(
            of_message.is_none_or(|of_message| of_message.is_some() && of_message != event_time),
            "{}: its sample does not tell the two times from each other",
            C::COMMAND
        );
    }
}

fn at(time: &Value) -> Option<EventTime> {
    EventTime::from_unix(time.as_i64().expect("a sample's times are numbers"))
}

fn time<C: Callback>(body: &Value) -> Option<EventTime> {
    let decoded = decode::<C::Request>(body.to_string().as_bytes());
    C::time(&decoded.value.expect("a body without a time can be read"))
}

#[test]
fn an_event_happened_when_its_body_says() {
    fn visit<L: List>(_callbacks: &Callbacks<L>, visitor: &mut impl Visitor) {
        L::visit(visitor);
    }
    visit(&installed(), &mut Times);
}

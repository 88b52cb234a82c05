//! A decider in Rust: refuses messages that offer red packets.

use poem::{Route, Server, handler, listener::TcpListener, post, web::Json};
use serde_json::{Value, json};

#[handler]
fn decide(Json(message): Json<Value>) -> Json<Value> {
    let body = message.get("MsgBody").map(Value::to_string);
    let refused = body.is_some_and(|body| body.contains("red packet"));
    let (code, info) = if refused {
        (120_001, "no red packets here")
    } else {
        (0, "")
    };
    Json(json!({ "ActionStatus": "OK", "ErrorCode": code, "ErrorInfo": info }))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:9000");
    Server::new(listener)
        .run(Route::new().at("/", post(decide)))
        .await
}

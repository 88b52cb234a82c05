//! `POST /v1/simulate/…`: sends a callback through the pipeline in process. Written once for every command; each gets
//! an operation of its own (`openapi/simulations.rs`).

use std::{marker::PhantomData, sync::Arc};

use gateway_core::{Answer, Callback};
use poem::http::StatusCode;
use poem_openapi::{OpenApi, param::Query};

use super::{Shared, problem::Problem};
use crate::{
    ingest::SimulateError,
    openapi::payload::{Acked, Raw},
};

/// The JSON that Chat gets for a command.
pub(crate) type AckOf<C> = <<C as Callback>::Answer as Answer<<C as Callback>::Request>>::Ack;

/// The simulation of one command.
pub(crate) struct Simulate<C> {
    pub(crate) shared: Arc<Shared>,
    pub(crate) command: PhantomData<fn() -> C>,
}

#[OpenApi]
impl<C: Callback> Simulate<C> {
    /// Replaced by the command's own.
    #[oai(path = "/v1/simulate", method = "post", operation_id = "simulate")]
    async fn simulate(
        &self,
        /// The app that it is signed for, by its name in the configuration; not needed when there is only one.
        app: Query<Option<String>>,
        /// The body that Chat would send; anything else goes through as it is.
        body: Raw<C::Request>,
    ) -> Result<Acked<AckOf<C>>, Problem> {
        let simulated = self
            .shared
            .parts
            .ingest
            .simulate(app.0.as_deref(), C::COMMAND, body.bytes)
            .await
            .map_err(|error| problem(&error))?;
        Ok(Acked::new(simulated.status, simulated.ack, simulated.event))
    }
}

fn problem(error: &SimulateError) -> Problem {
    let status = match error {
        SimulateError::UnknownApp(_) => StatusCode::NOT_FOUND,
        SimulateError::AppNeeded => StatusCode::BAD_REQUEST,
        SimulateError::Unanswered => StatusCode::GATEWAY_TIMEOUT,
    };
    Problem::new(status, error.to_string())
}

//! Inputs that this service hands on instead of writing them: to a bus, whose workers do.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use tokio::sync::oneshot;
use utoipa::ToSchema;
use zeitgeber_schemas::PartitionId;

use super::{App, Kind, Problem};
use crate::{
    cycle::{Batch, LineOutcome, Told},
    engine::NotTaken,
    ingest::Intake,
    telemetry::access,
};

/// The outcome of an input that a bus keeps.
pub(super) const QUEUED: &str = "queued";

/// What sort of inputs a request brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// Readings.
    Readings,
    /// Feedback on decisions.
    Feedback,
    /// Profiles.
    Profiles,
    /// Inputs of pools of agents.
    Tasks,
}

/// Hears once whether a bus keeps what it was handed, or why not.
pub type HandedOn = Box<dyn FnOnce(Result<(), String>) + Send>;

/// A bus that keeps inputs until their partition's writer takes them.
pub trait Onward: Send + Sync {
    /// Hands inputs on, each batch for its partition. `done` hears of it once the bus keeps all of
    /// them as safely as it can.
    ///
    /// # Errors
    ///
    /// Too much is on its way already, or it is stopping.
    fn hand_on(
        &self,
        sort: Sort,
        batches: Vec<(PartitionId, Batch)>,
        done: HandedOn,
    ) -> Result<(), NotTaken>;
}

/// What became of inputs that were handed on: the bus keeps them, and their partition's writer
/// decides on them.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Queued {
    /// Inputs that the bus keeps.
    queued: u64,
    /// Who acknowledged them: every in-sync broker.
    #[schema(pattern = "^brokers$")]
    acknowledged_by: &'static str,
}

impl Queued {
    /// The answer, 202: taken, and not decided on yet.
    pub(super) fn answer(inputs: usize) -> Response {
        let body = Self { queued: inputs as u64, acknowledged_by: "brokers" };
        (StatusCode::ACCEPTED, Json(body)).into_response()
    }
}

/// Hands an intake on and waits until the bus keeps it.
pub(super) async fn hand_on(
    app: &App,
    onward: &dyn Onward,
    sort: Sort,
    mut intake: Intake,
) -> Result<Told, Problem> {
    let batches = intake.take_batches(Batch::default);
    let queued = |line| LineOutcome { outcome: QUEUED, ..LineOutcome::answer(line, &[]) };
    let items = batches.iter().flat_map(|(_, batch)| &batch.items);
    let lines: Vec<_> = items.map(|item| queued(item.line)).collect();
    let (sender, receiver) = oneshot::channel();
    let done = Box::new(move |kept| drop(sender.send(kept)));
    onward.hand_on(sort, batches, done).map_err(|error| app.not_taken(error))?;
    access::settle(async {
        match app.within(receiver).await? {
            Ok(Ok(())) => Ok(Told { lines, ..Told::default() }),
            Ok(Err(why)) => Err(Problem::new(Kind::NotKept, why)),
            Err(_) => Err(app.stopped()),
        }
    })
    .await
}

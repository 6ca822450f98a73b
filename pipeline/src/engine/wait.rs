//! The engine for callers that may wait: a thread of the command line, a demo, a measurement.
//!
//! The service never calls these: it has an answer come to a callback instead of holding a thread.

use crossbeam_channel::bounded;
use zeitgeber_processors::flow::State;
use zeitgeber_schemas::PartitionId;

use super::{Handle, NotTaken};
use crate::{
    cycle::{Told, Unsettled},
    ingest::Intake,
    state::Partition,
};

/// Why a caller waits for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WaitError {
    /// The engine did not take it.
    #[error(transparent)]
    NotTaken(#[from] NotTaken),
    /// The engine stopped before it was durable.
    #[error(transparent)]
    Unsettled(#[from] Unsettled),
}

impl Handle {
    /// Hands over what an intake holds and waits until it is durable.
    ///
    /// # Errors
    ///
    /// Too much waits already, or the writer has stopped.
    pub fn settle(&self, intake: Intake) -> Result<Told, WaitError> {
        let (sender, receiver) = bounded(1);
        self.submit(intake, move |told| drop(sender.send(told)))?;
        match receiver.recv() {
            Ok(told) => Ok(told?),
            Err(_) => Err(NotTaken::Stopped.into()),
        }
    }

    /// Asks about a partition's state and waits until what the answer rests on is durable.
    ///
    /// # Errors
    ///
    /// Too many ask already, or the writer has stopped.
    pub fn answer<T: Send + 'static>(
        &self,
        partition: PartitionId,
        question: impl FnOnce(&State, u64) -> T + Send + 'static,
    ) -> Result<T, WaitError> {
        let (sender, receiver) = bounded(1);
        let question = |held: &mut Partition, position| question(held.state(), position);
        self.ask(partition, question, move |found| drop(sender.send(found)))?;
        receiver.recv().map_err(|_| NotTaken::Stopped.into())
    }
}

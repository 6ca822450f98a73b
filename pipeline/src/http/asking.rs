//! Questions about partitions: asked of the core that writes them, or of the log.

use tokio::sync::oneshot;
use zeitgeber_schemas::PartitionId;

use super::{App, Cancel, Problem};
use crate::{cycle::About, journal::Journal, state::Partition};

impl App {
    /// Asks about a partition's state, given with the position of its next event; the answer
    /// comes when all that it rests on is durable.
    ///
    /// # Errors
    ///
    /// Too many questions wait already, or the writer has stopped.
    pub async fn ask<T: Send + 'static>(
        &self,
        partition: PartitionId,
        question: impl FnOnce(&mut Partition, u64) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        self.ask_about(About::Everything, partition, question).await
    }

    /// As [`Self::ask`], of one person alone: what else waits for the disk does not hold it up.
    ///
    /// # Errors
    ///
    /// As [`Self::ask`].
    pub async fn ask_of_person<T: Send + 'static>(
        &self,
        tenant: &str,
        user_id: &str,
        question: impl FnOnce(&mut Partition, u64) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let partition = self.partition_of(tenant, user_id);
        let about = About::Person { tenant: tenant.into(), user_id: user_id.into() };
        self.ask_about(about, partition, question).await
    }

    async fn ask_about<T: Send + 'static>(
        &self,
        about: About,
        partition: PartitionId,
        question: impl FnOnce(&mut Partition, u64) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        if self.0.parts.answers_for_others && !self.engine().owns(partition) {
            // What stands in the log is durable, whoever wrote it.
            let engine = self.engine().clone();
            let read = move |_: &dyn Journal, _: &Cancel| {
                let (mut held, position) = engine.store().glance(partition)?;
                Ok(question(&mut held, position))
            };
            return self.long_read(read).await;
        }
        let (sender, receiver) = oneshot::channel();
        let answer = move |found| drop(sender.send(found));
        let asked = self.engine().ask_about(about, partition, question, answer);
        asked.map_err(|error| self.not_taken(error))?;
        match self.within(receiver).await? {
            Ok(found) => Ok(found),
            Err(_) => Err(self.gave_up().await),
        }
    }
}

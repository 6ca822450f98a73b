//! Partitions that a publisher takes up and lets go.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::Sender;
use rdkafka::error::KafkaError;
use zeitgeber_schemas::PartitionId;

use super::{NOTE_WAIT, Worker};
use crate::{
    bus::kafka::{BusError, lane::Lane, produce::Press, publisher::PublisherEvent, tails::Tails},
    journal::Journal,
    query::Names,
};

/// Pause before a partition that could not be opened is tried again.
const OPEN_AGAIN: Duration = Duration::from_secs(1);

/// A partition that is published no further than this.
pub(super) struct Closing {
    pub(super) until: u64,
    pub(super) deadline: Instant,
    /// Whoever waits for it.
    pub(super) _waits: Sender<()>,
}

impl Worker {
    pub(super) fn abandon(&mut self, partition: PartitionId) {
        self.waiting.remove(&partition);
        self.closing.remove(&partition);
        self.lanes.remove(&partition);
    }

    /// Lets go of what is published as far as it was asked for, or will not be in time.
    pub(super) fn close_finished(&mut self) {
        if self.finished().is_empty() {
            return;
        }
        self.end_transaction(true);
        self.note(NOTE_WAIT);
        // What was aborted or not delivered took its lane back: that one is not finished after all.
        for partition in self.finished() {
            self.abandon(partition);
        }
    }

    fn finished(&self) -> Vec<PartitionId> {
        let now = Instant::now();
        let is_finished = |partition: &PartitionId, closing: &Closing| {
            let is_sent =
                self.lanes.get(partition).is_some_and(|lane| lane.next() >= closing.until);
            let is_gone =
                !self.lanes.contains_key(partition) && !self.waiting.contains_key(partition);
            is_sent || is_gone || closing.deadline < now
        };
        let finished = self.closing.iter().filter(|(partition, it)| is_finished(partition, it));
        finished.map(|(partition, _)| *partition).collect()
    }

    /// The producer is of no more use.
    pub(super) fn give_up(&mut self, error: &KafkaError) {
        self.clients = None;
        self.begun.clear();
        if let Some(partition) = self.own {
            tracing::warn!(%error, partition = partition.0, "another node publishes this partition");
            self.lanes.clear();
            self.waiting.clear();
            // A partition that is let go anyway is no loss.
            if self.closing.remove(&partition).is_none() {
                drop(self.events.send(PublisherEvent::Fenced(partition)));
            }
            return;
        }
        tracing::error!(%error, "the producer gave up; a new one goes on where the topics end");
        for (partition, lane) in std::mem::take(&mut self.lanes) {
            self.waiting.insert(partition, (lane.into_journal(), Instant::now() + OPEN_AGAIN));
        }
    }

    pub(super) fn open_waiting(&mut self) {
        let now = Instant::now();
        let due = self.waiting.iter().filter(|(_, (_, at))| *at <= now);
        let due: Vec<PartitionId> = due.map(|(partition, _)| *partition).collect();
        for partition in due {
            let Some((journal, _)) = self.waiting.get(&partition) else { continue };
            let journal = Arc::clone(journal);
            match self.open(partition, &journal) {
                Ok(lane) => {
                    self.waiting.remove(&partition);
                    self.lanes.insert(partition, lane);
                }
                Err(error) => {
                    tracing::error!(%error, partition = partition.0, "publishing waits");
                    self.waiting.insert(partition, (journal, Instant::now() + OPEN_AGAIN));
                }
            }
        }
    }

    fn open(
        &mut self,
        partition: PartitionId,
        journal: &Arc<dyn Journal>,
    ) -> Result<Lane, BusError> {
        if self.clients.is_none() {
            let id = self.own.map(|own| format!("{}zeitgeber-p{own}", self.settings.prefix));
            // Whoever published before is fenced before it is looked how far they came.
            let press = Press::new(&self.settings, id.as_deref(), &self.meter)?;
            let tails = Tails::new(&self.settings, self.log.clone(), &self.meter)?;
            self.clients = Some((press, tails));
        }
        let (_, tails) = self.clients.as_ref().expect("they were made above");
        let next_of = tails.read(partition)?;
        Names::catch_up(&mut self.names, &**journal)?;
        let lane = Lane::open(partition, Arc::clone(journal), next_of);
        tracing::info!(
            partition = partition.0,
            position = lane.next(),
            behind = lane.behind(),
            "publishing"
        );
        Ok(lane)
    }
}

//! The thread that publishes: one producer, and a lane for each partition that it publishes.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use rdkafka::error::KafkaError;
use zeitgeber_schemas::PartitionId;

use super::{Publisher, PublisherEvent, Routes};
use crate::{
    bus::kafka::{
        BusError, Meter,
        lane::Lane,
        outputs::{Encoder, log_name},
        produce::{Ended, NotSent, Outgoing, Press},
        tails::{Next, Tails},
    },
    config::Kafka,
    journal::{EventRef, Journal},
    query::{Names, Topic, Visit},
};

/// How long it waits for something to do.
const IDLE: Duration = Duration::from_millis(10);
/// Chunks that are taken before deliveries are looked at.
const TURN: usize = 64;
/// A transaction is ended after this time, or this many records.
const TRANSACTION: (Duration, u32) = (Duration::from_millis(100), 10_000);
/// How often it is noted how far everything arrived.
const NOTE_EVERY: Duration = Duration::from_secs(10);
/// How long noting may wait for what is under way.
const NOTE_WAIT: Duration = Duration::from_secs(1);
/// Pause before a partition that could not be opened is tried again.
const OPEN_AGAIN: Duration = Duration::from_secs(1);
/// How long an end may take.
const END_WAIT: Duration = Duration::from_secs(20);
/// Bits of a failed record's mark that hold the position.
const POSITION_BITS: u32 = 48;

/// What a worker is to do.
pub(super) enum Work {
    /// Publish this partition.
    Open(PartitionId, Arc<dyn Journal>),
    /// Publish it no longer.
    Close(PartitionId),
    /// This chunk is durable.
    Chunk(PartitionId, Arc<[u8]>),
}

impl std::fmt::Debug for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Open(partition, _) => write!(f, "open {partition}"),
            Self::Close(partition) => write!(f, "close {partition}"),
            Self::Chunk(partition, _) => write!(f, "chunk of {partition}"),
        }
    }
}

pub(super) struct Worker {
    settings: Kafka,
    routes: Arc<Routes>,
    meter: Arc<Meter>,
    work: Receiver<Work>,
    events: Sender<PublisherEvent>,
    /// The one partition of a worker that publishes in transactions.
    own: Option<PartitionId>,
    log: String,
    topics: BTreeMap<Topic, String>,
    encoder: Encoder,
    names: Arc<Names>,
    clients: Option<(Press, Tails)>,
    lanes: BTreeMap<PartitionId, Lane>,
    /// What each lane goes back to where the open transaction fails.
    begun: BTreeMap<PartitionId, Next>,
    waiting: BTreeMap<PartitionId, (Arc<dyn Journal>, Instant)>,
    noted: Instant,
}

impl Worker {
    pub(super) fn new(
        publisher: &Publisher,
        journal: &Arc<dyn Journal>,
        work: Receiver<Work>,
        own: Option<PartitionId>,
    ) -> Self {
        let (settings, log_id) = (publisher.settings.clone(), journal.layout().log_id);
        Self {
            topics: Topic::ALL.into_iter().map(|topic| (topic, settings.output(topic))).collect(),
            encoder: Encoder::new(settings.outputs, publisher.ids.clone(), log_id),
            settings,
            routes: Arc::clone(&publisher.routes),
            meter: Arc::clone(&publisher.meter),
            work,
            events: publisher.events.0.clone(),
            own,
            log: log_name(log_id),
            names: Arc::default(),
            clients: None,
            lanes: BTreeMap::new(),
            begun: BTreeMap::new(),
            waiting: BTreeMap::new(),
            noted: Instant::now(),
        }
    }

    pub(super) fn run(mut self) {
        while self.turn() {}
        let until = Instant::now() + END_WAIT;
        let behind = |lane: &Lane| lane.is_behind();
        while self.lanes.values().any(behind) && Instant::now() < until && self.go_on() {}
        self.end_transaction(true);
        self.note(END_WAIT);
    }

    /// Does what there is to do; `false`: nobody is left who could ask for anything.
    fn turn(&mut self) -> bool {
        let busy = self.lanes.values().any(Lane::is_behind);
        match self.work.recv_timeout(if busy { Duration::ZERO } else { IDLE }) {
            Ok(work) => {
                self.take(work);
                for _ in 0..TURN {
                    let Ok(work) = self.work.try_recv() else { break };
                    self.take(work);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return false,
        }
        if !self.waiting.is_empty() {
            self.open_waiting();
        }
        self.go_on();
        self.end_transaction(false);
        if self.noted.elapsed() > NOTE_EVERY {
            self.note(NOTE_WAIT);
        }
        true
    }

    fn take(&mut self, work: Work) {
        match work {
            Work::Open(partition, journal) => {
                self.waiting.insert(partition, (journal, Instant::now()));
            }
            Work::Close(partition) => {
                self.end_transaction(true);
                self.note(END_WAIT);
                self.waiting.remove(&partition);
                self.lanes.remove(&partition);
            }
            Work::Chunk(partition, chunk) => {
                self.routes.took(&chunk);
                self.with_lane(partition, |lane, names, send| lane.offer(&chunk, names, send));
            }
        }
    }

    /// Reads the journal on where lanes are behind, and looks at deliveries.
    fn go_on(&mut self) -> bool {
        let partitions: Vec<PartitionId> = self.lanes.keys().copied().collect();
        for partition in partitions {
            if self.routes.missed(partition)
                && let Some(lane) = self.lanes.get_mut(&partition)
            {
                lane.fall_behind();
            }
            for _ in 0..TURN {
                let mut more = false;
                self.with_lane(partition, |lane, names, send| {
                    more = lane.read_on(names, send)?;
                    Ok(())
                });
                if !more {
                    break;
                }
            }
        }
        self.deliveries();
        !self.lanes.is_empty()
    }

    /// Works on a lane; what goes wrong there ends the lane, or the producer.
    fn with_lane(
        &mut self,
        partition: PartitionId,
        work: impl FnOnce(
            &mut Lane,
            &mut Arc<Names>,
            &mut crate::bus::kafka::lane::Send<'_>,
        ) -> Result<(), BusError>,
    ) {
        let (Some(lane), Some((press, _))) =
            (self.lanes.get_mut(&partition), self.clients.as_mut())
        else {
            return;
        };
        let Self { encoder, topics, meter, settings, begun, .. } = self;
        if self.own.is_some() && press.transaction().is_none() {
            begun.insert(partition, lane.next_of().clone());
        }
        let mut fatal = None;
        let mut send = |topic: Topic, met: &Visit<'_>, index: u64, event: &EventRef<'_>| {
            let output = encoder.record(met, index, event)?;
            let record = Outgoing {
                topic: &topics[&topic],
                partition,
                key: output.key,
                value: output.value,
                headers: output.headers,
                opaque: mark(partition, met.position(index).n),
            };
            match press.send(record) {
                Ok(()) => meter.published(),
                Err(NotSent::Full) => return Ok(false),
                Err(NotSent::Never(error)) => {
                    let position = met.position(index).to_string();
                    tracing::error!(%error, position, "an output cannot be published; it is in the log");
                    meter.not_delivered();
                }
                Err(NotSent::Other(error)) => {
                    return Err(settings.fault("publish")(*error));
                }
                Err(NotSent::Fatal(error)) => {
                    fatal = Some(error);
                    return Ok(false);
                }
            }
            Ok(true)
        };
        let worked = work(lane, &mut self.names, &mut send);
        if let Some(error) = fatal {
            return self.give_up(&error);
        }
        match worked {
            Ok(()) => {}
            Err(BusError::Kafka { source, .. }) => {
                tracing::warn!(error = %source, partition = partition.0, "publishing waits");
                if let Some(lane) = self.lanes.get_mut(&partition) {
                    let next_of = lane.next_of().clone();
                    lane.back_to(next_of);
                }
            }
            Err(error) => {
                tracing::error!(%error, partition = partition.0, "outputs cannot be published");
                self.lanes.remove(&partition);
                drop(self.events.send(PublisherEvent::Failed(partition, error.to_string())));
            }
        }
    }

    /// Hears of records that were not delivered.
    fn deliveries(&mut self) {
        let Some((press, _)) = &self.clients else { return };
        press.poll();
        let failed: Vec<_> = press.failed().collect();
        if let Some(error) = press.fatal() {
            return self.give_up(&error);
        }
        if self.own.is_some() {
            // The transaction that they are part of cannot be committed.
            return;
        }
        for failed in failed {
            let (partition, position) = of_mark(failed.opaque);
            let name = failed.topic.get(self.settings.prefix.len()..).unwrap_or_default();
            tracing::warn!(
                topic = failed.topic, partition = partition.0, position, why = %failed.code,
                "an output was not delivered; it is published again"
            );
            if let (Ok(topic), Some(lane)) = (name.parse(), self.lanes.get_mut(&partition)) {
                lane.rewind(topic, position);
            }
        }
    }

    /// The producer is of no more use.
    fn give_up(&mut self, error: &KafkaError) {
        self.clients = None;
        self.begun.clear();
        if let Some(partition) = self.own {
            tracing::warn!(%error, partition = partition.0, "another node publishes this partition");
            self.lanes.clear();
            self.waiting.clear();
            drop(self.events.send(PublisherEvent::Fenced(partition)));
            return;
        }
        tracing::error!(%error, "the producer gave up; a new one goes on where the topics end");
        for (partition, lane) in std::mem::take(&mut self.lanes) {
            self.waiting.insert(partition, (lane.into_journal(), Instant::now() + OPEN_AGAIN));
        }
    }

    fn open_waiting(&mut self) {
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

    /// Ends the open transaction where it is due, or at once.
    fn end_transaction(&mut self, at_once: bool) {
        let Some((press, _)) = self.clients.as_mut() else { return };
        let Some((age, sent)) = press.transaction() else { return };
        if !at_once && age < TRANSACTION.0 && sent < TRANSACTION.1 {
            return;
        }
        match press.commit() {
            Ended::Committed => {
                self.meter.committed();
                self.begun.clear();
            }
            Ended::Aborted(error) => {
                tracing::warn!(%error, "a transaction was aborted; its outputs are sent again");
                for (partition, next_of) in std::mem::take(&mut self.begun) {
                    if let Some(lane) = self.lanes.get_mut(&partition) {
                        lane.back_to(next_of);
                    }
                }
            }
            Ended::Fatal(error) => self.give_up(&error),
        }
    }

    /// Notes how far everything arrived, where it has.
    fn note(&mut self, wait: Duration) {
        self.noted = Instant::now();
        let Some((press, _)) = &self.clients else { return };
        if press.transaction().is_some() || !press.drain(wait) {
            return;
        }
        self.deliveries();
        let Some((_, tails)) = &self.clients else { return };
        let positions = self.lanes.iter().map(|(partition, lane)| (*partition, lane.next()));
        let positions: Vec<_> = positions.collect();
        tails.note(&positions);
    }
}

/// What a record is sent with, to be known again where it fails.
const fn mark(partition: PartitionId, position: u64) -> usize {
    (partition.0 as usize) << POSITION_BITS | (position as usize & ((1 << POSITION_BITS) - 1))
}

const fn of_mark(mark: usize) -> (PartitionId, u64) {
    let position = mark & ((1 << POSITION_BITS) - 1);
    (PartitionId((mark >> POSITION_BITS) as u16), position as u64)
}

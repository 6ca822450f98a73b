//! The thread that publishes: one producer, and a lane for each partition that it publishes.

mod taking;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError};
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
use taking::Closing;

/// How long it waits for something to do.
const IDLE: Duration = Duration::from_millis(10);
/// Pause between two looks at what is left at the end.
const LOOK: Duration = Duration::from_millis(1);
/// Chunks that are taken before deliveries are looked at.
const TURN: usize = 64;
/// A transaction is ended after this time, or this many records.
const TRANSACTION: (Duration, u32) = (Duration::from_millis(100), 10_000);
/// How often it is noted how far everything arrived.
const NOTE_EVERY: Duration = Duration::from_secs(10);
/// How long noting may wait for what is under way.
const NOTE_WAIT: Duration = Duration::from_secs(1);
/// How long an end may take.
const END_WAIT: Duration = Duration::from_secs(20);
/// Bits of a failed record's mark that hold the position.
const POSITION_BITS: u32 = 48;

/// What a worker is to do.
pub(super) enum Work {
    /// Publish this partition.
    Open(PartitionId, Arc<dyn Journal>),
    /// Publish it up to its position here, and no further; whoever waits hears of it by the end of
    /// the channel.
    Close { partition: PartitionId, until: u64, waits: Sender<()> },
    /// Publish nothing more of it: another node does.
    Abandon(PartitionId),
    /// This chunk is durable.
    Chunk(PartitionId, Arc<[u8]>),
}

impl std::fmt::Debug for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Open(partition, _) => write!(f, "open {partition}"),
            Self::Close { partition, until, .. } => write!(f, "close {partition} at {until}"),
            Self::Abandon(partition) => write!(f, "abandon {partition}"),
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
    /// Their names, in order.
    topics: [String; Topic::ALL.len()],
    encoder: Encoder,
    names: Arc<Names>,
    clients: Option<(Press, Tails)>,
    lanes: BTreeMap<PartitionId, Lane>,
    /// What each lane goes back to where the open transaction fails.
    begun: BTreeMap<PartitionId, Next>,
    waiting: BTreeMap<PartitionId, (Arc<dyn Journal>, Instant)>,
    closing: BTreeMap<PartitionId, Closing>,
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
            topics: Topic::ALL.map(|topic| settings.output(topic)),
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
            closing: BTreeMap::new(),
            noted: Instant::now(),
        }
    }

    pub(super) fn run(mut self) {
        let mut end_by = None;
        loop {
            let is_asked = self.take_all();
            self.turn();
            if is_asked {
                continue;
            }
            let until = *end_by.get_or_insert_with(|| Instant::now() + END_WAIT);
            let has_more = !self.waiting.is_empty() || self.lanes.values().any(Lane::is_behind);
            if !has_more || Instant::now() > until {
                break;
            }
            std::thread::sleep(LOOK);
        }
        let left = self.lanes.values().map(Lane::behind).sum::<u64>();
        if left > 0 {
            tracing::warn!(
                events = left,
                "not published in time; whoever comes next goes on there"
            );
        }
        self.end_transaction(true);
        self.note(END_WAIT);
    }

    /// Takes what it is asked to do; `false`: nobody is left who could ask for anything.
    fn take_all(&mut self) -> bool {
        let is_busy = !self.closing.is_empty() || self.lanes.values().any(Lane::is_behind);
        match self.work.recv_timeout(if is_busy { Duration::ZERO } else { IDLE }) {
            Ok(work) => self.take(work),
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
        }
        for _ in 0..TURN {
            match self.work.try_recv() {
                Ok(work) => self.take(work),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
        true
    }

    /// Does what there is to do now.
    fn turn(&mut self) {
        if !self.waiting.is_empty() {
            self.open_waiting();
        }
        self.go_on();
        self.close_finished();
        self.end_transaction(false);
        if self.noted.elapsed() > NOTE_EVERY {
            self.note(NOTE_WAIT);
        }
    }

    fn take(&mut self, work: Work) {
        match work {
            Work::Open(partition, journal) => {
                self.abandon(partition);
                self.waiting.insert(partition, (journal, Instant::now()));
            }
            Work::Close { partition, until, waits } => {
                let deadline = Instant::now() + END_WAIT;
                self.closing.insert(partition, Closing { until, deadline, _waits: waits });
            }
            Work::Abandon(partition) => self.abandon(partition),
            Work::Chunk(partition, chunk) => {
                self.routes.took(&chunk);
                self.with_lane(partition, |lane, names, send| lane.offer(&chunk, names, send));
            }
        }
    }

    /// Reads the journal on where lanes are behind, and looks at deliveries.
    fn go_on(&mut self) {
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
                topic: &topics[topic as usize],
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
                    let what = format!("publish to {}", topics[topic as usize]);
                    return Err(settings.fault(what)(*error));
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
            Err(error @ BusError::Kafka { .. }) => {
                tracing::warn!(%error, partition = partition.0, "publishing waits");
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
        let Some((press, tails)) = &self.clients else { return };
        tails.look_after();
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

//! The thread that reads: polls, decodes, hands over, hears what became durable.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, TryRecvError, unbounded};
use rdkafka::{
    Message, Offset, Timestamp, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
    message::{BorrowedMessage, Headers},
};
use zeitgeber_schemas::PartitionId;

use super::{InputEvent, InputSettings, Order, forward::Forwarder, source};
use crate::{
    bus::kafka::{
        BusError, Input, Meter,
        context::Context,
        decode::{Door, Record, Taken},
        number,
        outputs::HEADER_CONTENT_TYPE,
        registry::Schemas,
    },
    config::{ClockMode, Kafka},
    cycle::Source,
    door::Options,
    engine::{Handle, NotTaken},
    ingest::{Intake, now_ms},
};

/// How long one look for records takes while there are none.
const IDLE: Duration = Duration::from_millis(10);
/// Records, and bytes of them, that are gathered before they are handed over.
const ROUND: (usize, usize) = (10_000, 4 << 20);
/// Pause while the writers, or librdkafka, have no room.
const BUSY_PAUSE: Duration = Duration::from_millis(1);
/// How often offsets are committed, for monitoring, and a failure that goes on is told.
const EVERY: Duration = Duration::from_secs(5);

/// A topic's partition that is read.
pub(super) type Place = (Input, PartitionId);

/// What became of what was handed over: the partition's generation and the next offset.
struct Settled {
    place: Place,
    generation: u64,
    next: u64,
    bytes: usize,
    durable: bool,
}

/// One topic's partition while it is read.
#[derive(Debug)]
pub(super) struct Open {
    generation: u64,
    source: Arc<Source>,
    /// The offset that comes next.
    pub(super) next: u64,
    /// Everything before it is durable.
    durable: u64,
    committed: u64,
    /// The topic ends before the cursor: looked at again then.
    pub(super) stuck: Option<Instant>,
}

pub(super) struct Reader {
    pub(super) kafka: Kafka,
    clock: ClockMode,
    pub(super) handle: Handle,
    pub(super) meter: Arc<Meter>,
    pub(super) consumer: BaseConsumer<Context>,
    door: Door,
    pub(super) forward: Forwarder,
    pub(super) names: [String; Input::ALL.len()],
    orders: Receiver<Order>,
    events: Sender<InputEvent>,
    settled: (Sender<Settled>, Receiver<Settled>),
    stop: Arc<AtomicBool>,
    pub(super) open: BTreeMap<Place, Open>,
    /// What was gathered and not handed over yet.
    gathered: BTreeMap<Place, Intake>,
    generation: u64,
    in_flight: usize,
    committed: Instant,
    failing: Option<Instant>,
}

impl Reader {
    pub(super) fn new(
        settings: &InputSettings,
        handle: Handle,
        meter: &Arc<Meter>,
        (orders, events): (Receiver<Order>, Sender<InputEvent>),
        stop: Arc<AtomicBool>,
    ) -> Result<Self, BusError> {
        let kafka = settings.kafka.clone();
        let consumer = kafka
            .consumer()
            .create_with_context(Context::new(Arc::clone(meter)))
            .map_err(kafka.fault("make a consumer"))?;
        let door = Door::new(
            handle.layout().partitions,
            (kafka.inputs, kafka.misplaced),
            settings.bytes_max,
            (Schemas::new(&kafka.registry_url), Arc::clone(meter)),
            Arc::clone(&stop),
        );
        Ok(Self {
            names: Input::ALL.map(|input| kafka.topic(input.as_str())),
            clock: settings.clock,
            handle,
            meter: Arc::clone(meter),
            consumer,
            door,
            forward: Forwarder::new(&kafka, meter),
            orders,
            events,
            settled: unbounded(),
            stop,
            open: BTreeMap::new(),
            gathered: BTreeMap::new(),
            generation: 0,
            in_flight: 0,
            committed: Instant::now(),
            failing: None,
            kafka,
        })
    }

    pub(super) fn run(mut self) {
        while !self.stop.load(Ordering::Relaxed) {
            loop {
                match self.orders.try_recv() {
                    Ok(Order::Open(partition, covered)) => self.start(partition, covered),
                    Ok(Order::Close(partition)) => self.close(partition),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return self.end(),
                }
            }
            self.hear();
            if self.in_flight < self.kafka.pending_bytes() {
                self.round();
            } else {
                std::thread::sleep(BUSY_PAUSE);
            }
            self.look_around();
            if self.committed.elapsed() > EVERY {
                self.commit(CommitMode::Async);
            }
        }
        self.end();
    }

    /// Reads a partition of every topic from the offsets that its journal covers.
    fn start(&mut self, partition: PartitionId, covered: [u64; Input::ALL.len()]) {
        self.close(partition);
        self.generation += 1;
        for (input, next) in Input::ALL.into_iter().zip(covered) {
            let source = Arc::new(source(&self.kafka, input, partition));
            let generation = self.generation;
            let open = Open { generation, source, next, durable: next, committed: 0, stuck: None };
            self.open.insert((input, partition), open);
            self.assign((input, partition), next);
        }
        tracing::info!(partition = partition.0, offsets = ?covered, "reading inputs");
    }

    fn close(&mut self, partition: PartitionId) {
        for input in Input::ALL {
            let place = (input, partition);
            if self.open.remove(&place).is_some() {
                self.gathered.remove(&place);
                let list = self.list(place, None);
                if let Err(error) = self.consumer.incremental_unassign(&list) {
                    tracing::warn!(%error, partition = partition.0, "could not stop reading");
                }
            }
        }
    }

    pub(super) fn assign(&self, place: Place, offset: u64) {
        let list = self.list(place, Some(offset));
        if let Err(error) = self.consumer.incremental_assign(&list) {
            tracing::error!(%error, topic = self.names[place.0 as usize], "could not begin to read");
        }
    }

    pub(super) fn list(
        &self,
        (input, partition): Place,
        offset: Option<u64>,
    ) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        let mut one = list.add_partition(&self.names[input as usize], number(partition));
        if let Some(offset) = offset.and_then(|offset| i64::try_from(offset).ok()) {
            one.set_offset(Offset::Offset(offset)).expect("any number from 0 is an offset");
        }
        list
    }

    /// Gathers what is there, up to a bound, and hands it over.
    fn round(&mut self) {
        let (mut records, mut bytes) = (0, 0);
        let mut wait = IDLE;
        let door_now_ms = now_ms();
        let mut failed = None;
        while records < ROUND.0 && bytes < ROUND.1 {
            match self.consumer.poll(wait) {
                None => break,
                Some(Ok(message)) => {
                    records += 1;
                    bytes += message.payload_len();
                    let found = Found::of(&message, &self.names);
                    let Some(found) = found else { continue };
                    let record = Record {
                        input: found.place.0,
                        partition: found.place.1,
                        line: found.offset + 1,
                        value: message.payload(),
                        content_type: content_type(&message),
                    };
                    let stamp_ms = match self.clock {
                        ClockMode::Inputs => None,
                        ClockMode::Service => Some(arrived(&message, door_now_ms)),
                    };
                    let options = Options { backfill: false, door_now_ms, stamp_ms };
                    let Some(open) = self.open.get_mut(&found.place) else { continue };
                    if found.offset < open.next {
                        continue;
                    }
                    open.next = found.offset + 1;
                    let intake = self.gathered.entry(found.place).or_insert_with(|| {
                        let mut intake = self.handle.intake();
                        intake.set_source(Some(Arc::clone(&open.source)));
                        intake.pin(Some(found.place.1));
                        intake
                    });
                    if let Taken::Forward(to) = self.door.take(&record, &options, intake) {
                        let stop = || self.stop.load(Ordering::Relaxed);
                        let topic = &self.names[record.input as usize];
                        if !self.forward.send((&record, message.key(), to), topic, stop) {
                            // Its offset must not be covered: nothing more is handed over.
                            return;
                        }
                    }
                }
                Some(Err(error)) => {
                    failed = Some(error);
                    break;
                }
            }
            wait = Duration::ZERO;
        }
        self.hand_over();
        match failed {
            Some(error) => self.failed(&error),
            None if records > 0 => self.failing = None,
            None => {}
        }
    }

    /// Hands over what was gathered, topic by topic; waits while the writers have no room.
    fn hand_over(&mut self) {
        // The offset behind a forwarded record must not be covered before the record is safe.
        if !self.forward.drain(|| self.stop.load(Ordering::Relaxed)) {
            return;
        }
        for (place, mut intake) in std::mem::take(&mut self.gathered) {
            let Some(open) = self.open.get(&place) else { continue };
            let (generation, next, bytes) = (open.generation, open.next, intake.bytes());
            if intake.items() == 0 {
                continue;
            }
            loop {
                let settled = self.settled.0.clone();
                let told = move |told: Result<_, _>| {
                    let durable = told.is_ok();
                    // The receiver lives as long as the thread that waits for it.
                    drop(settled.send(Settled { place, generation, next, bytes, durable }));
                };
                match self.handle.submit_from(&mut intake, told) {
                    Ok(()) => {
                        self.in_flight += bytes;
                        break;
                    }
                    Err(NotTaken::Busy) if !self.stop.load(Ordering::Relaxed) => {
                        std::thread::sleep(BUSY_PAUSE);
                        self.hear();
                    }
                    Err(_) => {
                        self.lose(place.1, generation);
                        break;
                    }
                }
            }
        }
    }

    /// Hears what became durable.
    fn hear(&mut self) {
        while let Ok(settled) = self.settled.1.try_recv() {
            let Settled { place, generation, next, bytes, durable } = settled;
            self.in_flight -= bytes.min(self.in_flight);
            if !durable {
                self.lose(place.1, generation);
            } else if let Some(open) = self.open.get_mut(&place)
                && open.generation == generation
            {
                open.durable = open.durable.max(next);
            }
        }
    }

    /// Records of a partition were not made durable: its cursors tell where it goes on.
    fn lose(&mut self, partition: PartitionId, generation: u64) {
        let is_current = |open: &Open| open.generation == generation;
        if self.open.get(&(Input::Control, partition)).is_some_and(is_current) {
            tracing::warn!(partition = partition.0, "inputs were not made durable: closed");
            self.close(partition);
            drop(self.events.send(InputEvent::Closed(partition)));
        }
    }

    /// What a client reported instead of a record.
    fn failed(&mut self, error: &KafkaError) {
        let code = error.rdkafka_error_code();
        let is_offset = matches!(
            code,
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange)
        );
        if is_offset {
            return self.find_ends();
        }
        if self.failing.is_none_or(|since| since.elapsed() > EVERY) {
            self.failing = Some(Instant::now());
            tracing::warn!(%error, "reading inputs: it goes on by itself when Kafka does");
        }
    }

    /// Tells the group how far everything is durable. Nothing rests on it.
    fn commit(&mut self, mode: CommitMode) {
        self.committed = Instant::now();
        let mut list = TopicPartitionList::new();
        for ((input, partition), open) in &mut self.open {
            if open.durable > open.committed {
                open.committed = open.durable;
                let offset = Offset::Offset(i64::try_from(open.durable).unwrap_or(i64::MAX));
                let name = &self.names[*input as usize];
                drop(list.add_partition_offset(name, number(*partition), offset));
            }
        }
        if list.count() > 0
            && let Err(error) = self.consumer.commit(&list, mode)
        {
            tracing::debug!(%error, "could not commit offsets for monitoring");
        }
    }

    fn end(mut self) {
        self.hear();
        self.commit(CommitMode::Sync);
    }
}

/// A record's place.
struct Found {
    place: Place,
    offset: u64,
}

impl Found {
    fn of(message: &BorrowedMessage<'_>, names: &[String; Input::ALL.len()]) -> Option<Self> {
        let input = names.iter().position(|name| name == message.topic())?;
        let partition = PartitionId(u16::try_from(message.partition()).ok()?);
        let offset = u64::try_from(message.offset()).ok()?;
        Some(Self { place: (Input::ALL[input], partition), offset })
    }
}

fn content_type<'a>(message: &'a BorrowedMessage<'_>) -> Option<&'a [u8]> {
    let headers = message.headers()?;
    let index =
        headers.iter().position(|header| header.key.eq_ignore_ascii_case(HEADER_CONTENT_TYPE))?;
    headers.get(index).value
}

/// When a record arrived, ms UTC: by the broker's clock where the topic keeps that.
fn arrived(message: &BorrowedMessage<'_>, now_ms: i64) -> i64 {
    match message.timestamp() {
        Timestamp::LogAppendTime(at) => at,
        Timestamp::CreateTime(_) | Timestamp::NotAvailable => now_ms,
    }
}

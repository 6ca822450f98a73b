//! Producing: outputs, forwarded records, and files of inputs.
//!
//! A send never blocks: where librdkafka's queue is full, the caller is told and tries again. With
//! a transactional id sends stand in transactions, which end together or not at all.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, unbounded};
use rdkafka::{
    error::{KafkaError, RDKafkaErrorCode},
    message::{Header, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, Producer as _},
};
use zeitgeber_schemas::PartitionId;

use super::{
    BusError, Input, Meter,
    context::{Context, Failed},
    forgotten, number,
    outputs::HEADER_CONTENT_TYPE,
};
use crate::config::Kafka;

/// Pause between two looks at the deliveries. It is slept: librdkafka counts in milliseconds, and
/// asked to wait for less does not wait at all.
const LOOK: Duration = Duration::from_micros(500);
/// How long what an idle client tells is taken at a time.
const IDLE: Duration = Duration::from_millis(1);
/// How long a full queue is waited for before the caller hears of it.
const FULL_WAIT: Duration = Duration::from_millis(200);
/// How long the broker may take to take an id over, or to end a transaction.
const TRANSACTION_TIME_OUT: Duration = Duration::from_secs(30);
/// How long a transaction may be open at the broker, ms.
const TRANSACTION_MS: &str = "60000";

/// Why a record was not taken.
#[derive(Debug)]
pub(super) enum NotSent {
    /// The queue is full.
    Full,
    /// It never can be sent.
    Never(Box<KafkaError>),
    /// The producer is of no more use: another took its id, or librdkafka gave up.
    Fatal(Box<KafkaError>),
    /// Something else, which may pass.
    Other(Box<KafkaError>),
}

/// A record to send.
#[derive(Debug)]
pub(super) struct Outgoing<'a> {
    pub(super) topic: &'a str,
    pub(super) partition: PartitionId,
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: &'a [u8],
    pub(super) headers: OwnedHeaders,
    /// What a failure is told with.
    pub(super) opaque: usize,
}

/// A producer and its transaction.
pub(super) struct Press {
    producer: BaseProducer<Context>,
    brokers: String,
    failed: Receiver<Failed>,
    transactional: bool,
    open: Option<Transaction>,
}

#[derive(Debug)]
struct Transaction {
    begun: Instant,
    sent: u32,
}

/// How a transaction ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// What was sent counts.
    Committed,
    /// Nothing of it counts; it is to be sent again.
    Aborted(KafkaError),
    /// Another producer took the id.
    Fatal(KafkaError),
}

impl Press {
    /// A producer; with `transactional_id` one that fences the one before it.
    pub(super) fn new(
        settings: &Kafka,
        transactional_id: Option<&str>,
        meter: &Arc<Meter>,
    ) -> Result<Self, BusError> {
        let mut config = settings.producer();
        if let Some(id) = transactional_id {
            config.set("transactional.id", id).set("transaction.timeout.ms", TRANSACTION_MS);
            // librdkafka derives it from the transaction's.
            config.remove("message.timeout.ms");
        }
        let (failed_in, failed) = unbounded();
        let context = Context::telling(Arc::clone(meter), failed_in);
        let producer: BaseProducer<Context> =
            config.create_with_context(context).map_err(settings.fault("make a producer"))?;
        if transactional_id.is_some() {
            let what = "take over the partition's transactional id";
            producer.init_transactions(TRANSACTION_TIME_OUT).map_err(settings.fault(what))?;
        }
        let transactional = transactional_id.is_some();
        let brokers = settings.brokers.clone();
        Ok(Self { producer, brokers, failed, transactional, open: None })
    }

    /// Sends a record; begins a transaction where there should be one.
    pub(super) fn send(&mut self, record: Outgoing<'_>) -> Result<(), NotSent> {
        if self.transactional && self.open.is_none() {
            self.producer.begin_transaction().map_err(not_sent)?;
            self.open = Some(Transaction { begun: Instant::now(), sent: 0 });
        }
        let mut next = BaseRecord::with_opaque_to(record.topic, record.opaque)
            .partition(number(record.partition))
            .payload(record.value)
            .headers(record.headers);
        if let Some(key) = record.key {
            next = next.key(key);
        }
        let since = Instant::now();
        loop {
            match self.producer.send(next) {
                Ok(()) => break,
                Err((error, back)) => match not_sent(error) {
                    NotSent::Full if since.elapsed() < FULL_WAIT => {
                        self.look();
                        next = back;
                    }
                    other => return Err(other),
                },
            }
        }
        if let Some(open) = &mut self.open {
            open.sent += 1;
        }
        Ok(())
    }

    /// Looks at deliveries.
    pub(super) fn poll(&self) {
        self.producer.poll(Duration::ZERO);
        forgotten::look_after(self.producer.client(), self.producer.context(), &self.brokers);
    }

    /// Takes what a client tells that is not used just now: a report a second is all of it, as long
    /// as the brokers are there.
    pub(super) fn idle(&self) {
        self.producer.poll(IDLE);
        self.poll();
    }

    fn look(&self) {
        std::thread::sleep(LOOK);
        self.poll();
    }

    /// Records that were not delivered since they were last asked for.
    pub(super) fn failed(&self) -> impl Iterator<Item = Failed> + '_ {
        self.failed.try_iter()
    }

    /// Why the producer is of no more use, where it is.
    pub(super) fn fatal(&self) -> Option<KafkaError> {
        self.producer.client().fatal_error().map(|(code, _)| KafkaError::MessageProduction(code))
    }

    /// Waits until nothing is under way; whether that came to be in time.
    pub(super) fn drain(&self, time: Duration) -> bool {
        let since = Instant::now();
        // The crate's own flush waits in steps of 100 ms.
        while self.producer.in_flight_count() > 0 {
            if since.elapsed() > time {
                return false;
            }
            self.look();
        }
        self.producer.poll(Duration::ZERO);
        true
    }

    /// Since when a transaction is open, and how many records it has.
    pub(super) fn transaction(&self) -> Option<(Duration, u32)> {
        self.open.as_ref().map(|open| (open.begun.elapsed(), open.sent))
    }

    /// Ends the open transaction.
    pub(super) fn commit(&mut self) -> Ended {
        self.open = None;
        self.drain(TRANSACTION_TIME_OUT);
        let mut tried = self.producer.commit_transaction(TRANSACTION_TIME_OUT);
        if matches!(&tried, Err(KafkaError::Transaction(error)) if error.is_retriable()) {
            tried = self.producer.commit_transaction(TRANSACTION_TIME_OUT);
        }
        match tried {
            Ok(()) => Ended::Committed,
            Err(error) if self.is_fatal(&error) => Ended::Fatal(error),
            Err(error) => match self.producer.abort_transaction(TRANSACTION_TIME_OUT) {
                Err(worse) if self.is_fatal(&worse) => Ended::Fatal(worse),
                _ => Ended::Aborted(error),
            },
        }
    }

    fn is_fatal(&self, error: &KafkaError) -> bool {
        matches!(error, KafkaError::Transaction(error) if error.is_fatal())
            || self.producer.client().fatal_error().is_some()
    }
}

fn not_sent(error: KafkaError) -> NotSent {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::QueueFull) => NotSent::Full,
        Some(
            RDKafkaErrorCode::MessageSizeTooLarge
            | RDKafkaErrorCode::InvalidMessageSize
            | RDKafkaErrorCode::InvalidRecord,
        ) => NotSent::Never(Box::new(error)),
        Some(RDKafkaErrorCode::Fatal | RDKafkaErrorCode::Fenced) => NotSent::Fatal(Box::new(error)),
        _ if matches!(&error, KafkaError::Transaction(error) if error.is_fatal()) => {
            NotSent::Fatal(Box::new(error))
        }
        _ => NotSent::Other(Box::new(error)),
    }
}

/// Produces inputs, each to the partition that it is told.
pub(super) struct Producer {
    press: Press,
    settings: Kafka,
    sent: u64,
}

impl Producer {
    /// A producer of inputs.
    pub(super) fn new(settings: &Kafka) -> Result<Self, BusError> {
        let press = Press::new(settings, None, &Arc::default())?;
        Ok(Self { press, settings: settings.clone(), sent: 0 })
    }

    /// The client, to ask about topics.
    pub(super) fn client(&self) -> &rdkafka::client::Client<Context> {
        self.press.producer.client()
    }

    /// Sends one input of this content type; waits while too much is under way.
    pub(super) fn send(
        &mut self,
        content_type: &str,
        input: Input,
        partition: PartitionId,
        key: &[u8],
        value: &[u8],
    ) -> Result<(), BusError> {
        let topic = self.settings.topic(input.as_str());
        loop {
            self.press.poll();
            self.check()?;
            let headers = OwnedHeaders::new_with_capacity(1)
                .insert(Header { key: HEADER_CONTENT_TYPE, value: Some(content_type) });
            let key = (!key.is_empty()).then_some(key);
            let record = Outgoing { topic: &topic, partition, key, value, headers, opaque: 0 };
            match self.press.send(record) {
                Ok(()) => break,
                Err(NotSent::Full) => {}
                Err(NotSent::Never(error) | NotSent::Fatal(error) | NotSent::Other(error)) => {
                    return Err(self.settings.fault(format!("produce to {topic}"))(*error));
                }
            }
        }
        self.sent += 1;
        Ok(())
    }

    /// Takes what the client tells while there is nothing to send.
    pub(super) fn idle(&self) {
        self.press.idle();
    }

    /// Waits until everything sent is with the brokers; how much that is.
    pub(super) fn finish(&self) -> Result<u64, BusError> {
        while !self.press.drain(Duration::from_secs(1)) {
            self.check()?;
        }
        self.check()?;
        Ok(self.sent)
    }

    fn check(&self) -> Result<(), BusError> {
        let Some(Failed { topic, code, .. }) = self.press.failed().next() else { return Ok(()) };
        let error = KafkaError::MessageProduction(code);
        Err(self.settings.fault(format!("produce to {topic}"))(error))
    }
}

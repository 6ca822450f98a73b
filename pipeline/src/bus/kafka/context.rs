//! What librdkafka's clients tell: their log goes to ours, their statistics to the meter, failed
//! deliveries to whoever published.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use crossbeam_channel::Sender;
use rdkafka::{
    ClientContext, Message, Statistics,
    config::RDKafkaLogLevel,
    consumer::ConsumerContext,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{DeliveryResult, ProducerContext},
};

use super::{Meter, forgotten};

/// The ears of a client.
#[derive(Debug, Clone)]
pub(super) struct Context {
    meter: Arc<Meter>,
    /// Who hears of records that were not delivered.
    failed: Option<Sender<Failed>>,
    /// Its last statistics had no broker that it could ask.
    forgotten: Arc<AtomicBool>,
}

/// A record that was not delivered.
#[derive(Debug, Clone)]
pub(super) struct Failed {
    /// What it was sent with.
    pub(super) opaque: usize,
    /// Its topic.
    pub(super) topic: String,
    /// Why.
    pub(super) code: RDKafkaErrorCode,
}

impl Context {
    pub(super) fn new(meter: Arc<Meter>) -> Self {
        Self { meter, failed: None, forgotten: Arc::default() }
    }

    pub(super) fn telling(meter: Arc<Meter>, failed: Sender<Failed>) -> Self {
        Self { failed: Some(failed), ..Self::new(meter) }
    }

    /// Whether the client has forgotten its brokers since this was last asked.
    pub(super) fn takes_forgotten(&self) -> bool {
        self.forgotten.swap(false, Ordering::Relaxed)
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error
            | RDKafkaLogLevel::Warning => tracing::warn!(facility, message, "librdkafka"),
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
                tracing::info!(facility, message, "librdkafka");
            }
            RDKafkaLogLevel::Debug => tracing::debug!(facility, message, "librdkafka"),
        }
    }

    fn stats(&self, statistics: Statistics) {
        self.forgotten.store(forgotten::has_none(&statistics), Ordering::Relaxed);
        self.meter.statistics(&statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // The end of a partition is reported like a failure, and is none.
        if matches!(error, KafkaError::Global(RDKafkaErrorCode::PartitionEOF)) {
            return;
        }
        self.meter.client_failed();
        // Each client reports it for each attempt to connect, some forty a second.
        if matches!(error, KafkaError::Global(RDKafkaErrorCode::AllBrokersDown))
            && !self.meter.tells_away()
        {
            return;
        }
        tracing::warn!(%error, reason, "a Kafka client reports");
    }
}

impl ConsumerContext for Context {}

impl ProducerContext for Context {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, opaque: usize) {
        let Err((error, message)) = result else { return };
        self.meter.not_delivered();
        if let Some(failed) = &self.failed {
            let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
            let topic = message.topic().to_owned();
            // Whoever published hears of it on its own thread, which polls.
            drop(failed.send(Failed { opaque, topic, code }));
        }
    }
}

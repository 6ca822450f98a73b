//! Misplaced records, produced again to the partition of their key.

use std::{sync::Arc, time::Duration};

use rdkafka::message::{Header, OwnedHeaders};
use zeitgeber_schemas::PartitionId;

use crate::{
    bus::kafka::{
        Meter,
        decode::Record,
        outputs::HEADER_CONTENT_TYPE,
        produce::{NotSent, Outgoing, Press},
    },
    config::Kafka,
};

/// Header of a forwarded record: `TOPIC/PARTITION:OFFSET` where it was found.
const HEADER_FORWARDED: &str = "zeitgeber-forwarded";
/// Pause before brokers that refused are tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// How long one look at the deliveries waits.
const WAIT: Duration = Duration::from_secs(1);

/// Produces records again.
pub(super) struct Forwarder {
    kafka: Kafka,
    meter: Arc<Meter>,
    press: Option<Press>,
}

impl Forwarder {
    pub(super) fn new(kafka: &Kafka, meter: &Arc<Meter>) -> Self {
        Self { kafka: kafka.clone(), meter: Arc::clone(meter), press: None }
    }

    /// Takes what its client tells while nothing is forwarded.
    pub(super) fn idle(&self) {
        if let Some(press) = &self.press {
            press.poll();
        }
    }

    /// Waits until everything forwarded is with the brokers, or `stop` says to wait no more.
    pub(super) fn drain(&self, stop: impl Fn() -> bool) -> bool {
        let Some(press) = &self.press else { return true };
        while !press.drain(WAIT) {
            if stop() {
                return false;
            }
            tracing::warn!("forwarded records wait for the brokers");
        }
        true
    }

    /// Sends a record to another partition; `false` where `stop` came first.
    pub(super) fn send(
        &mut self,
        (record, key, to): (&Record<'_>, Option<&[u8]>, PartitionId),
        topic: &str,
        stop: impl Fn() -> bool,
    ) -> bool {
        let from = format!("{topic}/{}:{}", record.partition, record.line - 1);
        while !stop() {
            let Some(press) = &mut self.press else {
                match Press::new(&self.kafka, None, &self.meter) {
                    Ok(made) => self.press = Some(made),
                    Err(error) => {
                        tracing::error!(%error, "misplaced records wait");
                        std::thread::sleep(AGAIN_AFTER);
                    }
                }
                continue;
            };
            let mut headers =
                OwnedHeaders::new().insert(Header { key: HEADER_FORWARDED, value: Some(&from) });
            if let Some(value) = record.content_type {
                headers = headers.insert(Header { key: HEADER_CONTENT_TYPE, value: Some(value) });
            }
            let value = record.value.unwrap_or_default();
            let outgoing = Outgoing { topic, partition: to, key, value, headers, opaque: 0 };
            match press.send(outgoing) {
                Ok(()) => return true,
                Err(NotSent::Full) => {}
                Err(why) => {
                    tracing::error!(?why, from, "a misplaced record could not be forwarded");
                    self.press = None;
                    std::thread::sleep(AGAIN_AFTER);
                }
            }
        }
        false
    }
}

//! Who owns which partition, as a consumer group agrees on it.
//!
//! The group subscribes to an empty topic with as many partitions as the log, so a rebalance moves
//! names and never data: partitions that stay are read on all the while. An eager rebalance takes
//! everything away and gives most of it back; only the difference is told. That two nodes never
//! both write is the journal's to guarantee: a node that believes too long that it owns something
//! loses it at its next append.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{Builder, JoinHandle},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, unbounded};
use rdkafka::{
    ClientContext, Offset, Statistics, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::KafkaError,
    types::RDKafkaRespErr,
};
use zeitgeber_schemas::PartitionId;

use super::{BusError, Meter, PARTITIONS, context::Context, forgotten};
use crate::config::Kafka;

/// How long one look at the group takes.
const LOOK: Duration = Duration::from_millis(50);

/// What the group decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Membership {
    /// These partitions are this node's from here on.
    Owned(Vec<PartitionId>),
    /// These no longer are.
    Lost(Vec<PartitionId>),
}

/// This node's seat in the group. Dropping it leaves the group.
#[derive(Debug)]
pub struct Members {
    events: Receiver<Membership>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Members {
    /// Joins the group.
    ///
    /// # Errors
    ///
    /// librdkafka refuses the settings, or the thread cannot be started.
    pub fn join(settings: &Kafka, meter: &Arc<Meter>) -> Result<Self, BusError> {
        let mut config = settings.client();
        config
            .set("group.id", settings.members())
            // By which people tell the members of the group apart.
            .set("client.id", own_name())
            .set("session.timeout.ms", settings.session_ms.to_string())
            .set("heartbeat.interval.ms", settings.heartbeat_ms.to_string())
            // Everybody answers at once, which was measured to be the shortest.
            .set("partition.assignment.strategy", "range")
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "latest");
        let (events_in, events) = unbounded();
        let seat = Seat {
            inner: Context::new(Arc::clone(meter)),
            state: Mutex::default(),
            events: events_in,
        };
        let consumer: BaseConsumer<Seat> =
            config.create_with_context(seat).map_err(settings.fault("join the group"))?;
        let topic = settings.topic(PARTITIONS);
        consumer.subscribe(&[&topic]).map_err(settings.fault("join the group"))?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let patience = Duration::from_millis(settings.session_ms.into());
        let brokers = settings.brokers.clone();
        let run = move || run(&consumer, (patience, &brokers), &stopped);
        let thread = Builder::new().name("group".into()).spawn(run)?;
        Ok(Self { events, stop, thread: Some(thread) })
    }

    /// What the group decides, from the beginning.
    pub const fn events(&self) -> &Receiver<Membership> {
        &self.events
    }
}

impl Drop for Members {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// The machine and the process.
pub(crate) fn own_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}:{}", host.trim(), std::process::id())
}

fn run(consumer: &BaseConsumer<Seat>, (patience, brokers): (Duration, &str), stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        if let Some(Err(error)) = consumer.poll(LOOK) {
            tracing::debug!(%error, "the group");
        }
        consumer.context().give_up_after(patience);
        forgotten::look_after(consumer.client(), &consumer.context().inner, brokers);
    }
}

/// What the group's consumer tells, and what it told last.
struct Seat {
    inner: Context,
    state: Mutex<Held>,
    events: Sender<Membership>,
}

#[derive(Debug, Default)]
struct Held {
    told: BTreeSet<PartitionId>,
    /// Since when everything is taken away, and nothing given back yet.
    taken_away: Option<Instant>,
}

impl Seat {
    /// Tells the difference between what was held and what is held now.
    fn hold(&self, now: BTreeSet<PartitionId>) {
        let mut held = self.state.lock().expect("nothing panics while it is held");
        let lost: Vec<_> = held.told.difference(&now).copied().collect();
        let owned: Vec<_> = now.difference(&held.told).copied().collect();
        *held = Held { told: now, taken_away: None };
        drop(held);
        // The receiver may be gone, when nobody owns anything here any more.
        if !lost.is_empty() {
            drop(self.events.send(Membership::Lost(lost)));
        }
        if !owned.is_empty() {
            drop(self.events.send(Membership::Owned(owned)));
        }
    }

    fn take_away(&self) {
        let mut held = self.state.lock().expect("nothing panics while it is held");
        held.taken_away.get_or_insert_with(Instant::now);
    }

    /// Whoever got nothing back within a session's time owns nothing.
    fn give_up_after(&self, patience: Duration) {
        let held = self.state.lock().expect("nothing panics while it is held");
        let late = held.taken_away.is_some_and(|since| since.elapsed() > patience);
        drop(held);
        if late {
            self.hold(BTreeSet::new());
        }
    }
}

impl ClientContext for Seat {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.inner.log(level, facility, message);
    }

    fn stats(&self, statistics: Statistics) {
        self.inner.stats(statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.inner.error(error, reason);
    }
}

impl ConsumerContext for Seat {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        err: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        if err != RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            self.take_away();
            if let Err(error) = consumer.unassign() {
                tracing::warn!(%error, "the group could not take partitions away");
            }
            return;
        }
        // Nothing stands there, and a number costs no question to the brokers.
        let assigned = list.set_all_offsets(Offset::Offset(0));
        if let Err(error) = assigned.and_then(|()| consumer.assign(list)) {
            tracing::warn!(%error, "the group could not give partitions");
        }
        let numbers = list.elements().into_iter().map(|one| one.partition());
        let now = numbers.filter_map(|n| u16::try_from(n).ok()).map(PartitionId).collect();
        self.hold(now);
    }
}

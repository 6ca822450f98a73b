//! What is counted of the bus, and what librdkafka's statistics say, for metrics.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rdkafka::Statistics;

use super::Input;

/// How often it is told that no broker answers.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// How often it is looked, and told, whether topics have partitions that nobody reads.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Counts of the bus since the process started.
#[derive(Debug, Default)]
pub struct Meter {
    inputs: [Counts; Input::ALL.len()],
    published: AtomicU64,
    transactions: AtomicU64,
    not_delivered: AtomicU64,
    client_failures: AtomicU64,
    lost: AtomicU64,
    clients: Mutex<BTreeMap<String, Client>>,
    /// When it was last told that no broker answers.
    away: Told,
    /// When it was last looked whether topics have partitions that nobody reads.
    unread: Told,
}

/// When something was told last, so that it is not told all the time.
#[derive(Debug, Default)]
struct Told(Mutex<Option<Instant>>);

impl Told {
    fn is_due(&self, every: Duration) -> bool {
        let mut told = self.0.lock().expect("nothing panics while it is held");
        let is_due = told.is_none_or(|at| at.elapsed() >= every);
        if is_due {
            *told = Some(Instant::now());
        }
        is_due
    }
}

#[derive(Debug, Default)]
struct Counts {
    taken: AtomicU64,
    bytes: AtomicU64,
    dead: AtomicU64,
    misplaced: AtomicU64,
    forwarded: AtomicU64,
}

/// What was counted of an input topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopicFigures {
    /// The topic.
    pub input: Input,
    /// Records handed to the writers, dead letters included.
    pub taken: u64,
    /// Bytes of their values.
    pub bytes: u64,
    /// Records that no door could read.
    pub dead: u64,
    /// Records on a partition where their key does not belong.
    pub misplaced: u64,
    /// Those of them that were produced again.
    pub forwarded: u64,
}

/// The last statistics of a client.
#[derive(Debug, Default)]
struct Client {
    up: u64,
    brokers: u64,
    queued: u64,
    lag: BTreeMap<(String, i32), i64>,
    /// How many partitions each topic has.
    partitions: BTreeMap<String, usize>,
}

impl Meter {
    pub(super) fn took(&self, input: Input, bytes: usize) {
        let counts = &self.inputs[input as usize];
        counts.taken.fetch_add(1, Ordering::Relaxed);
        counts.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn dead(&self, input: Input) {
        self.inputs[input as usize].dead.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn misplaced(&self, input: Input) {
        self.inputs[input as usize].misplaced.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn forwarded(&self, input: Input) {
        self.inputs[input as usize].forwarded.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn published(&self) {
        self.published.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn committed(&self) {
        self.transactions.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn not_delivered(&self) {
        self.not_delivered.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn client_failed(&self) {
        self.client_failures.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether it is time to tell that no broker answers, for whichever client notices first.
    pub(super) fn tells_away(&self) -> bool {
        self.away.is_due(TELL_EVERY)
    }

    /// Topics that have more partitions than the log, where it is time to look, and how many.
    pub(super) fn unread(&self, topics: &[String], partitions: u16) -> Vec<(String, usize)> {
        if !self.unread.is_due(LOOK_EVERY) {
            return Vec::new();
        }
        let clients = self.clients();
        let counts = clients.values().flat_map(|client| &client.partitions);
        let more: BTreeMap<&String, usize> = counts
            .filter(|(topic, count)| topics.contains(topic) && **count > usize::from(partitions))
            .map(|(topic, count)| (topic, *count))
            .collect();
        more.into_iter().map(|(topic, count)| (topic.clone(), count)).collect()
    }

    pub(super) fn lost(&self, records: u64) {
        self.lost.fetch_add(records, Ordering::Relaxed);
    }

    pub(super) fn statistics(&self, statistics: &Statistics) {
        let brokers = statistics.brokers.values().filter(|broker| broker.nodeid >= 0);
        let mut client = Client { queued: statistics.msg_cnt, ..Client::default() };
        for broker in brokers {
            client.brokers += 1;
            client.up += u64::from(broker.state == "UP");
        }
        for (name, topic) in &statistics.topics {
            let known = topic.partitions.values().filter(|one| one.partition >= 0);
            client.partitions.insert(name.clone(), known.clone().count());
            for one in known.filter(|one| one.fetch_state == "active" && one.hi_offset >= 0) {
                // Before its first record a partition stands where it was told to begin.
                let at = if one.app_offset >= 0 { one.app_offset } else { one.next_offset };
                let lag = one.hi_offset.saturating_sub(at.max(0)).max(0);
                client.lag.insert((name.clone(), one.partition), lag);
            }
        }
        self.clients().insert(statistics.name.clone(), client);
    }

    /// What was counted of each input topic.
    pub fn topics(&self) -> impl Iterator<Item = TopicFigures> {
        Input::ALL.into_iter().map(|input| {
            let counts = &self.inputs[input as usize];
            let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
            TopicFigures {
                input,
                taken: read(&counts.taken),
                bytes: read(&counts.bytes),
                dead: read(&counts.dead),
                misplaced: read(&counts.misplaced),
                forwarded: read(&counts.forwarded),
            }
        })
    }

    /// Records published.
    pub fn outputs(&self) -> u64 {
        self.published.load(Ordering::Relaxed)
    }

    /// Transactions committed.
    pub fn transactions(&self) -> u64 {
        self.transactions.load(Ordering::Relaxed)
    }

    /// Records that were not delivered, and are published again.
    pub fn undelivered(&self) -> u64 {
        self.not_delivered.load(Ordering::Relaxed)
    }

    /// Failures that clients reported: brokers away, wrong passwords.
    pub fn client_failures(&self) -> u64 {
        self.client_failures.load(Ordering::Relaxed)
    }

    /// Records that the topics' retention took before they were read.
    pub fn lost_records(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Of the clients' connections to brokers: those that stand, and all.
    pub fn brokers(&self) -> (u64, u64) {
        let sum = |(up, all), client: &Client| (up + client.up, all + client.brokers);
        self.clients().values().fold((0, 0), sum)
    }

    /// Outputs that wait for a broker.
    pub fn queued(&self) -> u64 {
        self.clients().values().map(|client| client.queued).sum()
    }

    /// Records behind the end of each topic's partition, of those that are consumed.
    pub fn lag(&self) -> Vec<(String, i32, i64)> {
        let clients = self.clients();
        let lags = clients.values().flat_map(|client| &client.lag);
        lags.map(|((topic, partition), lag)| (topic.clone(), *partition, *lag)).collect()
    }

    fn clients(&self) -> MutexGuard<'_, BTreeMap<String, Client>> {
        self.clients.lock().expect("nothing panics while the figures are held")
    }
}

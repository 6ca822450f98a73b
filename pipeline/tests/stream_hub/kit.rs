//! An engine with a hub in a directory of its own, readings to feed it, and ways to wait.

use std::{
    future::Future,
    ops::Range,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake},
    thread::{self, Thread},
    time::{Duration, Instant},
};

use tempfile::TempDir;
use zeitgeber::{
    door::{Options, profile},
    engine::{Engine, Handle},
    ingest::{Intake, SessionSettings},
    journal::Tail,
    query::{EventFilter, Position, Walk, events},
    store::LogPlace,
    stream::{Bell, Filter, Hub, StreamSettings, Subscription},
};

use super::engine::{self, SETTINGS};

const OPTIONS: Options = Options { backfill: false, door_now_ms: i64::MAX, stamp_ms: None };

/// Room for everybody, and patience with all.
pub(crate) const AMPLE: StreamSettings =
    StreamSettings { streams: 1_000, slow_client: Duration::from_secs(60) };

/// A running engine with a hub.
pub(crate) struct Service {
    pub(crate) hub: Hub,
    engine: Option<Engine>,
    handle: Handle,
    quiet: AtomicBool,
    _dir: TempDir,
}

impl Service {
    pub(crate) fn open(streams: StreamSettings) -> Self {
        let dir = TempDir::new().expect("there is room for a directory");
        Self::open_at(&dir.path().into(), dir, streams)
    }

    /// A log somewhere, and a directory that is to last as long as the service.
    pub(crate) fn open_at(place: &LogPlace, dir: TempDir, streams: StreamSettings) -> Self {
        // Small, so that streams resume in earlier segments too.
        let settings =
            SessionSettings { segment_bytes: 256 << 10, chunk_bytes: 4 << 10, ..SETTINGS };
        let bell = Bell::new();
        let engine = engine::open(place, &settings, engine::AMPLE, bell.clone());
        let handle = engine.handle();
        let hub = Hub::start(handle.journal(), bell, streams).expect("the log can be read");
        Self { hub, engine: Some(engine), handle, quiet: AtomicBool::new(false), _dir: dir }
    }

    fn submit(&self, intake: Intake) {
        self.handle.settle(intake).expect("it is durable");
    }

    /// Sets a profile for each of these people; durable on return, as everything here.
    pub(crate) fn open_people(&self, people: &[&str]) {
        let mut intake = self.handle.intake();
        for user in people {
            let text = format!(r#"{{"user_id":"{user}","tz_offset_min":0}}"#);
            intake.take_profile(1, &profile::profile(text.as_bytes()).expect("it is a profile"));
        }
        self.submit(intake);
    }

    /// Takes a reading of each of these people for each of these minutes.
    pub(crate) fn readings(&self, people: &[&str], minutes: Range<u64>) {
        let mut intake = self.handle.intake();
        for minute in minutes {
            for user in people {
                intake.reading_line(1, reading(user, minute).as_bytes(), &OPTIONS);
            }
        }
        self.submit(intake);
    }

    pub(crate) fn line(&self, line: &[u8]) {
        let mut intake = self.handle.intake();
        intake.reading_line(1, line, &OPTIONS);
        self.submit(intake);
    }

    /// Where its partitions end.
    pub(crate) fn tails(&self) -> Vec<Tail> {
        self.handle.store().tails()
    }

    /// The log's id.
    pub(crate) fn log_id(&self) -> [u8; 16] {
        self.handle.layout().log_id
    }

    /// Says that nothing more will come.
    pub(crate) fn fall_quiet(&self) {
        self.quiet.store(true, Ordering::Release);
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet.load(Ordering::Acquire)
    }

    /// The filtered log as a query reads it.
    pub(crate) fn log(&self, filter: &Filter) -> Vec<Position> {
        self.positions(filter).into_iter().map(|(position, _)| position).collect()
    }

    /// What of the filtered log stands behind an event.
    pub(crate) fn log_after(&self, filter: &Filter, after: Position) -> Vec<Position> {
        let all = self.log(&Filter::default());
        let at = all.iter().position(|position| *position == after).expect("it is in the log");
        let behind: std::collections::BTreeSet<_> = all[at + 1..].iter().copied().collect();
        self.log(filter).into_iter().filter(|position| behind.contains(position)).collect()
    }

    fn positions(&self, filter: &Filter) -> Vec<(Position, String)> {
        let mut walk = Walk::start(&*self.handle.journal()).expect("the log can be read");
        let wanted = EventFilter { user: filter.person.clone(), ..EventFilter::default() };
        let mut found = Vec::new();
        events(&mut walk, &wanted, |row| {
            let topic = zeitgeber::query::Topic::of(row.schema).expect("events have a topic");
            if filter.topics.is_empty() || filter.topics.contains(&topic) {
                found.push((row.position, row.summary));
            }
            Ok(std::ops::ControlFlow::Continue(()))
        })
        .expect("the log can be read");
        found
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.hub.stop();
        if let Some(engine) = self.engine.take().filter(|_| !thread::panicking()) {
            engine.close().expect("the engine stops cleanly");
        }
    }
}

pub(crate) fn reading(user: &str, n: u64) -> String {
    let ts = 1_740_971_940_000 + n * 60_000;
    format!(
        r#"{{"id":"{user}-{n}","user_id":"{user}","device_id":"d","kind":"imu","ts":{ts},"recv_ts":{ts},"values":{{"activity_counts":{},"epoch_s":60}}}}"#,
        n % 300
    )
}

/// Takes so many frames; their positions.
pub(crate) fn take_all(stream: &Subscription, count: usize) -> Vec<Position> {
    let mut got = Vec::new();
    while got.len() < count {
        let frames = block_on(stream.take(1 << 20)).expect("the stream goes on");
        got.extend(frames.iter().map(|frame| frame.id()));
    }
    got
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// What a future gives, on this thread; long before the test would be given up.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    within(Duration::from_secs(30), future).expect("it does not hang")
}

/// What a future gives within a time.
pub(crate) fn within<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
    let waker = Arc::new(Unpark(thread::current())).into();
    let (mut future, began) = (pin!(future), Instant::now());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(output);
        }
        let left = limit.checked_sub(began.elapsed())?;
        thread::park_timeout(left);
    }
}

/// A small generator of numbers (SplitMix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

//! Who is subscribed, who waits in line to catch up, and who takes nothing and is cut off.

use std::{
    collections::HashMap,
    sync::{Arc, Condvar, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use super::{Ended, Outboxes, Shared, catch_up::Line, outbox::Outbox};

/// How often it is looked for subscribers that take nothing.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// All subscribers, and those of them who are in line.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    state: Mutex<State>,
    /// Somebody got in line, or the hub stops.
    work: Condvar,
}

#[derive(Debug, Default)]
struct State {
    everybody: HashMap<u64, Outboxes>,
    line: Line,
    swept: Option<Instant>,
}

impl Waiting {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while the line is held")
    }

    /// Lets one in where there are fewer than `most`.
    pub(super) fn enter(&self, number: u64, outboxes: &Outboxes, most: usize) -> bool {
        let mut state = self.state();
        let room = state.everybody.len() < most;
        if room {
            state.everybody.insert(number, Arc::clone(outboxes));
        }
        room
    }

    pub(super) fn leave(&self, number: u64) {
        self.state().everybody.remove(&number);
    }

    /// The outboxes of each.
    pub(super) fn everybody(&self) -> Vec<Outboxes> {
        self.state().everybody.values().cloned().collect()
    }

    pub(super) fn wake_all(&self) {
        // Whoever is about to wait has seen the flag, or holds the lock until it is woken.
        drop(self.state());
        self.work.notify_all();
    }
}

impl Shared {
    /// Puts subscribers at the end of the line.
    pub(super) fn wait_again(&self, line: Line) {
        if line.is_empty() {
            return;
        }
        self.waiting.state().line.extend(line);
        self.waiting.work.notify_one();
    }

    /// Waits for somebody to serve: the first in line, and all the others. None: the hub stops.
    pub(super) fn next_in_line(&self) -> Option<(Arc<Outbox>, Line)> {
        let mut state = self.waiting.state();
        loop {
            if self.is_stopping() || self.failure.get().is_some() {
                return None;
            }
            if state.swept.is_none_or(|swept| swept.elapsed() >= SWEEP_EVERY) {
                state.swept = Some(Instant::now());
                let everybody: Vec<Outboxes> = state.everybody.values().cloned().collect();
                drop(state);
                self.sweep(&everybody);
                state = self.waiting.state();
            }
            if let Some(first) = state.line.pop_front() {
                return Some((first, std::mem::take(&mut state.line)));
            }
            let waited = self.waiting.work.wait_timeout(state, SWEEP_EVERY);
            state = waited.expect("nothing panics while the line is held").0;
        }
    }

    /// Cuts off whoever took nothing for too long.
    fn sweep(&self, everybody: &[Outboxes]) {
        let now = Instant::now();
        let limit = self.settings.slow_client;
        let is_stalled = |outbox: &Arc<Outbox>| outbox.is_stalled(now, limit);
        for slow in everybody.iter().filter(|outboxes| outboxes.iter().any(is_stalled)) {
            slow.iter().for_each(|outbox| outbox.end(Ended::Slow));
            self.tally.cut_off();
        }
        // Whoever left need not wait for the next event to be forgotten.
        if self.courses.iter().any(|course| !course.leaving().is_empty()) {
            self.bell.ring();
        }
    }
}

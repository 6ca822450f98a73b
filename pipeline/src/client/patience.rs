//! How long, and how often, what may pass is tried again.

use std::{
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use super::ClientError;

/// The pause after the first failure.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause, whatever a service asks for.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How often a wait looks whether it is to end.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How long to go on trying.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience(pub Duration);

impl Patience {
    /// For a person who waits for an answer.
    pub const SHORT: Self = Self(Duration::from_secs(3));
    /// For work under way that a restart of the service is not to end.
    pub const LONG: Self = Self(Duration::from_secs(120));

    /// Tries until it succeeds, fails for good, or patience is over. Pauses grow by the factor
    /// two, each by a random part shorter, so that many clients do not come back at once; a
    /// service that names a time is given that, up to the longest pause.
    pub(super) fn persist<T>(
        self,
        stop: &AtomicBool,
        mut attempt: impl FnMut() -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let started = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match attempt() {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            let Some(asked) = error.passes() else { return Err(error) };
            let wait = asked.unwrap_or_default().max(shortened(pause)).min(LONGEST_PAUSE);
            if started.elapsed() + wait > self.0 {
                return Err(error);
            }
            rest(wait, stop)?;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// Between half of it and all of it.
fn shortened(pause: Duration) -> Duration {
    // Each hasher of the standard library starts from other random keys.
    let random = RandomState::new().hash_one(0u8);
    pause.mul_f64(0.5 + 0.5 * (random as f64 / u64::MAX as f64))
}

/// Waits, unless it is to end.
pub(super) fn rest(wait: Duration, stop: &AtomicBool) -> Result<(), ClientError> {
    let until = Instant::now() + wait;
    loop {
        if stop.load(Ordering::Relaxed) {
            return Err(ClientError::Stopped);
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        thread::sleep(left.min(LOOK_EVERY));
    }
}

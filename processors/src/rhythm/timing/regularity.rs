//! The sleep regularity index of a diary: how often a person does the same 24 hours later.

use super::{DAY_MIN, Diary, Night};

/// Longest stretch awake between reported sleeps, min; a longer one hides a sleep that nobody
/// reported, so its minutes are not scored.
const AWAKE_MAX_MIN: i64 = 36 * 60;

/// Minutes of one state, `[from, until)`.
#[derive(Clone, Copy)]
struct Scored {
    from: i64,
    until: i64,
    asleep: bool,
}

impl Diary {
    /// 200 P(same state 24 h later) - 100 over all pairs of scored minutes, and their number.
    ///
    /// Whole local days are scored at either end of the diary, but nothing before a forgotten
    /// night ended. A minute has the state in which it begins.
    pub(super) fn regularity(&self) -> (Option<f64>, u32) {
        let (mut same, mut pairs) = (0u32, 0u32);
        let mut later = self.scored().peekable();
        for today in self.scored() {
            for minute in today.from..today.until {
                let tomorrow = minute + DAY_MIN;
                while later.next_if(|scored| scored.until <= tomorrow).is_some() {}
                if let Some(then) = later.peek().filter(|scored| scored.from <= tomorrow) {
                    pairs += 1;
                    same += u32::from(then.asleep == today.asleep);
                }
            }
        }
        let index = || 200.0 * (f64::from(same) / f64::from(pairs)) - 100.0;
        ((pairs > 0).then(index), pairs)
    }

    /// What is known of each minute, in order of time.
    fn scored(&self) -> impl Iterator<Item = Scored> {
        let begin = self.nights.front().map(|first| match self.forgotten_ms {
            Some(end_ms) => minute_from(end_ms),
            None => first.midnight_before(minute_from(first.onset_ms)),
        });
        let end = self.nights.back().map(|last| {
            let wake = minute_from(last.wake_ms);
            Scored { from: wake, until: last.midnight_before(wake - 1) + DAY_MIN, asleep: false }
        });
        let mut known = begin.unwrap_or_default();
        let of_night = move |night: &Night| {
            let (onset, wake) = (minute_from(night.onset_ms), minute_from(night.wake_ms));
            let awake = Scored { from: known, until: onset, asleep: false };
            known = wake;
            [awake, Scored { from: onset, until: wake, asleep: true }]
        };
        let plausible = |part: &Scored| part.asleep || part.until - part.from <= AWAKE_MAX_MIN;
        self.nights.iter().flat_map(of_night).chain(end).filter(plausible)
    }
}

/// The first minute that begins at or after an instant.
const fn minute_from(at_ms: i64) -> i64 {
    let minute = at_ms.div_euclid(60_000);
    if at_ms.rem_euclid(60_000) == 0 { minute } else { minute.saturating_add(1) }
}

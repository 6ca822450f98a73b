//! Local time, in whole minutes since 1970-01-01 00:00 UTC.
//!
//! Everything that the rhythm stage keeps is placed by the minute, so that arithmetic on times
//! cannot overflow; a person's local clock is UTC plus the offset of their profile.

use zeitgeber_schemas::{OffsetChange, ProfileBody};

/// Minutes of a day.
pub(crate) const DAY_MIN: i64 = 1440;

/// More than local clocks are ahead of UTC anywhere, minutes.
const AHEAD_MAX_MIN: i64 = DAY_MIN;

/// The minute that holds an instant in ms.
pub(crate) fn minute_of(at_ms: i64) -> i64 {
    at_ms.div_euclid(60_000)
}

/// The instant at which a minute begins, ms.
pub(crate) const fn ms(minute: i64) -> i64 {
    minute.saturating_mul(60_000)
}

/// Minutes that local time is ahead of UTC.
pub(crate) fn offset(profile: &ProfileBody, minute: i64) -> i64 {
    i64::from(profile.offset_at(ms(minute)))
}

/// The start of the local hour that holds a minute.
pub(crate) fn hour_start(profile: &ProfileBody, minute: i64) -> i64 {
    minute - (minute + offset(profile, minute)).rem_euclid(60)
}

/// The minute of the local day, 0 to 1439.
pub(crate) fn clock_minute(profile: &ProfileBody, minute: i64) -> i64 {
    (minute + offset(profile, minute)).rem_euclid(DAY_MIN)
}

/// The number of the local day that holds a minute.
pub(crate) fn day(profile: &ProfileBody, minute: i64) -> i64 {
    (minute + offset(profile, minute)).div_euclid(DAY_MIN)
}

/// The instant at which a local day begins: where clocks leave its midnight out, the one at which
/// they do; where they show it twice, the first.
pub(crate) fn midnight(profile: &ProfileBody, day: i64) -> i64 {
    instant(profile, day * DAY_MIN)
}

/// The last instant up to a minute at which a local day began. Where clocks went back over a
/// midnight, as at the date line, that of the day that they had reached already.
pub(crate) fn last_midnight(profile: &ProfileBody, minute: i64) -> i64 {
    let mut last = midnight(profile, day(profile, minute));
    for later in day(profile, minute) + 1.. {
        let next = midnight(profile, later);
        if next > minute {
            break;
        }
        last = next;
    }
    last
}

/// The first instant at which local clocks show this minute or a later one, counted like instants.
pub(crate) fn instant(profile: &ProfileBody, local: i64) -> i64 {
    // No clock is further ahead, so that the instant is not before this one.
    let mut from = local - AHEAD_MAX_MIN;
    let changes = &profile.offsets;
    // The first minute that begins with the changed offset.
    let first = |change: &OffsetChange| minute_of(change.from_ms.saturating_add(59_999));
    let next = changes.partition_point(|change| first(change) <= from);
    let mut ahead = offset(profile, from);
    for change in &changes[next..] {
        let at = first(change);
        if local - ahead < at {
            break;
        }
        (from, ahead) = (at, i64::from(change.offset_min));
    }
    from.max(local - ahead)
}

/// Whether a minute of the day lies in `[start, end)`, which may pass midnight.
pub(crate) fn in_span(clock_minute: i64, start: i64, end: i64) -> bool {
    (clock_minute - start).rem_euclid(DAY_MIN) < (end - start).rem_euclid(DAY_MIN)
}

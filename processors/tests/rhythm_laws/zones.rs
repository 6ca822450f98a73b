//! Local clocks that people live by, each with a change within the recordings.

use zeitgeber_schemas::ProfileBody;

use super::person::{self, DAY_MS, HOUR_MS, MINUTE_MS, START};

/// How many there are.
pub(crate) const ZONES: usize = 10;

/// A profile of one of them.
pub(crate) fn profile(zone: usize) -> ProfileBody {
    // An hour after midnight UTC on the fifth day, when days are analysed already.
    let (at, midnight) = (START + 4 * DAY_MS + HOUR_MS, START + 4 * DAY_MS);
    match zone {
        0 => person::profile(0, &[]),
        // Spring and autumn in Berlin.
        1 => person::profile(60, &[(at, 120)]),
        2 => person::profile(120, &[(at, 60)]),
        // Half an hour, as on Lord Howe Island, and three quarters, as in Nepal.
        3 => person::profile(630, &[(at + 14 * HOUR_MS, 660)]),
        4 => person::profile(345, &[]),
        // At midnight: the first hour of the day is left out, or the last one comes twice.
        5 => person::profile(120, &[(midnight - 2 * HOUR_MS, 180)]),
        6 => person::profile(180, &[(midnight - 3 * HOUR_MS, 120)]),
        // Across the date line, eastwards and westwards: a day comes twice, or is left out.
        7 => person::profile(780, &[(at, -600)]),
        8 => person::profile(780, &[(at - 6 * HOUR_MS, -600)]),
        _ => person::profile(-600, &[(at + 7 * MINUTE_MS, 840)]),
    }
}

//! What was issued to a person, and what that leaves room for: local time, rest, cooldown, budget.
//!
//! Routing masks by these rules before it scores and intervention checks them again before it
//! issues. Each keeps a ledger of its own in its own state, so that neither reads the other's.

use alloc::{borrow::ToOwned, string::String, vec::Vec};

use zeitgeber_schemas::{Limits, MaskReason, ProfileBody};

/// The arm of doing nothing. It is always eligible, configured or not, and never issued.
pub const NO_INTERVENTION: &str = "no_intervention";

/// Minutes of a local day.
pub const DAY_MIN: u32 = 1440;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = DAY_MIN as i64 * MINUTE_MS;

/// An instant on a person's local clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalTime {
    /// Local days since 1970-01-01.
    pub day: i64,
    /// Minute of that day, 0 to 1439.
    pub minute: u32,
}

impl LocalTime {
    /// The instant `at_ms` (UTC) by the offset that the profile has in force then.
    pub fn of(profile: &ProfileBody, at_ms: i64) -> Self {
        let offset_ms = i64::from(profile.offset_at(at_ms)) * MINUTE_MS;
        let local_ms = at_ms.saturating_add(offset_ms);
        let minute = local_ms.rem_euclid(DAY_MS) / MINUTE_MS;
        Self { day: local_ms.div_euclid(DAY_MS), minute: minute as u32 }
    }

    /// Minutes since `minute` of the day was last reached, 0 to 1439.
    pub const fn since(self, minute: u32) -> u32 {
        (self.minute + DAY_MIN - minute % DAY_MIN) % DAY_MIN
    }

    /// Whether the time of day lies in `start..end`, which may run over midnight. Equal bounds
    /// enclose nothing.
    pub const fn within(self, start: u32, end: u32) -> bool {
        let length = (end % DAY_MIN + DAY_MIN - start % DAY_MIN) % DAY_MIN;
        self.since(start) < length
    }
}

/// What was issued to one person. Counts hold for one local day and start afresh with the next.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct Ledger {
    last_issued_ms: Option<i64>,
    day: i64,
    count: u32,
    arms: Vec<(String, u32)>,
}

impl Ledger {
    /// A ledger in which nothing was issued.
    pub const fn initial() -> Self {
        Self { last_issued_ms: None, day: i64::MIN, count: 0, arms: Vec::new() }
    }

    /// When the last intervention was issued, ms UTC.
    pub const fn last_issued_ms(&self) -> Option<i64> {
        self.last_issued_ms
    }

    /// How many interventions were issued on a local day.
    pub const fn issued_on(&self, day: i64) -> u32 {
        if self.day == day { self.count } else { 0 }
    }

    /// How many of one arm were issued on a local day.
    pub fn doses_on(&self, day: i64, arm: &str) -> u32 {
        if self.day != day {
            return 0;
        }
        self.arms.iter().find(|(name, _)| name == arm).map_or(0, |(_, count)| *count)
    }

    /// Why nothing at all may reach the person now. The first that holds of: no channel, quiet
    /// hours, usual sleep, cooldown, budget.
    pub fn hindrance(
        &self,
        profile: &ProfileBody,
        limits: &Limits,
        at_ms: i64,
    ) -> Option<MaskReason> {
        let local = LocalTime::of(profile, at_ms);
        if profile.channel.is_none() {
            return Some(MaskReason::NoChannel);
        }
        if let (Some(start), Some(end)) = (profile.quiet_start_min, profile.quiet_end_min)
            && local.within(start, end)
        {
            return Some(MaskReason::QuietHours);
        }
        if local.within(profile.sleep_start_min, profile.sleep_end_min) {
            return Some(MaskReason::Asleep);
        }
        let cooldown_ms = i64::from(limits.cooldown_min) * MINUTE_MS;
        if self.last_issued_ms.is_some_and(|last| at_ms.saturating_sub(last) < cooldown_ms) {
            return Some(MaskReason::Cooldown);
        }
        (self.issued_on(local.day) >= limits.daily_budget).then_some(MaskReason::Budget)
    }

    /// Takes in that `arm` was issued.
    pub fn record(&mut self, profile: &ProfileBody, arm: &str, at_ms: i64) {
        let day = LocalTime::of(profile, at_ms).day;
        if self.day != day {
            self.day = day;
            self.count = 0;
            self.arms.clear();
        }
        self.last_issued_ms = Some(at_ms);
        self.count = self.count.saturating_add(1);
        match self.arms.iter_mut().find(|(name, _)| name == arm) {
            Some((_, count)) => *count = count.saturating_add(1),
            None => self.arms.push((arm.to_owned(), 1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use zeitgeber_schemas::Scale;

    use super::*;

    const HOUR_MS: i64 = 60 * MINUTE_MS;
    const LIMITS: Limits = Limits { cooldown_min: 90, daily_budget: 2 };

    fn profile() -> ProfileBody {
        ProfileBody {
            zone: None,
            tzdb: None,
            offset_min: 60,
            offsets: Vec::new(),
            sleep_start_min: 23 * 60,
            sleep_end_min: 7 * 60,
            quiet_start_min: Some(12 * 60),
            quiet_end_min: Some(13 * 60),
            device_scale: Scale::Unknown,
            primary_device: None,
            channel: Some("app".into()),
        }
    }

    /// The instant at a local hour of the day after 1970-01-01, one hour east of UTC.
    fn local(hour: i64) -> i64 {
        DAY_MS + (hour - 1) * HOUR_MS
    }

    #[test]
    fn windows_run_over_midnight_and_equal_bounds_enclose_nothing() {
        let at = |minute| LocalTime { day: 0, minute };
        assert!(at(1439).within(1380, 420) && at(0).within(1380, 420));
        assert!(!at(420).within(1380, 420) && !at(1379).within(1380, 420));
        assert!(!at(300).within(300, 300));
        assert_eq!(at(10).since(1430), 20);
    }

    #[test]
    fn local_days_before_the_epoch_count_backwards() {
        let west = ProfileBody { offset_min: -60, ..profile() };
        assert_eq!(LocalTime::of(&west, 0), LocalTime { day: -1, minute: 1380 });
    }

    #[test]
    fn hindrances_are_named_in_their_order() {
        let (mut ledger, profile) = (Ledger::initial(), profile());
        let hindrance = |ledger: &Ledger, hour| ledger.hindrance(&profile, &LIMITS, local(hour));
        assert_eq!(hindrance(&ledger, 10), None);
        assert_eq!(hindrance(&ledger, 12), Some(MaskReason::QuietHours));
        assert_eq!(hindrance(&ledger, 23), Some(MaskReason::Asleep));
        ledger.record(&profile, "nap", local(9));
        assert_eq!(hindrance(&ledger, 10), Some(MaskReason::Cooldown));
        assert_eq!(hindrance(&ledger, 11), None);
        ledger.record(&profile, "nap", local(11));
        assert_eq!(hindrance(&ledger, 15), Some(MaskReason::Budget));
        let mute = ProfileBody { channel: None, ..profile.clone() };
        let reason = ledger.hindrance(&mute, &LIMITS, local(12));
        assert_eq!(reason, Some(MaskReason::NoChannel));
    }

    #[test]
    fn counts_start_afresh_with_the_local_day() {
        let (mut ledger, profile) = (Ledger::initial(), profile());
        ledger.record(&profile, "nap", local(9));
        ledger.record(&profile, "nap", local(11));
        assert_eq!((ledger.issued_on(1), ledger.doses_on(1, "nap")), (2, 2));
        ledger.record(&profile, "breathing", local(24 + 9));
        assert_eq!((ledger.issued_on(1), ledger.issued_on(2)), (0, 1));
        assert_eq!((ledger.doses_on(2, "nap"), ledger.doses_on(2, "breathing")), (0, 1));
        assert_eq!(ledger.last_issued_ms(), Some(local(33)));
    }
}

//! Which arms may not be chosen, and the first reason why not.
//!
//! Masks come before scores: what is not eligible has no share of the distribution, and the
//! propensities of the others add up to 1 without it. The order of the reasons, first one named:
//! suspended, no channel, quiet hours, asleep, cooldown, budget, daypart, alert, dose cap.

use zeitgeber_schemas::{Arm, Daypart, MaskReason, ProfileBody};

use crate::ledger::{DAY_MIN, Ledger, LocalTime};

/// What an arm is checked against.
pub(super) struct Moment<'a> {
    /// Where the person is in their day.
    pub(super) local: LocalTime,
    /// Predicted sleepiness, KSS.
    pub(super) kss: f64,
    /// Why nothing at all may reach the person, as the ledger says.
    pub(super) hindrance: Option<MaskReason>,
    /// The person's profile.
    pub(super) profile: &'a ProfileBody,
    /// What was issued to the person.
    pub(super) ledger: &'a Ledger,
}

impl Moment<'_> {
    /// The first reason why `arm` may not be chosen now.
    pub(super) fn mask(&self, arm: &Arm) -> Option<MaskReason> {
        if arm.suspended {
            return Some(MaskReason::Suspended);
        }
        if self.hindrance.is_some() {
            return self.hindrance;
        }
        if !self.suits(arm) {
            return Some(MaskReason::Daypart);
        }
        if arm.min_kss.is_some_and(|least| self.kss < least) {
            return Some(MaskReason::Alert);
        }
        let doses = self.ledger.doses_on(self.local.day, &arm.name);
        (doses >= arm.dose_cap).then_some(MaskReason::DoseCap)
    }

    /// Whether the arm's window encloses the time of day. The bounds are distances from the anchor,
    /// so a window before sleep may name its farther end first.
    fn suits(&self, arm: &Arm) -> bool {
        let near = arm.from_min.min(arm.to_min);
        let far = arm.from_min.max(arm.to_min);
        match arm.daypart {
            Daypart::Any => true,
            Daypart::AfterWake => {
                let after = self.local.since(self.profile.sleep_end_min);
                (near..far).contains(&after)
            }
            Daypart::BeforeSleep => {
                let before = DAY_MIN - self.local.since(self.profile.sleep_start_min);
                before > near && before <= far
            }
        }
    }
}

//! Sleep and wake from movement: the scorers of actigraphy, rest bouts and their regularity.
//!
//! Each machine is fed one epoch at a time and tells the state of an earlier epoch as soon as it
//! can no longer change; what is held back until then is bounded. `emit` gets the states in order,
//! one for each epoch fed once `finish` is called. A missing epoch is fed as 0: nothing moved that
//! was seen. So [`Regularity`] must be told which epochs those were.
//!
//! Counts are not comparable between makers. The scorers of minutes were fitted to one device each
//! and mean nothing on another; [`Masda`] compares a recording with itself and fits any.

mod cole_kripke;
mod masda;
mod oakley;
mod regularity;
mod sadeh;
mod scoring;
mod webster;

pub use cole_kripke::{ColeKripke, Counts};
pub use masda::{BIN_MIN, Masda, RestBout, RestBouts};
pub use oakley::{Oakley, WAKE_ABOVE};
pub use regularity::{DayPairs, Regularity};
pub use sadeh::Sadeh;
pub use scoring::{Rest, Sleep, by_counts, rest};
pub use webster::Webster;

use super::feature::Feature;

const RECORDING: &str = "the recording";
const OTHER_DEVICE: &str = "on counts of another device than it was fitted to; lying still awake \
                            passes for sleep";

/// The features of this module.
pub const FEATURES: &[Feature] = &[
    Feature {
        name: "cole_kripke",
        unit: "state",
        meaning: "Whether a minute is sleep, by a weighted sum of the counts around it.",
        formula: "0.001 (106 A-4 + 54 A-3 + 58 A-2 + 76 A-1 + 230 A0 + 74 A+1 + 67 A+2) < 1; A = \
                  counts / 100 up to 300 (ActiGraph) or counts / 30",
        window: "a minute, 4 before and 2 after",
        source: "Cole 1992",
        reference: "ActiLife 6, pyActigraphy 1.2.2",
        tolerance: "exact",
        distrust: OTHER_DEVICE,
    },
    Feature {
        name: "cole_kripke_webster",
        unit: "state",
        meaning: "Sleep without the short spells that follow or lie within long wakefulness.",
        formula: "first 1, 3, 4 min of sleep after 4, 10, 15 min of wake; sleep of at most 6 min \
                  between 10 of wake, of at most 10 between 20; all from the original scoring",
        window: "a minute, 60 before and 31 after",
        source: "Webster 1982",
        reference: "batch formula",
        tolerance: "exact",
        distrust: "where the scoring below it is not to be trusted",
    },
    Feature {
        name: "sadeh",
        unit: "state",
        meaning: "Whether a minute is sleep, by level, spread and quiet minutes around it.",
        formula: "7.601 - 0.065 mean11 - 1.08 NAT - 0.056 SD6 - 0.703 ln(A0 + 1) > -4, A up to \
                  300, NAT the minutes of 50 <= A < 100",
        window: "a minute, 5 before and 5 after",
        source: "Sadeh 1994",
        reference: "ActiLife 6",
        tolerance: "exact",
        distrust: OTHER_DEVICE,
    },
    Feature {
        name: "oakley",
        unit: "state",
        meaning: "Whether an epoch is wake, by a weighted sum of the counts within 2 min.",
        formula: "sum of counts > 40, weighted 4, 2 or 1 in the middle (15, 30, 60 s), 0.2 within \
                  a minute, 0.04 beyond",
        window: "an epoch of 15, 30 or 60 s and 2 min around it",
        source: "Oakley 1997",
        reference: "Philips Actiware, pyActigraphy 1.2.2",
        tolerance: "exact",
        distrust: OTHER_DEVICE,
    },
    Feature {
        name: "rest_bouts",
        unit: "state",
        meaning: "Consolidated rest of at most 12 h, found without a scale.",
        formula: "10 min sums of at most 0.15 of the centred 24 h mean; from seeds of 30 min, \
                  the bout whose correlation with what follows in 12 h is the highest peak",
        window: "12 h before to 24 h after",
        source: "Roenneberg 2015",
        reference: "pyActigraphy 1.2.2 with pandas 2.2",
        tolerance: "exact bins",
        distrust: "where non-wear passes for rest, and within 24 h of the recording's end",
    },
    Feature {
        name: "sri",
        unit: "1",
        meaning: "How likely the state is the same 24 h later: 100 always, 0 as by chance.",
        formula: "200 P(s(t) = s(t + 24 h)) - 100 over pairs with both scored",
        window: RECORDING,
        source: "Phillips 2017",
        reference: "pyActigraphy 1.2.2 (whole days), GGIR 3.3-7 (pairs of days)",
        tolerance: "absolute 1e-9",
        distrust: "below 5 days; never compare it between scorers or devices",
    },
];

//! Off-policy evaluation: what another policy would have earned, from the log of the one that ran.
//!
//! Rows go in once to learn the outcome model ([`Outcomes`]) and once to be weighed ([`Weighing`]);
//! [`Weighing::finish`] gives an [`Evaluation`]. What a number needs in order to be believed is
//! checked first, and where a check refuses there is no number to print: [`Evaluation::answer`] is
//! then [`Answer::Refused`] with the reasons. The rows' order never changes a bit: sums that grow
//! while rows come are exact integers, everything else is added up by decision id.
//!
//! - `EVALUATION-1`: the outcome model that predicts for a row never saw the row's fold.
//! - `EVALUATION-2`: rows in another order give the same bits.
//! - `EVALUATION-3`: where a check refuses, no estimate can be had from the result.
//! - `EVALUATION-4`: intervals lie within what rewards can be.
//!
//! It is first-order: a candidate that would have changed who is eligible later (cooldowns) is
//! weighed as if it had not.

pub mod diagnostics;
mod drivers;
pub mod estimators;
pub mod intervals;
mod needed;
mod outcome;
mod overlap;
mod result;
mod row;
pub mod statistics;
mod sums;
mod terms;
mod weighing;

pub use drivers::{Driver, Sensitivity};
pub use needed::{Design, decisions_for, decisions_needed};
pub use outcome::Outcomes;
pub use overlap::{ArmShare, SegmentShare, Weights};
pub use result::{Answer, Difference, Estimate, Evaluation, Told, Verdict};
pub use row::{Missing, Row, RowFault, Settings, fold_of};
pub use sums::ExactSum;
pub use terms::{Duplicate, Term, Terms};
pub use weighing::Weighing;

//! What a simulation must never see: the invariants, by id.

use std::fmt;

/// An invariant. Its id stands in `docs/simulator.md` and in the code that guards it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// **SIM-1** Every acknowledged input is in the journal exactly once, in the order in which it
    /// was handed over, unless it repeats one that is.
    OnceInTheJournal,
    /// **SIM-2** Chunk numbers and positions are contiguous, and each chunk names the hash of the
    /// one before.
    Chain,
    /// **SIM-3** The state that opening gives is the fold of the log, and a snapshot changes nothing
    /// about that.
    StateIsFold,
    /// **SIM-4** The learner's exact sums are those of the rewards that the events tell.
    LearnerSums,
    /// **SIM-5** Accepted inputs, dead letters, counted repeats and what changed nothing add up to the
    /// inputs.
    Counts,
    /// **SIM-6** Nothing is told that a loss of power can take back.
    DurableBeforeTold,
    /// **SIM-7** A torn tail is never taken for damage.
    TornIsNotDamage,
    /// **SIM-8** Damage is never taken for a torn tail, nor passed over.
    DamageIsNotTorn,
    /// **SIM-9** Where nothing fails any more, everything drains within a bounded number of steps.
    Drains,
    /// **SIM-10** The events are those of the oracle, byte for byte.
    Oracle,
    /// **SIM-11** What becomes of an input is what a person would expect who knows the rules.
    Outcome,
}

impl Invariant {
    /// Its id.
    pub const fn id(self) -> &'static str {
        match self {
            Self::OnceInTheJournal => "SIM-1",
            Self::Chain => "SIM-2",
            Self::StateIsFold => "SIM-3",
            Self::LearnerSums => "SIM-4",
            Self::Counts => "SIM-5",
            Self::DurableBeforeTold => "SIM-6",
            Self::TornIsNotDamage => "SIM-7",
            Self::DamageIsNotTorn => "SIM-8",
            Self::Drains => "SIM-9",
            Self::Oracle => "SIM-10",
            Self::Outcome => "SIM-11",
        }
    }
}

/// An invariant that did not hold, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which one.
    pub invariant: Invariant,
    /// What was seen.
    pub what: String,
}

impl Violation {
    pub(super) fn new(invariant: Invariant, what: impl Into<String>) -> Self {
        Self { invariant, what: what.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant.id(), self.what)
    }
}

impl std::error::Error for Violation {}

/// Holds an invariant, or says what was seen instead.
pub(super) fn hold(
    invariant: Invariant,
    holds: bool,
    what: impl FnOnce() -> String,
) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation::new(invariant, what())) }
}

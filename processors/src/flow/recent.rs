//! What is told of a person's last decisions, so that a status needs no look at the log.

use alloc::{collections::VecDeque, string::String};

use serde::{Deserialize, Serialize};
use zeitgeber_schemas::{
    DecisionId, DecisionMade, FeedbackNoted, FeedbackRecorded, FeedbackStatus, InterventionIssued,
    InterventionSuppressed, OutcomeExpired, Suppression,
};

/// How many decisions are remembered.
pub const DECISIONS_TOLD: usize = 5;

/// The last decisions for one person, and what reached them last.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Recent {
    decisions: VecDeque<Decided>,
    issued: Option<InterventionIssued>,
}

/// A decision and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decided {
    /// Its id.
    pub decision_id: DecisionId,
    /// When, ms UTC.
    pub at_ms: i64,
    /// The arm chosen.
    pub chosen: String,
    /// With which probability.
    pub propensity: f64,
    /// Whether anything reached the person; none before that was said.
    pub fate: Option<Fate>,
    /// The reward that the learner holds for it, on its grid.
    pub reward: Option<i32>,
}

/// What intervention made of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fate {
    /// It reached the person.
    Issued,
    /// Nothing reached the person, and why.
    Suppressed(Suppression),
}

impl Recent {
    /// Nothing decided yet.
    pub const fn initial() -> Self {
        Self { decisions: VecDeque::new(), issued: None }
    }

    /// The last [`DECISIONS_TOLD`] decisions, oldest first.
    pub fn decisions(&self) -> impl DoubleEndedIterator<Item = &Decided> {
        self.decisions.iter()
    }

    /// The last intervention issued.
    pub const fn issued(&self) -> Option<&InterventionIssued> {
        self.issued.as_ref()
    }

    /// Bytes on the heap, roughly: names are short.
    pub(super) fn heap_bytes(&self) -> usize {
        const NAMES: usize = 64;
        self.decisions.capacity() * size_of::<Decided>() + (self.decisions.len() + 1) * NAMES
    }

    pub(super) fn apply_decision(&mut self, event: &DecisionMade) {
        if self.decisions.len() == DECISIONS_TOLD {
            self.decisions.pop_front();
        }
        self.decisions.push_back(Decided {
            decision_id: event.decision_id,
            at_ms: event.at_ms,
            chosen: event.chosen.clone(),
            propensity: event.propensity,
            fate: None,
            reward: None,
        });
    }

    pub(super) fn apply_issued(&mut self, event: &InterventionIssued) {
        if let Some(decision) = self.find(event.decision_id) {
            decision.fate = Some(Fate::Issued);
        }
        self.issued = Some(event.clone());
    }

    pub(super) fn apply_suppressed(&mut self, event: &InterventionSuppressed) {
        if let Some(decision) = self.find(event.decision_id) {
            decision.fate = Some(Fate::Suppressed(event.reason));
        }
    }

    pub(super) fn apply_recorded(&mut self, event: &FeedbackRecorded) {
        if matches!(event.status, FeedbackStatus::Applied | FeedbackStatus::Corrected)
            && let Some(decision) = self.find(event.decision_id)
        {
            decision.reward = Some(event.reward);
        }
    }

    pub(super) fn apply_noted(&mut self, event: &FeedbackNoted) {
        let changes = event.replaces.is_some() || event.stands.is_some();
        if let Some(decision) = self.find(event.decision_id).filter(|_| changes) {
            decision.reward = event.stands;
        }
    }

    pub(super) fn apply_expired(&mut self, event: &OutcomeExpired) {
        if let Some(decision) = self.find(event.decision_id) {
            decision.reward = event.imputed;
        }
    }

    fn find(&mut self, id: DecisionId) -> Option<&mut Decided> {
        self.decisions.iter_mut().find(|decision| decision.decision_id == id)
    }
}

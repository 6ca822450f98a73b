//! Feedback that came before its decision is known waits here, for a bounded time and number.
//!
//! A log can be fed outcomes ahead of the readings that lead to their decisions: topics are read
//! side by side, files in any order. What waits is joined when its decision is made, in the order
//! in which it came, and given up one window after it came, on the clocks of arrival.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use zeitgeber_schemas::{DecisionId, Envelope, FeedbackBody, FeedbackOrphaned, FeedbackParked};

use super::account::MOST_SEEN;

/// Most feedback that waits in one partition; for one decision, [`MOST_SEEN`]. What comes beyond is
/// a dead letter at once.
pub const MOST_PARKED: usize = 1024;

/// Most feedback that one input gives up, so that what an input causes stays small.
pub const MOST_ORPHANED_AT_ONCE: usize = 64;

/// What waits, by decision and in the order in which it came.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Parking {
    waiting: BTreeMap<DecisionId, Vec<Parked>>,
    count: usize,
}

/// Feedback that waits.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Parked {
    pub(super) id: String,
    pub(super) tenant: String,
    pub(super) given_ms: i64,
    pub(super) received_ms: i64,
    pub(super) until_ms: i64,
    pub(super) body: FeedbackBody,
}

impl Parking {
    pub(super) const fn empty() -> Self {
        Self { waiting: BTreeMap::new(), count: 0 }
    }

    pub(super) const fn len(&self) -> usize {
        self.count
    }

    /// Whether there is room for more on a decision.
    pub(super) fn has_room(&self, decision_id: DecisionId) -> bool {
        self.count < MOST_PARKED && self.of(decision_id).len() < MOST_SEEN
    }

    pub(super) fn of(&self, decision_id: DecisionId) -> &[Parked] {
        self.waiting.get(&decision_id).map_or(&[], Vec::as_slice)
    }

    pub(super) fn holds(&self, decision_id: DecisionId, feedback_id: &str) -> bool {
        self.of(decision_id).iter().any(|parked| parked.id == feedback_id)
    }

    /// What has waited long enough by `clock_ms`, as far as one input gives it up, without what
    /// waits for the decision that this input makes.
    pub(super) fn overdue(
        &self,
        clock_ms: i64,
        made: Option<DecisionId>,
    ) -> impl Iterator<Item = &Parked> {
        let others = self.waiting.iter().filter(move |(waits_for, _)| made != Some(**waits_for));
        let all = others.flat_map(|(_, parked)| parked);
        all.filter(move |parked| clock_ms > parked.until_ms).take(MOST_ORPHANED_AT_ONCE)
    }

    pub(super) fn put(
        &mut self,
        envelope: &Envelope<'_>,
        body: &FeedbackBody,
        event: &FeedbackParked,
    ) {
        self.waiting.entry(event.decision_id).or_default().push(Parked {
            id: event.feedback_id.clone(),
            tenant: envelope.tenant.into(),
            given_ms: envelope.ts,
            received_ms: envelope.received(),
            until_ms: event.until_ms,
            body: body.clone(),
        });
        self.count += 1;
    }

    pub(super) fn remove(&mut self, decision_id: DecisionId, feedback_id: &str) {
        let Some(parked) = self.waiting.get_mut(&decision_id) else { return };
        let before = parked.len();
        parked.retain(|parked| parked.id != feedback_id);
        self.count -= before - parked.len();
        if parked.is_empty() {
            self.waiting.remove(&decision_id);
        }
    }
}

impl Parked {
    pub(super) fn orphaned(&self, detail: &str) -> FeedbackOrphaned {
        FeedbackOrphaned {
            decision_id: self.body.decision_id,
            feedback_id: self.id.clone(),
            tenant: self.tenant.clone(),
            user_id: self.body.user_id.clone(),
            given_ms: self.given_ms,
            detail: detail.into(),
        }
    }
}

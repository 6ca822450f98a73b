//! One task: what it is, where it stands, and what was tried.

use alloc::{boxed::Box, collections::VecDeque, string::String, vec::Vec};

use zeitgeber_schemas::{DecisionId, Payload, Priority, Resources, RetryPolicy, Setback, TaskBody};

/// Attempts remembered of one task, the newest.
pub const ATTEMPTS_KEPT: usize = 8;
/// Transitions remembered of one task, the newest.
pub const TRANSITIONS_KEPT: usize = 16;

/// Where a task stands.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// It waits for an agent.
    Queued,
    /// It failed and waits for its next try.
    Waiting,
    /// An agent has it and has not started it.
    Assigned,
    /// An agent works on it.
    Started,
    /// Done. Final.
    Completed,
    /// Given up after its last try. Final.
    Failed,
    /// Called off. Final.
    Cancelled,
    /// Not finished by its deadline. Final.
    Expired,
}

impl TaskState {
    /// Every state.
    pub const ALL: [Self; 8] = [
        Self::Queued,
        Self::Waiting,
        Self::Assigned,
        Self::Started,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
        Self::Expired,
    ];

    /// Whether nothing follows it.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled | Self::Expired)
    }

    /// Its name, as in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Waiting => "waiting",
            Self::Assigned => "assigned",
            Self::Started => "started",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }
}

/// One assignment of a task and what became of it.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Attempt {
    /// Which assignment of the task, from 1.
    pub attempt: u32,
    /// The agent.
    pub agent: String,
    /// The lease.
    pub lease: u64,
    /// When it was assigned, ms UTC.
    pub at_ms: i64,
    /// When the lease runs out, ms UTC.
    pub lease_until_ms: i64,
    /// When the agent started, ms UTC.
    pub started_ms: Option<i64>,
    /// When the lease ended, ms UTC.
    pub ended_ms: Option<i64>,
    /// Why the agent did not finish it.
    pub setback: Option<Setback>,
    /// Probability with which the agent was chosen.
    pub propensity: f64,
    /// The decision behind it where the policy learns.
    pub decision_id: Option<DecisionId>,
}

/// What an agent told last of a task.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Outcome {
    /// Whether it was done.
    pub success: bool,
    /// What went wrong.
    pub error: Option<String>,
    /// How long it took, ms.
    pub latency_ms: Option<i64>,
    /// What it cost.
    pub cost: Option<f64>,
    /// How good it is, 0 to 1.
    pub quality: Option<f64>,
    /// What came out.
    pub output: Option<Payload>,
}

/// A task.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Task {
    /// Its id within the pool.
    pub id: String,
    /// What was asked. Inline content is dropped once the task is finished.
    pub body: Box<TaskBody>,
    /// Its priority now.
    pub priority: Priority,
    /// Where it stands.
    pub state: TaskState,
    /// When it was submitted, ms UTC.
    pub submitted_ms: i64,
    /// When it expires unless finished, ms UTC.
    pub deadline_ms: i64,
    /// Assignments so far.
    pub assignments: u32,
    /// Failed attempts so far.
    pub failures: u32,
    /// The newest attempts.
    pub attempts: VecDeque<Attempt>,
    /// The newest transitions: when, and to which state.
    pub transitions: VecDeque<(i64, TaskState)>,
    /// What an agent told last.
    pub outcome: Option<Box<Outcome>>,
    /// Place in the order of submissions.
    pub(super) number: u64,
    /// Fingerprint of its body.
    pub(super) content: u64,
    /// What the agent must be able to do, as the pool numbers it.
    pub(super) mask: u128,
    /// The slot of the agent that has it.
    pub(super) holder: Option<u32>,
    /// When it was queued last, or rose in priority since, ms UTC.
    pub(super) queued_ms: i64,
    /// When its next try is due, ms UTC.
    pub(super) retry_at_ms: i64,
    /// Under which instant it stands among what is due; `i64::MAX`: it does not.
    pub(super) due_ms: i64,
}

impl Task {
    /// The attempt in force.
    pub fn current(&self) -> Option<&Attempt> {
        self.holder.and_then(|_| self.attempts.back())
    }

    /// What it takes of an agent's quotas.
    pub fn needs(&self) -> Resources {
        self.body.needs.clone()
    }

    /// Length of its inline content, bytes.
    pub(super) fn inline_bytes(&self) -> u64 {
        inline_bytes(self.body.payload.as_ref())
    }

    /// Notes that it is in `state` from `at_ms` on.
    pub(super) fn enter(&mut self, state: TaskState, at_ms: i64) {
        self.state = state;
        if self.transitions.len() == TRANSITIONS_KEPT {
            self.transitions.pop_front();
        }
        self.transitions.push_back((at_ms, state));
    }

    /// How it is tried again, by its own word or the pool's.
    pub(super) fn retry<'a>(&'a self, default: &'a RetryPolicy) -> &'a RetryPolicy {
        self.body.retry.as_ref().unwrap_or(default)
    }
}

/// Length of a payload's inline content, bytes.
pub(super) fn inline_bytes(payload: Option<&Payload>) -> u64 {
    payload.and_then(|payload| payload.inline.as_ref()).map_or(0, |text| text.len() as u64)
}

/// The features of a task for the learner: a one, then its own, cut or filled with zeros.
pub(super) fn features(body: &TaskBody, dimension: usize) -> Vec<i32> {
    let one = core::iter::once(1.0);
    let own = body.features.iter().copied().chain(core::iter::repeat(0.0));
    one.chain(own).take(dimension).map(crate::exact::feature).collect()
}

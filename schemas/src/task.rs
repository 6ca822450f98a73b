//! Tasks: what is to be done, and what agents report of it.

use alloc::{string::String, vec::Vec};

use crate::{
    Resources, RetryPolicy,
    wire::{record, symbols},
};

symbols! {
    /// How urgent a task is.
    Priority {
        /// After all others.
        Low = "low",
        /// The ordinary case.
        Normal = "normal",
        /// Before the ordinary ones.
        High = "high",
        /// Before all others.
        Critical = "critical",
    }
}

record! {
    /// Content of a task or a result: by reference, or inline.
    Payload {
        /// Media type.
        content_type: String,
        /// Where it is.
        reference: Option<String>,
        /// The content itself as text, at most 64 KiB; other bytes in the encoding that the media
        /// type names.
        inline: Option<String>,
    }
}

record! {
    /// Something is to be done by an agent of the pool. The id of the envelope is the task's: the
    /// same again is a repeat.
    TaskBody {
        /// How urgent it is.
        priority: Priority,
        /// What the agent must be able to do.
        capabilities: Vec<String>,
        /// Context for the policy linucb, at most 16 numbers.
        features: Vec<f64>,
        /// Score for the policy threshold.
        complexity: f64,
        /// When it expires unless finished, ms UTC.
        deadline_ms: Option<i64>,
        /// How long an attempt may take, ms.
        timeout_ms: Option<i64>,
        /// When it is tried again.
        retry: Option<RetryPolicy>,
        /// What it takes of an agent's quotas.
        needs: Resources,
        /// What it is about.
        payload: Option<Payload>,
    }
}

record! {
    /// A task is not wanted any more. The id of the envelope is the task's.
    TaskCancelBody {
        /// Why, for people.
        why: Option<String>,
    }
}

record! {
    /// An agent begins to work on a task. The id of the envelope is the task's.
    TaskStartBody {
        /// The agent.
        agent: String,
        /// The lease under which it has the task.
        lease: u64,
    }
}

record! {
    /// An agent is done with a task. The id of the envelope is the task's.
    TaskResultBody {
        /// The agent.
        agent: String,
        /// The lease under which it has the task.
        lease: u64,
        /// Whether it was done.
        success: bool,
        /// What went wrong, for people.
        error: Option<String>,
        /// How long it took, ms; none: since the assignment.
        latency_ms: Option<i64>,
        /// What it cost, in units of the pool's.
        cost: Option<f64>,
        /// How good it is, 0 to 1.
        quality: Option<f64>,
        /// What came out.
        output: Option<Payload>,
    }
}

//! Validation of a pool's inputs: what is refused, and why.

use alloc::{format, string::String};

use zeitgeber_schemas::{
    AgentProfile, DeadLettered, Envelope, Payload, PoolBody, Reason, RetryPolicy, TaskBody,
    TaskResultBody,
};

use super::{
    pool::Pool,
    task::{Task, inline_bytes},
};

/// Longest id of a pool, task, agent or capability, bytes.
pub const ID_BYTES_MAX: usize = 256;
/// Most distinct capabilities of a pool: the bits of a mask.
pub const CAPABILITIES_MAX: usize = 128;
/// Most tasks that an agent takes at a time.
pub const CAPACITY_MAX: u32 = 256;
/// Most context features of a task.
pub const FEATURES_MAX: usize = 16;
/// Longest inline content of a task or result, bytes.
pub const INLINE_BYTES_MAX: usize = 64 << 10;
/// Most inline content of a pool's unfinished tasks together, bytes.
pub const PAYLOAD_BYTES_MAX: u64 = 256 << 20;
/// Most agents and most finished tasks that a pool may be configured to remember.
const REMEMBERED_MAX: u32 = 1_000_000;
/// Most labels of an agent.
const LABELS_MAX: usize = 32;
/// Longest span that may be configured, ms: 365 days.
const SPAN_MAX_MS: i64 = 365 * 86_400_000;
/// Most attempts of a task.
const ATTEMPTS_MAX: u32 = 100;
/// Greatest magnitude of weights, scores and costs.
const NUMBER_MAX: f64 = 1e9;

type Checked = Result<(), DeadLettered>;

pub(super) fn refuse(reason: Reason, detail: impl Into<String>) -> DeadLettered {
    DeadLettered { reason, detail: detail.into() }
}

/// The pool's name is not told: an entry under no pool does not hold it, and must be decided again
/// to the same words.
pub(super) fn unknown_pool() -> DeadLettered {
    let detail = "the pool is not known: configure it or register an agent first";
    refuse(Reason::UnknownPool, detail)
}

pub(super) fn unknown_agent(agent: &str) -> DeadLettered {
    refuse(Reason::UnknownAgent, format!("agent {agent:?} is not known: let it register first"))
}

pub(super) fn stale_lease(task: &Task, agent: &str, lease: u64) -> DeadLettered {
    let now = match task.current() {
        Some(current) => format!("lease {} of agent {:?} is", current.lease, current.agent),
        None => format!("the task is {} and none is", task.state.as_str()),
    };
    let detail =
        format!("lease {lease} of agent {agent:?} on task {:?} is not in force; {now}", task.id);
    refuse(Reason::StaleLease, detail)
}

/// The envelope's ids. The pool's own is settled at the door: see [`unknown_pool`].
pub(super) fn ids(envelope: &Envelope<'_>, needs_id: bool) -> Checked {
    let id = envelope.id;
    if id.len() > ID_BYTES_MAX {
        let detail = format!("`id` has {} bytes; at most {ID_BYTES_MAX}", id.len());
        return Err(refuse(Reason::Oversized, detail));
    }
    if needs_id && id.is_empty() {
        return Err(refuse(Reason::MissingField, "a task and an agent need a name"));
    }
    Ok(())
}

pub(super) fn profile(pool: &Pool, profile: &AgentProfile) -> Checked {
    capabilities(pool, &profile.capabilities)?;
    let labels = profile.labels.iter().flat_map(|label| [&label.name, &label.value]);
    if profile.labels.len() > LABELS_MAX || labels.clone().any(|text| text.len() > ID_BYTES_MAX) {
        let detail = format!("at most {LABELS_MAX} labels of at most {ID_BYTES_MAX} bytes");
        return Err(refuse(Reason::Oversized, detail));
    }
    whole("capacity", profile.capacity.into(), 1, CAPACITY_MAX.into())?;
    number("weight", profile.weight, f64::MIN_POSITIVE, NUMBER_MAX)
}

pub(super) fn task(pool: &Pool, body: &TaskBody, now_ms: i64) -> Checked {
    capabilities(pool, &body.capabilities)?;
    if body.features.len() > FEATURES_MAX {
        let detail = format!("{} features; at most {FEATURES_MAX}", body.features.len());
        return Err(refuse(Reason::Oversized, detail));
    }
    for feature in &body.features {
        number("features", *feature, -NUMBER_MAX, NUMBER_MAX)?;
    }
    number("complexity", body.complexity, -NUMBER_MAX, NUMBER_MAX)?;
    if let Some(timeout_ms) = body.timeout_ms {
        whole("timeout_ms", timeout_ms, 1, SPAN_MAX_MS)?;
    }
    if let Some(deadline_ms) = body.deadline_ms {
        let least = now_ms.saturating_add(1);
        whole("deadline_ms", deadline_ms, least, now_ms.saturating_add(SPAN_MAX_MS))?;
    }
    body.retry.as_ref().map_or(Ok(()), retry)?;
    payload("payload", body.payload.as_ref())?;
    room(pool, body)
}

/// The bounds of the pool.
fn room(pool: &Pool, body: &TaskBody) -> Checked {
    let most = pool.configuration.limits.queue;
    if pool.tasks.open() >= u64::from(most) {
        let detail = format!("{most} tasks of the pool are not finished, and no more are taken");
        return Err(refuse(Reason::Full, detail));
    }
    if pool.tasks.inline_bytes() + inline_bytes(body.payload.as_ref()) > PAYLOAD_BYTES_MAX {
        let detail = format!(
            "unfinished tasks hold {PAYLOAD_BYTES_MAX} bytes of inline content; give a reference"
        );
        return Err(refuse(Reason::Full, detail));
    }
    Ok(())
}

pub(super) fn result(body: &TaskResultBody) -> Checked {
    if let Some(latency_ms) = body.latency_ms {
        whole("latency_ms", latency_ms, 0, SPAN_MAX_MS)?;
    }
    if let Some(cost) = body.cost {
        number("cost", cost, 0.0, NUMBER_MAX)?;
    }
    if let Some(quality) = body.quality {
        number("quality", quality, 0.0, 1.0)?;
    }
    if body.error.as_ref().is_some_and(|text| text.len() > INLINE_BYTES_MAX) {
        return Err(refuse(Reason::Oversized, format!("`error` is over {INLINE_BYTES_MAX} bytes")));
    }
    payload("output", body.output.as_ref())
}

pub(super) fn configuration(body: &PoolBody) -> Checked {
    let policy = &body.policy;
    number("policy.threshold", policy.threshold, -NUMBER_MAX, NUMBER_MAX)?;
    number("policy.alpha", policy.alpha, 0.0, NUMBER_MAX)?;
    number("policy.lambda", policy.lambda, 0.0, NUMBER_MAX)?;
    number("policy.epsilon", policy.epsilon, 0.0, 1.0)?;
    whole("policy.features", policy.features.into(), 0, FEATURES_MAX as i64)?;
    whole("heartbeat_ttl_ms", body.heartbeat_ttl_ms, 100, SPAN_MAX_MS)?;
    if let Some(escalate_after_ms) = body.escalate_after_ms {
        whole("escalate_after_ms", escalate_after_ms, 1, SPAN_MAX_MS)?;
    }
    whole("timeout_ms", body.timeout_ms, 1, SPAN_MAX_MS)?;
    whole("time_to_live_ms", body.time_to_live_ms, 1, SPAN_MAX_MS)?;
    retry(&body.retry)?;
    whole("limits.queue", body.limits.queue.into(), 1, REMEMBERED_MAX.into())?;
    whole("limits.agents", body.limits.agents.into(), 1, REMEMBERED_MAX.into())?;
    whole("limits.retained", body.limits.retained.into(), 1, REMEMBERED_MAX.into())?;
    let reward = &body.reward;
    for (name, weight) in [
        ("reward.success", reward.success),
        ("reward.quality", reward.quality),
        ("reward.latency", reward.latency),
        ("reward.cost", reward.cost),
    ] {
        number(name, weight, -NUMBER_MAX, NUMBER_MAX)?;
    }
    Ok(())
}

fn retry(retry: &RetryPolicy) -> Checked {
    whole("retry.max_attempts", retry.max_attempts.into(), 1, ATTEMPTS_MAX.into())?;
    whole("retry.backoff_ms", retry.backoff_ms, 0, SPAN_MAX_MS)?;
    whole("retry.backoff_max_ms", retry.backoff_max_ms, 0, SPAN_MAX_MS)?;
    number("retry.jitter", retry.jitter, 0.0, 1.0)
}

fn payload(name: &str, payload: Option<&Payload>) -> Checked {
    let Some(payload) = payload else { return Ok(()) };
    let inline = payload.inline.as_ref().map_or(0, String::len);
    let others = payload.reference.as_ref().map_or(0, String::len).max(payload.content_type.len());
    if inline > INLINE_BYTES_MAX || others > INLINE_BYTES_MAX {
        let detail = format!(
            "`{name}` has {} bytes; at most {INLINE_BYTES_MAX}: give a reference to the content",
            inline.max(others)
        );
        return Err(refuse(Reason::Oversized, detail));
    }
    Ok(())
}

fn capabilities(pool: &Pool, names: &[String]) -> Checked {
    if let Some(name) = names.iter().find(|name| name.is_empty() || name.len() > ID_BYTES_MAX) {
        let detail = format!("a capability has {} bytes; 1 to {ID_BYTES_MAX}", name.len());
        return Err(refuse(Reason::OutOfRange, detail));
    }
    let is_new = |(at, name): &(usize, &String)| {
        !pool.capabilities.contains(name) && !names[..*at].contains(name)
    };
    let new = names.iter().enumerate().filter(is_new).take(CAPABILITIES_MAX + 1).count();
    if pool.capabilities.len() + new > CAPABILITIES_MAX {
        let detail = format!("a pool knows at most {CAPABILITIES_MAX} different capabilities");
        return Err(refuse(Reason::Full, detail));
    }
    Ok(())
}

fn whole(name: &str, value: i64, least: i64, most: i64) -> Checked {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    let detail = format!("`{name}` is {value}; it must be {least} to {most}");
    Err(refuse(Reason::OutOfRange, detail))
}

fn number(name: &str, value: f64, least: f64, most: f64) -> Checked {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    let detail = format!("`{name}` is {value}; it must be {least} to {most}");
    Err(refuse(Reason::OutOfRange, detail))
}

//! The configuration of a pool, in JSON.
//!
//! The fields are those of the schema `pool_body`; what is not said is as before any configuration
//! ([`default_configuration`]). `policy` may be the policy's name alone.

use serde_json::Value;
use zeitgeber_processors::tasks::default_configuration;
use zeitgeber_schemas::{AssignmentPolicy, PoolBody, PoolPolicy, Reason, RetryPolicy};

use super::{
    fields::{Fault, Object, optional, optional_text, optional_whole, quoted, required, text},
    tasks::{optional_number, optional_u32, part, retry},
};

/// How often and when a task is tried again where nothing is said.
pub(super) fn default_retry() -> RetryPolicy {
    default_configuration().retry
}

/// How a pool works from here on.
pub(super) fn configuration(object: &Object) -> Result<PoolBody, Fault> {
    let mut body = default_configuration();
    if let Some(version) = optional_text(object, "version")? {
        body.version = version.into();
    }
    match optional(object, "policy") {
        Some(Value::String(name)) => body.policy.kind = kind(name)?,
        _ => {
            if let Some(policy) = part(object, "policy")? {
                change_policy(policy, &mut body.policy)?;
            }
        }
    }
    let span =
        |name: &str, default: i64| Ok::<_, Fault>(optional_whole(object, name)?.unwrap_or(default));
    body.heartbeat_ttl_ms = span("heartbeat_ttl_ms", body.heartbeat_ttl_ms)?;
    body.timeout_ms = span("timeout_ms", body.timeout_ms)?;
    body.time_to_live_ms = span("time_to_live_ms", body.time_to_live_ms)?;
    // An explicit null means never.
    if object.contains_key("escalate_after_ms") {
        body.escalate_after_ms = optional_whole(object, "escalate_after_ms")?;
    }
    if let Some(part) = part(object, "retry")? {
        body.retry = retry(part, &body.retry)?;
    }
    if let Some(part) = part(object, "limits")? {
        let limits = &mut body.limits;
        limits.queue = optional_u32(part, "queue")?.unwrap_or(limits.queue);
        limits.agents = optional_u32(part, "agents")?.unwrap_or(limits.agents);
        limits.retained = optional_u32(part, "retained")?.unwrap_or(limits.retained);
    }
    if let Some(part) = part(object, "reward")? {
        let reward = &mut body.reward;
        reward.success = optional_number(part, "success")?.unwrap_or(reward.success);
        reward.quality = optional_number(part, "quality")?.unwrap_or(reward.quality);
        reward.latency = optional_number(part, "latency")?.unwrap_or(reward.latency);
        reward.cost = optional_number(part, "cost")?.unwrap_or(reward.cost);
    }
    Ok(body)
}

fn change_policy(part: &Object, policy: &mut PoolPolicy) -> Result<(), Fault> {
    policy.kind = kind(text(required(part, "kind")?, "policy.kind")?)?;
    policy.threshold = optional_number(part, "threshold")?.unwrap_or(policy.threshold);
    policy.alpha = optional_number(part, "alpha")?.unwrap_or(policy.alpha);
    policy.lambda = optional_number(part, "lambda")?.unwrap_or(policy.lambda);
    policy.epsilon = optional_number(part, "epsilon")?.unwrap_or(policy.epsilon);
    policy.features = optional_u32(part, "features")?.unwrap_or(policy.features);
    policy.seed = optional_whole(part, "seed")?.unwrap_or(policy.seed);
    Ok(())
}

fn kind(name: &str) -> Result<AssignmentPolicy, Fault> {
    AssignmentPolicy::from_symbol(name).ok_or_else(|| {
        let known: Vec<_> = AssignmentPolicy::ALL.iter().map(|known| known.as_str()).collect();
        let detail = format!("policy {}; known: {}", quoted(name), known.join(", "));
        (Reason::WrongType, detail)
    })
}

//! Inputs of pools of agents in JSON → task inputs.
//!
//! One JSON object is one input; its `type` says which: `submit`, `cancel`, `start` or `result` of
//! a task, `register`, `heartbeat`, `drain` or `leave` of an agent, `pool` (its configuration) or
//! `tick`. Types and texts are settled here; what a pool allows is decided by validation, from the
//! journal alone. Keys that nobody knows are ignored. A whole number may be written `5.0`.
//!
//! - every one: `pool`, and as it likes `tenant`, `ts`, `recv_ts`; `task` or `agent` names whom it
//!   is about
//! - `submit`: `priority` (normal), `capabilities`, `features`, `complexity`, `deadline_ms`,
//!   `timeout_ms`, `retry`, `needs`, `payload`
//! - `start`, `result`: `agent`, `lease`; a result `success`, `error`, `latency_ms`, `cost`,
//!   `quality`, `output`
//! - payload and output: `content_type`, and `reference` or `inline` (text; another JSON value is
//!   taken as its text)

use serde_json::Value;
use zeitgeber_schemas::{
    Envelope, Payload, Priority, Reason, Resources, RetryPolicy, TaskBody, TaskCancelBody,
    TaskInput, TaskResultBody, TaskStartBody, TickBody,
};

use super::{
    AHEAD_MAX_MS, DEFAULT_TENANT, Refusal, agents,
    fields::{
        Fault, Object, missing, number, object, optional, optional_text, optional_whole, quoted,
        refusal, required, text, unsigned, whole, wrong_type,
    },
    pools,
};

/// The types of inputs, as they stand in JSON.
pub const TYPES: [&str; 10] = [
    "submit",
    "cancel",
    "start",
    "result",
    "register",
    "heartbeat",
    "drain",
    "leave",
    "pool",
    "tick",
];

/// When an input arrives, as far as its door knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Stands in where the input brings no `recv_ts`, ms UTC; none: it stays without.
    pub stamp_ms: Option<i64>,
    /// The door's clock, ms UTC; `i64::MAX` switches the check against it off.
    pub door_now_ms: i64,
}

/// One input of a pool.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolInput {
    /// The tenant; `default` where none is named.
    pub tenant: String,
    /// The pool.
    pub pool: String,
    /// The task or agent; empty for the pool itself.
    pub id: String,
    /// Event time, ms UTC.
    pub ts: i64,
    /// Arrival time, ms UTC.
    pub recv_ts: Option<i64>,
    /// What it says.
    pub body: TaskInput,
}

impl PoolInput {
    /// Its envelope.
    pub fn envelope(&self) -> Envelope<'_> {
        Envelope {
            tenant: &self.tenant,
            user_id: &self.pool,
            id: &self.id,
            ts: self.ts,
            recv_ts: self.recv_ts,
        }
    }
}

/// Reads one input.
pub fn command(json: &[u8], arrival: Arrival) -> Result<PoolInput, Box<Refusal>> {
    let value = object(json).map_err(|(reason, detail)| Box::new(Refusal::new(reason, detail)))?;
    command_of(&value, arrival)
}

/// Reads one input from JSON that was parsed before, and perhaps completed by its path.
pub fn command_of(value: &Value, arrival: Arrival) -> Result<PoolInput, Box<Refusal>> {
    let object = value.as_object().ok_or_else(|| {
        let (reason, detail) = wrong_type("input", "an object", value);
        Box::new(Refusal::new(reason, detail))
    })?;
    fields(object, arrival).map_err(|fault| {
        let of = |name: &str| object.get(name).and_then(Value::as_str).map(str::to_owned);
        let short = |text: &String| text.len() <= super::ID_BYTES_MAX;
        let told = refusal(object, fault);
        Box::new(Refusal {
            user_id: of("pool").filter(short),
            id: of("task").or_else(|| of("agent")).filter(short),
            kind: of("type").filter(short),
            ..*told
        })
    })
}

fn fields(object: &Object, arrival: Arrival) -> Result<PoolInput, Fault> {
    let kind = text(required(object, "type")?, "type")?;
    let pool = text(required(object, "pool")?, "pool")?;
    let tenant = optional_text(object, "tenant")?.unwrap_or(DEFAULT_TENANT);
    if pool.is_empty() || tenant.is_empty() || tenant.contains('/') {
        let detail = "`pool` and `tenant` must not be empty, nor `tenant` hold a `/`";
        return Err((Reason::WrongType, detail.into()));
    }
    let (id, body) = body(object, kind)?;
    let recv_ts = optional_whole(object, "recv_ts")?.or(arrival.stamp_ms);
    let at_ms = match &body {
        TaskInput::Tick(tick) => Some(tick.at_ms),
        _ => None,
    };
    let ts = optional_whole(object, "ts")?.or(recv_ts).or(at_ms).ok_or_else(|| missing("ts"))?;
    let moves_to = at_ms.unwrap_or(recv_ts.unwrap_or(ts));
    if moves_to > arrival.door_now_ms.saturating_add(AHEAD_MAX_MS) {
        let detail = format!("arrival {moves_to} is more than 5 minutes ahead of the door's clock");
        return Err((Reason::ClockAhead, detail));
    }
    Ok(PoolInput { tenant: tenant.into(), pool: pool.into(), id, ts, recv_ts, body })
}

fn body(object: &Object, kind: &str) -> Result<(String, TaskInput), Fault> {
    let named = |name: &str| text(required(object, name)?, name).map(str::to_owned);
    Ok(match kind {
        "submit" => (named("task")?, TaskInput::Task(Box::new(submitted(object)?))),
        "cancel" => {
            let why = optional_text(object, "why")?.map(Into::into);
            (named("task")?, TaskInput::TaskCancel(TaskCancelBody { why }))
        }
        "start" => {
            let body = TaskStartBody { agent: named("agent")?, lease: lease(object)? };
            (named("task")?, TaskInput::TaskStart(body))
        }
        "result" => (named("task")?, TaskInput::TaskResult(Box::new(result(object)?))),
        "pool" => (String::new(), TaskInput::Pool(Box::new(pools::configuration(object)?))),
        "tick" => {
            let at_ms = whole(required(object, "at_ms")?, "at_ms")?;
            (String::new(), TaskInput::Tick(TickBody { at_ms }))
        }
        other => match agents::body(object, other)? {
            Some(body) => (named("agent")?, TaskInput::Agent(body)),
            None => {
                let detail = format!("type {}; known: {}", quoted(other), TYPES.join(", "));
                return Err((Reason::UnknownKind, detail));
            }
        },
    })
}

fn submitted(object: &Object) -> Result<TaskBody, Fault> {
    let priority = match optional_text(object, "priority")? {
        None => Priority::Normal,
        Some(name) => Priority::from_symbol(name).ok_or_else(|| {
            let known: Vec<_> = Priority::ALL.iter().map(|known| known.as_str()).collect();
            let detail = format!("priority {}; known: {}", quoted(name), known.join(", "));
            (Reason::WrongType, detail)
        })?,
    };
    let numbers = list(object, "features")?.iter().map(|value| number(value, "features"));
    Ok(TaskBody {
        priority,
        capabilities: texts(object, "capabilities")?,
        features: numbers.collect::<Result<_, _>>()?,
        complexity: optional_number(object, "complexity")?.unwrap_or(0.0),
        deadline_ms: optional_whole(object, "deadline_ms")?,
        timeout_ms: optional_whole(object, "timeout_ms")?,
        retry: part(object, "retry")?
            .map(|part| retry(part, &pools::default_retry()))
            .transpose()?,
        needs: resources(object, "needs")?,
        payload: payload(object, "payload")?,
    })
}

fn result(object: &Object) -> Result<TaskResultBody, Fault> {
    let success = required(object, "success")?;
    Ok(TaskResultBody {
        agent: text(required(object, "agent")?, "agent")?.into(),
        lease: lease(object)?,
        success: success
            .as_bool()
            .ok_or_else(|| wrong_type("success", "true or false", success))?,
        error: content(object, "error")?,
        latency_ms: optional_whole(object, "latency_ms")?,
        cost: optional_number(object, "cost")?,
        quality: optional_number(object, "quality")?,
        output: payload(object, "output")?,
    })
}

fn lease(object: &Object) -> Result<u64, Fault> {
    let value = required(object, "lease")?;
    unsigned(value).ok_or_else(|| wrong_type("lease", "a whole number from 0", value))
}

/// When a failed task is tried again; what is not said stays as in `default`.
pub(super) fn retry(part: &Object, default: &RetryPolicy) -> Result<RetryPolicy, Fault> {
    Ok(RetryPolicy {
        max_attempts: optional_u32(part, "max_attempts")?.unwrap_or(default.max_attempts),
        backoff_ms: optional_whole(part, "backoff_ms")?.unwrap_or(default.backoff_ms),
        backoff_max_ms: optional_whole(part, "backoff_max_ms")?.unwrap_or(default.backoff_max_ms),
        jitter: optional_number(part, "jitter")?.unwrap_or(default.jitter),
    })
}

/// Quotas or needs; what is not said is 0.
pub(super) fn resources(object: &Object, name: &str) -> Result<Resources, Fault> {
    let part = part(object, name)?;
    let amount = |name: &str| match part {
        Some(part) => Ok(optional_u32(part, name)?.unwrap_or(0)),
        None => Ok(0),
    };
    Ok(Resources {
        cpu_milli: amount("cpu_milli")?,
        memory_mib: amount("memory_mib")?,
        gpu: amount("gpu")?,
    })
}

fn payload(object: &Object, name: &str) -> Result<Option<Payload>, Fault> {
    let Some(part) = part(object, name)? else { return Ok(None) };
    let (inline, by_itself) = match optional(part, "inline") {
        None => (None, "application/octet-stream"),
        Some(Value::String(text)) => (Some(text.clone()), "text/plain"),
        Some(other) => (Some(other.to_string()), "application/json"),
    };
    let content_type = optional_text(part, "content_type")?.unwrap_or(by_itself).into();
    Ok(Some(Payload { content_type, reference: content(part, "reference")?, inline }))
}

/// A text of any length, which validation bounds.
fn content(object: &Object, name: &str) -> Result<Option<String>, Fault> {
    let Some(value) = optional(object, name) else { return Ok(None) };
    let text = value.as_str().ok_or_else(|| wrong_type(name, "a string", value))?;
    Ok(Some(text.to_owned()))
}

/// A field that may be absent and is an object.
pub(super) fn part<'a>(object: &'a Object, name: &str) -> Result<Option<&'a Object>, Fault> {
    let Some(value) = optional(object, name) else { return Ok(None) };
    value.as_object().map(Some).ok_or_else(|| wrong_type(name, "an object", value))
}

fn list<'a>(object: &'a Object, name: &str) -> Result<&'a [Value], Fault> {
    let Some(value) = optional(object, name) else { return Ok(&[]) };
    value.as_array().map(Vec::as_slice).ok_or_else(|| wrong_type(name, "a list", value))
}

/// A list of short texts; absent, it is empty.
pub(super) fn texts(object: &Object, name: &str) -> Result<Vec<String>, Fault> {
    let items = list(object, name)?;
    items.iter().map(|value| text(value, name).map(str::to_owned)).collect()
}

/// A list of leases.
pub(super) fn leases(object: &Object, name: &str) -> Result<Option<Vec<u64>>, Fault> {
    if optional(object, name).is_none() {
        return Ok(None);
    }
    let whole = |value: &Value| {
        unsigned(value).ok_or_else(|| wrong_type(name, "a list of whole numbers from 0", value))
    };
    list(object, name)?.iter().map(whole).collect::<Result<_, _>>().map(Some)
}

pub(super) fn optional_number(object: &Object, name: &str) -> Result<Option<f64>, Fault> {
    optional(object, name).map(|value| number(value, name)).transpose()
}

pub(super) fn optional_u32(object: &Object, name: &str) -> Result<Option<u32>, Fault> {
    let whole = |value: &Value| {
        let found = unsigned(value).and_then(|found| u32::try_from(found).ok());
        found.ok_or_else(|| wrong_type(name, "a whole number from 0 to 4294967295", value))
    };
    optional(object, name).map(whole).transpose()
}

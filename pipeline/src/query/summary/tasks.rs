//! Events of pools, agents and tasks in one line of text; none for the events of people.

use zeitgeber_schemas::{Event, Setback, TaskAssigned, TaskFailed};

use crate::query::time_text;

/// What an event of a pool says, in one line.
pub(super) fn summary(event: &Event) -> Option<String> {
    Some(match event {
        Event::PoolOpened(opened) => format!("pool {} is known from here on", opened.pool),
        Event::PoolConfigured => "the pool works like this from here on".into(),
        Event::AgentRegistered(event) => match &event.replaces {
            Some(left) => format!("agent {} in place of {left}, which left", event.agent),
            None => format!("agent {} is there", event.agent),
        },
        Event::AgentSeen(event) => format!("agent {} was heard of", event.agent),
        Event::AgentHealthChanged(event) => {
            format!("agent {}: {} after {}", event.agent, event.to, event.from)
        }
        Event::TaskQueued(event) => format!("task {} waits ({})", event.task, event.reason),
        Event::TaskEscalated(event) => format!("task {} rises to {}", event.task, event.priority),
        Event::TaskAssigned(event) => assigned(event),
        Event::TaskStarted(event) => {
            format!("task {} started by {} (lease {})", event.task, event.agent, event.lease)
        }
        Event::TaskCompleted(event) => {
            format!("task {} done by {} in {} ms", event.task, event.agent, event.latency_ms)
        }
        Event::TaskFailed(event) => failed(event),
        Event::TaskReleased(event) => {
            format!("task {} taken back from {}: {}", event.task, event.agent, event.reason)
        }
        Event::TaskCancelled(event) => {
            format!("task {} cancelled{}", event.task, holder(event.agent.as_deref()))
        }
        Event::TaskExpired(event) => {
            format!("task {} expired{}", event.task, holder(event.agent.as_deref()))
        }
        Event::TaskDeadLettered(event) => {
            let (task, failures) = (&event.task, event.failures);
            format!("task {task} given up after {failures} failure(s): {}", event.reason)
        }
        _ => return None,
    })
}

fn assigned(event: &TaskAssigned) -> String {
    format!(
        "task {} to {} by {} with propensity {:.3} (lease {}, until {})",
        event.task,
        event.agent,
        event.policy,
        event.propensity,
        event.lease,
        time_text(event.lease_until_ms)
    )
}

fn failed(event: &TaskFailed) -> String {
    let next = match event.retry_at_ms {
        Some(at_ms) => format!("again at {}", time_text(at_ms)),
        None => "the last try".into(),
    };
    let reason: Setback = event.reason;
    format!("task {} failed with {}: {reason}; {next}", event.task, event.agent)
}

fn holder(agent: Option<&str>) -> String {
    agent.map_or_else(String::new, |agent| format!(", taken from {agent}"))
}

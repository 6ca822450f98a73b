//! Agents: what they say, and what becomes known of them.

use alloc::{string::String, vec::Vec};

use crate::wire::{record, symbols};

symbols! {
    /// What an agent is fit for under the policy threshold.
    Tier {
        /// Simple tasks.
        Basic = "basic",
        /// Complex tasks and second tries.
        Advanced = "advanced",
    }
}

record! {
    /// Quotas of an agent, or needs of a task.
    Resources {
        /// Thousandths of a processor.
        cpu_milli: u32,
        /// Memory, MiB.
        memory_mib: u32,
        /// Graphics processors.
        gpu: u32,
    }
}

record! {
    /// Something said of an agent, for people.
    Label {
        /// What it is about.
        name: String,
        /// What is said.
        value: String,
    }
}

record! {
    /// What an agent says of itself.
    AgentProfile {
        /// What it can do.
        capabilities: Vec<String>,
        /// Tasks it takes at a time, from 1.
        capacity: u32,
        /// Anything for people.
        labels: Vec<Label>,
        /// What it is fit for.
        tier: Tier,
        /// Its share under the policy weighted, above 0.
        weight: f64,
        /// Its quotas under the policy resource_fit.
        resources: Resources,
    }
}

symbols! {
    /// What an agent says.
    AgentCommand {
        /// It is there, or has changed.
        Register = "register",
        /// It is alive.
        Heartbeat = "heartbeat",
        /// It takes no more tasks and finishes those that it started.
        Drain = "drain",
        /// It is gone.
        Leave = "leave",
    }
}

record! {
    /// An agent of a pool says something. The id of the envelope is the agent's.
    AgentBody {
        /// What it says.
        command: AgentCommand,
        /// What it says of itself; there with register.
        profile: Option<AgentProfile>,
        /// How busy it feels, with a heartbeat; for people.
        load: Option<f64>,
        /// The leases that it still works on, with a heartbeat; a started task whose lease is not
        /// named is taken from it.
        leases: Option<Vec<u64>>,
    }
}

symbols! {
    /// How an agent is.
    Health {
        /// It is heard of.
        Healthy = "healthy",
        /// It was not heard of for three quarters of its time to live, and gets no task.
        Late = "late",
        /// It was not heard of for its time to live, and its tasks are taken from it.
        Lost = "lost",
        /// It gets no task and finishes those that it started.
        Draining = "draining",
        /// It is gone.
        Left = "left",
    }
}

record! {
    /// An agent joined the pool, came back or changed; its input says what it is.
    AgentRegistered {
        /// The agent.
        agent: String,
        /// The agent that left first and is forgotten to make room.
        replaces: Option<String>,
    }
}

record! {
    /// An agent was heard of.
    AgentSeen {
        /// The agent.
        agent: String,
        /// How busy it feels.
        load: Option<f64>,
    }
}

record! {
    /// The health of an agent changed.
    AgentHealthChanged {
        /// The agent.
        agent: String,
        /// What it was.
        from: Health,
        /// What it is.
        to: Health,
    }
}

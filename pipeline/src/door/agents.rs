//! What agents say, in JSON.
//!
//! - `register`: as it likes `capabilities`, `capacity` (1), `labels` (an object of texts), `tier`
//!   (`basic` or `advanced`), `weight` (1), `resources` (`cpu_milli`, `memory_mib`, `gpu`)
//! - `heartbeat`: as it likes `load`, and `leases`, the list of those that it still works on
//! - `drain`, `leave`: nothing else

use zeitgeber_schemas::{AgentBody, AgentCommand, AgentProfile, Label, Reason, Tier};

use super::{
    fields::{Fault, Object, optional_text, quoted, text},
    tasks::{leases, optional_number, optional_u32, part, resources, texts},
};

/// What an agent says; none where `kind` is no agent's.
pub(super) fn body(object: &Object, kind: &str) -> Result<Option<AgentBody>, Fault> {
    let Some(command) = AgentCommand::from_symbol(kind) else { return Ok(None) };
    let registers = command == AgentCommand::Register;
    let beats = command == AgentCommand::Heartbeat;
    Ok(Some(AgentBody {
        command,
        profile: if registers { Some(profile(object)?) } else { None },
        load: if beats { optional_number(object, "load")? } else { None },
        leases: if beats { leases(object, "leases")? } else { None },
    }))
}

fn profile(object: &Object) -> Result<AgentProfile, Fault> {
    let tier = match optional_text(object, "tier")? {
        None => Tier::Basic,
        Some(name) => Tier::from_symbol(name).ok_or_else(|| {
            let detail = format!("tier {}; known: basic, advanced", quoted(name));
            (Reason::WrongType, detail)
        })?,
    };
    let mut labels = Vec::new();
    for (name, value) in part(object, "labels")?.into_iter().flatten() {
        let value = text(value, "labels")?.into();
        labels.push(Label { name: name.clone(), value });
    }
    Ok(AgentProfile {
        capabilities: texts(object, "capabilities")?,
        capacity: optional_u32(object, "capacity")?.unwrap_or(1),
        labels,
        tier,
        weight: optional_number(object, "weight")?.unwrap_or(1.0),
        resources: resources(object, "resources")?,
    })
}

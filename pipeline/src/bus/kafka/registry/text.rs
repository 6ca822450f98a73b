//! The schemas of output records, composed of the catalogue's own texts, and their ids.
//!
//! An output holds where and whose it is, then the event's payload as it stands in the log; where
//! an event only refers to its input, the input's body, too; of a refused input the bytes.

use zeitgeber_schemas::{
    SchemaId,
    catalogue::{self, Text},
};

use super::{Entry, INPUTS_FROM, VERSION_STEP};

/// The input whose body goes with an event, because the event only refers to it.
pub(in super::super) const fn carries(event: SchemaId) -> Option<SchemaId> {
    match event {
        SchemaId::ReadingAccepted => Some(SchemaId::Reading),
        SchemaId::ProfileSet => Some(SchemaId::Profile),
        SchemaId::ConfigurationSet => Some(SchemaId::Configuration),
        SchemaId::ControlSet => Some(SchemaId::Control),
        SchemaId::PoolConfigured => Some(SchemaId::Pool),
        SchemaId::AgentRegistered => Some(SchemaId::Agent),
        SchemaId::TaskQueued => Some(SchemaId::Task),
        SchemaId::TaskCompleted | SchemaId::TaskFailed => Some(SchemaId::TaskResult),
        _ => None,
    }
}

/// Whether the bytes of the refused input go with an event.
pub(in super::super) const fn keeps_raw(event: SchemaId) -> bool {
    matches!(event, SchemaId::DeadLettered)
}

/// The version of an output's schema grows with that of each part.
fn version(event: SchemaId) -> u32 {
    let of = |schema: SchemaId| catalogue::ALL[schema as usize].version;
    of(event) + carries(event).map_or(0, |body| of(body) - 1)
}

pub(super) fn output_id(event: SchemaId) -> u32 {
    1 + event as u32 + (version(event) - 1) * VERSION_STEP
}

/// The schema of an event's output record.
pub(super) fn output(event: SchemaId) -> Entry {
    let field = |name: &str, kind: &str, doc: &str| {
        format!(r#"{{"name":"{name}","type":{kind},"doc":"{doc}"}}"#)
    };
    let mut fields = vec![
        field("partition", r#""int""#, "Partition of the log."),
        field("position", r#""long""#, "Number of the event within the partition, from 0."),
        field("tenant", r#""string""#, "The tenant."),
        field(
            "user_id",
            r#"["null","string"]"#,
            "The person within the tenant, or the pool, where known.",
        ),
        field("input_id", r#""string""#, "Id of the input that caused the event."),
        field("ts", r#""long""#, "Event time of the input, ms UTC."),
        field("recv_ts", r#"["null","long"]"#, "Arrival time of the input, ms UTC."),
    ];
    if let Some(body) = carries(event) {
        let body = format!(r#"["null",{}]"#, catalogue::for_payload(body).trim_end());
        fields.push(field("input", &body, "The input, where the event refers to it."));
    }
    if keeps_raw(event) {
        let doc = "The refused bytes as they came, their first 4 KiB.";
        fields.push(field("raw", r#"["null","bytes"]"#, doc));
    }
    fields.push(field("event", catalogue::for_payload(event).trim_end(), "The event."));
    let name = camel(event.as_str());
    let schema = format!(
        r#"{{"type":"record","name":"{name}","namespace":"zeitgeber.output","fields":[{}]}}"#,
        fields.join(",")
    );
    let subject = format!("zeitgeber.output.{name}");
    Entry { subject, version: version(event), id: output_id(event), schema }
}

/// The entry of a whole input's schema.
pub(super) fn input(text: &Text) -> Option<Entry> {
    let schema = SchemaId::from_symbol(text.name).filter(|_| text.id.is_none())?;
    Some(Entry {
        subject: format!("zeitgeber.{}", camel(text.name)),
        version: text.version,
        id: INPUTS_FROM + schema as u32 + (text.version - 1) * VERSION_STEP,
        schema: text.json.trim_end().into(),
    })
}

fn camel(name: &str) -> String {
    let words = name.split('_').map(|word| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_ascii_uppercase() + rest
    });
    words.collect()
}

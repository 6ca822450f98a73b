//! The schema texts as one table, so that a log can carry everything needed to read it.
//!
//! A segment stores [`table_json`] in its head: with it and any Avro library a reader gets from
//! chunk to entry to payload. Whole inputs (an envelope and a body, as files and topics carry
//! them) have texts of their own; the journal never stores them in that form.

use alloc::{format, string::String};

use crate::SchemaId;

/// One schema, at its current version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text {
    /// The payload that it describes; none: a chunk, or an input with its envelope.
    pub id: Option<SchemaId>,
    /// Its name: the stem of its file in `schemas/avsc`, snake_case.
    pub name: &'static str,
    /// Its version, from 1: the newest one in `schemas/avsc/history/NAME`.
    pub version: u32,
    /// The Avro schema, self-contained.
    pub json: &'static str,
}

macro_rules! texts {
    ($($id:expr, $name:literal, $version:literal;)*) => {
        /// Every schema: payloads by id, then the chunk, then whole inputs.
        pub const ALL: &[Text] = &[$(Text {
            id: $id,
            name: $name,
            version: $version,
            json: include_str!(concat!("../avsc/", $name, ".avsc")),
        }),*];
    };
}

texts! {
    Some(SchemaId::Reading), "reading_body", 1;
    Some(SchemaId::Profile), "profile_body", 1;
    Some(SchemaId::Feedback), "feedback_body", 2;
    Some(SchemaId::Configuration), "configuration_body", 2;
    Some(SchemaId::Unreadable), "unreadable", 1;
    Some(SchemaId::SubjectOpened), "subject_opened", 1;
    Some(SchemaId::ReadingAccepted), "reading_accepted", 1;
    Some(SchemaId::DeadLettered), "dead_lettered", 1;
    Some(SchemaId::ProfileSet), "profile_set", 1;
    Some(SchemaId::ConfigurationSet), "configuration_set", 1;
    Some(SchemaId::RhythmAnalysed), "rhythm_analysed", 1;
    Some(SchemaId::DecisionMade), "decision_made", 2;
    Some(SchemaId::InterventionIssued), "intervention_issued", 1;
    Some(SchemaId::InterventionSuppressed), "intervention_suppressed", 1;
    Some(SchemaId::FeedbackRecorded), "feedback_recorded", 3;
    Some(SchemaId::OutcomeExpired), "outcome_expired", 3;
    Some(SchemaId::Agent), "agent_body", 1;
    Some(SchemaId::Task), "task_body", 1;
    Some(SchemaId::TaskCancel), "task_cancel_body", 1;
    Some(SchemaId::TaskStart), "task_start_body", 1;
    Some(SchemaId::TaskResult), "task_result_body", 1;
    Some(SchemaId::Pool), "pool_body", 1;
    Some(SchemaId::Tick), "tick_body", 1;
    Some(SchemaId::PoolOpened), "pool_opened", 1;
    Some(SchemaId::PoolConfigured), "pool_configured", 1;
    Some(SchemaId::AgentRegistered), "agent_registered", 1;
    Some(SchemaId::AgentSeen), "agent_seen", 1;
    Some(SchemaId::AgentHealthChanged), "agent_health_changed", 1;
    Some(SchemaId::TaskQueued), "task_queued", 1;
    Some(SchemaId::TaskEscalated), "task_escalated", 1;
    Some(SchemaId::TaskAssigned), "task_assigned", 1;
    Some(SchemaId::TaskStarted), "task_started", 1;
    Some(SchemaId::TaskCompleted), "task_completed", 1;
    Some(SchemaId::TaskFailed), "task_failed", 1;
    Some(SchemaId::TaskReleased), "task_released", 1;
    Some(SchemaId::TaskCancelled), "task_cancelled", 1;
    Some(SchemaId::TaskExpired), "task_expired", 1;
    Some(SchemaId::TaskDeadLettered), "task_dead_lettered", 1;
    Some(SchemaId::PersonTick), "person_tick_body", 1;
    Some(SchemaId::DayAnalysed), "day_analysed", 1;
    Some(SchemaId::Control), "control_body", 1;
    Some(SchemaId::ControlSet), "control_set", 1;
    Some(SchemaId::ShadowDecided), "shadow_decided", 1;
    Some(SchemaId::DecisionWithheld), "decision_withheld", 1;
    Some(SchemaId::FeedbackNoted), "feedback_noted", 1;
    Some(SchemaId::FeedbackParked), "feedback_parked", 1;
    Some(SchemaId::FeedbackOrphaned), "feedback_orphaned", 1;
    None, "chunk", 1;
    None, "reading", 1;
    None, "profile", 1;
    None, "feedback", 2;
    None, "configuration", 2;
    None, "agent", 1;
    None, "task", 1;
    None, "task_cancel", 1;
    None, "task_start", 1;
    None, "task_result", 1;
    None, "pool", 1;
    None, "tick", 1;
    None, "person_tick", 1;
    None, "control", 1;
}

/// The schema of a payload: of an input's body or of an event. JSON text.
pub fn for_payload(schema: SchemaId) -> &'static str {
    ALL[schema as usize].json
}

/// The table that stands in every segment's head: a JSON array of `{"id", "name", "version",
/// "schema"}`, one for each [`SchemaId`] in order (named as its symbol), then the chunk with a null
/// id. The same bytes for the same build.
pub fn table_json() -> String {
    let mut table = String::from("[");
    for text in ALL {
        let (id, name) = match text.id {
            Some(id) => (format!("{}", id as usize), id.as_str()),
            None if text.name == "chunk" => (String::from("null"), text.name),
            None => continue,
        };
        if table.len() > 1 {
            table.push_str(",\n");
        }
        let Text { version, json, .. } = text;
        table.push_str(&format!(
            r#"{{"id":{id},"name":"{name}","version":{version},"schema":{}}}"#,
            json.trim_end()
        ));
    }
    table.push(']');
    table
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::{collections::BTreeSet, fs, path::Path, vec::Vec};

    use apache_avro::Schema;
    use serde_json::Value;

    use super::*;

    fn avsc() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("avsc")
    }

    #[test]
    fn the_texts_of_payloads_stand_at_their_ids() {
        for (at, &id) in SchemaId::ALL.iter().enumerate() {
            assert_eq!(ALL[at].id, Some(id));
            let stem = ALL[at].name;
            assert_eq!(stem.strip_suffix("_body").unwrap_or(stem), id.as_str());
            assert_eq!(for_payload(id), ALL[at].json);
        }
        assert!(ALL[SchemaId::ALL.len()..].iter().all(|text| text.id.is_none()));
    }

    #[test]
    fn every_schema_file_is_in_the_catalogue_once() {
        let files: BTreeSet<_> = fs::read_dir(avsc())
            .expect("the directory of schemas can be listed")
            .map(|entry| entry.expect("a directory entry can be read").path())
            .filter(|path| path.extension().is_some_and(|e| e == "avsc"))
            .map(|path| path.file_stem().map(|stem| stem.to_string_lossy().into_owned()))
            .collect();
        let names: BTreeSet<_> = ALL.iter().map(|text| Some(String::from(text.name))).collect();
        assert_eq!(names, files);
        assert_eq!(names.len(), ALL.len());
    }

    #[test]
    fn every_version_is_the_newest_of_its_history() {
        for text in ALL {
            let history = avsc().join("history").join(text.name);
            let newest = history.join(format!("{}.avsc", text.version));
            assert_eq!(
                fs::read_to_string(&newest).expect("the version is in the history"),
                text.json,
                "{newest:?}"
            );
            let next = history.join(format!("{}.avsc", text.version + 1));
            assert!(!next.exists(), "{next:?} is newer than the catalogue says");
        }
    }

    #[test]
    fn the_table_reads_as_schemas_by_id_and_the_chunk() {
        let table: Vec<Value> = serde_json::from_str(&table_json()).expect("the table is JSON");
        assert_eq!(table.len(), SchemaId::ALL.len() + 1);
        for (at, row) in table.iter().enumerate() {
            Schema::parse(&row["schema"]).expect("each row holds a schema");
            assert_eq!(row["version"], ALL[at].version);
            match SchemaId::ALL.get(at) {
                Some(id) => {
                    assert_eq!(row["id"], at);
                    assert_eq!(row["name"], id.as_str());
                }
                None => {
                    assert_eq!(row["id"], Value::Null);
                    assert_eq!(row["name"], "chunk");
                }
            }
        }
    }
}

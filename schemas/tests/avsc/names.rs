//! The names in the schema texts against the lists that the codec is made of.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use serde_json::{Value, json};
use zeitgeber_schemas::*;

use crate::texts::{definitions, directory, files};

fn every_text() -> BTreeMap<String, Value> {
    files(&directory())
        .into_iter()
        .map(|(name, text)| (name, serde_json::from_str(&text).unwrap()))
        .collect()
}

/// The definitions of all texts, each with the text's name.
fn every_definition(texts: &BTreeMap<String, Value>) -> Vec<(&str, &Value)> {
    let mut all = Vec::new();
    for (name, text) in texts {
        let mut found = Vec::new();
        definitions(text, &mut found);
        all.extend(found.into_iter().map(|definition| (name.as_str(), definition)));
    }
    all
}

/// Names of fields or symbols, by type. A type that only the texts have stands here by hand.
fn expected() -> BTreeMap<&'static str, Vec<&'static str>> {
    macro_rules! fields {
        ($($name:ident)*) => { [$((stringify!($name), $name::FIELDS.to_vec())),*] };
    }
    macro_rules! symbols {
        ($($name:ident)*) => {
            [$((stringify!($name), $name::ALL.iter().map(|symbol| symbol.as_str()).collect())),*]
        };
    }
    let input = || vec!["envelope", "body"];
    let mut names = BTreeMap::from([
        ("Reading", input()),
        ("Profile", input()),
        ("Feedback", input()),
        ("Configuration", input()),
        ("Agent", input()),
        ("Task", input()),
        ("TaskCancel", input()),
        ("TaskStart", input()),
        ("TaskResult", input()),
        ("Pool", input()),
        ("Tick", input()),
        ("PersonTick", input()),
        ("Control", input()),
        ("Chunk", vec!["header", "entries"]),
        ("ProfileSet", vec![]),
        ("ConfigurationSet", vec![]),
        ("PoolConfigured", vec![]),
        ("ControlSet", vec![]),
        ("Response", vec!["branch", "value"]),
        ("ResponseBranch", Response::NAMES.to_vec()),
    ]);
    names.extend(fields! {
        AgentBody AgentHealthChanged AgentProfile AgentRegistered AgentSeen Arm ChunkHeader
        Composite ConfigurationBody Cursor DayAnalysed DeadLettered DecisionMade Eligible Entry Envelope
        Environment FamilyAnalysed FeatureValue FeedbackBody FeedbackNoted FeedbackOrphaned FeedbackParked FeedbackPolicy FeedbackRecorded HeartSummary HourlyRhythm
        Imu InterventionIssued InterventionSuppressed Label LightSummary Limits Masked
        LearnerModel MinuteRhythm OffsetChange OutcomeExpired Part Payload PersonTickBody Policy
        PolicyRule PoolBody PoolLimits PoolOpened PoolPolicy ProfileBody RawBytes ReadingAccepted ReadingBody Recorded
        Repeat Resources RetryPolicy RewardWeights RhythmAnalysed SubjectOpened TaskAssigned
        TaskBody TaskCancelBody TaskCancelled TaskCompleted TaskDeadLettered TaskEscalated
        TaskExpired TaskFailed TaskQueued TaskReleased TaskResultBody TaskStartBody
        TaskStarted TickBody Rollout Unreadable ControlBody ShadowDecided DecisionWithheld
    });
    names.extend(symbols! {
        AgentCommand AssignmentPolicy ControlScope ControlStep Daypart EnergyState Family FeedbackClaim FeedbackStatus ForgettingKind Health
        MaskReason Missing PartName Priority QueueReason Reason RuleKind Scale Setback Signal Span
        Stage Suppression Tier
    });
    names
}

fn strings(array: &Value, member: Option<&str>) -> Vec<String> {
    let text = |item: &Value| member.map_or(item, |m| &item[m]).as_str().unwrap().to_owned();
    array.as_array().unwrap().iter().map(text).collect()
}

#[test]
fn fields_and_symbols_are_the_codecs_in_order_and_every_type_is_said() {
    let all = expected();
    let mut unsaid: BTreeSet<_> = all.keys().copied().collect();
    let texts = every_text();
    for (file, definition) in every_definition(&texts) {
        let name = definition["name"].as_str().unwrap();
        let names = match definition["type"].as_str().unwrap() {
            "record" => strings(&definition["fields"], Some("name")),
            "enum" => strings(&definition["symbols"], None),
            "fixed" => continue,
            other => panic!("{file}: a {other} with a name"),
        };
        let Some(expected) = all.get(name) else { panic!("{file}: no Rust type {name}") };
        assert_eq!(names, *expected, "{file}: {name}");
        unsaid.remove(name);
    }
    assert_eq!(unsaid, BTreeSet::new());
}

#[test]
fn every_type_every_field_and_every_symbol_is_documented() {
    let texts = every_text();
    for (file, definition) in every_definition(&texts) {
        let doc = definition["doc"].as_str().unwrap_or_default();
        assert!(doc.ends_with('.'), "{file}: {} says {doc:?}", definition["name"]);
        for symbol in definition["symbols"].as_array().into_iter().flatten() {
            let said = format!("{}: ", symbol.as_str().unwrap());
            assert!(doc.contains(&said), "{file}: {symbol} is not explained");
        }
        for field in definition["fields"].as_array().into_iter().flatten() {
            let doc = field["doc"].as_str().unwrap_or_default();
            assert!(doc.ends_with('.'), "{file}: {} says {doc:?}", field["name"]);
        }
    }
}

/// A type with the named types inside it cut down to their names.
fn by_reference(schema: &Value) -> Value {
    match schema {
        Value::Array(branches) => branches.iter().map(by_reference).collect(),
        Value::Object(object) => match (object.get("name"), object.get("items")) {
            (Some(name), _) => name.clone(),
            (None, Some(items)) => json!({"type": object["type"], "items": by_reference(items)}),
            (None, None) => schema.clone(),
        },
        _ => schema.clone(),
    }
}

#[test]
fn a_type_is_the_same_in_every_text_where_it_stands() {
    let texts = every_text();
    let mut first = BTreeMap::new();
    for (file, definition) in every_definition(&texts) {
        let mut alone = definition.as_object().unwrap().clone();
        alone.remove("namespace");
        for field in alone.get_mut("fields").and_then(Value::as_array_mut).into_iter().flatten() {
            field["type"] = by_reference(&field["type"]);
        }
        let name = definition["name"].as_str().unwrap();
        assert_eq!(*first.entry(name).or_insert_with(|| alone.clone()), alone, "{file}: {name}");
    }
}

#[test]
fn bit_sets_name_their_bits() {
    let texts = every_text();
    let sets: [(&str, &str, &[&str]); 3] = [
        ("Environment", "malformed", &FieldSet::NAMES),
        ("ReadingAccepted", "dropped_fields", &FieldSet::NAMES),
        ("ReadingAccepted", "flags", &FlagSet::NAMES),
    ];
    for (record, field, names) in sets {
        let all = every_definition(&texts);
        let definition = all.iter().find(|(_, definition)| definition["name"] == record).unwrap().1;
        let fields = definition["fields"].as_array().unwrap();
        let field = fields.iter().find(|candidate| candidate["name"] == field).unwrap();
        for (bit, name) in names.iter().enumerate() {
            let said = format!("{} {name}", 1 << bit);
            assert!(field["doc"].as_str().unwrap().contains(&said), "{record}: {said}");
        }
    }
}

#[test]
fn the_documentation_lists_every_schema_once() {
    let page = directory().join("../../docs/schemas.md");
    let page = fs::read_to_string(page).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let names = rows.flat_map(|row| row.split(" | ").next().unwrap().split(", "));
    let mut names: Vec<_> = names.map(|name| name.trim_matches('`')).collect();
    names.sort_unstable();
    assert_eq!(names, every_text().keys().collect::<Vec<_>>());
}

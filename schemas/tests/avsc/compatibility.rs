//! Every schema against its own past: full transitive compatibility.
//!
//! `schemas/avsc/history/NAME/N.avsc` is version N as it was released and never changes. A log
//! holds data of every version for ever, and an old reader may meet new data, so each version must
//! read every other one, wholly: an enum symbol or union branch that only one side knows counts as
//! incompatible, though some data would pass.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use apache_avro::{
    Schema,
    reader::datum::GenericDatumReader,
    schema_compatibility::{Compatibility, SchemaCompatibility},
    writer::datum::GenericDatumWriter,
};
use serde_json::Value;

use crate::{
    draw::Dice,
    layout::LAWS,
    texts::{definitions, directory, files, parsed, schema},
};

/// Whether each reads everything that the other writes.
fn compatible(one: &Schema, other: &Schema) -> bool {
    SchemaCompatibility::mutual_read(one, other) == Ok(Compatibility::Full)
}

/// The released versions of a schema.
fn history(name: &str) -> BTreeMap<u32, String> {
    let versions = files(&directory().join("history").join(name));
    versions.into_iter().map(|(version, text)| (version.parse().unwrap(), text)).collect()
}

#[test]
fn every_schema_reads_and_is_read_by_all_its_earlier_versions() {
    for name in files(&directory()).keys() {
        for (version, text) in history(name) {
            assert!(
                compatible(schema(name), &parsed(&text)),
                "{name} is incompatible with its version {version}: give a new field a default, \
                 remove only fields with one, and add no symbol where the enum has no default; \
                 what cannot be said so is a new schema"
            );
        }
    }
}

#[test]
fn every_schema_is_the_newest_version_of_its_history() {
    let current = files(&directory());
    for (name, text) in &current {
        let versions = history(name);
        assert!(versions.keys().copied().eq(1..=versions.len() as u32), "{name}: {versions:?}");
        assert_eq!(
            versions.last_key_value().unwrap().1,
            text,
            "{name} differs from its newest version: a change is a new file in \
             schemas/avsc/history/{name} and a higher version in the catalogue"
        );
    }
    let past = fs::read_dir(directory().join("history")).unwrap();
    let past: BTreeSet<_> = past.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    assert!(past.iter().eq(current.keys()), "a released schema is gone: {past:?}");
}

#[test]
fn an_incompatible_change_is_seen() {
    let current = schema("dead_lettered");
    assert!(compatible(current, &parsed(include_str!("fixtures/field_with_default.avsc"))));
    assert!(!compatible(current, &parsed(include_str!("fixtures/field_without_default.avsc"))));
    assert!(!compatible(current, &parsed(include_str!("fixtures/new_symbol.avsc"))));
    assert!(!compatible(current, &parsed(include_str!("fixtures/removed_field.avsc"))));
    assert!(!compatible(current, &parsed(include_str!("fixtures/changed_type.avsc"))));
}

/// The schema without any field that has a default, as an extreme other version.
///
/// A type is defined where its name first comes up, and that place may be gone: `defined` holds
/// what stands in the result so far, `all` every definition.
fn bare(schema: &Value, all: &BTreeMap<String, Value>, defined: &mut BTreeSet<String>) -> Value {
    match schema {
        Value::Array(branches) => branches.iter().map(|b| bare(b, all, defined)).collect(),
        Value::String(name) if all.contains_key(name) && !defined.contains(name) => {
            bare(&all[name], all, defined)
        }
        Value::Object(object) => {
            if let Some(name) = object.get("name") {
                defined.insert(name.as_str().unwrap().to_owned());
            }
            let mut object = object.clone();
            if let Some(Value::Array(fields)) = object.get_mut("fields") {
                fields.retain(|field| field.get("default").is_none());
                for field in fields {
                    field["type"] = bare(&field["type"], all, defined);
                }
            }
            if let Some(items) = object.get_mut("items") {
                *items = bare(items, all, defined);
            }
            Value::Object(object)
        }
        _ => schema.clone(),
    }
}

#[test]
fn every_default_stands_in_for_its_field_in_both_directions() {
    for (name, draw, recode) in LAWS {
        let full: Value = serde_json::from_str(&files(&directory())[*name]).unwrap();
        let mut found = Vec::new();
        definitions(&full, &mut found);
        let all = found.iter().map(|d| (d["name"].as_str().unwrap().to_owned(), (*d).clone()));
        let bare = bare(&full, &all.collect(), &mut BTreeSet::new());
        let bare = Schema::parse(&bare).unwrap();
        assert!(compatible(schema(name), &bare), "{name}");
        for entropy in [[0; 600], [1; 600]] {
            let new = draw(&mut Dice(&entropy));
            let old = resolved(&new, schema(name), &bare);
            let new_again = resolved(&old, &bare, schema(name));
            recode(&new_again).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(resolved(&new_again, schema(name), &bare), old, "{name}");
        }
    }
}

/// Data of one schema, read and written again under another.
fn resolved(bytes: &[u8], writer: &Schema, reader: &Schema) -> Vec<u8> {
    let resolving = GenericDatumReader::builder(writer).reader_schema(reader).build().unwrap();
    let value = resolving.read_value(&mut &bytes[..]).unwrap();
    GenericDatumWriter::builder(reader).build().unwrap().write_value_to_vec(value).unwrap()
}

/// The journal holds payloads of every version without saying which, so the codec must tell.
#[test]
fn the_codec_reads_every_earlier_version_as_another_library_resolves_it() {
    for (name, draw, recode) in LAWS {
        for (version, text) in history(name) {
            let earlier = parsed(&text);
            for entropy in [[0; 600], [1; 600], [3; 600]] {
                let old = resolved(&draw(&mut Dice(&entropy)), schema(name), &earlier);
                let wanted = resolved(&old, &earlier, schema(name));
                assert_eq!(recode(&old), Ok(wanted), "{name} {version}");
            }
        }
    }
}

//! The schema files as they stand in the tree, read by name.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use apache_avro::Schema;
use serde_json::Value;

/// The directory of the schema files.
pub(crate) fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("avsc")
}

/// The `.avsc` files of a directory: stem and text, in name order.
pub(crate) fn files(directory: &Path) -> BTreeMap<String, String> {
    fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "avsc"))
        .map(|path| {
            let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (stem, fs::read_to_string(path).unwrap())
        })
        .collect()
}

/// A schema text, parsed.
pub(crate) fn parsed(text: &str) -> Schema {
    Schema::parse_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A current schema.
pub(crate) fn schema(name: &str) -> &'static Schema {
    static ALL: OnceLock<BTreeMap<String, Schema>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        files(&directory()).into_iter().map(|(name, text)| (name, parsed(&text))).collect()
    });
    all.get(name).unwrap_or_else(|| panic!("there is no schema {name}"))
}

/// Every record, enum and fixed defined in a text, outermost first.
pub(crate) fn definitions<'a>(schema: &'a Value, found: &mut Vec<&'a Value>) {
    match schema {
        Value::Array(branches) => branches.iter().for_each(|branch| definitions(branch, found)),
        Value::Object(object) => {
            if object.contains_key("name") {
                found.push(schema);
            }
            for field in object.get("fields").and_then(Value::as_array).into_iter().flatten() {
                definitions(&field["type"], found);
            }
            if let Some(items) = object.get("items") {
                definitions(items, found);
            }
        }
        _ => {}
    }
}

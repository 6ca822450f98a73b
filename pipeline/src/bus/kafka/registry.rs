//! Schema ids: our own, or those of a configured registry.
//!
//! Records in Avro begin with a zero byte and the number of the schema that they follow. Without a
//! registry the numbers are ours, fixed for each version of each schema, and the service answers a
//! registry's read API from [`Registry`]. With one, outputs are registered there, and what inputs
//! follow is asked there once an id.

mod remote;
mod text;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use apache_avro::Schema;
use zeitgeber_schemas::{SchemaId, catalogue};

use crate::{door::avro, query::Topic};

use remote::Remote;
pub(super) use text::{carries, keeps_raw};

/// From here on ids are those of whole inputs; below, of outputs.
const INPUTS_FROM: u32 = 1_001;
/// Added to an id for each further version of its schema.
const VERSION_STEP: u32 = 1 << 16;
/// Schemas of inputs that are remembered.
const REMEMBERED: usize = 10_000;
/// How long an id stays unknown before it is asked for again.
const UNKNOWN_FOR: Duration = Duration::from_secs(10);

/// Pause before a registry that did not answer is asked again.
const SILENT_PAUSE: Duration = Duration::from_secs(1);

/// Why there is no schema, or no id.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// Nobody knows the id.
    #[error("schema id {0} is not known")]
    UnknownId(u32),
    /// The id stands for something else.
    #[error("schema id {id} is no reading: {why}")]
    Foreign {
        /// The id.
        id: u32,
        /// What it is instead.
        why: String,
    },
    /// The registry does not answer.
    #[error("the schema registry at {url} does not answer: {why}")]
    Silent {
        /// Its URL.
        url: String,
        /// What happened.
        why: String,
    },
    /// The registry refuses.
    #[error("the schema registry at {url} refuses {subject}: {why}")]
    Refused {
        /// Its URL.
        url: String,
        /// The subject.
        subject: String,
        /// What it said.
        why: String,
    },
}

/// A schema of ours as a registry tells it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Entry {
    /// The full name of its record.
    pub subject: String,
    /// Its version, from 1.
    pub version: u32,
    /// Its number.
    pub id: u32,
    /// Its text.
    pub schema: String,
}

/// Our own schemas: those of outputs and of whole inputs.
#[derive(Debug)]
pub struct Registry(BTreeMap<u32, Entry>);

impl Registry {
    /// The schemas of this program.
    pub fn own() -> &'static Self {
        static OWN: OnceLock<Registry> = OnceLock::new();
        OWN.get_or_init(|| {
            let outputs = SchemaId::ALL.iter().filter(|schema| Topic::of(**schema).is_some());
            let outputs = outputs.map(|schema| text::output(*schema));
            let inputs = catalogue::ALL.iter().filter_map(text::input);
            Self(outputs.chain(inputs).map(|entry| (entry.id, entry)).collect())
        })
    }

    /// The schema of an id.
    pub fn of_id(&self, id: u32) -> Option<&Entry> {
        self.0.get(&id)
    }

    /// Every schema, by id.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.0.values()
    }

    /// The versions of a subject, oldest first.
    pub fn of_subject<'a>(&'a self, subject: &'a str) -> impl Iterator<Item = &'a Entry> {
        self.0.values().filter(move |entry| entry.subject == subject)
    }

    /// The id of an event's output record.
    pub fn output(&self, schema: SchemaId) -> u32 {
        text::output_id(schema)
    }
}

/// What a schema id of readings stands for.
#[derive(Debug)]
enum Known {
    /// Today's own schema.
    Today,
    /// Another writer's.
    Of(Box<Schema>),
    /// Nothing that could be read.
    Not(Unusable, Instant),
}

#[derive(Debug)]
enum Unusable {
    Unknown,
    Foreign(String),
}

/// Schemas in use: asked for once, remembered.
#[derive(Debug)]
pub struct Schemas {
    remote: Option<Remote>,
    known: HashMap<u32, Known>,
}

impl Schemas {
    /// By our own ids, or those of the registry at `url` where it is not empty.
    pub fn new(url: &str) -> Self {
        let remote = (!url.is_empty()).then(|| Remote::new(url));
        Self { remote, known: HashMap::new() }
    }

    /// The writer's schema behind an id on the topic of readings; none: today's own.
    ///
    /// # Errors
    ///
    /// The id is not known or is no reading, or the registry does not answer.
    pub fn reading(&mut self, id: u32) -> Result<Option<&Schema>, RegistryError> {
        let stale =
            |known: &Known| matches!(known, Known::Not(_, asked) if asked.elapsed() > UNKNOWN_FOR);
        if self.known.get(&id).is_none_or(stale) {
            let found = self.ask(id)?;
            if self.known.len() >= REMEMBERED {
                self.known.clear();
            }
            self.known.insert(id, found);
        }
        match &self.known[&id] {
            Known::Today => Ok(None),
            Known::Of(schema) => Ok(Some(schema)),
            Known::Not(Unusable::Unknown, _) => Err(RegistryError::UnknownId(id)),
            Known::Not(Unusable::Foreign(why), _) => {
                Err(RegistryError::Foreign { id, why: why.clone() })
            }
        }
    }

    /// As [`Self::reading`], but waits for a registry that does not answer until `stop`: an
    /// outage must not make dead letters.
    ///
    /// # Errors
    ///
    /// The id is not known or is no reading, or nobody waits any more.
    pub fn reading_patiently(
        &mut self,
        id: u32,
        stop: &AtomicBool,
    ) -> Result<Option<&Schema>, RegistryError> {
        while !stop.load(Ordering::Relaxed) {
            match self.reading(id) {
                Err(error @ RegistryError::Silent { .. }) => {
                    tracing::error!(%error, "records wait for the schema registry");
                    std::thread::sleep(SILENT_PAUSE);
                }
                _ => break,
            }
        }
        self.reading(id)
    }

    fn ask(&self, id: u32) -> Result<Known, RegistryError> {
        let text = match &self.remote {
            Some(remote) => remote.schema(id)?,
            None => Registry::own().of_id(id).map(|entry| entry.schema.clone()),
        };
        let unusable = |unusable| Ok(Known::Not(unusable, Instant::now()));
        let Some(text) = text else { return unusable(Unusable::Unknown) };
        match Schema::parse_str(&text) {
            Err(error) => unusable(Unusable::Foreign(error.to_string())),
            Ok(schema) if !avro::is_reading(&schema) => {
                let name = schema.name().map_or("no record".into(), ToString::to_string);
                unusable(Unusable::Foreign(format!("it is {name}")))
            }
            Ok(schema) if avro::is_today(&schema) => Ok(Known::Today),
            Ok(schema) => Ok(Known::Of(Box::new(schema))),
        }
    }

    /// The id of readings in today's own form.
    ///
    /// # Errors
    ///
    /// The registry does not answer, or refuses the schema.
    pub fn today(&self) -> Result<u32, RegistryError> {
        let is_today = |entry: &&Entry| {
            Schema::parse_str(&entry.schema)
                .is_ok_and(|schema| avro::is_reading(&schema) && avro::is_today(&schema))
        };
        let entry = Registry::own().entries().find(is_today).expect("it is one of ours");
        self.remote.as_ref().map_or(Ok(entry.id), |remote| remote.register(entry))
    }

    /// The ids of all outputs by the number of their event's schema: ours, or as registered.
    ///
    /// # Errors
    ///
    /// The registry does not answer, or refuses a schema.
    pub fn outputs(&self) -> Result<Vec<u32>, RegistryError> {
        let registry = Registry::own();
        let id = |schema: &SchemaId| match (Topic::of(*schema), &self.remote) {
            (None, _) => Ok(0),
            (Some(_), None) => Ok(registry.output(*schema)),
            (Some(_), Some(remote)) => {
                let entry = registry.of_id(registry.output(*schema));
                remote.register(entry.expect("the registry has every output"))
            }
        };
        SchemaId::ALL.iter().map(id).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_of_ours_parses_and_has_an_id_of_its_own() {
        let registry = Registry::own();
        let outputs = SchemaId::ALL.iter().filter(|schema| Topic::of(**schema).is_some());
        for schema in outputs {
            let entry = registry.of_id(registry.output(*schema)).expect("it is there");
            let parsed = Schema::parse_str(&entry.schema).expect("it parses");
            assert_eq!(parsed.name().map(ToString::to_string).as_ref(), Some(&entry.subject));
        }
        let is_input = |entry: &&Entry| !entry.subject.starts_with("zeitgeber.output.");
        let inputs = registry.entries().filter(is_input);
        assert_eq!(inputs.filter(|entry| Schema::parse_str(&entry.schema).is_ok()).count(), 13);
        let ids = SchemaId::ALL.iter().filter(|schema| Topic::of(**schema).is_some()).count();
        assert_eq!(registry.entries().count(), ids + 13, "no two have the same id");
    }

    #[test]
    fn an_id_of_ours_is_a_reading_or_says_what_it_is() {
        let mut schemas = Schemas::new("");
        let reading = INPUTS_FROM + SchemaId::Reading as u32;
        assert!(matches!(schemas.reading(reading), Ok(None)));
        let unknown = schemas.reading(7_777).expect_err("nobody gave it out");
        assert_eq!(unknown.to_string(), "schema id 7777 is not known");
        let output = text::output_id(SchemaId::DecisionMade);
        let foreign = schemas.reading(output).expect_err("an output is no reading").to_string();
        assert!(foreign.contains("zeitgeber.output.DecisionMade"), "{foreign}");
    }
}

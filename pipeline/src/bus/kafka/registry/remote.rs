//! A schema registry that speaks Confluent's API.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use ureq::{Agent, Body, http::Response};

use super::{Entry, RegistryError};

/// How long the registry may take.
const TIME_OUT: Duration = Duration::from_secs(5);
/// Largest schema that is read, bytes.
const SCHEMA_BYTES_MAX: u64 = 4 << 20;
const MEDIA: &str = "application/vnd.schemaregistry.v1+json";

#[derive(Debug)]
pub(super) struct Remote {
    url: String,
    agent: Agent,
}

#[derive(Deserialize)]
struct Told {
    schema: String,
}

#[derive(Deserialize)]
struct Registered {
    id: u32,
}

impl Remote {
    pub(super) fn new(url: &str) -> Self {
        let config = Agent::config_builder()
            .timeout_global(Some(TIME_OUT))
            .http_status_as_error(false)
            .build();
        Self { url: url.trim_end_matches('/').into(), agent: config.into() }
    }

    /// The text behind an id; none where the registry knows no such id.
    pub(super) fn schema(&self, id: u32) -> Result<Option<String>, RegistryError> {
        let call = self.agent.get(format!("{}/schemas/ids/{id}", self.url)).call();
        let mut answer = call.map_err(|error| self.silent(&error))?;
        if answer.status() == 404 {
            return Ok(None);
        }
        let text = self.text(&mut answer)?;
        match serde_json::from_str::<Told>(&text) {
            Ok(told) if answer.status().is_success() => Ok(Some(told.schema)),
            _ => Err(self.silent(&format!("{}: {}", answer.status(), head(&text)))),
        }
    }

    /// Registers a schema under its name; the id that it has there.
    pub(super) fn register(&self, entry: &Entry) -> Result<u32, RegistryError> {
        let url = format!("{}/subjects/{}/versions", self.url, entry.subject);
        let body = json!({ "schema": entry.schema }).to_string();
        let call = self.agent.post(url).header("content-type", MEDIA).send(&body);
        let mut answer = call.map_err(|error| self.silent(&error))?;
        let text = self.text(&mut answer)?;
        if answer.status().is_server_error() {
            return Err(self.silent(&format!("{}: {}", answer.status(), head(&text))));
        }
        match serde_json::from_str::<Registered>(&text) {
            Ok(Registered { id }) if answer.status().is_success() => Ok(id),
            _ => Err(RegistryError::Refused {
                url: self.url.clone(),
                subject: entry.subject.clone(),
                why: format!("{}: {}", answer.status(), head(&text)),
            }),
        }
    }

    fn text(&self, answer: &mut Response<Body>) -> Result<String, RegistryError> {
        let body = answer.body_mut().with_config().limit(SCHEMA_BYTES_MAX);
        body.read_to_string().map_err(|error| self.silent(&error))
    }

    fn silent(&self, why: &impl ToString) -> RegistryError {
        RegistryError::Silent { url: self.url.clone(), why: why.to_string() }
    }
}

fn head(text: &str) -> String {
    text.chars().take(200).collect()
}

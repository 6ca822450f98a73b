//! A schema registry's read API over our own schemas, as Confluent's clients ask it.
//!
//! With no registry configured, records on our topics carry our own schema ids, and any Avro
//! consumer decodes them by asking here. Nothing can be registered. Clients send parameters of
//! their own, which change nothing and are ignored.

use axum::{
    Json, Router,
    extract::Path,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use super::{App, Scope};
use crate::bus::kafka::{Registry, RegistryEntry};

#[derive(OpenApi)]
#[openapi(
    paths(get_schema, get_subjects, get_versions, get_version),
    components(schemas(RegistryFault))
)]
pub(super) struct Api;

pub(super) fn routes(app: &App) -> Router<App> {
    let routes = Router::new()
        .route("/schemas/ids/{id}", get(get_schema))
        .route("/subjects", get(get_subjects))
        .route("/subjects/{subject}/versions", get(get_versions))
        .route("/subjects/{subject}/versions/{version}", get(get_version));
    app.scoped(Scope::Read, routes)
}

/// Why there is no answer, as registries say it.
#[derive(Debug, Serialize, ToSchema)]
struct RegistryFault {
    /// 40401: no such subject. 40402: no such version. 40403: no such schema.
    error_code: u32,
    /// In words.
    message: String,
}

/// The schema of an id.
#[derive(Debug, Serialize, ToSchema)]
struct SchemaOfId {
    /// Its text.
    schema: &'static str,
}

/// A schema under its subject.
#[derive(Debug, Serialize, ToSchema)]
struct SchemaOfSubject {
    /// The full name of its record.
    subject: &'static str,
    /// Its version, from 1.
    version: u32,
    /// Its id.
    id: u32,
    /// Its text.
    schema: &'static str,
}

fn fault(error_code: u32, message: &str) -> Response {
    let fault = RegistryFault { error_code, message: message.into() };
    (StatusCode::NOT_FOUND, Json(fault)).into_response()
}

/// The schema behind an id in records on our topics
#[utoipa::path(get, path = "/schemas/ids/{id}", tag = "registry",
    params(("id" = String, Path, description = "The id in the record's frame.")),
    responses(
        (status = 200, description = "The schema.", body = SchemaOfId),
        (status = 404, description = "No such id.", body = RegistryFault),
    ),
)]
async fn get_schema(Path(id): Path<String>) -> Response {
    let entry = id.parse().ok().and_then(|id| Registry::own().of_id(id));
    match entry {
        Some(entry) => Json(SchemaOfId { schema: &entry.schema }).into_response(),
        None => fault(40_403, "Schema not found"),
    }
}

/// The names of all schemas
#[utoipa::path(get, path = "/subjects", tag = "registry",
    responses((status = 200, description = "Full names of records.", body = Vec<String>)),
)]
async fn get_subjects() -> Json<Vec<&'static str>> {
    let mut subjects: Vec<_> =
        Registry::own().entries().map(|entry| entry.subject.as_str()).collect();
    subjects.sort_unstable();
    subjects.dedup();
    Json(subjects)
}

/// The versions of a schema
#[utoipa::path(get, path = "/subjects/{subject}/versions", tag = "registry",
    params(("subject" = String, Path, description = "The full name of a record.")),
    responses(
        (status = 200, description = "Its versions.", body = Vec<u32>),
        (status = 404, description = "No such subject.", body = RegistryFault),
    ),
)]
async fn get_versions(Path(subject): Path<String>) -> Response {
    let versions: Vec<u32> = of(&subject).map(|entry| entry.version).collect();
    match versions.is_empty() {
        true => fault(40_401, "Subject not found."),
        false => Json(versions).into_response(),
    }
}

/// A version of a schema
#[utoipa::path(get, path = "/subjects/{subject}/versions/{version}", tag = "registry",
    params(
        ("subject" = String, Path, description = "The full name of a record."),
        ("version" = String, Path, description = "A number, or `latest`."),
    ),
    responses(
        (status = 200, description = "The schema.", body = SchemaOfSubject),
        (status = 404, description = "No such subject or version.", body = RegistryFault),
    ),
)]
async fn get_version(Path((subject, version)): Path<(String, String)>) -> Response {
    let Some(newest) = of(&subject).last() else { return fault(40_401, "Subject not found.") };
    let found = match version.as_str() {
        "latest" => Some(newest),
        version => of(&subject).find(|entry| version.parse() == Ok(entry.version)),
    };
    match found {
        Some(RegistryEntry { subject, version, id, schema }) => {
            let (version, id) = (*version, *id);
            Json(SchemaOfSubject { subject, version, id, schema }).into_response()
        }
        None => fault(40_402, "Version not found."),
    }
}

fn of(subject: &str) -> impl Iterator<Item = &'static RegistryEntry> + use<'_> {
    Registry::own().entries().filter(move |entry| entry.subject == subject)
}

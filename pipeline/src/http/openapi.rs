//! `/openapi.json`: collected from the handlers' own declarations.
//!
//! What every path of a sort can answer (no token, too much waits, a body of another type, …) is
//! added here, once; a handler declares what is its own.

use std::sync::OnceLock;

use serde_json::Value;

use utoipa::{
    Modify, OpenApi, ToSchema,
    openapi::{
        Content, ObjectBuilder, OpenApi as Document, Ref, RefOr, ResponseBuilder, Type,
        path::{Operation, Parameter},
        security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
    },
};

use zeitgeber_processors::tasks::TaskState;
use zeitgeber_schemas::{Reason, SchemaId};

use super::{
    ProblemBody, agents, assignments, audits, data, health, letter_counts, log, metrics, people,
    policy, pools, readings, stream, task_views, tasks,
};
use crate::query::{self, Topic};

/// The name of the security scheme.
const BEARER: &str = "bearer";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Zeitgeber",
        description = "Wearable readings in, decisions that can be replayed and explained out. \
                       Inputs are acknowledged only when they are durable. Query parameters that \
                       are not documented are refused (400).",
        license(name = "MIT", identifier = "MIT"),
    ),
    components(schemas(ProblemBody)),
    modifiers(&Common),
)]
struct Root;

/// The document.
pub fn document() -> Document {
    let mut document = Root::openapi();
    for part in [
        readings::Api::openapi(),
        people::Api::openapi(),
        data::Api::openapi(),
        log::Api::openapi(),
        audits::Api::openapi(),
        stream::Api::openapi(),
        letter_counts::Api::openapi(),
        tasks::Api::openapi(),
        task_views::Api::openapi(),
        agents::Api::openapi(),
        assignments::Api::openapi(),
        pools::Api::openapi(),
        policy::Api::openapi(),
        health::Api::openapi(),
        metrics::Api::openapi(),
    ] {
        document.merge(part);
    }
    #[cfg(feature = "cluster")]
    document.merge(super::registry::Api::openapi());
    Common.modify(&mut document);
    document
}

/// The document as JSON, made once.
pub(super) fn text() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        let document = serde_json::to_value(document());
        let mut document = document.expect("the document has a JSON form");
        say_bytes(&mut document);
        document.to_string()
    })
}

/// Says of every bounded text that its length is counted in bytes, which JSON Schema cannot:
/// `maxLength` counts characters, of which at most as many fit.
fn say_bytes(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if let Some(most) = fields.get("maxLength").and_then(Value::as_u64) {
                let said = fields.get("description").and_then(Value::as_str).unwrap_or_default();
                let said = format!("{said} At most {most} bytes in UTF-8.").trim_start().to_owned();
                fields.insert("description".into(), said.into());
            }
            fields.values_mut().for_each(say_bytes);
        }
        Value::Array(items) => items.iter_mut().for_each(say_bytes),
        _ => {}
    }
}

/// A time as most write it; other forms of RFC 3339 are read as well.
const TIME: &str = "[+-]?[0-9]{1,18}|[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])\
                    (T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z)?";
/// A position.
const POSITION: &str = "[0-9]{1,4}:[0-9]{1,18}";

/// Adds what paths have in common.
struct Common;

/// Problems that any path under `/v1` can answer.
const ANY: [(&str, &str); 8] = [
    ("400", "The request cannot be read; for a body, with line and column."),
    ("401", "A bearer token is needed, and none that is known came."),
    ("403", "The token lacks the scope that this path needs."),
    ("429", "Too much waits already; `retry-after` says when to try again."),
    ("500", "A fault of the service, named in its log by the request's id."),
    ("501", "This service does not offer it, as it is set up."),
    ("503", "The service is stopping, its journal or its bus failed, or another worker writes it."),
    ("504", "The answer took too long."),
];
/// Problems that any path with a body can answer besides.
const WITH_BODY: [(&str, &str); 3] = [
    ("408", "The body did not arrive in time."),
    ("413", "The body is too large."),
    ("415", "The body is of a type that is not taken here."),
];

impl Modify for Common {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_default();
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        components.security_schemes.insert(BEARER.into(), RefOr::T(scheme));
        for (path, item) in &mut document.paths.paths {
            if !path.starts_with("/v1/") {
                continue;
            }
            let operations =
                [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
            for operation in operations.into_iter().flatten() {
                common(operation);
            }
        }
    }
}

fn common(operation: &mut Operation) {
    operation.parameters.iter_mut().flatten().for_each(|given| {
        if let RefOr::T(given) = given {
            parameter(given);
        }
    });
    let none = SecurityRequirement::default();
    let token = SecurityRequirement::new(BEARER, Vec::<String>::new());
    operation.security = Some(vec![none, token]);
    let with_body: &[_] = if operation.request_body.is_some() { &WITH_BODY } else { &[] };
    for (status, what) in ANY.iter().chain(with_body) {
        let responses = &mut operation.responses.responses;
        responses.entry((*status).into()).or_insert_with(|| problem(what));
    }
}

/// What parameters of a name have in common: their values, or the pattern of these.
fn parameter(parameter: &mut Parameter) {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let schema = match parameter.name.as_str() {
        "type" => text().enum_values(Some(query::event_types().map(SchemaId::as_str))),
        "topic" => text().enum_values(Some(Topic::ALL.map(Topic::as_str))),
        "state" => text().enum_values(Some(TaskState::ALL.map(TaskState::as_str))),
        "reason" => text().enum_values(Some(Reason::ALL.iter().map(|reason| reason.as_str()))),
        "from" | "to" => text().pattern(Some(format!("^({TIME})$"))),
        "at" => text().pattern(Some(format!("^({TIME}|{POSITION}(,{POSITION}){{0,99}})$"))),
        _ => return,
    };
    parameter.schema = Some(schema.into());
}

/// A response of a problem.
fn problem(what: &str) -> RefOr<utoipa::openapi::Response> {
    let schema = Ref::from_schema_name(ProblemBody::name());
    let content = Content::new(Some(schema));
    ResponseBuilder::new().description(what).content("application/problem+json", content).into()
}

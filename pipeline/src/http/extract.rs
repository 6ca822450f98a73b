//! What handlers take from a request's head, each refused with a [`Problem`] that says why.

use axum::{
    extract::{FromRequestParts, Path, Query},
    http::request::Parts,
};
use serde::{Deserialize, de::DeserializeOwned};
use utoipa::IntoParams;

use super::{App, Kind, Problem};
use crate::door::{DEFAULT_TENANT, ID_BYTES_MAX};

/// The request's name: from its header `x-request-id`, or made.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

impl FromRequestParts<App> for RequestId {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        let id = parts.extensions.get::<Self>().cloned();
        Ok(id.expect("the outermost layer names every request"))
    }
}

/// The query parameters. One that is not known, is given twice or is out of bounds is refused.
#[derive(Debug)]
pub struct Params<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<App> for Params<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        let Query(params) = Query::try_from_uri(&parts.uri).map_err(|error| {
            let error = error.body_text();
            let why = error.strip_prefix("Failed to deserialize query string: ").unwrap_or(&error);
            Problem::new(Kind::Malformed, format!("query parameters: {why}"))
        })?;
        Ok(Self(params))
    }
}

/// The only id in the path, percent-decoded: 1 to 256 bytes.
#[derive(Debug)]
pub struct Id(pub String);

impl FromRequestParts<App> for Id {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Path(id) = Path::<String>::from_request_parts(parts, app)
            .await
            .map_err(|error| Problem::new(Kind::Malformed, error.body_text()))?;
        check_id("the id in the path", &id)?;
        Ok(Self(id))
    }
}

/// A text of a query parameter within its bound.
pub(super) fn check_text(name: &str, text: &str, most: usize) -> Result<(), Problem> {
    if (1..=most).contains(&text.len()) {
        return Ok(());
    }
    let detail = format!("`{name}` has {} bytes; 1 to {most} are allowed", text.len());
    Err(Problem::new(Kind::Malformed, detail))
}

/// Refuses an id that no input can have.
pub(super) fn check_id(what: &str, id: &str) -> Result<(), Problem> {
    if (1..=ID_BYTES_MAX).contains(&id.len()) {
        return Ok(());
    }
    let detail = format!("{what} has {} bytes; 1 to {ID_BYTES_MAX} are allowed", id.len());
    Err(Problem::new(Kind::Malformed, detail))
}

/// The tenant, where a person, a pool, a task or an agent is named by the path.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Tenant {
    /// The tenant; `default` where it is not given.
    #[serde(default = "default_tenant")]
    #[param(min_length = 1, max_length = 256, pattern = "^[^/]+$", required = false)]
    tenant: String,
}

impl Tenant {
    /// The tenant's name, checked: 1 to 256 bytes without `/`.
    pub fn checked(self) -> Result<String, Problem> {
        checked_tenant(self.tenant)
    }
}

/// A tenant as a query parameter of other parameters.
pub(super) fn checked_tenant(tenant: String) -> Result<String, Problem> {
    check_id("`tenant`", &tenant)?;
    if tenant.contains('/') {
        return Err(Problem::new(Kind::Malformed, "`tenant` must not hold a `/`"));
    }
    Ok(tenant)
}

/// The tenant where none is given.
pub(super) fn default_tenant() -> String {
    DEFAULT_TENANT.into()
}

/// The place in a list that an `after` names: the `next` of the page before.
pub(super) fn place(after: Option<&str>) -> Result<Option<u32>, Problem> {
    let Some(text) = after else { return Ok(None) };
    let is_plain = (1..=9).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(place) if is_plain => Ok(Some(place)),
        _ => Err(Problem::new(Kind::Malformed, "`after` must be the `next` of the page before")),
    }
}

/// A `limit` within its bounds.
pub(super) fn limit(given: Option<usize>, default: usize, most: usize) -> Result<usize, Problem> {
    match given {
        None => Ok(default),
        Some(limit) if (1..=most).contains(&limit) => Ok(limit),
        Some(limit) => {
            let detail = format!("`limit` is {limit}; it must be 1 to {most}");
            Err(Problem::new(Kind::Malformed, detail))
        }
    }
}

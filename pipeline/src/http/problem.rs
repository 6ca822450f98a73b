//! Problem details (RFC 9457): the one form in which a request is told that it has no answer.
//!
//! A [`Problem`] travels as an extension of its response; the outermost layer, which knows the
//! request's id, writes the body. So a handler need not know whose request it serves.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{
    HeaderValue, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use serde::Serialize;
use utoipa::ToSchema;
use zeitgeber_schemas::Reason;

use crate::{engine::NotTaken, journal::SeekError, query::QueryError};

/// What a client may wait before it tries again, unless more is known.
const RETRY_AFTER_S: u64 = 1;
/// The media type of a problem.
const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// What kind of problem it is: the last part of its `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The request cannot be read.
    Malformed,
    /// No token, or one that is not known.
    Unauthorized,
    /// The token's scopes do not cover it.
    Forbidden,
    /// No such path.
    NotFound,
    /// Nobody of this id.
    UnknownUser,
    /// No decision of this id.
    UnknownDecision,
    /// The log has no such position.
    UnknownPosition,
    /// No task of this id.
    UnknownTask,
    /// No agent of this id.
    UnknownAgent,
    /// No pool of this name.
    UnknownPool,
    /// The path has no such method.
    MethodNotAllowed,
    /// It does not go with what stands already.
    Conflict,
    /// The lease that it names has been given to somebody else, or ended.
    StaleLease,
    /// The path speaks another protocol.
    UpgradeRequired,
    /// The body, or a part of it, is too large.
    TooLarge,
    /// The body is of a type that the path does not take.
    UnsupportedMediaType,
    /// The one input of the request was read, and refused by a stage.
    Unprocessable,
    /// Too much waits already.
    Busy,
    /// This service does not offer it, as it is set up.
    NotOffered,
    /// Another worker writes the partition.
    Elsewhere,
    /// The bus could not keep it.
    NotKept,
    /// The service is stopping.
    Stopping,
    /// The journal failed: nothing can become durable any more.
    JournalFailed,
    /// The client was too slow.
    ClientTimedOut,
    /// The answer took too long.
    TimedOut,
    /// A fault of the service's own.
    Internal,
}

impl Kind {
    /// The kind of problem that the refusal of a request's one input is.
    pub const fn of(reason: Reason) -> Self {
        match reason {
            Reason::UnknownPool => Self::UnknownPool,
            Reason::UnknownAgent => Self::UnknownAgent,
            Reason::UnknownTask => Self::UnknownTask,
            Reason::StaleLease => Self::StaleLease,
            Reason::Conflict => Self::Conflict,
            Reason::Full => Self::Busy,
            Reason::NotJson
            | Reason::MissingField
            | Reason::WrongType
            | Reason::UnknownKind
            | Reason::UnknownUser
            | Reason::ClockAhead
            | Reason::TooLate
            | Reason::OutOfRange
            | Reason::Oversized
            | Reason::Empty
            | Reason::TooFewValid
            | Reason::Duplicate
            | Reason::Orphan
            | Reason::NotAvro => Self::Unprocessable,
        }
    }

    /// The last part of the problem's `type`.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not-found",
            Self::UnknownUser => "unknown-user",
            Self::UnknownDecision => "unknown-decision",
            Self::UnknownPosition => "unknown-position",
            Self::UnknownTask => "unknown-task",
            Self::UnknownAgent => "unknown-agent",
            Self::UnknownPool => "unknown-pool",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::Conflict => "conflict",
            Self::StaleLease => "stale-lease",
            Self::UpgradeRequired => "upgrade-required",
            Self::TooLarge => "too-large",
            Self::UnsupportedMediaType => "unsupported-media-type",
            Self::Unprocessable => "unprocessable",
            Self::Busy => "busy",
            Self::NotOffered => "not-offered",
            Self::Elsewhere => "elsewhere",
            Self::NotKept => "not-kept",
            Self::Stopping => "stopping",
            Self::JournalFailed => "journal-failed",
            Self::ClientTimedOut | Self::TimedOut => "timed-out",
            Self::Internal => "internal",
        }
    }

    /// The status that goes with it.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound
            | Self::UnknownUser
            | Self::UnknownDecision
            | Self::UnknownPosition
            | Self::UnknownTask
            | Self::UnknownAgent
            | Self::UnknownPool => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict | Self::StaleLease => StatusCode::CONFLICT,
            Self::UpgradeRequired => StatusCode::UPGRADE_REQUIRED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Busy => StatusCode::TOO_MANY_REQUESTS,
            Self::NotOffered => StatusCode::NOT_IMPLEMENTED,
            Self::Elsewhere | Self::NotKept | Self::Stopping | Self::JournalFailed => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::ClientTimedOut => StatusCode::REQUEST_TIMEOUT,
            Self::TimedOut => StatusCode::GATEWAY_TIMEOUT,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Malformed => "The request cannot be read",
            Self::Unauthorized => "A bearer token is needed",
            Self::Forbidden => "The token does not allow this",
            Self::NotFound => "There is no such path",
            Self::UnknownUser => "Nobody of this id",
            Self::UnknownDecision => "No decision of this id",
            Self::UnknownPosition => "The log has no such position",
            Self::UnknownTask => "No task of this id",
            Self::UnknownAgent => "No agent of this id",
            Self::UnknownPool => "No pool of this name",
            Self::MethodNotAllowed => "The path has no such method",
            Self::Conflict => "It does not go with what stands already",
            Self::StaleLease => "The lease is not yours any more",
            Self::UpgradeRequired => "The path speaks another protocol",
            Self::TooLarge => "The body is too large",
            Self::UnsupportedMediaType => "The body is of a type that is not taken here",
            Self::Unprocessable => "The input was read and refused",
            Self::Busy => "Too much waits already",
            Self::NotOffered => "This service does not offer it",
            Self::Elsewhere => "Another worker writes this partition",
            Self::NotKept => "The bus could not keep it",
            Self::Stopping => "The service is stopping",
            Self::JournalFailed => "The journal failed",
            Self::ClientTimedOut => "The request took too long to arrive",
            Self::TimedOut => "The answer took too long",
            Self::Internal => "A fault of the service",
        }
    }
}

/// Why a request has no answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// What kind.
    pub kind: Kind,
    /// What exactly, and what to do.
    pub detail: String,
    /// Apart, so that a problem is small where it is passed on.
    more: Box<More>,
}

/// What only some problems say.
#[derive(Debug, Clone, Default, PartialEq)]
struct More {
    line: Option<u64>,
    column: Option<u64>,
    retry_after_s: Option<u64>,
    nearest: Vec<String>,
    reason: Option<&'static str>,
}

/// A problem as it is written (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody<'a> {
    /// What kind of problem: `/problems/` and a name.
    #[serde(rename = "type")]
    #[schema(pattern = "^/problems/[a-z-]+$")]
    kind: String,
    /// The kind in words.
    title: &'a str,
    /// The status of the answer.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What exactly, and what to do.
    detail: &'a str,
    /// The request's id.
    instance: &'a str,
    /// The line of the body, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1)]
    line: Option<u64>,
    /// The column (byte) in that line, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 0)]
    column: Option<u64>,
    /// When to try again, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 0)]
    retry_after_s: Option<u64>,
    /// Ids or names like the one that is not known.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    #[schema(value_type = Vec<String>, required = false)]
    nearest: &'a [String],
    /// Why a stage refused the input.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason: Option<&'a str>,
}

impl Problem {
    /// A problem of a kind.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        let retry_after_s =
            matches!(kind, Kind::Busy | Kind::Elsewhere | Kind::NotKept).then_some(RETRY_AFTER_S);
        let more = Box::new(More { retry_after_s, ..More::default() });
        Self { kind, detail: detail.into(), more }
    }

    /// The place in the body.
    #[must_use]
    pub fn at(mut self, line: u64, column: u64) -> Self {
        (self.more.line, self.more.column) = (Some(line), Some(column));
        self
    }

    /// Names like the one that is not known.
    #[must_use]
    pub fn near(mut self, nearest: Vec<String>) -> Self {
        self.more.nearest = nearest;
        self
    }

    /// Why a stage refused the input.
    #[must_use]
    pub fn because(mut self, reason: &'static str) -> Self {
        self.more.reason = Some(reason);
        self
    }

    /// When to try again.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.more.retry_after_s = Some(wait.as_secs());
        self
    }

    /// A body that is no JSON of the wanted shape, with the place.
    pub fn json(error: &serde_json::Error) -> Self {
        let text = error.to_string();
        let problem = Self::new(Kind::Malformed, text);
        match error.line() {
            0 => problem,
            line => problem.at(line as u64, error.column() as u64),
        }
    }

    /// The answer to the request of this id.
    pub(super) fn write(&self, request_id: &str) -> Response {
        let body = ProblemBody {
            kind: format!("/problems/{}", self.kind.slug()),
            title: self.kind.title(),
            status: self.kind.status().as_u16(),
            detail: &self.detail,
            instance: request_id,
            line: self.more.line,
            column: self.more.column,
            retry_after_s: self.more.retry_after_s,
            nearest: &self.more.nearest,
            reason: self.more.reason,
        };
        let text = serde_json::to_vec(&body).expect("texts and numbers have a JSON form");
        let mut response = (self.kind.status(), text).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, PROBLEM_JSON);
        if let Some(seconds) = self.more.retry_after_s {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.kind == Kind::Unauthorized {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.kind.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<NotTaken> for Problem {
    fn from(error: NotTaken) -> Self {
        match error {
            NotTaken::Busy => Self::new(Kind::Busy, error.to_string()),
            NotTaken::Elsewhere(_) => Self::new(Kind::Elsewhere, error.to_string()),
            NotTaken::Stopped => Self::new(Kind::Stopping, error.to_string()),
        }
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        let detail = error.to_string();
        match error {
            QueryError::UnknownUser { nearest, .. } => {
                Self::new(Kind::UnknownUser, detail).near(nearest)
            }
            QueryError::UnknownDecision { .. } => Self::new(Kind::UnknownDecision, detail),
            QueryError::Seek(SeekError::UnknownPartition { .. } | SeekError::BeyondEnd { .. }) => {
                Self::new(Kind::UnknownPosition, detail)
            }
            QueryError::NotADecisionId { .. } => Self::new(Kind::Malformed, detail),
            QueryError::AmbiguousDecision { .. } => Self::new(Kind::Malformed, detail),
            error => {
                tracing::error!(%error, "a read of the log failed");
                Self::new(Kind::Internal, detail)
            }
        }
    }
}

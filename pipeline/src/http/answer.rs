//! Around every request: its name, its token, its panic, its problem, its place in the metrics.

use std::{panic::AssertUnwindSafe, time::Instant};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Uri,
    header::{ALLOW, AUTHORIZATION, SERVER},
};

use tracing::Instrument;

use super::{Answered, App, Kind, Problem, RequestId, Scope};
use crate::telemetry::{access, traces};

/// The header that names a request.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// What answers, by which a client knows another version.
const VERSION: HeaderValue =
    HeaderValue::from_static(concat!("zeitgeber/", env!("CARGO_PKG_VERSION")));
/// Longest id that is taken from a request, bytes.
const REQUEST_ID_BYTES_MAX: usize = 128;

/// The outermost layer.
pub(super) async fn answer(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let given = request.headers().get(REQUEST_ID).filter(|id| is_sane(id)).cloned();
    let id = given.unwrap_or_else(|| {
        HeaderValue::try_from(app.next_request_id()).expect("hexadecimal is fit for a header")
    });
    let text = id.to_str().unwrap_or_default().to_owned();
    request.extensions_mut().insert(RequestId(text.clone()));
    let route = request.extensions().get::<MatchedPath>().cloned();
    let method = request.method().clone();
    let template = route.as_ref().map(MatchedPath::as_str);
    let span = access::request(&text, method.as_str(), template);
    traces::follow(&span, request.headers());
    let handled = AssertUnwindSafe(next.run(request)).catch_unwind();
    let answered = handled.instrument(span.clone()).await;
    let response = answered.unwrap_or_else(|_| {
        tracing::error!(request_id = text, "a handler panicked");
        let detail = "the handler failed in a way that nobody foresaw; the log names this request";
        Problem::new(Kind::Internal, detail).into_response()
    });
    let mut response = written(response, &text);
    response.headers_mut().insert(REQUEST_ID, id);
    response.headers_mut().insert(SERVER, VERSION);
    let took = started.elapsed();
    access::answered(&span, template, response.status().as_u16(), took);
    app.0.parts.observer.answered(&Answered {
        method: &method,
        route: template,
        status: response.status().as_u16(),
        took,
        request_id: &text,
    });
    response
}

/// A problem as the client gets it; any other answer as it is.
fn written(mut response: Response, request_id: &str) -> Response {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else {
        return response;
    };
    let mut written = problem.write(request_id);
    if let Some(allow) = response.headers_mut().remove(ALLOW) {
        written.headers_mut().insert(ALLOW, allow);
    }
    written
}

fn is_sane(id: &HeaderValue) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte);
    (1..=REQUEST_ID_BYTES_MAX).contains(&id.len()) && id.as_bytes().iter().all(is_plain)
}

/// Lets a request pass that has a token with the scope, where tokens are asked for.
pub(super) async fn authorise(
    State((app, scope)): State<(App, Scope)>,
    request: Request,
    next: Next,
) -> Response {
    match allowed(&app, scope, request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn allowed(app: &App, scope: Scope, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(tokens) = &app.0.parts.tokens else { return Ok(()) };
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = header.and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    let refused = |detail: &str| Problem::new(Kind::Unauthorized, detail);
    let token = token.ok_or_else(|| refused("send `Authorization: Bearer TOKEN`"))?;
    let (name, scopes) = tokens.find(token).ok_or_else(|| refused("the token is not known"))?;
    if scopes.contains(&scope) {
        return Ok(());
    }
    let scope = scope.as_str();
    let detail = format!("the token `{name}` lacks the scope `{scope}`");
    Err(Problem::new(Kind::Forbidden, detail))
}

/// No such path.
pub(super) async fn not_found(uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(200).collect();
    Problem::new(Kind::NotFound, format!("no path {path}; /openapi.json lists them"))
}

/// The path has no such method.
pub(super) async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(200).collect();
    let method: String = method.as_str().chars().take(20).collect();
    let detail = format!("{path} has no method {method}; the header `allow` names those it has");
    Problem::new(Kind::MethodNotAllowed, detail)
}

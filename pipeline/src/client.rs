//! A small blocking client of the service: what the command line speaks through with `--to`.
//!
//! An answer comes back as the type that the library gives for a directory, so that whoever prints
//! it need not know where it came from. What may pass (a service that restarts, a full queue) is
//! waited for with growing pauses; sending again is safe, because every input carries the id by
//! which the log knows a repeat.

mod address;
mod batch;
mod error;
mod feed;
mod fleet;
mod pages;
mod patience;
mod questions;
mod stream;
mod writes;

use std::{
    fmt, fs,
    io::ErrorKind,
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use http::{Method, Request, Response, header};
use serde::de::DeserializeOwned;
use ureq::{
    Agent, Body,
    tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem},
};

pub use address::Address;
pub use batch::{Batch, Batches, Cut, Format, LINE_BYTES_MAX, Who};
pub use error::{ClientError, Problem};
pub use feed::{Answer, Answered, Door, Feed, Sent};
pub use fleet::CommandTold;
pub use pages::WalkError;
pub use patience::Patience;
pub use stream::{Event, Follow};
pub use writes::ProfilePut;

/// Longest time to find the service's address and to connect to it.
const CONNECT: Duration = Duration::from_secs(10);
/// Longest time to send a body.
const SEND: Duration = Duration::from_secs(120);
/// Longest time until an answer begins, unless the question takes the whole log.
const ANSWER: Duration = Duration::from_secs(120);
/// Longest time until the answer to a question begins that takes the whole log.
const LONG_ANSWER: Duration = Duration::from_secs(3_600);
/// Longest silence in the middle of an answer. A stream whose service beats less often than this is
/// connected to anew, and misses nothing by it.
const SILENCE: Duration = Duration::from_secs(60);
/// Largest answer that is read whole, bytes.
const ANSWER_BYTES_MAX: u64 = 1 << 30;
/// Largest file of a token, or of certificates, bytes.
const SECRET_BYTES_MAX: u64 = 1 << 20;

/// How a service is reached.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// File that holds the bearer token.
    pub token_file: Option<PathBuf>,
    /// The bearer token itself, where no file is named.
    pub token: Option<String>,
    /// File of the authorities' certificates (PEM) to trust instead of the public ones.
    pub ca: Option<PathBuf>,
}

/// A service, as this program reaches it. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Client {
    agent: Agent,
    address: Address,
    token: Option<Token>,
    patience: Patience,
    /// Raised to give up waiting.
    stop: Arc<AtomicBool>,
    other_version: Arc<std::sync::OnceLock<String>>,
}

/// A bearer token, which is never shown.
#[derive(Clone)]
struct Token(String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// One request.
struct Call<'a> {
    method: Method,
    path: &'a [&'a str],
    query: &'a [(&'a str, String)],
    /// Media type and bytes.
    body: Option<(&'a str, &'a [u8])>,
    wait: Duration,
}

impl<'a> Call<'a> {
    fn get(path: &'a [&'a str], query: &'a [(&'a str, String)]) -> Self {
        Self { method: Method::GET, path, query, body: None, wait: ANSWER }
    }

    /// A question that takes the whole log.
    fn long(path: &'a [&'a str], query: &'a [(&'a str, String)]) -> Self {
        Self { wait: LONG_ANSWER, ..Self::get(path, query) }
    }
}

impl Client {
    /// A client of the service at `address`. Nothing is sent yet.
    pub fn new(address: Address, settings: &Settings) -> Result<Self, ClientError> {
        let mut tls = TlsConfig::builder();
        if let Some(file) = &settings.ca {
            tls = tls.root_certs(RootCerts::from(authorities(file)?));
        }
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("zeitgeber/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls.build())
            .timeout_resolve(Some(CONNECT))
            .timeout_connect(Some(CONNECT))
            .timeout_send_body(Some(SEND))
            .build()
            .new_agent();
        Ok(Self {
            agent,
            address,
            token: token(settings)?,
            patience: Patience::SHORT,
            stop: Arc::default(),
            other_version: Arc::default(),
        })
    }

    /// The same service, with another patience.
    #[must_use]
    pub fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// The same service; waiting for it ends when `stop` is raised.
    #[must_use]
    pub fn stopped_by(self, stop: Arc<AtomicBool>) -> Self {
        Self { stop, ..self }
    }

    /// Whether the service is there.
    pub fn reach(&self) -> Result<(), ClientError> {
        let call = Call::get(&["healthz"], &[]);
        self.patience.persist(&self.stop, || self.once(&call).map(drop))
    }

    /// Where the service is.
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// The version that the service says it has, where it is not this program's.
    pub fn other_version(&self) -> Option<&str> {
        self.other_version.get().map(String::as_str)
    }

    /// Asks until there is an answer, or patience is over.
    fn ask<T: DeserializeOwned>(&self, call: &Call<'_>) -> Result<T, ClientError> {
        self.patience.persist(&self.stop, || self.ask_once(call))
    }

    fn ask_once<T: DeserializeOwned>(&self, call: &Call<'_>) -> Result<T, ClientError> {
        let mut response = self.once(call)?;
        let read = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
        let text = read.map_err(|error| self.lost(error))?;
        serde_json::from_slice(&text)
            .map_err(|source| ClientError::Answer { url: self.address.to_string(), source })
    }

    /// Sends one request once; an answer that is no success is an error.
    fn once(&self, call: &Call<'_>) -> Result<Response<Body>, ClientError> {
        let url = self.address.join(call.path, call.query);
        let mut request = Request::builder().method(call.method.clone()).uri(&url);
        if let Some(Token(token)) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some((media_type, _)) = call.body {
            request = request.header(header::CONTENT_TYPE, media_type);
        }
        let unusable =
            |error: http::Error| ClientError::Url { url: url.clone(), problem: error.to_string() };
        let response = match call.body {
            Some((_, body)) => {
                let request = request.body(body).map_err(unusable)?;
                let request = self.agent.configure_request(request);
                let request = request.timeout_recv_response(Some(call.wait));
                self.agent.run(request.build())
            }
            None => {
                let request = request.body(()).map_err(unusable)?;
                let request = self.agent.configure_request(request);
                let request = request.timeout_recv_response(Some(call.wait));
                self.agent.run(request.build())
            }
        };
        let response = response.map_err(|error| self.unreachable(error))?;
        self.note_version(&response);
        if response.status().is_success() { Ok(response) } else { Err(self.problem(response)) }
    }

    fn problem(&self, mut response: Response<Body>) -> ClientError {
        let status = response.status().as_u16();
        let retry_after = response.headers().get(header::RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let body = response.body_mut().with_config().limit(SECRET_BYTES_MAX).read_to_vec();
        let problem = Problem::read(status, &body.unwrap_or_default(), retry_after);
        ClientError::of_problem(self.address.to_string(), problem, self.token.is_some())
    }

    fn note_version(&self, response: &Response<Body>) {
        let named = response.headers().get(header::SERVER).and_then(|name| name.to_str().ok());
        if let Some(version) = named.and_then(|name| name.strip_prefix("zeitgeber/"))
            && version != env!("CARGO_PKG_VERSION")
        {
            self.other_version.get_or_init(|| version.to_owned());
        }
    }

    fn unreachable(&self, error: ureq::Error) -> ClientError {
        ClientError::of_transport(self.address.to_string(), error)
    }

    /// The connection broke in the middle of an answer.
    fn lost(&self, error: ureq::Error) -> ClientError {
        ClientError::Lost { url: self.address.to_string(), source: error.into_io() }
    }
}

fn token(settings: &Settings) -> Result<Option<Token>, ClientError> {
    let text = match (&settings.token_file, &settings.token) {
        (Some(file), _) => {
            let text = small_file(file).map_err(|source| ClientError::TokenFile {
                file: file.clone(),
                problem: source.to_string(),
            })?;
            String::from_utf8_lossy(&text).trim().to_owned()
        }
        (None, Some(token)) => token.trim().to_owned(),
        (None, None) => return Ok(None),
    };
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(Some(Token(text)));
    }
    Err(match &settings.token_file {
        Some(file) => ClientError::TokenFile {
            file: file.clone(),
            problem: "it must hold one token, a word of visible ASCII".into(),
        },
        None => ClientError::Token,
    })
}

fn authorities(file: &std::path::Path) -> Result<Vec<Certificate<'static>>, ClientError> {
    let failed = |problem: String| ClientError::Authorities { file: file.into(), problem };
    let text = small_file(file).map_err(|source| failed(source.to_string()))?;
    let mut found = Vec::new();
    for item in parse_pem(&text) {
        match item {
            Ok(PemItem::Certificate(certificate)) => found.push(certificate),
            Ok(_) => {}
            Err(error) => return Err(failed(error.to_string())),
        }
    }
    if found.is_empty() { Err(failed("it holds no certificate".into())) } else { Ok(found) }
}

fn small_file(file: &std::path::Path) -> std::io::Result<Vec<u8>> {
    if fs::metadata(file)?.len() > SECRET_BYTES_MAX {
        return Err(ErrorKind::FileTooLarge.into());
    }
    fs::read(file)
}

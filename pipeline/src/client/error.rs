//! What goes wrong between this program and a service, in the words of the directory's errors.

use std::{io, path::PathBuf, time::Duration};

use serde::Deserialize;
use zeitgeber_schemas::Reason;

/// Longest answer of somebody who is no service of ours that is shown, characters.
const SHOWN_CHARS: usize = 200;

/// Why a service gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Not the address of a service.
    #[error(
        "{url:?} is not the address of a service: {problem}; write http://HOST:PORT or \
         https://HOST:PORT"
    )]
    Url {
        /// The text.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The token's file cannot be used.
    #[error("the token file {} cannot be used: {problem}", file.display())]
    TokenFile {
        /// The file.
        file: PathBuf,
        /// Why.
        problem: String,
    },
    /// The variable holds no token.
    #[error("ZEITGEBER_TOKEN holds no token: it must be a word of visible ASCII")]
    Token,
    /// The file of authorities cannot be used.
    #[error("the certificates of {} cannot be used: {problem}; name a PEM file", file.display())]
    Authorities {
        /// The file.
        file: PathBuf,
        /// Why.
        problem: String,
    },
    /// Nobody answers.
    #[error(
        "no service answers at {url}: {source}; check http or https, the address and the port, \
         and that `zeitgeber serve` runs there"
    )]
    Unreachable {
        /// The address.
        url: String,
        /// What the system said.
        source: io::Error,
    },
    /// The other side is not who it should be, or speaks no TLS.
    #[error(
        "no trusted connection to {url}: {problem}; name the authority that signed its \
         certificate with --ca FILE, and check http or https"
    )]
    Untrusted {
        /// The address.
        url: String,
        /// What is wrong.
        problem: String,
    },
    /// The connection broke before the answer was whole.
    #[error("the connection to {url} broke before the answer was whole: {source}")]
    Lost {
        /// The address.
        url: String,
        /// What the system said.
        source: io::Error,
    },
    /// The token is missing or not known.
    #[error("{url} wants a token: {detail}; {}", token_hint(*had_token))]
    Unauthorized {
        /// The address.
        url: String,
        /// What the service said.
        detail: String,
        /// Whether one was sent.
        had_token: bool,
    },
    /// The token does not allow it.
    #[error("the token does not allow this at {url}: {detail}")]
    Forbidden {
        /// The address.
        url: String,
        /// What the service said.
        detail: String,
    },
    /// The service cannot take or tell anything now.
    #[error("the service at {url} cannot answer now: {}; try again later", problem.detail)]
    Busy {
        /// The address.
        url: String,
        /// What the service said.
        problem: Box<Problem>,
    },
    /// The question has no answer.
    #[error("{}", problem.detail)]
    Refused {
        /// What the service said.
        problem: Box<Problem>,
    },
    /// What came is not the answer.
    #[error(
        "the answer of {url} cannot be read: {source}; check that a zeitgeber service of a like \
         version is there"
    )]
    Answer {
        /// The address.
        url: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A signal ended the waiting.
    #[error("stopped by a signal")]
    Stopped,
}

/// What a service says where it has no answer (RFC 9457).
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Problem {
    /// The kind: `/problems/` and a name.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// The status.
    #[serde(default)]
    pub status: u16,
    /// What exactly.
    #[serde(default)]
    pub detail: String,
    /// The request's id.
    #[serde(default)]
    pub instance: String,
    /// When to try again, s.
    #[serde(default)]
    pub retry_after_s: Option<u64>,
    /// Why a stage refused the one input of the request.
    #[serde(default)]
    pub reason: Option<Reason>,
}

impl Problem {
    /// Reads what came with a status that is no success.
    pub(super) fn read(status: u16, body: &[u8], retry_after_s: Option<u64>) -> Self {
        let problem: Option<Self> = serde_json::from_slice(body).ok();
        let mut problem =
            problem.filter(|problem| !problem.detail.is_empty()).unwrap_or_else(|| {
                let text = String::from_utf8_lossy(body);
                let clean = |c: char| if c.is_control() { ' ' } else { c };
                let shown: String = text.trim().chars().take(SHOWN_CHARS).map(clean).collect();
                Self {
                    kind: String::new(),
                    status,
                    detail: format!("status {status}: {shown}"),
                    instance: String::new(),
                    retry_after_s: None,
                    reason: None,
                }
            });
        problem.status = status;
        problem.retry_after_s = retry_after_s.or(problem.retry_after_s);
        problem
    }
}

impl ClientError {
    pub(super) fn of_problem(url: String, problem: Problem, had_token: bool) -> Self {
        let problem = Box::new(problem);
        match problem.status {
            401 => Self::Unauthorized { url, detail: problem.detail, had_token },
            403 => Self::Forbidden { url, detail: problem.detail },
            408 | 429 | 502 | 503 | 504 => Self::Busy { url, problem },
            _ => Self::Refused { problem },
        }
    }

    pub(super) fn of_transport(url: String, error: ureq::Error) -> Self {
        match error {
            ureq::Error::BadUri(problem) => Self::Url { url, problem },
            ureq::Error::Rustls(error) => Self::Untrusted { url, problem: error.to_string() },
            ureq::Error::Tls(problem) => Self::Untrusted { url, problem: problem.into() },
            // A certificate that is refused comes as the error of the stream under it.
            ureq::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
                Self::Untrusted { url, problem: error.to_string() }
            }
            ureq::Error::HostNotFound => {
                let source = io::Error::new(io::ErrorKind::NotFound, "no host has this name");
                Self::Unreachable { url, source }
            }
            error => Self::Unreachable { url, source: error.into_io() },
        }
    }

    /// Whether trying again may help; and when, where the service named a time.
    pub(super) fn passes(&self) -> Option<Option<Duration>> {
        match self {
            Self::Unreachable { source, .. } if source.kind() == io::ErrorKind::NotFound => None,
            Self::Unreachable { .. } | Self::Lost { .. } => Some(None),
            Self::Busy { problem, .. } => Some(problem.retry_after_s.map(Duration::from_secs)),
            _ => None,
        }
    }

    /// Whether inputs that were answered so may be in the log all the same.
    pub(super) fn may_have_been_taken(&self) -> bool {
        match self {
            Self::Unreachable { source, .. } => source.kind() != io::ErrorKind::ConnectionRefused,
            Self::Lost { .. } | Self::Answer { .. } => true,
            Self::Busy { problem, .. } => !matches!(problem.status, 408 | 429),
            _ => false,
        }
    }

    /// The problem that the service named, where it answered.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Refused { problem } | Self::Busy { problem, .. } => Some(problem),
            _ => None,
        }
    }
}

fn token_hint(had_token: bool) -> &'static str {
    if had_token {
        "check the one in --token-file or ZEITGEBER_TOKEN"
    } else {
        "name it with --token-file FILE or ZEITGEBER_TOKEN"
    }
}

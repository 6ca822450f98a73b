//! The settings of `zeitgeber serve`: where it listens, who may use it, and every bound.

use std::{path::Path, time::Duration};

use serde::{Deserialize, Serialize};

/// The HTTP service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Address and port.
    pub listen: String,
    /// File of bearer tokens; empty: none.
    pub tokens_file: String,
    /// Certificate chain for TLS; empty: plain HTTP.
    pub tls_cert_file: String,
    /// Private key for TLS; empty: plain HTTP.
    pub tls_key_file: String,
    /// Largest body of one request, MiB.
    pub body_mib: u32,
    /// Bodies being received together, MiB.
    pub bodies_mib: u32,
    /// Connections open together.
    pub connections_max: u32,
    /// How long a client may take to send a request's head, s.
    pub header_s: u32,
    /// Longest pause of a client that sends a body, s.
    pub read_s: u32,
    /// Longest time without progress of a client that reads an answer, s.
    pub write_s: u32,
    /// How long a connection may stay open without a request, s.
    pub idle_s: u32,
    /// How long a request may take, its body included, s.
    pub request_s: u32,
    /// How long a read of the whole log may take, s.
    pub long_read_s: u32,
    /// Reads of the log at the same time.
    pub long_reads: u32,
    /// Inputs that are taken and not durable yet, MiB.
    pub pending_mib: u32,
    /// Requests whose inputs are not durable yet.
    pub pending_requests: u32,
    /// How long a stop may wait for the requests under way, s.
    pub stop_s: u32,
}

impl Service {
    /// A path of this section, where one is given.
    pub fn path(text: &str) -> Option<&Path> {
        (!text.is_empty()).then(|| Path::new(text))
    }

    /// Seconds of this section as a duration.
    pub fn seconds(seconds: u32) -> Duration {
        Duration::from_secs(u64::from(seconds))
    }

    /// MiB of this section in bytes.
    pub fn bytes(mib: u32) -> usize {
        (mib as usize) << 20
    }
}

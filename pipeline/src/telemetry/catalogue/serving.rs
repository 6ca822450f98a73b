//! The service's doors and its process.

use super::{
    Kind::{Counter, Gauge},
    SECONDS, bounded, metrics, of,
};

/// Methods that are told apart; the rest is `other`.
pub const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"];
/// How a stream is carried.
pub const TRANSPORTS: &[&str] = &["sse", "websocket"];
/// Why a request was turned away.
pub const HTTP_REFUSALS: &[&str] = &[
    "busy",
    "forbidden",
    "malformed",
    "media_type",
    "method",
    "not_found",
    "stopping",
    "timeout",
    "too_large",
    "unauthorized",
];
/// Why the service ended a stream.
pub const CUTOFFS: &[&str] = &["slow", "stopping", "log_failed"];
/// Levels of log lines.
pub const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

metrics! { HTTP_METRICS:
    HTTP_REQUESTS = Counter, "zeitgeber_http_requests_total",
        [bounded("route", "templates of routes; what matches none is `unmatched`"),
         bounded("method", "the methods in use; the rest is `other`"),
         bounded("status", "status codes that the service answers")],
        "Requests answered", by "HTTP layer, per request";
    HTTP_REQUEST = SECONDS, "zeitgeber_http_request_seconds",
        [bounded("route", "templates of routes; what matches none is `unmatched`")],
        "Time from a request's head to its answer's head", by "HTTP layer, per request";
    HTTP_CONNECTIONS = Gauge, "zeitgeber_http_connections_count", [],
        "Connections open", by "HTTP server, per connection";
    HTTP_REFUSED = Counter, "zeitgeber_http_refusals_total",
        [of("reason", || HTTP_REFUSALS.to_vec())],
        "Requests turned away, by reason", by "HTTP layer, per request";
    STREAM_SUBSCRIBERS = Gauge, "zeitgeber_stream_subscribers_count",
        [of("transport", || TRANSPORTS.to_vec())],
        "Subscribers of the live stream", by "stream, per subscriber";
    STREAM_EVENTS = Counter, "zeitgeber_stream_events_total",
        [of("transport", || TRANSPORTS.to_vec())],
        "Events written to subscribers", by "stream, per write";
    STREAM_CUTOFFS = Counter, "zeitgeber_stream_cutoffs_total",
        [of("reason", || CUTOFFS.to_vec())],
        "Streams that the service ended, by reason", by "stream, per end";
    STREAM_LAG = SECONDS, "zeitgeber_stream_lag_seconds", [],
        "Time from an event's becoming durable to its being written to a subscriber",
        by "stream, per write";
}

metrics! { PROCESS_METRICS:
    READY = Gauge, "zeitgeber_ready_ratio", [],
        "1: inputs are taken; 0: they are not, since the service starts or ends or its journal \
         failed", by "sampler, from the engine";
    PROCESS_RESIDENT = Gauge, "zeitgeber_process_resident_bytes", [],
        "Resident memory", by "sampler, from /proc";
    PROCESS_CPU = Counter, "zeitgeber_process_cpu_seconds_total", [],
        "Processor time of all threads, user and system", by "sampler, from the system";
    PROCESS_FILES = Gauge, "zeitgeber_process_files_count", [],
        "Open file descriptors", by "sampler, from /proc";
    PROCESS_START = Gauge, "zeitgeber_process_start_seconds", [],
        "When the process started, seconds since 1970", by "sampler, from /proc";
    BUILD_INFO = Gauge, "zeitgeber_build_info", [bounded("version", "the one that runs")],
        "Always 1; its label says which version runs", by "start";
    LOG_LINES = Counter, "zeitgeber_log_lines_total", [of("level", || LEVELS.to_vec())],
        "Lines logged, by level", by "logs, per line";
}

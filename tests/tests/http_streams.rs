//! Live streams from outside: server-sent events, WebSocket and `tail --to --follow`, against the
//! log that they were read from.
//!
//! **STREAM-1** holds at the door as well: whatever ends a stream, going on behind the last event
//! that came brings the rest of the log, once and in order.

#[path = "http_streams/bounds.rs"]
mod bounds;
#[path = "http_streams/kit.rs"]
mod kit;
#[path = "http_streams/resume.rs"]
mod resume;
#[path = "http_streams/slow.rs"]
mod slow;
#[path = "http_streams/tail.rs"]
mod tail;
#[path = "http_streams/wanted.rs"]
mod wanted;
#[path = "http_streams/websocket.rs"]
mod websocket;

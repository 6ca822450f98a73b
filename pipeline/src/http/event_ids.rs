//! The ids under which a stream's events go out: what a client hands back to go on behind them.
//!
//! Where one event tells where a stream goes on, its position is its id and its text is shared by
//! all who get it. In a stream of several partitions without a common order the id is a token of
//! this stream alone, which tells how far each partition is.

use std::{fmt::Write, sync::Arc};

use axum::body::Bytes;

use crate::stream::{Frame, Token};

/// The ids of one stream.
pub(super) struct EventIds(Option<Token>);

impl EventIds {
    /// Before the first event; a token where the stream needs one.
    pub(super) const fn new(token: Option<Token>) -> Self {
        Self(token)
    }

    /// What a stream of server-sent events begins with: whoever is cut off before the first event
    /// goes on from the beginning, too, where a token tells it.
    pub(super) fn begin(&self, retry_ms: u32) -> Bytes {
        match &self.0 {
            Some(token) => format!("retry: {retry_ms}\nid: {token}\n\n").into(),
            None => format!("retry: {retry_ms}\n\n").into(),
        }
    }

    /// Events as server-sent events have them.
    pub(super) fn text(&mut self, frames: &[Arc<Frame>]) -> Bytes {
        let mut text = String::with_capacity(frames.iter().map(|frame| frame.bytes()).sum());
        for frame in frames {
            match &mut self.0 {
                Some(token) => {
                    token.pass(frame.id());
                    frame.put_sse(token, &mut text);
                }
                None => text.push_str(frame.sse()),
            }
        }
        text.into()
    }

    /// Events as JSON objects, the id before all else.
    pub(super) fn rows(&mut self, frames: &[Arc<Frame>]) -> Vec<String> {
        let row = |frame: &Arc<Frame>| {
            let mut row = String::from(r#"{"id":""#);
            // Writing to a text cannot fail.
            let _ = match &mut self.0 {
                Some(token) => {
                    token.pass(frame.id());
                    write!(row, "{token}")
                }
                None => write!(row, "{}", frame.id()),
            };
            row.push_str(r#"","#);
            row.push_str(frame.json().trim_start_matches('{'));
            row
        };
        frames.iter().map(row).collect()
    }
}

//! The schema texts against the Rust types and against their own past.
//!
//! The codec is written by hand, so nothing but these tests keeps its bytes readable by another
//! Avro library with the texts alone.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod compatibility;
mod draw;
mod layout;
mod names;
mod texts;

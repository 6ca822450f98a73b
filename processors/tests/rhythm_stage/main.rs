//! The rhythm stage from outside: recordings with reference values, worked examples, and the laws
//! that hold for any readings.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cycles;
mod days;
mod examples;
mod kit;
mod laws;
mod recordings;

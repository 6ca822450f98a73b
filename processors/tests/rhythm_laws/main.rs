//! Laws of rhythm: of whole people, whose readings go through every stage, and of each machine.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod arrival;
mod bounds;
mod calendar;
mod carried;
mod clocks;
mod machines;
mod person;
mod restore;
mod zones;

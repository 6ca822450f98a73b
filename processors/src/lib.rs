//! What is decided: the pure stages of Zeitgeber.
//!
//! Each stage is `initial`, `decide` and `apply`. Nothing here does I/O, reads a clock, draws a
//! random number, iterates in hash order or depends on the order of a float reduction that it
//! does not own.
#![no_std]
extern crate alloc;

pub mod evaluation;
pub mod exact;
pub mod feedback;
pub mod fidelity;
pub mod flow;
pub mod intervention;
pub mod ledger;
pub mod rhythm;
pub mod routing;
pub mod tasks;
pub mod validation;
pub mod versions;
pub mod whatif;

//! The rhythm stage from outside: recordings with reference values, worked examples, and the laws
//! that hold for any readings.

mod examples;
mod kit;
mod laws;
mod recordings;

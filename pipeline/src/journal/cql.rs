//! The journal on CQL.
pub mod epoch;

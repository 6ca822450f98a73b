//! How it flows: the thin shell around the pure stages of Zeitgeber.
//!
//! Inputs come in through [`door`], are decided and applied by a [`cycle`] for each partition on
//! the threads of [`runtime`], become durable in the [`journal`], and are read back by [`query`].

pub mod analyze;
pub mod bench;
#[cfg(feature = "cluster")]
pub mod bus;
#[cfg(feature = "service")]
pub mod client;
#[cfg(feature = "cluster")]
pub mod cluster;
pub mod config;
pub mod cycle;
pub mod demo;
pub mod disk;
pub mod door;
pub mod engine;
pub mod fidelity;
pub mod fold;
#[cfg(feature = "service")]
pub mod http;
pub mod ingest;
pub mod journal;
pub mod measure;
pub mod ope;
pub mod plot;
pub mod policy;
pub mod query;
pub mod record;
pub mod runtime;
pub mod sim;
pub mod state;
pub mod store;
pub mod stream;
#[cfg(feature = "service")]
pub mod telemetry;
pub mod whatif;

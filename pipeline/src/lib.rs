//! How it flows.

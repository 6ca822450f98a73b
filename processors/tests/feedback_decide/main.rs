//! Feedback's decider: given open decisions, when an outcome comes (or none), then this reward.

mod kit;
mod laws;
mod outcomes;
mod parking;
mod reports;

//! What a running service tells about itself: metrics, logs, traces.
//!
//! The writer's hot path knows nothing of this: it counts in plain numbers
//! ([`crate::cycle::tally`], [`crate::measure`]), and they are poured into cached handles once per
//! batch. Whatever is a state rather than an event is read when somebody asks for it.

pub mod catalogue;

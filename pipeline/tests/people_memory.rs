//! People in bounded memory: who is in it, when snapshots are written and what becomes of their
//! files never changes an answer.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "people_memory/kit.rs"]
mod kit;

#[path = "people_memory/checkpoints.rs"]
mod checkpoints;
#[path = "people_memory/damage.rs"]
mod damage;
#[path = "people_memory/following.rs"]
mod following;
#[path = "people_memory/laws.rs"]
mod laws;
#[path = "people_memory/questions.rs"]
mod questions;

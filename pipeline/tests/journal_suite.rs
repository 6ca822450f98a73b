//! The journal's contract, each invariant named by a test, on the file and the memory journal.

#[path = "journal_suite/chunks.rs"]
mod chunks;
#[path = "journal_suite/conformance.rs"]
mod conformance;
#[path = "journal_suite/damage.rs"]
mod damage;
#[path = "journal_suite/golden.rs"]
mod golden;
#[path = "journal_suite/kit.rs"]
mod kit;
#[path = "journal_suite/life.rs"]
mod life;
#[path = "journal_suite/mounts.rs"]
mod mounts;
#[path = "journal_suite/search.rs"]
mod search;

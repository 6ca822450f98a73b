//! The service from outside: what it takes, answers, refuses and survives, over real sockets.

#[path = "http/bounds.rs"]
mod bounds;
#[path = "http/doors.rs"]
mod doors;
#[path = "http/ending.rs"]
mod ending;
#[path = "http/inputs.rs"]
mod inputs;
#[path = "http/policy.rs"]
mod policy;

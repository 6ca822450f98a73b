//! One line of JSON → one reading: reasons, fields, and two parsers that agree.

use proptest::prelude::*;
use zeitgeber::door::{
    Head, Options, Refusal,
    json::{self, Scratch},
};
use zeitgeber_schemas::{Envelope, FieldSet, Kind, ReadingBody, Reason, Values};

const OPTIONS: Options =
    Options { backfill: false, door_now_ms: 2_000_000_000_000, stamp_ms: None };

/// Lines of every form that producers send, for the property test to damage.
const LINES: [&str; 9] = [
    r#"{"id":"a-imu-1","user_id":"a","device_id":"w","kind":"imu","ts":1740971940000,"recv_ts":1740971948734,"values":{"activity_counts":11,"epoch_s":60}}"#,
    r#"{"id":"a-imu-2","user_id":"a","device_id":"w","kind":"imu","ts":1741151160000,"recv_ts":1741151274498,"values":{"steps":98,"lying":0.98,"epoch_s":60}}"#,
    r#"{"id":"a-imu-3","user_id":"a","device_id":"w","kind":"imu","ts":1741398780000,"recv_ts":1741398786963,"values":{"enmo_mg":13.167,"epoch_s":60}}"#,
    r#"{"id":"a-imu-4","user_id":"a","device_id":"w","kind":"imu","ts":1741053600000,"recv_ts":1741053892119,"values":{"intensity":17,"epoch_s":3600}}"#,
    r#"{"id":"a-imu-5","user_id":"a","device_id":"w","kind":"imu","ts":1741053600000,"recv_ts":1741053892119,"values":{"fs_hz":2,"acc_g":[[0.01,-0.98,1e-3],[0,-1,0.5]],"gyro_dps":[[-0.5,2,1.25E2],[0,0.0,-0]]}}"#,
    r#"{"id":"a-hrv-1","user_id":"a","device_id":"c","kind":"hrv","ts":1741152660000,"recv_ts":1741152671685,"values":{"rr_ms":[742.2,734.4,726.60000000000002,710]}}"#,
    r#"{"id":"a-env-1","user_id":"a","device_id":"e","kind":"environment","ts":1741152600000,"recv_ts":1741152883323,"values":{"temp_c":25.06,"lux":123,"noise_db":53.5}}"#,
    r#"{"id":"a-env-2","user_id":"a","device_id":"e","kind":"environment","ts":1741152600000,"recv_ts":1741152883323,"values":{"medi_lux":null,"temp_c":"x"}}"#,
    r#"{ "tenant" : "t", "id": "a-env-3", "user_id": "é", "values": {"lux": 1.5, "uv": 3}, "kind": "environment", "ts": -5 }"#,
];

type Parser =
    for<'a> fn(&'a [u8], &Options, &'a mut Scratch, &mut Vec<u8>) -> Result<Head<'a>, Box<Refusal>>;

fn parsed(parser: Parser, line: &[u8], options: &Options) -> Result<(Kind, Vec<u8>), Box<Refusal>> {
    let mut out = vec![7];
    let kind = parser(line, options, &mut Scratch::default(), &mut out).map(|head| head.kind);
    match kind {
        Ok(kind) => Ok((kind, out.split_off(1))),
        Err(refusal) => {
            assert_eq!(out, [7], "a refused line leaves the buffer as it was");
            Err(refusal)
        }
    }
}

fn both(line: &[u8], options: &Options) -> Result<(Kind, Vec<u8>), Box<Refusal>> {
    let quick = parsed(json::reading, line, options);
    assert_eq!(
        quick,
        parsed(json::thorough_reading, line, options),
        "{}",
        String::from_utf8_lossy(line)
    );
    quick
}

/// Reads a line both ways and hands its parts to `check`.
fn read(line: &str, check: impl FnOnce(Envelope<'_>, ReadingBody<'_>)) {
    let (kind, bytes) = both(line.as_bytes(), &OPTIONS).expect("the line is read");
    let mut rest = &bytes[..];
    let envelope = Envelope::get(&mut rest).expect("an envelope");
    let body = ReadingBody::get(&mut rest).expect("a body");
    assert!(rest.is_empty());
    assert_eq!(body.kind(), kind);
    check(envelope, body);
}

fn reason(line: impl AsRef<[u8]>) -> Reason {
    both(line.as_ref(), &OPTIONS).expect_err("the line is refused").reason
}

/// An `imu` line with one field replaced.
fn imu_with(from: &str, to: &str) -> String {
    assert!(LINES[0].contains(from));
    LINES[0].replacen(from, to, 1)
}

#[test]
fn an_ordinary_line_becomes_its_envelope_and_body() {
    read(LINES[1], |envelope, body| {
        let wanted = Envelope {
            tenant: "default",
            user_id: "a",
            id: "a-imu-2",
            ts: 1_741_151_160_000,
            recv_ts: Some(1_741_151_274_498),
        };
        assert_eq!(envelope, wanted);
        assert_eq!((body.device_id, body.backfill, body.unknown_fields), ("w", false, false));
        let Values::Imu(imu) = body.values else { panic!("{body:?}") };
        assert_eq!((imu.steps, imu.lying, imu.epoch_s), (Some(98.0), Some(0.98), Some(60.0)));
    });
    read(LINES[4], |_, body| {
        let Values::Imu(imu) = body.values else { panic!("{body:?}") };
        assert_eq!(imu.acc_g.iter().collect::<Vec<_>>(), [0.01, -0.98, 0.001, 0.0, -1.0, 0.5]);
        assert_eq!(imu.gyro_dps.len(), 6);
    });
    read(LINES[8], |envelope, body| {
        assert_eq!((envelope.tenant, envelope.user_id, envelope.recv_ts), ("t", "é", None));
        assert!(body.unknown_fields);
    });
}

#[test]
fn an_environment_field_without_a_number_is_left_out_and_named() {
    read(LINES[7], |_, body| {
        let Values::Environment(environment) = body.values else { panic!("{body:?}") };
        assert_eq!(environment.malformed, FieldSet::MEDI_LUX.with(FieldSet::TEMP_C));
        assert_eq!((environment.medi_lux, environment.temp_c), (None, None));
    });
}

#[test]
fn what_is_no_json_object_is_not_json() {
    let deep = "[".repeat(100_000);
    let deep_inside = imu_with("11", &deep);
    let nan = imu_with("11", "NaN");
    let infinite = imu_with("11", "-Infinity");
    let overflow = imu_with("11", "1e999");
    let two = format!("{}{}", LINES[0], LINES[0]);
    for line in ["", " ", "[]", "3", "null", "\"x\"", "{", "{]", &nan, &infinite, &overflow] {
        assert_eq!(reason(line), Reason::NotJson, "{line}");
    }
    for line in [&deep, &deep_inside, &two, &LINES[0][..90].to_owned()] {
        assert_eq!(reason(line), Reason::NotJson);
    }
    assert_eq!(reason(b"\xff\xfe\x00binary"), Reason::NotJson);
    let invalid = [&b"{\"id\":\"\xc3\x28\",\""[..], &LINES[0].as_bytes()[2..]].concat();
    assert_eq!(reason(invalid), Reason::NotJson);
}

#[test]
fn missing_fields_and_fields_of_another_type_are_told_apart() {
    for field in ["id", "user_id", "kind", "ts", "values"] {
        let renamed = imu_with(&format!("\"{field}\":"), "\"other\":");
        assert_eq!(reason(&renamed), Reason::MissingField, "{field}");
        let refusal = both(renamed.as_bytes(), &OPTIONS).expect_err("refused");
        assert!(refusal.detail.contains(&format!("`{field}`")), "{}", refusal.detail);
    }
    for (from, to) in [
        ("\"user_id\":\"a\"", "\"user_id\":42"),
        ("\"id\":\"a-imu-1\"", "\"id\":null"),
        ("\"kind\":\"imu\"", "\"kind\":3"),
        ("1740971940000", "\"yesterday\""),
        ("1740971940000", "1740971940000.0"),
        ("1740971940000", "9223372036854775808"),
        ("1740971940000", "-0"),
        ("1740971940000", "null"),
        ("1740971948734", "true"),
        ("\"device_id\":\"w\"", "\"device_id\":1"),
        ("{\"activity_counts\":11,\"epoch_s\":60}", "[1,2,3]"),
        ("{\"activity_counts\":11,\"epoch_s\":60}", "\"n/a\""),
        ("11", "null"),
        ("11", "\"11\""),
        ("\"activity_counts\":11", "\"acc_g\":[[1,2]]"),
        ("\"activity_counts\":11", "\"acc_g\":[1,2,3]"),
        ("\"activity_counts\":11", "\"acc_g\":[[1,2,null]]"),
    ] {
        assert_eq!(reason(imu_with(from, to)), Reason::WrongType, "{to}");
    }
    assert_eq!(reason(imu_with("activity_counts", "counts")), Reason::MissingField);
    assert_eq!(reason(imu_with("\"activity_counts\":11", "\"acc_g\":[]")), Reason::MissingField);
    assert_eq!(reason(LINES[5].replace("rr_ms", "rr")), Reason::MissingField);
    assert_eq!(reason(LINES[5].replace("742.2", "null")), Reason::WrongType);
    for kind in ["eeg", "Hrv", "IMU ", ""] {
        let line = imu_with("\"kind\":\"imu\"", &format!("\"kind\":\"{kind}\""));
        assert_eq!(reason(line), Reason::UnknownKind);
    }
}

#[test]
fn absent_optional_fields_may_be_null_and_the_last_of_two_keys_counts() {
    let line = imu_with("1740971948734", "null");
    read(&line, |envelope, _| assert_eq!(envelope.recv_ts, None));
    let line = imu_with("\"ts\":", "\"ts\":\"first\",\"ts\":");
    read(&line, |envelope, _| assert_eq!(envelope.ts, 1_740_971_940_000));
    let line = imu_with("\"user_id\":\"a\"", "\"user_id\":\"u01\\u202e\"");
    read(&line, |envelope, _| assert_eq!(envelope.user_id, "u01\u{202e}"));
    let line = imu_with("\"kind\"", "\"version\":3,\"kind\"");
    read(&line, |_, body| assert!(body.unknown_fields));
}

#[test]
fn lists_and_ids_are_bounded() {
    let rr = |count: usize| {
        let list = vec!["800"; count].join(",");
        LINES[5].replace("742.2,734.4,726.60000000000002,710", &list)
    };
    read(&rr(0), |_, body| assert!(matches!(body.values, Values::Hrv(rr) if rr.is_empty())));
    read(&rr(1_000), |_, body| {
        assert!(matches!(body.values, Values::Hrv(rr) if rr.len() == 1_000));
    });
    assert_eq!(reason(rr(1_001)), Reason::Oversized);
    let acc = |count: usize| {
        let list = vec!["[0,0,1]"; count].join(",");
        imu_with("\"activity_counts\":11", &format!("\"acc_g\":[{list}]"))
    };
    read(&acc(4_096), |_, body| {
        assert!(matches!(body.values, Values::Imu(imu) if imu.acc_g.len() == 3 * 4_096));
    });
    assert_eq!(reason(acc(4_097)), Reason::Oversized);
    let user = |length: usize| imu_with("\"a\"", &format!("\"{}\"", "a".repeat(length)));
    read(&user(256), |envelope, _| assert_eq!(envelope.user_id.len(), 256));
    let refusal = both(user(257).as_bytes(), &OPTIONS).expect_err("too long");
    assert_eq!((refusal.reason, refusal.user_id), (Reason::Oversized, None));
}

#[test]
fn an_arrival_ahead_of_the_doors_clock_is_refused() {
    let now = |door_now_ms| Options { backfill: false, door_now_ms, stamp_ms: None };
    let arrived = 1_740_971_948_734;
    both(LINES[0].as_bytes(), &now(arrived - 5 * 60_000)).expect("five minutes are allowed");
    let ahead = both(LINES[0].as_bytes(), &now(arrived - 5 * 60_000 - 1)).expect_err("ahead");
    assert_eq!(ahead.reason, Reason::ClockAhead);
    assert_eq!(ahead.user_id.as_deref(), Some("a"));
    let no_arrival = imu_with("1740971948734", "null");
    both(no_arrival.as_bytes(), &now(0)).expect_err("the event time stands in for the arrival");
}

#[test]
fn backfill_arrives_when_it_was_measured() {
    let options = Options { backfill: true, ..OPTIONS };
    let (_, bytes) = both(LINES[0].as_bytes(), &options).expect("read");
    let mut rest = &bytes[..];
    let envelope = Envelope::get(&mut rest).expect("an envelope");
    assert_eq!(envelope.recv_ts, Some(envelope.ts));
    assert!(ReadingBody::get(&mut rest).expect("a body").backfill);
}

#[test]
fn a_refusal_keeps_what_was_readable_and_is_keyed_by_it() {
    let line = imu_with("\"kind\":\"imu\"", "\"kind\":\"eeg\",\"tenant\":\"t\"");
    let refusal = both(line.as_bytes(), &OPTIONS).expect_err("refused");
    assert_eq!(refusal.id.as_deref(), Some("a-imu-1"));
    assert_eq!(refusal.kind.as_deref(), Some("eeg"));
    assert_eq!((refusal.ts, refusal.recv_ts), (Some(1_740_971_940_000), Some(1_740_971_948_734)));
    assert_eq!(refusal.key(line.as_bytes()), b"t/a");
    let unreadable = both(b"rubbish", &OPTIONS).expect_err("refused").to_unreadable(b"rubbish");
    assert_eq!(unreadable.key.0, b"rubbish");
}

/// Damage to a line: where (per mille of its length) and what.
fn damage() -> impl Strategy<Value = (usize, Vec<u8>, usize)> {
    let tokens = [
        "",
        "\"",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "0",
        "-",
        ".",
        "e5",
        "E-300",
        "null",
        "true",
        " ",
        "\\",
        "\\u0041",
        "\t",
        "é",
        "1e400",
        "00",
        "18446744073709551616",
        "\"ts\":1,",
        "\u{7f}",
        "9007199254740993",
        "0.1000000000000000055511151231257827",
        "123456789012345678901",
        "\"lux\":2,",
        "\"epoch_s\":7,",
        "\"tenant\":null,",
        "[1,2,3],",
    ];
    let token = prop_oneof![
        proptest::sample::select(tokens.to_vec()).prop_map(|token| token.as_bytes().to_vec()),
        proptest::collection::vec(any::<u8>(), 1..3),
    ];
    (0_usize..=1_000, token, 0_usize..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn door_2_both_parsers_agree_on_every_damaged_line(
        which in 0..LINES.len(),
        damages in proptest::collection::vec(damage(), 0..4),
        backfill in any::<bool>(),
    ) {
        let mut line = LINES[which].as_bytes().to_vec();
        for (place, token, cut) in damages {
            let at = place * line.len() / 1_000;
            let end = (at + cut).min(line.len());
            line.splice(at..end, token);
        }
        drop(both(&line, &Options { backfill, ..OPTIONS }));
    }

    #[test]
    fn door_2_both_parsers_agree_on_every_number(
        whole in any::<i64>(),
        digits in 0_usize..25,
        fraction in "[0-9]{0,25}",
        exponent in proptest::option::of(-330_i32..330),
        double in any::<f64>(),
    ) {
        let mut text = format!("{whole}");
        text.truncate(digits.max(2));
        if !fraction.is_empty() {
            text = format!("{text}.{fraction}");
        }
        if let Some(exponent) = exponent {
            text = format!("{text}e{exponent}");
        }
        for text in [text, format!("{double}"), format!("{double:e}")] {
            let line = imu_with(":11", &format!(":{text}"));
            if let Ok((_, bytes)) = both(line.as_bytes(), &OPTIONS) {
                let mut rest = &bytes[..];
                let body = Envelope::get(&mut rest).and_then(|_| ReadingBody::get(&mut rest));
                let Ok(ReadingBody { values: Values::Imu(imu), .. }) = body else { panic!("imu") };
                let wanted: f64 = text.parse().expect("Rust reads it too");
                prop_assert_eq!(imu.activity_counts.map(f64::to_bits), Some(wanted.to_bits()));
            }
        }
    }
}

//! Files: packed and plain, whole and cut, JSON and Avro.

use std::{
    fs,
    io::{Read, Write},
    path::Path,
};

use apache_avro::{Codec, Reader, Schema, Writer, types::Value};
use flate2::{Compression, write::GzEncoder};
use zeitgeber::door::{
    Options, avro,
    files::{self, Content, ReadError, Source},
    json::{self, Scratch},
    lines::{LINE_BYTES_MAX, Line},
};
use zeitgeber_schemas::{Doubles, Envelope, Environment, Imu, ReadingBody, Reason, Values};

const OPTIONS: Options = Options { backfill: false, door_now_ms: i64::MAX, stamp_ms: None };

fn open(name: &str, bytes: &[u8]) -> Result<Source, String> {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join(name);
    fs::write(&path, bytes).expect("the file is written");
    files::open(&path, LINE_BYTES_MAX).map_err(|error| error.to_string())
}

fn lines(source: &mut Source) -> (Vec<String>, Option<ReadError>) {
    let Content::Lines(lines) = &mut source.content else { panic!("lines") };
    let mut seen = Vec::new();
    loop {
        match lines.next() {
            Ok(Some((_, Line::Whole(line)))) => seen.push(String::from_utf8_lossy(line).into()),
            Ok(Some((number, _))) => panic!("line {number} is oversized"),
            Ok(None) => return (seen, None),
            Err(error) => return (seen, Some(error)),
        }
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("packs")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).expect("packs")
}

/// Lines that do not pack well, so that a cut falls between blocks.
fn text(count: u64) -> Vec<u8> {
    let line = |i: u64| format!("{i} {}\n", blake3::hash(&i.to_le_bytes()));
    (0..count).map(line).collect::<String>().into_bytes()
}

#[test]
fn the_form_is_told_by_the_first_bytes_and_never_by_the_name() {
    for (name, bytes) in [
        ("a.gz", b"a\nb\n".to_vec()),
        ("a.json", gzip(b"a\nb\n")),
        ("a.json", zstd(b"a\nb\n")),
        ("members", [gzip(b"a\n"), gzip(b"b\n")].concat()),
        ("frames", [zstd(b"a\n"), zstd(b"b")].concat()),
    ] {
        let mut source = open(name, &bytes).expect("opens");
        assert_eq!(source.name, name);
        let hash = blake3::hash(&bytes);
        assert_eq!(source.hash.as_ref().map(|hash| &hash[..]), Some(&hash.as_bytes()[..16]));
        assert_eq!(lines(&mut source).0, ["a", "b"], "{name}");
        assert_eq!(source.progress.bytes(), bytes.len() as u64);
        assert_eq!(source.progress.total, Some(bytes.len() as u64));
    }
    for bytes in [Vec::new(), gzip(b""), zstd(b"")] {
        assert_eq!(lines(&mut open("empty", &bytes).expect("opens")).0, [""; 0]);
    }
}

#[test]
fn door_3_a_cut_file_delivers_what_stands_before_the_cut_and_says_where() {
    let text = text(20_000);
    let whole: Vec<String> = String::from_utf8_lossy(&text).lines().map(str::to_owned).collect();
    for (packing, packed) in [("gzip", gzip(&text)), ("zstd", zstd(&text))] {
        let cut = packed.len() * 3 / 4;
        let mut source = open("cut.jsonl", &packed[..cut]).expect("opens");
        let (seen, error) = lines(&mut source);
        assert!(seen.len() > whole.len() / 2, "{packing}: {} lines", seen.len());
        assert_eq!(seen, whole[..seen.len()], "{packing}");
        let error = error.expect("the cut is an error");
        assert_eq!((error.number, error.byte), (seen.len() as u64, cut as u64));
        let message = error.to_string();
        for part in ["cut.jsonl", packing, &cut.to_string(), "line", "run the same command again"] {
            assert!(message.contains(part), "{message}");
        }
        for length in [3, 5, 12] {
            let mut source = open("stump", &packed[..length.min(packed.len())]).expect("opens");
            let (seen, _) = lines(&mut source);
            assert!(seen.len() <= 1, "{seen:?}");
        }
    }
}

#[test]
fn what_cannot_be_opened_says_why() {
    let error = |path: &Path| match files::open(path, LINE_BYTES_MAX) {
        Ok(_) => panic!("opened"),
        Err(error) => error.to_string(),
    };
    let dir = tempfile::tempdir().expect("a temporary directory");
    assert!(error(dir.path()).contains("is a directory"));
    assert!(error(&dir.path().join("none.jsonl")).contains("none.jsonl: no such file"));
}

/// Bodies of every kind, as their canonical bytes.
fn readings() -> Vec<Vec<u8>> {
    let numbers: Vec<u8> = (0..6).flat_map(|i| (f64::from(i) / 3.0).to_le_bytes()).collect();
    let numbers = Doubles::from_le_bytes(&numbers);
    let raw = Imu { fs_hz: Some(2.0), acc_g: numbers, gyro_dps: numbers, ..Imu::default() };
    let counts = Imu { activity_counts: Some(0.1), epoch_s: Some(60.0), ..Imu::default() };
    let room = Environment { lux: Some(-1.5), malformed: schemas_field(), ..Default::default() };
    let values = [
        Values::Imu(raw),
        Values::Imu(counts),
        Values::Hrv(numbers),
        Values::Hrv(Doubles::default()),
        Values::Environment(room),
        Values::Environment(Environment::default()),
    ];
    let put = |(i, values): (usize, Values<'_>)| {
        let id = format!("r{i}");
        let recv_ts = (i % 2 == 0).then_some(6);
        let envelope = Envelope { tenant: "default", user_id: "é", id: &id, ts: 5, recv_ts };
        let mut bytes = Vec::new();
        envelope.put(&mut bytes);
        ReadingBody { device_id: "w", backfill: false, unknown_fields: false, values }
            .put(&mut bytes);
        bytes
    };
    values.into_iter().enumerate().map(put).collect()
}

fn schemas_field() -> zeitgeber_schemas::FieldSet {
    zeitgeber_schemas::FieldSet::TEMP_C
}

/// Canonical bytes as values of today's schema.
fn values(readings: &[Vec<u8>]) -> Vec<Value> {
    let schema = avro::today();
    let reader = apache_avro::reader::datum::GenericDatumReader::builder(&schema).build();
    let reader = reader.expect("a reader");
    readings.iter().map(|bytes| reader.read_value(&mut &bytes[..]).expect("reads")).collect()
}

fn container(schema: &Schema, codec: Codec, values: Vec<Value>) -> Vec<u8> {
    let mut writer =
        Writer::builder().schema(schema).writer(Vec::new()).codec(codec).build().expect("a writer");
    for value in values {
        writer.append_value(value).expect("appends");
    }
    writer.into_inner().expect("flushes")
}

/// What a source holds: accepted bytes or the reason for each record, and the error at its end.
type Seen = (Vec<Result<Vec<u8>, Reason>>, Option<ReadError>);

fn records(source: &mut Source) -> Seen {
    let Content::Records(records) = &mut source.content else { panic!("records") };
    let mut seen = Vec::new();
    let mut out = Vec::new();
    loop {
        out.clear();
        let outcome = match records.next(&OPTIONS, &mut out) {
            Err(error) => return (seen, Some(error)),
            Ok(None) => return (seen, None),
            Ok(Some(record)) => {
                assert_eq!(record.number, seen.len() as u64 + 1);
                assert!(!record.raw.is_empty());
                record.outcome.map(|_| ()).map_err(|refusal| refusal.reason)
            }
        };
        seen.push(outcome.map(|()| out.clone()));
    }
}

#[test]
fn a_container_of_todays_schema_gives_the_bytes_that_were_written() {
    let readings = readings();
    let wanted: Vec<_> = readings.iter().cloned().map(Ok).collect();
    let schema = avro::today();
    for codec in [Codec::Null, Codec::Deflate(Default::default())] {
        let bytes = container(&schema, codec, values(&readings));
        assert_eq!(Reader::new(&bytes[..]).expect("theirs").count(), readings.len());
        for bytes in [bytes.clone(), gzip(&bytes), zstd(&bytes)] {
            let (seen, error) = records(&mut open("r.avro", &bytes).expect("opens"));
            assert!(error.is_none(), "{error:?}");
            assert_eq!(seen, wanted);
        }
    }
}

#[test]
fn older_and_reordered_writer_schemas_resolve_by_name() {
    let text = r#"{"type": "record", "name": "Reading", "fields": [
        {"name": "body", "type": {"type": "record", "name": "Body", "fields": [
            {"name": "values", "type": [
                {"type": "record", "name": "Environment", "fields": [
                    {"name": "temp_c", "type": ["null", "float"]},
                    {"name": "lux", "type": ["null", "int"]}]},
                {"type": "record", "name": "Imu", "fields": [
                    {"name": "steps", "type": ["null", "long"]},
                    {"name": "novelty", "type": ["null", "long"]}]},
                {"type": "array", "items": "float"}]}]}},
        {"name": "envelope", "type": {"type": "record", "name": "Envelope", "fields": [
            {"name": "ts", "type": {"type": "long", "logicalType": "timestamp-millis"}},
            {"name": "id", "type": "string"},
            {"name": "user_id", "type": "string"}]}}]}"#;
    let schema = Schema::parse_str(text).expect("a schema");
    let union = |branch, value| Value::Union(branch, Box::new(value));
    let record = |fields: Vec<(&str, Value)>| {
        Value::Record(fields.into_iter().map(|(name, value)| (name.into(), value)).collect())
    };
    let reading = |values: Value| {
        let envelope = record(vec![
            ("ts", Value::TimestampMillis(9)),
            ("id", Value::String("x".into())),
            ("user_id", Value::String("a".into())),
        ]);
        record(vec![("body", record(vec![("values", values)])), ("envelope", envelope)])
    };
    let environment =
        record(vec![("temp_c", union(1, Value::Float(20.5))), ("lux", union(0, Value::Null))]);
    let imu = |steps| record(vec![("steps", steps), ("novelty", union(1, Value::Long(1)))]);
    let bytes = container(
        &schema,
        Codec::Null,
        vec![
            reading(union(0, environment)),
            reading(union(1, imu(union(1, Value::Long(7))))),
            reading(union(2, Value::Array(vec![Value::Float(800.5)]))),
            reading(union(1, imu(union(0, Value::Null)))),
        ],
    );
    let (seen, error) = records(&mut open("old.avro", &bytes).expect("opens"));
    assert!(error.is_none(), "{error:?}");
    let parts = |i: usize| -> (Envelope<'_>, ReadingBody<'_>) {
        let mut rest = &seen[i].as_ref().expect("accepted")[..];
        (Envelope::get(&mut rest).expect("envelope"), ReadingBody::get(&mut rest).expect("body"))
    };
    let (envelope, body) = parts(0);
    assert_eq!((envelope.tenant, envelope.id, envelope.recv_ts), ("default", "x", None));
    let Values::Environment(environment) = body.values else { panic!("{body:?}") };
    assert_eq!((environment.temp_c, environment.lux), (Some(20.5), None));
    let (_, body) = parts(1);
    assert!(body.unknown_fields);
    assert!(matches!(body.values, Values::Imu(imu) if imu.steps == Some(7.0)));
    let (_, body) = parts(2);
    assert!(matches!(body.values, Values::Hrv(rr) if rr.iter().eq([800.5])));
    assert_eq!(seen[3], Err(Reason::MissingField));
}

#[test]
fn the_doors_bounds_hold_for_avro_too() {
    let list = |number: f64, count: usize| number.to_le_bytes().repeat(count);
    let outcome = |values: Values<'_>| {
        let envelope = Envelope { tenant: "default", user_id: "a", id: "x", ts: 1, recv_ts: None };
        let mut bytes = Vec::new();
        envelope.put(&mut bytes);
        ReadingBody { device_id: "", backfill: false, unknown_fields: false, values }
            .put(&mut bytes);
        let (mut rest, mut out) = (&bytes[..], Vec::new());
        let outcome = avro::reading(&mut rest, &OPTIONS, &mut out).map(|head| head.kind);
        assert!(rest.is_empty());
        outcome.map_err(|refusal| refusal.reason)
    };
    let imu = |bytes: &[u8]| {
        outcome(Values::Imu(Imu { acc_g: Doubles::from_le_bytes(bytes), ..Imu::default() }))
    };
    let hrv = |bytes: &[u8]| outcome(Values::Hrv(Doubles::from_le_bytes(bytes)));
    hrv(&list(800.0, 1_000)).expect("a thousand are allowed");
    assert_eq!(hrv(&list(800.0, 1_001)), Err(Reason::Oversized));
    assert_eq!(hrv(&list(f64::NAN, 1)), Err(Reason::WrongType));
    imu(&list(1.0, 3)).expect("one sample");
    assert_eq!(imu(&list(1.0, 4)), Err(Reason::WrongType));
    assert_eq!(imu(&list(1.0, 3 * 4_097)), Err(Reason::Oversized));
    assert_eq!(imu(&[]), Err(Reason::MissingField));
    assert_eq!(
        avro::reading(&mut &b"\x01"[..], &OPTIONS, &mut Vec::new()).map_err(|r| r.reason),
        Err(Reason::NotAvro)
    );
}

#[test]
fn door_3_a_cut_or_damaged_container_delivers_the_whole_blocks_before() {
    let readings = readings();
    let schema = avro::today();
    let mut writer = Writer::builder()
        .schema(&schema)
        .writer(Vec::new())
        .block_size(64)
        .build()
        .expect("a writer");
    for _ in 0..50 {
        for value in values(&readings) {
            writer.append_value(value).expect("appends");
        }
    }
    let bytes = writer.into_inner().expect("flushes");
    let cut = bytes.len() * 3 / 4;
    let (seen, error) = records(&mut open("cut.avro", &bytes[..cut]).expect("opens"));
    let error = error.expect("the cut is an error");
    assert!(seen.len() > 150, "{} records", seen.len());
    assert_eq!((error.unit, error.number, error.byte), ("record", seen.len() as u64, cut as u64));
    let mut damaged = bytes.clone();
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    let (_, error) = records(&mut open("bad.avro", &damaged).expect("opens"));
    assert!(error.expect("an error").to_string().contains("sync marker"));
}

#[test]
fn a_container_of_something_else_is_refused_by_name() {
    let schema =
        r#"{"type": "record", "name": "Parcel", "fields": [{"name": "id", "type": "long"}]}"#;
    let schema = Schema::parse_str(schema).expect("a schema");
    let bytes = container(&schema, Codec::Null, Vec::new());
    let error = open("parcels.avro", &bytes).err().expect("refused");
    assert!(error.contains("parcels.avro") && error.contains("Parcel"), "{error}");
    let error = open("stump.avro", &bytes[..20]).err().expect("refused");
    assert!(error.contains("stump.avro"), "{error}");
}

#[test]
fn a_stream_is_read_like_a_file_and_has_no_hash() {
    let input: Box<dyn Read + Send> = Box::new(std::io::Cursor::new(gzip(b"a\nb")));
    let mut source = files::from_reader("-", None, None, input, LINE_BYTES_MAX).expect("opens");
    assert_eq!((source.hash, source.progress.total), (None, None));
    assert_eq!(lines(&mut source).0, ["a", "b"]);
}

#[test]
fn a_writer_s_schema_is_compared_without_regard_to_what_it_says_besides() {
    let text = zeitgeber_schemas::catalogue::ALL.iter().find(|text| text.name == "reading");
    let text = text.expect("the catalogue has it").json;
    let plain: serde_json::Value = serde_json::from_str(text).expect("it is JSON");
    let mut decorated = plain.clone();
    // An attribute that the Avro specification reserves, at a place where it means nothing.
    decorated["fields"][0]["type"]["fields"][0]["symbols"] = serde_json::Value::Null;
    let mut longer = plain.clone();
    let field = serde_json::json!({"name": "more", "type": "int", "default": 0});
    longer["fields"][0]["type"]["fields"].as_array_mut().expect("fields").push(field);
    for (schema, is_today) in [(plain, true), (decorated, true), (longer, false)] {
        let schema = Schema::parse(&schema).expect("it parses");
        assert_eq!(avro::is_today(&schema), is_today);
    }
}

#[test]
fn json_and_avro_of_the_same_reading_are_the_same_bytes() {
    let line = br#"{"id":"r","user_id":"a","kind":"hrv","ts":5,"values":{"rr_ms":[742.2,734.4]}}"#;
    let mut from_json = Vec::new();
    json::reading(line, &OPTIONS, &mut Scratch::default(), &mut from_json).expect("reads");
    let mut from_avro = Vec::new();
    avro::reading(&mut &from_json[..], &OPTIONS, &mut from_avro).expect("reads");
    assert_eq!(from_avro, from_json);
}

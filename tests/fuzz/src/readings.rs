//! Readings as producers send them: lines of JSON, Avro, and files of either.

use std::sync::LazyLock;

use apache_avro::Schema;
use serde_json::Value;
use zeitgeber::door::{
    Head, Options, Refusal, avro,
    files::{self, Content},
    json,
};
use zeitgeber_schemas::{Envelope, ReadingBody, Reason};

const OPTIONS: Options = Options { backfill: false, door_now_ms: i64::MAX, stamp_ms: None };
/// Longest line that is read, bytes.
const LINE_MAX: usize = 1 << 16;
/// What a door puts before what it appends.
const BEFORE: u8 = 7;

/// Kind and appended bytes, or the refusal, of a parser that appends to what is there.
fn outcome<'a>(
    parse: impl FnOnce(&mut Vec<u8>) -> Result<Head<'a>, Box<Refusal>>,
) -> Result<Vec<u8>, Box<Refusal>> {
    let mut out = vec![BEFORE];
    match parse(&mut out).map(drop) {
        Ok(()) => Ok(out.split_off(1)),
        Err(refusal) => {
            assert_eq!(out, [BEFORE], "a refused reading leaves the buffer as it was");
            Err(refusal)
        }
    }
}

/// What was appended is an envelope and a body.
fn parts(bytes: &[u8]) -> (Envelope<'_>, ReadingBody<'_>) {
    let mut rest = bytes;
    let envelope = Envelope::get(&mut rest).expect("an envelope was appended");
    let body = ReadingBody::get(&mut rest).expect("a body was appended");
    assert!(rest.is_empty(), "nothing else was");
    (envelope, body)
}

/// The quick parser, the thorough one and serde_json agree.
pub(crate) fn json(line: &[u8]) {
    let mut scratch = [json::Scratch::default(), json::Scratch::default()];
    let [first, second] = &mut scratch;
    let quick = outcome(|out| json::reading(line, &OPTIONS, first, out));
    let thorough = outcome(|out| json::thorough_reading(line, &OPTIONS, second, out));
    assert_eq!(quick, thorough);
    let value = serde_json::from_slice::<Value>(line);
    match quick {
        Ok(bytes) => {
            let (envelope, _) = parts(&bytes);
            let value = value.expect("serde_json reads what a door takes");
            assert_eq!(value["id"], envelope.id);
            assert_eq!(value["user_id"], envelope.user_id);
            assert_eq!(value["ts"].as_i64(), Some(envelope.ts));
        }
        Err(refusal) => {
            let is_object = value.is_ok_and(|value| value.is_object());
            let says_not_json = refusal.reason == Reason::NotJson;
            assert!(is_object || says_not_json, "{refusal:?}");
        }
    }
}

/// What the codec by hand reads, `apache-avro` reads the same. The other way round it is more
/// lenient (a union that is cut off is null to it, the byte length of a block may be anything), but
/// whatever is as we write it we read.
pub(crate) fn avro(bytes: &[u8]) {
    static TODAY: LazyLock<Schema> = LazyLock::new(avro::today);
    let (mut ours, mut theirs) = (bytes, bytes);
    let own = outcome(|out| avro::reading(&mut ours, &OPTIONS, out));
    let mut scratch = avro::Scratch::default();
    let other = outcome(|out| avro::reading_of(&TODAY, &mut theirs, &mut scratch, &OPTIONS, out));
    match own {
        Err(refusal) if refusal.reason == Reason::NotAvro => {
            assert!(!other.is_ok_and(|written| bytes.starts_with(&written)), "{refusal:?}");
        }
        own => {
            assert_eq!(
                own.map_err(|refusal| refusal.reason),
                other.map_err(|refusal| refusal.reason)
            );
            assert_eq!(ours, theirs, "both took the same bytes");
        }
    }
}

/// A file of lines or of Avro records, packed or not, told by its first bytes.
pub(crate) fn file(bytes: &[u8]) {
    let input = Box::new(std::io::Cursor::new(bytes.to_vec()));
    let Ok(mut source) = files::from_reader("input", None, None, input, LINE_MAX) else { return };
    match &mut source.content {
        Content::Lines(lines) => while let Ok(Some(_)) = lines.next() {},
        Content::Records(records) => {
            let mut out = Vec::new();
            while let Ok(Some(record)) = records.next(&OPTIONS, &mut out) {
                if record.outcome.is_ok() {
                    parts(&out);
                }
                out.clear();
            }
        }
    }
}

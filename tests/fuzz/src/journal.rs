//! The log: chunks by themselves, and whole logs of which bytes changed.

use std::{collections::BTreeMap, fs, sync::LazyLock};

use zeitgeber::{
    journal::{Chunk, FileJournal, Journal, Mode, ReadError, ScanFrom},
    record::digest_entry,
};
use zeitgeber_schemas::SchemaId;

use crate::{edits::edited, scratch};

/// The files of a small log that was stopped cleanly.
const FILES: [(&str, &[u8]); 3] = [
    (
        "00000000.zj",
        include_bytes!("../../../pipeline/tests/golden/journal-v1/journal/00000000.zj"),
    ),
    (
        "00000001.zj",
        include_bytes!("../../../pipeline/tests/golden/journal-v1/journal/00000001.zj"),
    ),
    ("MARK", include_bytes!("../../../pipeline/tests/golden/journal-v1/journal/MARK")),
];

/// Chunks by partition and number.
type Chunks = BTreeMap<(u16, u64), Vec<u8>>;

/// The chunks of the sound log.
static CHUNKS: LazyLock<Chunks> = LazyLock::new(|| {
    place();
    let chunks = read().expect("the golden log is sound");
    assert!(!chunks.is_empty());
    chunks
});

/// Payloads of the sound log.
static PAYLOADS: LazyLock<Vec<(SchemaId, Vec<u8>)>> = LazyLock::new(|| {
    let mut found = Vec::new();
    for bytes in CHUNKS.values() {
        let (_, entries) = Chunk::decode(bytes).expect("the golden log is sound");
        for entry in entries {
            let entry = entry.expect("the golden log is sound");
            found.push((entry.schema, entry.payload.to_vec()));
            found.extend(entry.events.clone().map(|event| (event.schema, event.payload.to_vec())));
        }
    }
    found
});

/// Payloads that a log held.
pub(crate) fn payloads() -> &'static [(SchemaId, Vec<u8>)] {
    &PAYLOADS
}

fn place() {
    fs::create_dir_all(scratch::path("journal")).expect("a directory can be made");
    for (name, bytes) in FILES {
        scratch::file(&format!("journal/{name}"), bytes);
    }
}

fn read() -> Result<Chunks, String> {
    let dir = scratch::path("");
    let (journal, _) = FileJournal::open(&dir, Mode::Read).map_err(|error| error.to_string())?;
    let damaged = |error: ReadError| error.to_string();
    let from = ScanFrom { check_hashes: true, ..ScanFrom::default() };
    let mut scan = journal.scan(from).map_err(damaged)?;
    let mut chunks = Chunks::new();
    while let Some(chunk) = scan.next_chunk().map_err(damaged)? {
        let header = &chunk.header;
        chunks.insert((header.partition.0, header.number), chunk.bytes.to_vec());
    }
    Ok(chunks)
}

/// The first byte picks a chunk of the golden log to begin with, or none.
pub(crate) fn chunk(bytes: &[u8]) {
    let Some((which, rest)) = bytes.split_first() else { return };
    let sample = CHUNKS.values().nth(usize::from(*which) % (CHUNKS.len() + 1));
    let bytes = sample.map_or_else(|| rest.to_vec(), |sample| edited(sample, rest));
    let Ok((_, entries)) = Chunk::decode(&bytes) else { return };
    let (mut scratch, mut hasher) = (Vec::new(), Default::default());
    for entry in entries {
        let Ok(entry) = entry else { return };
        digest_entry(&entry, &mut scratch, &mut hasher);
    }
}

/// The first byte picks a file of the golden log, which the others change: no change goes unnoticed.
pub(crate) fn log(bytes: &[u8]) {
    let Some((which, edits)) = bytes.split_first() else { return };
    let sound = &*CHUNKS;
    let (name, base) = FILES[usize::from(*which) % FILES.len()];
    let changed = edited(base, edits);
    let file = format!("journal/{name}");
    scratch::file(&file, &changed);
    let read = read();
    scratch::file(&file, base);
    if let Ok(chunks) = read {
        assert_eq!(chunks, *sound, "{name}");
    }
}

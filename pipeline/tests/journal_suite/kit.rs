//! Small logs with known content.

use std::{collections::BTreeMap, fs, path::Path, sync::mpsc};

use zeitgeber::journal::{
    Append, Appended, ChunkBuilder, Done, FileJournal, Hash, Journal, Layout, Mode, OpenError,
    ReadError, Recovery, ScanFrom, Settings, Tail,
};
use zeitgeber_schemas::{
    Entry, PartitionId, RawBytes, Recorded, SchemaId,
    wire::{Bytes, Wire},
};

pub(crate) const LAYOUT: Layout = Layout { log_id: *b"log of the tests", partitions: 3 };
pub(crate) const SOURCE: [u8; 16] = *b"source of tests!";

pub(crate) fn settings(segment_bytes: u64) -> Settings {
    Settings { schemas: r#"{"reading":{}}"#.into(), segment_bytes }
}

/// An entry whose content follows from its number; it has `n % 3` events.
pub(crate) fn entry(n: u64) -> Entry {
    let event = |i| Recorded {
        schema: SchemaId::ReadingAccepted,
        seal: (n % 2) as u32,
        payload: Bytes(vec![i as u8; (n % 7) as usize]),
    };
    let raw = RawBytes { head: Bytes(vec![0xff, 1]), length: 2, hash: [7; 16], rest_hash: None };
    Entry {
        subject: n,
        tenant: "default".into(),
        schema: SchemaId::Reading,
        id: format!("reading-{n}"),
        ts: 1_700_000_000_000 + n as i64 * 1_000,
        recv_ts: n.is_multiple_of(2).then_some(n as i64),
        source: 0,
        line: n + 1,
        raw: n.is_multiple_of(5).then_some(raw),
        seal: 0,
        payload: Bytes(n.to_le_bytes().to_vec()),
        events: (0..n % 3).map(event).collect(),
    }
}

pub(crate) fn add(builder: &mut ChunkBuilder, entry: &Entry) {
    builder.entry(entry.ts, entry.events.len() as u32, |out| entry.put(out));
}

/// Makes one partition's chunks, each following the one before.
#[derive(Debug)]
pub(crate) struct Hand {
    partition: PartitionId,
    builder: ChunkBuilder,
    pub(crate) tail: Tail,
    entries: u64,
}

impl Hand {
    pub(crate) fn new(partition: u16) -> Self {
        Self::resume(partition, Tail::default())
    }

    pub(crate) fn resume(partition: u16, tail: Tail) -> Self {
        let partition = PartitionId(partition);
        let entries = tail.cursors.get(&SOURCE).copied().unwrap_or(0);
        Self { partition, builder: ChunkBuilder::new(partition, 1), tail, entries }
    }

    /// The next chunk, with this many entries.
    pub(crate) fn next(&mut self, entries: u64) -> Append {
        let source = self.builder.source(SOURCE, "day.jsonl");
        for n in self.entries..self.entries + entries {
            add(&mut self.builder, &entry(n));
        }
        self.entries += entries;
        self.builder.cover(source, self.entries);
        let Tail { next_chunk, next_position, head, .. } = self.tail;
        let chunk = self.builder.seal(next_chunk, next_position, head);
        self.tail.next_chunk += 1;
        self.tail.next_position += u64::from(chunk.header().events);
        self.tail.head = chunk.hash();
        self.tail.cursors.insert(SOURCE, self.entries);
        Append { partition: self.partition, expected_chunk: next_chunk, chunk }
    }
}

pub(crate) fn done(to: &mpsc::Sender<Appended>) -> Done {
    let to = to.clone();
    // A test that no longer listens has seen what it wanted.
    Box::new(move |appended| drop(to.send(appended)))
}

/// Appends and waits for the completion.
pub(crate) fn append(journal: &dyn Journal, append: Append) -> Appended {
    let (to, from) = mpsc::channel();
    journal.submit(append, done(&to));
    from.recv().expect("every append completes")
}

pub(crate) fn append_ok(journal: &dyn Journal, hand: &mut Hand, entries: u64) {
    append(journal, hand.next(entries)).result.expect("appended");
}

/// Partition, number, hash and bytes of every chunk.
pub(crate) type Stored = Vec<(u16, u64, Hash, Vec<u8>)>;

pub(crate) fn stored(journal: &dyn Journal, from: ScanFrom) -> Result<Stored, ReadError> {
    let (mut scan, mut chunks) = (journal.scan(from)?, Stored::new());
    while let Some(chunk) = scan.next_chunk()? {
        let (header, hash) = (&chunk.header, chunk.hash());
        chunks.push((header.partition.0, header.number, hash, chunk.bytes.to_vec()));
    }
    Ok(chunks)
}

pub(crate) fn checked() -> ScanFrom {
    ScanFrom { check_hashes: true, ..ScanFrom::default() }
}

pub(crate) fn tails(journal: &dyn Journal) -> Vec<Tail> {
    (0..journal.layout().partitions).map(|p| journal.tail(PartitionId(p))).collect()
}

pub(crate) fn open(dir: &Path, mode: Mode) -> Result<(FileJournal, Recovery), OpenError> {
    FileJournal::open(dir, mode)
}

/// Opens for reading and reads everything with every check.
pub(crate) fn read_all(dir: &Path) -> Result<Stored, OpenError> {
    let (journal, _) = open(dir, Mode::Read)?;
    Ok(stored(&journal, checked())?)
}

/// The files below `journal/`, by name.
pub(crate) fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(dir.join("journal")).expect("a log");
    entries
        .map(|entry| entry.expect("an entry").path())
        .map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, fs::read(path).expect("readable"))
        })
        .collect()
}

/// A directory with these files below `journal/`.
pub(crate) fn with_files(files: &BTreeMap<String, Vec<u8>>) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    fs::create_dir(dir.path().join("journal")).expect("created");
    for (name, bytes) in files {
        fs::write(dir.path().join("journal").join(name), bytes).expect("written");
    }
    dir
}

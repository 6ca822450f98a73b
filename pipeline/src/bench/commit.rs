//! What a commit takes: beside a raw write and sync, the log alone, and everything from the door on.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, unbounded};
use zeitgeber_processors::flow::DECIDE_VERSION;
use zeitgeber_schemas::{Envelope, PartitionId, SchemaId};

use super::{BenchError, COMMIT_READINGS, WARM_UP, take_avro};
use crate::{
    ingest::Session,
    journal::{Append, Appended, ChunkBuilder, Tail},
    record::{EntryParts, Place},
    store::Store,
};

/// Size of the file that raw writes go to, bytes.
const RAW_BYTES: u64 = 64 << 20;

/// Median times of batches of 100 readings, us.
#[derive(Debug, Clone, Copy)]
pub(super) struct Commits {
    /// Handed over after the door, until acknowledged: stages, chunks, write, sync.
    pub(super) acknowledged: f64,
    /// One chunk appended to the log, until it is durable.
    pub(super) commit: f64,
    /// A raw write of as many bytes into allocated space, and fdatasync.
    pub(super) raw: f64,
}

/// Takes the three in turn for every 100 of `data`, so that they see the same disk.
pub(super) fn run(
    dir: &Path,
    session: &mut Session,
    data: &[&[u8]],
) -> Result<Commits, BenchError> {
    let io = |source| BenchError::Io { dir: dir.display().to_string(), source };
    let raw = RawSync::new(&dir.join("raw.tmp")).map_err(io)?;
    let mut log = Log::new(&dir.join("log.tmp"))?;
    let (mut acknowledged, mut commits, mut raws) = (Vec::new(), Vec::new(), Vec::new());
    for batch in data.chunks(COMMIT_READINGS) {
        for (datum, number) in batch.iter().zip(1..) {
            take_avro(session, number, datum)?;
        }
        let started = Instant::now();
        session.settle()?;
        acknowledged.push(started.elapsed());
        let (commit, bytes) = log.commit(batch)?;
        commits.push(commit);
        raws.push(raw.once(bytes).map_err(io)?);
    }
    log.close().map_err(io)?;
    fs::remove_file(&raw.path).map_err(io)?;
    Ok(Commits {
        acknowledged: median_us(&mut acknowledged),
        commit: median_us(&mut commits),
        raw: median_us(&mut raws),
    })
}

/// A log of one partition that takes a chunk at a time.
struct Log {
    dir: PathBuf,
    store: Store,
    builder: ChunkBuilder,
    tail: Tail,
    done: (Sender<Appended>, Receiver<Appended>),
}

impl Log {
    fn new(dir: &Path) -> Result<Self, BenchError> {
        let store = Store::write(dir, 1, RAW_BYTES)?;
        let builder = ChunkBuilder::new(PartitionId(0), DECIDE_VERSION);
        let tail = store.journal().tail(PartitionId(0));
        Ok(Self { dir: dir.into(), store, builder, tail, done: unbounded() })
    }

    /// Time from the sealed chunk to its completion, and the chunk's size.
    fn commit(&mut self, batch: &[&[u8]]) -> Result<(Duration, usize), BenchError> {
        let mut scratch = Vec::new();
        for datum in batch {
            let mut payload = *datum;
            let Ok(envelope) = Envelope::get(&mut payload) else { continue };
            let parts = EntryParts {
                subject: 1,
                envelope,
                schema: SchemaId::Reading,
                place: Place::default(),
                raw: None,
                payload,
                events: &[],
            };
            self.builder.entry(envelope.ts, 0, |out| parts.put(&mut scratch, out));
        }
        let tail = &mut self.tail;
        let chunk = self.builder.seal(tail.next_chunk, tail.next_position, tail.head);
        (tail.next_chunk, tail.head) = (tail.next_chunk + 1, chunk.hash());
        let bytes = chunk.bytes().len();
        let expected_chunk = chunk.header().number;
        let (sender, receiver) = &self.done;
        let sender = sender.clone();
        let started = Instant::now();
        let append = Append { partition: PartitionId(0), expected_chunk, chunk };
        let done = Box::new(move |appended| drop(sender.send(appended)));
        self.store.journal().submit(append, done);
        let appended = receiver.recv().expect("this side holds a sender");
        let elapsed = started.elapsed();
        appended.result.map_err(crate::ingest::SessionError::from)?;
        self.builder.recycle(appended.buffer);
        Ok((elapsed, bytes))
    }

    fn close(self) -> io::Result<()> {
        drop(self.store);
        fs::remove_dir_all(&self.dir)
    }
}

/// What any log on this disk pays.
struct RawSync {
    path: PathBuf,
    file: File,
    offset: std::cell::Cell<u64>,
}

impl RawSync {
    fn new(path: &Path) -> io::Result<Self> {
        let mut file = File::create(path)?;
        file.write_all(&vec![0; RAW_BYTES as usize])?;
        file.sync_all()?;
        Ok(Self { path: path.into(), file, offset: std::cell::Cell::new(0) })
    }

    fn once(&self, bytes: usize) -> io::Result<Duration> {
        let buffer = vec![7; bytes.max(1)];
        let at = self.offset.get();
        let at = if at + bytes as u64 > RAW_BYTES { 0 } else { at };
        let started = Instant::now();
        self.file.write_all_at(&buffer, at)?;
        self.file.sync_data()?;
        self.offset.set(at + bytes as u64);
        Ok(started.elapsed())
    }
}

fn median_us(times: &mut [Duration]) -> f64 {
    let warm_up = WARM_UP.min(times.len().saturating_sub(1));
    let measured = &mut times[warm_up..];
    measured.sort_unstable();
    measured.get(measured.len() / 2).map_or(0.0, |time| time.as_secs_f64() * 1e6)
}

//! The index of one sealed segment: `DIR/index/SSSSSSSS.idx` (`docs/journal.md` has the bytes).
//!
//! It is derived and disposable, so nothing here is an error: what does not fit, is damaged or is
//! missing is `None`, and the segment is read instead. A search reads the head, a word of the
//! directory and a bucket for each key, each with its own checksum, never the whole file. Every
//! chunk found is compared with its checksum, which the index keeps, before it is used. The head
//! names the segment's length and its last frame, so that the index of another history is told.

use std::{
    io,
    path::{Path, PathBuf},
};

use zeitgeber_schemas::wire::{get_long, put_long, take};

use super::{
    super::{KEYS_VERSION, Key, Layout, Place},
    disk::segment_path,
    format::{
        FRAME_HEAD, FrameHead, INDEX_MAGIC, PRELUDE, array_at, check_crc, check_prelude, crc32c,
        put_crc, put_prelude, u32_at, u64_at,
    },
    postings::Postings,
    steps::Steps,
};
use crate::disk::{Disk, DiskFile, Open, OpenFile};

/// Bytes of the head.
const HEAD: usize = PRELUDE + 16 + 4 + 4 + 8 + 8 + 4 + 4 + 4 + 4 + 4 + 4 + 4;
/// Bytes of a chunk's row: offset, length, checksum.
const ROW: usize = 12;
/// Keys in one bucket, about.
const BUCKET_KEYS: usize = 64;
/// Longest bucket that is read, and longest steps, bytes.
const PART_BYTES_MAX: u32 = 16 << 20;

pub(super) fn index_path(journal: &Path, segment: u32) -> PathBuf {
    journal.with_file_name("index").join(format!("{segment:08}.idx"))
}

/// What tells a sealed segment from any other one with its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sealed {
    bytes: u64,
    last_frame_at: u64,
    last_frame_crc: u32,
}

impl Sealed {
    fn of(segment: &dyn DiskFile, layout: Layout, number: u32, last_frame_at: u64) -> Option<Self> {
        let bytes = segment.length().ok()?;
        if last_frame_at == 0 {
            return Some(Self { bytes, last_frame_at, last_frame_crc: 0 });
        }
        let mut head = [0; FRAME_HEAD];
        segment.read_exact_at(&mut head, last_frame_at).ok()?;
        let place = Place { segment: number, offset: last_frame_at };
        let frame = FrameHead::decode(&head, layout.log_id, place)?;
        let ends = last_frame_at + frame.bytes() as u64 == bytes;
        let last_frame_crc = u32_at(&head, FRAME_HEAD - 4);
        ends.then_some(Self { bytes, last_frame_at, last_frame_crc })
    }
}

/// Where a chunk stands in its segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) offset: u64,
    length: u32,
    crc: u32,
}

impl Row {
    pub(super) const fn new(offset: u64, length: u32, crc: u32) -> Self {
        Self { offset, length, crc }
    }

    /// The chunk's bytes, if they are what was indexed.
    pub(super) fn read<'a>(
        &self,
        segment: &dyn DiskFile,
        bytes: &'a mut Vec<u8>,
    ) -> Option<&'a [u8]> {
        bytes.resize(self.length as usize, 0);
        segment.read_exact_at(bytes, self.offset).ok()?;
        (crc32c([bytes.as_slice()]) == self.crc).then_some(bytes)
    }
}

/// The bytes of a sealed segment's index; `None` where it cannot have one.
pub(super) fn encode(
    disk: &dyn Disk,
    journal: &Path,
    layout: Layout,
    segment: u32,
    postings: &mut Postings,
) -> Option<Vec<u8>> {
    let last_frame_at = postings.chunks.last().map_or(0, |chunk| chunk.frame_at);
    let file = disk.open(&segment_path(journal, segment), Open::Read).ok()?;
    let sealed = Sealed::of(&*file, layout, segment, last_frame_at)?;
    let mut rows = Vec::with_capacity(postings.chunks.len() * ROW);
    for chunk in &postings.chunks {
        rows.extend_from_slice(&u32::try_from(chunk.place.offset).ok()?.to_le_bytes());
        rows.extend_from_slice(&chunk.length.to_le_bytes());
        rows.extend_from_slice(&chunk.crc.to_le_bytes());
    }
    postings.pairs.sort_unstable();
    let keys = postings.pairs.chunk_by(|a, b| a.0 == b.0);
    let buckets = (keys.clone().count() / BUCKET_KEYS + 1) as u32;
    let (directory, filed) = file_keys(keys, buckets);
    let steps = postings.steps.encode();
    let mut out = Vec::new();
    put_prelude(INDEX_MAGIC, &mut out);
    out.extend_from_slice(&layout.log_id);
    out.extend_from_slice(&segment.to_le_bytes());
    out.extend_from_slice(&KEYS_VERSION.to_le_bytes());
    out.extend_from_slice(&sealed.bytes.to_le_bytes());
    out.extend_from_slice(&sealed.last_frame_at.to_le_bytes());
    out.extend_from_slice(&sealed.last_frame_crc.to_le_bytes());
    out.extend_from_slice(&(postings.chunks.len() as u32).to_le_bytes());
    out.extend_from_slice(&buckets.to_le_bytes());
    out.extend_from_slice(&crc32c([rows.as_slice(), directory.as_slice()]).to_le_bytes());
    out.extend_from_slice(&u32::try_from(steps.len()).ok()?.to_le_bytes());
    out.extend_from_slice(&crc32c([steps.as_slice()]).to_le_bytes());
    put_crc(&mut out);
    out.extend_from_slice(&steps);
    out.extend_from_slice(&rows);
    out.extend_from_slice(&directory);
    out.extend_from_slice(&filed);
    Some(out)
}

/// Fills the buckets: the directory of their beginnings and ends, and their bytes.
fn file_keys<'a>(keys: impl Iterator<Item = &'a [(Key, u32)]>, buckets: u32) -> (Vec<u8>, Vec<u8>) {
    let (mut directory, mut filed) = (vec![0; 4], Vec::new());
    let mut keys = keys.peekable();
    for bucket in 0..buckets {
        let start = filed.len();
        while let Some(posted) = keys.next_if(|posted| bucket_of(posted[0].0, buckets) == bucket) {
            filed.extend_from_slice(&(posted[0].0.0 as u32).to_le_bytes());
            put_long(posted.len() as i64, &mut filed);
            let mut last = 0;
            for (_, chunk) in posted {
                put_long(i64::from(chunk - last), &mut filed);
                last = *chunk;
            }
        }
        let crc = bucket_crc(bucket, &filed[start..]);
        filed.extend_from_slice(&crc.to_le_bytes());
        directory.extend_from_slice(&(filed.len() as u32).to_le_bytes());
    }
    (directory, filed)
}

/// Keys are hashes, so equal ranges of them hold about equally many.
fn bucket_of(key: Key, buckets: u32) -> u32 {
    ((u128::from(key.0) * u128::from(buckets)) >> 64) as u32
}

fn bucket_crc(bucket: u32, bytes: &[u8]) -> u32 {
    crc32c([&bucket.to_le_bytes()[..], bytes])
}

/// Puts an index in its place, whole or not at all.
pub(super) fn write(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(dir) = path.parent() {
        disk.create_dirs(dir)?;
    }
    let fresh = path.with_extension("tmp");
    let written = disk
        .open(&fresh, Open::Create)
        .and_then(|file| file.write_all_at(bytes, 0))
        .and_then(|()| disk.rename(&fresh, path));
    written.inspect_err(|_| {
        // The first failure is the one to report; the next attempt overwrites what is left.
        let _ = disk.remove(&fresh);
    })
}

/// An index that fits its segment.
#[derive(Debug)]
pub(super) struct Index {
    file: OpenFile,
    /// The segment.
    pub(super) segment: OpenFile,
    chunks: u32,
    buckets: u32,
    tables_crc: u32,
    steps_bytes: u32,
    steps_crc: u32,
}

impl Index {
    pub(super) fn open(
        disk: &dyn Disk,
        journal: &Path,
        layout: Layout,
        number: u32,
    ) -> Option<Self> {
        let file = disk.open(&index_path(journal, number), Open::Read).ok()?;
        let mut head = [0; HEAD];
        file.read_exact_at(&mut head, 0).ok()?;
        check_prelude(&head, INDEX_MAGIC).ok()?;
        let body = check_crc(&head)?;
        let fits = array_at::<16>(body, PRELUDE) == layout.log_id
            && u32_at(body, PRELUDE + 16) == number
            && u32_at(body, PRELUDE + 20) == KEYS_VERSION;
        let named = Sealed {
            bytes: u64_at(body, PRELUDE + 24),
            last_frame_at: u64_at(body, PRELUDE + 32),
            last_frame_crc: u32_at(body, PRELUDE + 40),
        };
        let segment = disk.open(&segment_path(journal, number), Open::Read).ok()?;
        let found = Sealed::of(&*segment, layout, number, named.last_frame_at)?;
        (fits && named == found).then_some(Self {
            file,
            segment,
            chunks: u32_at(body, PRELUDE + 44),
            buckets: u32_at(body, PRELUDE + 48),
            tables_crc: u32_at(body, PRELUDE + 52),
            steps_bytes: u32_at(body, PRELUDE + 56),
            steps_crc: u32_at(body, PRELUDE + 60),
        })
    }

    /// What the segment adds to the chains.
    pub(super) fn steps(&self) -> Option<Steps> {
        let length = Some(self.steps_bytes).filter(|length| *length <= PART_BYTES_MAX)?;
        let mut bytes = vec![0; length as usize];
        self.file.read_exact_at(&mut bytes, HEAD as u64).ok()?;
        (crc32c([bytes.as_slice()]) == self.steps_crc).then(|| Steps::decode(&bytes))?
    }

    /// Where the rows begin.
    fn rows(&self) -> u64 {
        HEAD as u64 + u64::from(self.steps_bytes)
    }

    /// The chunks that may hold one of the keys, in log order.
    pub(super) fn find(&self, keys: &[Key]) -> Option<Vec<Row>> {
        let mut numbers = Vec::new();
        for key in keys.iter().chain([&Key::UNREADABLE]) {
            let bytes = self.bucket(bucket_of(*key, self.buckets))?;
            posted(&bytes, *key, self.chunks, &mut numbers)?;
        }
        numbers.sort_unstable();
        numbers.dedup();
        let rows: Option<Vec<Row>> = numbers.into_iter().map(|number| self.row(number)).collect();
        rows.filter(|rows| rows.is_sorted_by(|a, b| a.offset < b.offset))
    }

    fn row(&self, number: u32) -> Option<Row> {
        let mut row = [0; ROW];
        self.file.read_exact_at(&mut row, self.rows() + u64::from(number) * ROW as u64).ok()?;
        Some(Row::new(u64::from(u32_at(&row, 0)), u32_at(&row, 4), u32_at(&row, 8)))
            .filter(|row| row.length as usize <= super::super::MAX_CHUNK_BYTES)
    }

    fn bucket(&self, bucket: u32) -> Option<Vec<u8>> {
        let directory = self.rows() + u64::from(self.chunks) * ROW as u64;
        let mut ends = [0; 8];
        self.file.read_exact_at(&mut ends, directory + u64::from(bucket) * 4).ok()?;
        let (start, end) = (u32_at(&ends, 0), u32_at(&ends, 4));
        let length = end.checked_sub(start).filter(|length| *length <= PART_BYTES_MAX)?;
        let mut bytes = vec![0; length as usize];
        let at = directory + (u64::from(self.buckets) + 1) * 4 + u64::from(start);
        self.file.read_exact_at(&mut bytes, at).ok()?;
        let crc = bytes.split_off(bytes.len().checked_sub(4)?);
        (u32_at(&crc, 0) == bucket_crc(bucket, &bytes)).then_some(bytes)
    }

    /// Whether every byte is as it was written.
    pub(super) fn is_whole(&self) -> bool {
        let tables = u64::from(self.chunks) * ROW as u64 + (u64::from(self.buckets) + 1) * 4;
        let length = self.file.length().unwrap_or(0);
        let mut bytes = vec![0; tables.min(length) as usize];
        let read = self.file.read_exact_at(&mut bytes, self.rows()).is_ok();
        read && tables <= length
            && self.steps().is_some()
            && crc32c([bytes.as_slice()]) == self.tables_crc
            && (0..self.buckets).all(|bucket| self.bucket(bucket).is_some())
    }
}

/// Reads the chunk numbers of a key from its bucket.
fn posted(mut bytes: &[u8], key: Key, chunks: u32, numbers: &mut Vec<u32>) -> Option<()> {
    while !bytes.is_empty() {
        let found = u32_at(take(&mut bytes, 4).ok()?, 0);
        let mut number = 0u32;
        for _ in 0..get_long(&mut bytes).ok()? {
            let step = u32::try_from(get_long(&mut bytes).ok()?).ok()?;
            number = number.checked_add(step).filter(|number| *number < chunks)?;
            if found == key.0 as u32 {
                numbers.push(number);
            }
        }
    }
    Some(())
}

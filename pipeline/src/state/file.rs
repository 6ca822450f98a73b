//! A people file: records of people, appended by whoever has one to write and read by place.
//!
//! A writer reserves its range first and fills it then, so that the core that evicts somebody and
//! the thread that writes a snapshot need no lock. The index is elsewhere: a hole means nothing.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;
use zeitgeber_processors::flow::Person;
use zeitgeber_schemas::PartitionId;

use super::SnapshotError;
use crate::disk::{Disk, Open, OpenFile, SharedDisk};

const MAGIC: &[u8; 8] = b"ZGPEOP01";
/// Bytes of a file's head: what it is, and which.
const HEAD_BYTES: u64 = 24;
/// Bytes of a record before the person: checksum and length unpacked.
const RECORD_HEAD: usize = 12;
/// Shorter records are not packed.
const PACK_FROM_BYTES: usize = 512;
const ZSTD_LEVEL: i32 = 1;
/// Longest person that is unpacked, bytes.
const PERSON_BYTES_MAX: usize = 64 << 20;

/// Where a record stands; of length 0 where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) file: u32,
    pub(super) length: u32,
    pub(super) offset: u64,
}

impl Place {
    pub(super) const NOWHERE: Self = Self { file: 0, length: 0, offset: 0 };

    pub(super) const fn is_somewhere(self) -> bool {
        self.length > 0
    }

    pub(super) const fn end(self) -> u64 {
        self.offset + self.length as u64
    }
}

/// Tells a people file from every other one, and how far a snapshot relies on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Named {
    number: u32,
    nonce: [u8; 16],
    end: u64,
}

#[derive(Debug)]
pub(super) struct PeopleFile {
    number: u32,
    nonce: [u8; 16],
    path: PathBuf,
    disk: SharedDisk,
    file: OpenFile,
    end: AtomicU64,
}

impl PeopleFile {
    /// Makes an empty file.
    pub(super) fn create(
        disk: &SharedDisk,
        dir: &Path,
        partition: PartitionId,
        number: u32,
    ) -> Result<Self, SnapshotError> {
        let path = path(dir, partition, number);
        let make = || {
            disk.create_dirs(&dir.join("snapshots"))?;
            let nonce = disk.nonce()?;
            let file = disk.open(&path, Open::CreateNew)?;
            file.write_all_at(MAGIC, 0)?;
            file.write_all_at(&nonce, MAGIC.len() as u64)?;
            Ok((file, nonce))
        };
        let (file, nonce) =
            make().map_err(|source| SnapshotError::Io { file: path.clone(), source })?;
        let (disk, end) = (Arc::clone(disk), AtomicU64::new(HEAD_BYTES));
        Ok(Self { number, nonce, path, disk, file, end })
    }

    /// Opens the file that a snapshot names; none where it is not that one, or shorter. A writer
    /// goes on where the snapshot's reliance ends.
    pub(super) fn open(
        disk: &SharedDisk,
        dir: &Path,
        partition: PartitionId,
        named: &Named,
        writable: bool,
    ) -> Option<Self> {
        let path = path(dir, partition, named.number);
        let how = if writable { Open::Write } else { Open::Read };
        let file = disk.open(&path, how).ok()?;
        let mut head = [0; HEAD_BYTES as usize];
        file.read_exact_at(&mut head, 0).ok()?;
        let nonce = head.strip_prefix(MAGIC.as_slice())?;
        if *nonce != named.nonce || file.length().ok()? < named.end {
            return None;
        }
        if writable {
            file.set_length(named.end).ok()?;
        }
        let (disk, end) = (Arc::clone(disk), AtomicU64::new(named.end));
        Some(Self { number: named.number, nonce: named.nonce, path, disk, file, end })
    }

    pub(super) const fn number(&self) -> u32 {
        self.number
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// How much of the file belongs to a snapshot that points into it up to `end`.
    pub(super) fn used(&self, end: u64) -> u64 {
        end.max(HEAD_BYTES)
    }

    /// Bytes that were reserved, dead or alive.
    pub(super) fn end(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    /// Its name in a snapshot that relies on it up to `end`.
    pub(super) fn named(&self, end: u64) -> Named {
        Named { number: self.number, nonce: self.nonce, end: end.max(HEAD_BYTES) }
    }

    /// Appends a record.
    pub(super) fn append(&self, record: &[u8]) -> Result<Place, SnapshotError> {
        let fault = |source| SnapshotError::Io { file: self.path.clone(), source };
        let length =
            u32::try_from(record.len()).map_err(|_| fault(io::ErrorKind::FileTooLarge.into()))?;
        let offset = self.end.fetch_add(u64::from(length), Ordering::AcqRel);
        self.file.write_all_at(record, offset).map_err(fault)?;
        Ok(Place { file: self.number, length, offset })
    }

    /// Waits until what was appended is on disk.
    pub(super) fn sync(&self) -> Result<(), SnapshotError> {
        let synced = self.file.sync_all();
        synced.map_err(|source| SnapshotError::Io { file: self.path.clone(), source })
    }

    /// Takes the file's name away: whoever has it open can still read it.
    pub(super) fn remove(&self) {
        // What stays behind is found and removed when the partition is opened again.
        drop(self.disk.remove(&self.path));
    }
}

/// The checked bytes of a record.
pub(super) fn read_record(
    files: &[Arc<PeopleFile>],
    place: Place,
    subject: u64,
) -> Option<Vec<u8>> {
    let file = files.iter().find(|file| file.number == place.file)?;
    let mut record = vec![0; place.length as usize];
    file.file.read_exact_at(&mut record, place.offset).ok()?;
    let sum = u64::from_le_bytes(record.get(..8)?.try_into().ok()?);
    (xxh3_64_with_seed(&record[8..], subject) == sum).then_some(record)
}

/// The person at a place; none where the record is damaged.
pub(super) fn read(files: &[Arc<PeopleFile>], place: Place, subject: u64) -> Option<Person> {
    let record = read_record(files, place, subject)?;
    let (head, packed) = record.split_at_checked(RECORD_HEAD)?;
    let length = u32::from_le_bytes(head[8..].try_into().ok()?) as usize;
    if length == 0 {
        return postcard::from_bytes(packed).ok();
    }
    let bytes = zstd::bulk::decompress(packed, length.min(PERSON_BYTES_MAX)).ok()?;
    postcard::from_bytes(&bytes).ok()
}

/// Makes records; its memory is used again and again.
pub(super) struct Packer {
    zstd: Option<zstd::bulk::Compressor<'static>>,
    record: Vec<u8>,
}

impl std::fmt::Debug for Packer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packer").finish_non_exhaustive()
    }
}

impl Packer {
    pub(super) const fn new() -> Self {
        Self { zstd: None, record: Vec::new() }
    }

    /// The record of a person.
    pub(super) fn pack(&mut self, subject: u64, person: &Person) -> Result<&[u8], SnapshotError> {
        let plain = postcard::to_stdvec(person)?;
        let packed = if plain.len() < PACK_FROM_BYTES { None } else { self.zstd(&plain) };
        let (body, length) = match &packed {
            Some(packed) if packed.len() < plain.len() => (packed, plain.len() as u32),
            _ => (&plain, 0),
        };
        self.record.clear();
        self.record.extend_from_slice(&[0; 8]);
        self.record.extend_from_slice(&length.to_le_bytes());
        self.record.extend_from_slice(body);
        let sum = xxh3_64_with_seed(&self.record[8..], subject);
        self.record[..8].copy_from_slice(&sum.to_le_bytes());
        Ok(&self.record)
    }

    /// None where packing fails: the record is then left as it is.
    fn zstd(&mut self, plain: &[u8]) -> Option<Vec<u8>> {
        if self.zstd.is_none() {
            self.zstd = zstd::bulk::Compressor::new(ZSTD_LEVEL).ok();
        }
        self.zstd.as_mut()?.compress(plain).ok()
    }
}

/// The numbers of a partition's people files on disk.
pub(super) fn numbers(disk: &dyn Disk, dir: &Path, partition: PartitionId) -> Vec<u32> {
    let prefix = format!("{:05}-", partition.0);
    let Ok(names) = disk.list(&dir.join("snapshots")) else { return Vec::new() };
    let number = |name: &String| name.strip_prefix(&prefix)?.strip_suffix(".people")?.parse().ok();
    names.iter().filter_map(number).collect()
}

/// Removes the partition's people files but those of `kept`, and tells a number beyond all.
pub(super) fn clear(
    disk: &dyn Disk,
    dir: &Path,
    partition: PartitionId,
    kept: &[Arc<PeopleFile>],
) -> u32 {
    let mut next = 0;
    for number in numbers(disk, dir, partition) {
        next = next.max(number.saturating_add(1));
        if kept.iter().all(|file| file.number != number) {
            // What cannot be removed is in nobody's way: its number is not used again.
            drop(disk.remove(&path(dir, partition, number)));
        }
    }
    next
}

fn path(dir: &Path, partition: PartitionId, number: u32) -> PathBuf {
    dir.join("snapshots").join(format!("{:05}-{number:06}.people", partition.0))
}

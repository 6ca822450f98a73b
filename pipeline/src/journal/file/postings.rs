//! What is known of a stretch of the log: its chunks, and which of them hold which key.
//!
//! The same for a sealed segment, whose index is made of it, and for the segment being written,
//! where it stays in memory and grows.

use zeitgeber_schemas::PartitionId;

use super::{
    super::{Key, Place, ReadError, StoredChunk, keys_of, keys_of_header},
    format::crc32c,
    steps::Steps,
    walk::FileScan,
};

/// A chunk in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ChunkAt {
    pub(super) place: Place,
    /// Where its frame begins.
    pub(super) frame_at: u64,
    pub(super) length: u32,
    pub(super) crc: u32,
    pub(super) partition: PartitionId,
    pub(super) first_position: u64,
    pub(super) events: u32,
}

/// Chunks in log order, and their keys.
#[derive(Debug, Default)]
pub(super) struct Postings {
    pub(super) chunks: Vec<ChunkAt>,
    /// Each key of each chunk once, by chunk.
    pub(super) pairs: Vec<(Key, u32)>,
    /// What the chunks add to the chains.
    pub(super) steps: Steps,
    keys: Vec<Key>,
}

impl Postings {
    /// Takes in what the scan still yields, until `stop`.
    pub(super) fn extend(
        &mut self,
        scan: &mut FileScan,
        stop: &dyn Fn() -> bool,
    ) -> Result<(), ReadError> {
        while !stop() {
            let Some(found) = scan.advance()? else {
                break;
            };
            let frame_at = found.frame_at;
            self.add(&scan.chunk(found), frame_at);
        }
        Ok(())
    }

    fn add(&mut self, chunk: &StoredChunk<'_>, frame_at: u64) {
        self.keys.clear();
        keys_of_header(&chunk.header, &mut self.keys);
        for entry in chunk.entries() {
            match entry {
                Ok(entry) => keys_of(&chunk.header, &entry, &mut self.keys),
                Err(_) => self.keys.push(Key::UNREADABLE),
            }
        }
        self.keys.sort_unstable();
        self.keys.dedup();
        let number = self.chunks.len() as u32;
        self.pairs.extend(self.keys.iter().map(|key| (*key, number)));
        let length = chunk.bytes.len() as u32;
        self.steps.add(&chunk.header, chunk.place, length);
        self.chunks.push(ChunkAt {
            place: chunk.place,
            frame_at,
            length,
            crc: crc32c([chunk.bytes]),
            partition: chunk.header.partition,
            first_position: chunk.header.first_position,
            events: chunk.header.events,
        });
    }

    /// The chunks from a place on that hold one of the keys, in log order.
    pub(super) fn find(&self, keys: &[Key], from: Place) -> Vec<ChunkAt> {
        let first = self.chunks.partition_point(|chunk| chunk.place < from) as u32;
        let start = self.pairs.partition_point(|(_, number)| *number < first);
        let mut numbers: Vec<u32> = self.pairs[start..]
            .iter()
            .filter(|(key, _)| *key == Key::UNREADABLE || keys.contains(key))
            .map(|(_, number)| *number)
            .collect();
        numbers.dedup();
        numbers.into_iter().map(|number| self.chunks[number as usize]).collect()
    }

    /// The chunk that holds event `n` of a partition.
    pub(super) fn holds(&self, partition: PartitionId, n: u64) -> Option<Place> {
        let holds = |chunk: &&ChunkAt| {
            let first = chunk.first_position;
            chunk.partition == partition && (first..first + u64::from(chunk.events)).contains(&n)
        };
        self.chunks.iter().rev().find(holds).map(|chunk| chunk.place)
    }

    /// Where the frame begins that holds the first chunk at or behind a place.
    pub(super) fn frame_of(&self, place: Place) -> Option<Place> {
        let next = self.chunks.partition_point(|chunk| chunk.place < place);
        let chunk = self.chunks.get(next)?;
        Some(Place { segment: chunk.place.segment, offset: chunk.frame_at })
    }
}

//! Where a partition's chain ends, and what may follow.
//!
//! Appending and reading check the same three things: number, position and previous hash (SIM-2).

use std::collections::BTreeMap;

use zeitgeber_schemas::{ChunkHeader, PartitionId};

use super::{Append, AppendError, Hash, Layout, MAX_CHUNK_BYTES, SealedChunk};

/// The end of a partition's chain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tail {
    /// Number of the chunk to come.
    pub next_chunk: u64,
    /// Position of the event to come.
    pub next_position: u64,
    /// Hash of the last chunk; zeros where there is none.
    pub head: Hash,
    /// The last line covered of each source this partition has seen.
    pub cursors: BTreeMap<[u8; 16], u64>,
}

impl Tail {
    /// Moves past a chunk.
    pub(crate) fn advance(&mut self, header: &ChunkHeader, hash: Hash) {
        self.next_chunk = header.number + 1;
        self.next_position = header.first_position + u64::from(header.events);
        self.head = hash;
        for cursor in &header.cursors {
            let line = self.cursors.entry(cursor.source).or_default();
            *line = cursor.line.max(*line);
        }
    }
}

/// The end of what was submitted to each partition, durable or not.
#[derive(Debug)]
pub(super) struct Submitted(Vec<Sealed>);

impl Submitted {
    pub(super) fn new(tails: &[Tail]) -> Self {
        Self(tails.iter().map(Sealed::behind).collect())
    }

    /// Takes an append in, or says why not.
    pub(super) fn admit(&mut self, append: &Append) -> Result<(), AppendError> {
        let partition = self.0.get_mut(usize::from(append.partition.0));
        partition.ok_or(OUTSIDE)?.admit(append.partition, append.expected_chunk, &append.chunk)
    }
}

/// Why there is nowhere to append to.
pub(super) const OUTSIDE: AppendError =
    AppendError::Refused("names a partition outside the log's layout");

/// The end of what was submitted to one partition.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sealed {
    pub(super) number: u64,
    position: u64,
    head: Hash,
}

impl Sealed {
    pub(super) fn behind(tail: &Tail) -> Self {
        Self { number: tail.next_chunk, position: tail.next_position, head: tail.head }
    }

    /// Takes a chunk in that is expected to be this one, or says why not.
    pub(super) fn admit(
        &mut self,
        partition: PartitionId,
        expected: u64,
        chunk: &SealedChunk,
    ) -> Result<(), AppendError> {
        let header = chunk.header();
        if expected != self.number {
            return Err(AppendError::Conflict { expected, actual: self.number });
        }
        if header.partition != partition || header.number != self.number {
            return Err(AppendError::Refused("was sealed for another place"));
        }
        if header.first_position != self.position {
            return Err(AppendError::Refused("does not continue the partition's positions"));
        }
        if header.previous != self.head {
            return Err(AppendError::Refused("does not continue the partition's hash chain"));
        }
        if chunk.bytes().len() > MAX_CHUNK_BYTES {
            return Err(AppendError::Refused("is longer than 8 MiB"));
        }
        self.number += 1;
        self.position += u64::from(header.events);
        self.head = chunk.hash();
        Ok(())
    }
}

/// Follows the chains of all partitions while a log is read. None: not known until it is met.
#[derive(Debug, Clone)]
pub(super) struct Follower(Vec<Option<Link>>);

/// What is known about a partition's next chunk.
#[derive(Debug, Clone, Copy)]
struct Link {
    next_chunk: u64,
    next_position: u64,
    /// None: not computed.
    head: Option<Hash>,
}

impl Follower {
    /// Starts at the beginning of a log.
    pub(super) fn new(layout: Layout) -> Self {
        let first = Link { next_chunk: 0, next_position: 0, head: Some([0; 32]) };
        Self(vec![Some(first); usize::from(layout.partitions)])
    }

    /// Starts in the middle, at these numbers and positions, without the hashes.
    pub(super) fn at(links: impl Iterator<Item = (u64, u64)>) -> Self {
        let link = |(next_chunk, next_position)| Link {
            next_chunk,
            next_position,
            head: (next_chunk == 0).then_some([0; 32]),
        };
        Self(links.map(|at| Some(link(at))).collect())
    }

    /// Starts anywhere: each partition's first chunk says where it stands.
    pub(super) fn anywhere(layout: Layout) -> Self {
        Self(vec![None; usize::from(layout.partitions)])
    }

    /// Checks that a chunk follows, and moves past it. `hash` is its own, where computed.
    pub(super) fn follow(
        &mut self,
        header: &ChunkHeader,
        hash: Option<Hash>,
    ) -> Result<(), &'static str> {
        let link = self
            .0
            .get_mut(usize::from(header.partition.0))
            .ok_or("its partition is outside the log's layout")?
            .get_or_insert(Link {
                next_chunk: header.number,
                next_position: header.first_position,
                head: None,
            });
        if header.number != link.next_chunk {
            return Err("its number does not follow");
        }
        if header.first_position != link.next_position {
            return Err("its first position does not follow");
        }
        if link.head.is_some_and(|head| head != header.previous) {
            return Err("it names another previous chunk");
        }
        link.next_chunk += 1;
        link.next_position += u64::from(header.events);
        link.head = hash;
        Ok(())
    }
}

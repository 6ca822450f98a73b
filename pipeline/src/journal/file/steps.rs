//! What one sealed segment adds to the chains: enough to pass over it without reading it.
//!
//! A step stands in the segment's index. It says for each partition where its chain stood before
//! the segment and behind it, where its last chunk is, and which cursors moved. Opening a log goes
//! from step to step and walks only the segments without one, so that it takes as long as what was
//! written since the last of them ended, and not as long as the history.

use std::collections::BTreeMap;

use zeitgeber_schemas::{
    ChunkHeader, PartitionId,
    wire::{get_long, put_long, take},
};

use super::super::{Place, Tail};

/// What a segment adds to each partition that has chunks in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Steps(BTreeMap<PartitionId, Step>);

/// What a segment adds to one partition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Step {
    /// Number and position of the partition's next chunk where the segment begins.
    pub(super) from: (u64, u64),
    /// The same where it ends.
    pub(super) to: (u64, u64),
    /// Offset in the segment and length of the last chunk.
    pub(super) last: (u64, u32),
    /// The last line that the segment's chunks cover of each source.
    pub(super) cursors: BTreeMap<[u8; 16], u64>,
}

impl Steps {
    /// Takes in the segment's next chunk.
    pub(super) fn add(&mut self, header: &ChunkHeader, place: Place, length: u32) {
        let step = self.0.entry(header.partition).or_insert_with(|| Step {
            from: (header.number, header.first_position),
            ..Step::default()
        });
        step.to = (header.number + 1, header.first_position + u64::from(header.events));
        step.last = (place.offset, length);
        for cursor in &header.cursors {
            let line = step.cursors.entry(cursor.source).or_default();
            *line = cursor.line.max(*line);
        }
    }

    /// Each partition's step.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &Step)> {
        self.0.iter().map(|(partition, step)| (usize::from(partition.0), step))
    }

    /// Whether every step begins where its partition stands.
    pub(super) fn follow(&self, tails: &[Tail]) -> bool {
        self.iter().all(|(partition, step)| {
            tails
                .get(partition)
                .is_some_and(|tail| step.from == (tail.next_chunk, tail.next_position))
        })
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_long(self.0.len() as i64, &mut out);
        for (partition, step) in &self.0 {
            let (last_at, last_bytes) = step.last;
            let numbers = [step.from.0, step.from.1, step.to.0, step.to.1, last_at];
            put_long(i64::from(partition.0), &mut out);
            numbers.iter().for_each(|number| put_long(*number as i64, &mut out));
            put_long(i64::from(last_bytes), &mut out);
            put_long(step.cursors.len() as i64, &mut out);
            for (source, line) in &step.cursors {
                out.extend_from_slice(source);
                put_long(*line as i64, &mut out);
            }
        }
        out
    }

    /// Reads what [`Self::encode`] wrote.
    pub(super) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let from = &mut bytes;
        let mut steps = BTreeMap::new();
        for _ in 0..number(from)? {
            let partition = PartitionId(u16::try_from(number(from)?).ok()?);
            let mut step = Step {
                from: (number(from)?, number(from)?),
                to: (number(from)?, number(from)?),
                last: (number(from)?, u32::try_from(number(from)?).ok()?),
                cursors: BTreeMap::new(),
            };
            for _ in 0..number(from)? {
                let source = <[u8; 16]>::try_from(take(from, 16).ok()?).ok()?;
                step.cursors.insert(source, number(from)?);
            }
            steps.insert(partition, step);
        }
        bytes.is_empty().then_some(Self(steps))
    }
}

fn number(from: &mut &[u8]) -> Option<u64> {
    u64::try_from(get_long(from).ok()?).ok()
}

//! Replay: the state rebuilt from the log alone, whole or up to a moment.

use serde::{Deserialize, Serialize};
use zeitgeber_schemas::PartitionId;

use super::{
    Moment, Position, QueryError, hex,
    partitions::{Part, default_threads, fold_partitions},
};
use crate::{
    fold::{Fold, join_hashes, state_digest},
    journal::{EntryRef, Journal, ScanFrom},
};

/// How far to replay.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Until {
    /// Everything.
    #[default]
    End,
    /// Up to a moment. At a position: the input that caused this event is the last one; partitions
    /// without one are replayed whole. At a time: each partition stops before its first input
    /// received after it.
    Moment(Moment),
}

/// What a replay rebuilt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rebuilt {
    /// Inputs folded.
    pub inputs: u64,
    /// Events folded.
    pub events: u64,
    /// People known.
    pub people: u64,
    /// Digest of the partitions' states, hexadecimal.
    pub state: String,
    /// Digest of inputs and events in canonical form, hexadecimal.
    pub digest: String,
    /// The next position of every partition that holds anything.
    pub next: Vec<String>,
}

struct Replayed {
    fold: Fold,
    inputs: u64,
    stop: Stop,
    done: bool,
}

/// Where one partition stops.
enum Stop {
    Never,
    After(u64),
    Received(i64),
}

impl Stop {
    fn of(until: &Until, partition: PartitionId) -> Self {
        match until {
            Until::End => Self::Never,
            Until::Moment(Moment::Positions(at)) => {
                at.of(partition).map_or(Self::Never, Self::After)
            }
            Until::Moment(Moment::Time(at)) => Self::Received(*at),
        }
    }

    fn before(&self, position: u64, entry: &EntryRef<'_>) -> bool {
        match *self {
            Self::Never => false,
            Self::After(last) => position > last,
            Self::Received(last) => entry.recv_ts.unwrap_or(entry.ts) > last,
        }
    }
}

/// Rebuilds every partition's state, without snapshots.
pub fn replay(journal: &dyn Journal, until: &Until) -> Result<Rebuilt, QueryError> {
    let make = |partition| Replayed {
        fold: Fold::with_digest(partition),
        inputs: 0,
        stop: Stop::of(until, partition),
        done: false,
    };
    let folded =
        fold_partitions(journal, ScanFrom::default(), default_threads(), make, replay_chunk)?;
    let parts = folded.into_result()?;
    let states = parts.iter().map(|part| state_digest(part.fold.state()));
    let states = states.collect::<Result<Vec<_>, _>>()?;
    let next = parts.iter().filter(|part| part.fold.position() > 0).map(|part| {
        let partition = part.fold.state().partition();
        Position { partition, n: part.fold.position() }.to_string()
    });
    Ok(Rebuilt {
        inputs: parts.iter().map(|part| part.inputs).sum(),
        events: parts.iter().map(|part| part.fold.position()).sum(),
        people: parts.iter().map(|part| part.fold.state().known() as u64).sum(),
        state: hex(&join_hashes(states)),
        digest: hex(&join_hashes(parts.iter().filter_map(|part| part.fold.digest()))),
        next: next.collect(),
    })
}

fn replay_chunk(part: &mut Replayed, chunk: &mut Part<'_>) -> Result<(), QueryError> {
    while !part.done
        && let Some(entry) = chunk.entries.next()
    {
        let entry = entry.map_err(|error| chunk.fault(error))?;
        part.done = part.stop.before(part.fold.position(), &entry);
        if !part.done {
            part.fold.apply(&entry).map_err(|error| chunk.fault(error))?;
            part.inputs += 1;
        }
    }
    Ok(())
}

//! What a follower may read: which epochs hold a partition's chain, and up to where.

use std::{ops::Range, sync::Arc};

use super::{
    connection::{Database, Fault, Patience},
    epoch::{Epoch, trusted_end},
    log::Number,
};

/// Chunks of one epoch that stand one behind the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) epoch: u64,
    pub(super) chunks: Range<u64>,
}

/// How far a partition can be read.
#[derive(Debug)]
pub(super) struct Reached {
    /// Whose chunks are read, oldest first; of the last one perhaps only a part.
    pub(super) epochs: Vec<Epoch>,
    pub(super) stretches: Vec<Stretch>,
    pub(super) end: u64,
}

/// How far a partition can be read, and where the chunks from `from` on stand. `trusted` is what
/// was trusted before.
pub(super) async fn reach(
    database: &Arc<Database>,
    partition: Number,
    from: u64,
    trusted: u64,
) -> Result<Reached, Fault> {
    let mut epochs = database.epochs(partition, 0, Patience::asked()).await?;
    let mut reached = Reached { epochs: Vec::new(), stretches: Vec::new(), end: 0 };
    for epoch in epochs.drain(..) {
        let start = reached.end;
        let end = match epoch.end {
            Some(end) => end,
            None => open_end(database, partition, epoch.number, start.max(trusted)).await?,
        };
        let chunks = start.max(from)..end;
        if !chunks.is_empty() {
            reached.stretches.push(Stretch { epoch: epoch.number, chunks });
        }
        reached.end = end;
        reached.epochs.push(epoch);
        if epoch.end.is_none() {
            break;
        }
    }
    Ok(reached)
}

/// Up to where an epoch that has no recorded end may be trusted (EPOCH-3).
async fn open_end(
    database: &Arc<Database>,
    partition: Number,
    epoch: u64,
    known: u64,
) -> Result<u64, Fault> {
    let mark = database.mark(partition, epoch).await?;
    let left = database.tail_before(partition, u64::MAX).await?.next_chunk;
    let known = known.max(mark.unwrap_or(0)).max(left);
    let heads = database.heads(partition, epoch, known..u64::MAX).await?;
    let acknowledged =
        |chunk: u64| Some(heads.get(usize::try_from(chunk - known).ok()?)?.acknowledged);
    Ok(trusted_end(known, None, mark, acknowledged))
}

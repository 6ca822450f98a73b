//! The epoch protocol's decisions, without a database: who owns a partition, where an epoch ends,
//! what may be acknowledged and what a follower may trust.
//!
//! A partition's chain is cut into **epochs**, one for each time that somebody took it over. An
//! epoch is claimed by consensus, once; its chunks are plain writes at a quorum; where it ends is
//! recorded by consensus, once. The model in `pipeline/tests/epoch_protocol.rs` takes every
//! interleaving of these very functions, under lost, late and repeated messages, and checks:
//!
//! - **EPOCH-1** An epoch belongs to the one attempt whose nonce stands in it.
//! - **EPOCH-2** An acknowledged chunk stands in every later owner's chain, at its number.
//! - **EPOCH-3** What a follower trusted stands in every later owner's chain, at its number.
//! - **EPOCH-4** Every chunk below a recorded end stands at a quorum.
//! - **EPOCH-5** Whatever an owner begins with is never changed behind it: ends are recorded once,
//!   in order, and no chunk number has two acknowledged contents.

/// Where an epoch's chunks end: the number of the chunk after its last, in the whole chain.
pub type End = u64;

/// An epoch as it stands in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch {
    /// Its number, from 0.
    pub number: u64,
    /// Its recorded end.
    pub end: Option<End>,
}

/// The epoch to claim, the latest one known being this.
pub const fn next_epoch(latest: Option<u64>) -> u64 {
    match latest {
        Some(latest) => latest + 1,
        None => 0,
    }
}

/// EPOCH-1: whether an attempt owns the epoch it claimed, by the nonce that stands there. An
/// attempt whose answer was lost is settled by making it again with the same nonce.
pub fn is_ours<N: PartialEq + ?Sized>(standing: &N, ours: &N) -> bool {
    standing == ours
}

/// The oldest epoch before `own` without a recorded end, and where it begins. An owner resolves
/// all of them, in this order, before its first append (EPOCH-5).
pub fn unresolved(epochs: &[Epoch], own: u64) -> Option<(Epoch, End)> {
    let mut start = 0;
    for epoch in epochs.iter().filter(|epoch| epoch.number < own) {
        match epoch.end {
            Some(end) => start = end,
            None => return Some((*epoch, start)),
        }
    }
    None
}

/// Where the unbroken run of chunks that begins at `start` ends.
pub fn run_end(start: End, mut stands: impl FnMut(u64) -> bool) -> End {
    (start..).find(|chunk| !stands(*chunk)).unwrap_or(u64::MAX)
}

/// EPOCH-2: whether a chunk that stands at a quorum may be acknowledged, by the latest epoch that
/// a quorum then told.
pub fn may_acknowledge(own: u64, latest: Option<u64>) -> bool {
    latest == Some(own)
}

/// EPOCH-3: up to where a follower may trust an epoch that begins at `start`. `stands` tells of a
/// chunk it has read how many chunks were acknowledged when it was written; `mark` is the owner's
/// own word of how many are.
///
/// What was acknowledged stays, so one chunk behind vouches for all before its count.
pub fn trusted_end(
    start: End,
    recorded: Option<End>,
    mark: Option<End>,
    mut stands: impl FnMut(u64) -> Option<End>,
) -> End {
    let mut vouched = recorded.unwrap_or(mark.unwrap_or(start)).max(start);
    let end = run_end(start, |chunk| match stands(chunk) {
        Some(acknowledged) => {
            if recorded.is_none() {
                vouched = vouched.max(acknowledged);
            }
            true
        }
        None => false,
    });
    end.min(vouched)
}

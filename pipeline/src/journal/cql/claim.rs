//! Taking a partition over: claim an epoch, resolve the earlier ones, learn where the chain ends.

use std::sync::Arc;

use super::{
    connection::{Database, Fault, Patience, Settled},
    epoch::{Epoch, next_epoch, trusted_end, unresolved},
    log::{Nonce, Number},
};
use crate::journal::Tail;

/// How often others may come first before it is given up.
pub(super) const ATTEMPTS: u32 = 16;

/// A partition that was taken over.
#[derive(Debug, Clone)]
pub(super) struct Claimed {
    pub(super) epoch: u64,
    pub(super) tail: Tail,
}

/// Why it was not.
#[derive(Debug)]
pub(super) enum NotClaimed {
    Contended,
    Fault(Fault),
}

impl<E: Into<Fault>> From<E> for NotClaimed {
    fn from(fault: E) -> Self {
        Self::Fault(fault.into())
    }
}

/// Takes a partition over.
pub(super) async fn claim(
    database: &Arc<Database>,
    partition: Number,
    owner: &str,
) -> Result<Claimed, NotClaimed> {
    for _ in 0..ATTEMPTS {
        let patience = Patience::asked();
        let latest = database.latest(partition, patience).await?;
        let epoch = next_epoch(latest);
        if database.claim(partition, epoch, nonce()?, owner, patience).await? {
            let tail = resolve(database, partition, epoch).await?;
            return Ok(Claimed { epoch, tail });
        }
    }
    Err(NotClaimed::Contended)
}

fn nonce() -> Result<Nonce, Fault> {
    let mut nonce = Nonce::default();
    let mut random = std::fs::File::open("/dev/urandom")?;
    std::io::Read::read_exact(&mut random, &mut nonce)?;
    Ok(nonce)
}

/// Ends every earlier epoch, oldest first, and reads the tail before the own one. Only now, after
/// the claim returned: whatever was acknowledged before stands at a quorum and is met here.
async fn resolve(database: &Arc<Database>, partition: Number, own: u64) -> Result<Tail, Fault> {
    let mut epochs = database.epochs(partition, 0, Patience::asked()).await?;
    if epochs.iter().filter(|epoch| epoch.number < own).count() as u64 != own {
        return Err(Settled(format!("an epoch of partition {partition} is missing")).into());
    }
    while let Some((target, start)) = unresolved(&epochs, own) {
        let found = settle(database, partition, target.number, start).await?;
        let end = database.end(partition, target.number, found, Patience::asked()).await?;
        let standing = epochs.iter_mut().find(|epoch| epoch.number == target.number);
        standing.expect("it was found among them").end = Some(end);
    }
    let end = epochs.iter().rev().find(|epoch| epoch.number < own).and_then(|epoch| epoch.end);
    tail_at(database, partition, &epochs, end.unwrap_or(0)).await
}

/// Where an epoch's chunks end, all of them at a quorum (EPOCH-4). What its owner had acknowledged
/// is there already; what stands behind that is written back.
async fn settle(
    database: &Arc<Database>,
    partition: Number,
    epoch: u64,
    start: u64,
) -> Result<u64, Fault> {
    let mark = database.mark(partition, epoch).await?;
    let left = database.tail_before(partition, u64::MAX).await?.next_chunk;
    let known = start.max(mark.unwrap_or(0)).max(left);
    let heads = database.heads(partition, epoch, known..u64::MAX).await?;
    let end = known + heads.len() as u64;
    let acknowledged =
        |chunk: u64| Some(heads.get(usize::try_from(chunk - known).ok()?)?.acknowledged);
    let trusted = trusted_end(known, None, mark, acknowledged);
    for chunk in trusted..end {
        let mut found = database.rows_of(partition, epoch, chunk..chunk + 1).await?;
        let Some((_, rows)) = found.next() else {
            return Err(Settled(format!("chunk {chunk} of partition {partition} is gone")).into());
        };
        database.put_rows(partition, epoch, &rows, Patience::asked()).await?;
    }
    Ok(end)
}

/// The tail of a chain of which all that is before `end` is resolved or trusted.
pub(super) async fn tail_at(
    database: &Arc<Database>,
    partition: Number,
    epochs: &[Epoch],
    end: u64,
) -> Result<Tail, Fault> {
    let mut tail = database.tail_before(partition, end).await?;
    let mut start = 0;
    for epoch in epochs {
        let upto = epoch.end.unwrap_or(end).min(end);
        let first = start.max(tail.next_chunk);
        if first < upto {
            for head in database.heads(partition, epoch.number, first..upto).await? {
                tail.advance(&head.header, head.hash);
            }
            if tail.next_chunk != upto {
                let chunk = tail.next_chunk;
                let text = format!("chunk {chunk} of partition {partition} is missing");
                return Err(Settled(text).into());
            }
        }
        start = upto;
    }
    Ok(tail)
}

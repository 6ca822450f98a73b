//! What is asked of the log's tables and written there, each request until it succeeds.

use std::{ops::Range, sync::Arc};

use scylla::value::CqlValue;

use super::{
    connection::{Database, Fault, Patience, Settled},
    epoch::{End, Epoch, is_ours},
    statements::Conditional,
    wire::{BUCKET_CHUNKS, Head, HeadRow, PartRow, Whole, bucket_of, gather, head, unpack},
};
use crate::journal::Tail;

/// What tells one attempt to claim an epoch from every other.
pub(super) type Nonce = [u8; 16];

/// A partition's number as the tables hold it.
pub(super) type Number = i32;

impl Database {
    /// The latest epoch that a quorum knows.
    pub(super) async fn latest(
        &self,
        partition: Number,
        patience: Patience,
    ) -> Result<Option<u64>, Fault> {
        let latest = self.repeat(patience, |ready| async move {
            ready.row::<(i64,)>(&ready.statements.latest, (partition,)).await
        });
        Ok(latest.await?.map(|(epoch,)| epoch as u64))
    }

    /// The epochs from this one on, oldest first.
    pub(super) async fn epochs(
        &self,
        partition: Number,
        from: u64,
        patience: Patience,
    ) -> Result<Vec<Epoch>, Fault> {
        let rows = self.repeat(patience, |ready| async move {
            let values = (partition, from as i64);
            ready.rows::<(i64, Option<i64>)>(&ready.statements.epochs, values).await
        });
        let of = |(number, end): (i64, Option<i64>)| Epoch {
            number: number as u64,
            end: end.map(|end| end as End),
        };
        Ok(rows.await?.into_iter().rev().map(of).collect())
    }

    /// Attempts to claim an epoch, with the same nonce until it is decided (EPOCH-1).
    pub(super) async fn claim(
        &self,
        partition: Number,
        epoch: u64,
        nonce: Nonce,
        owner: &str,
        patience: Patience,
    ) -> Result<bool, Fault> {
        let answer = self.repeat(patience, |ready| async move {
            let values = (partition, epoch as i64, nonce.as_slice(), owner);
            ready.conditional(&ready.statements.claim, values, "nonce").await
        });
        match answer.await? {
            Conditional::Applied => Ok(true),
            Conditional::Stands(Some(CqlValue::Blob(standing))) => {
                Ok(is_ours(&*standing, nonce.as_slice()))
            }
            Conditional::Stands(_) => {
                Err(Settled(format!("epoch {epoch} of partition {partition} has no nonce")).into())
            }
        }
    }

    /// Records where an epoch ends, and tells which end stands (EPOCH-5).
    pub(super) async fn end(
        &self,
        partition: Number,
        epoch: u64,
        end: End,
        patience: Patience,
    ) -> Result<End, Fault> {
        let answer = self.repeat(patience, |ready| async move {
            let values = (end as i64, partition, epoch as i64);
            ready.conditional(&ready.statements.end, values, "end_chunk").await
        });
        match answer.await? {
            Conditional::Applied => Ok(end),
            Conditional::Stands(Some(CqlValue::BigInt(standing))) => Ok(standing as End),
            Conditional::Stands(_) => {
                Err(Settled(format!("epoch {epoch} of partition {partition} has no end")).into())
            }
        }
    }

    /// Writes a chunk's rows, each until it stands at a quorum.
    pub(super) async fn put_rows(
        &self,
        partition: Number,
        epoch: u64,
        rows: &[PartRow],
        patience: Patience,
    ) -> Result<(), Fault> {
        for row in rows {
            self.repeat(patience, |ready| async move {
                let values = (
                    partition,
                    bucket_of(row.chunk as u64),
                    epoch as i64,
                    row.chunk,
                    row.part,
                    row.parts,
                    row.acknowledged,
                    &row.header,
                    &row.hash,
                    row.codec,
                    row.length,
                    &row.body,
                );
                ready.write(&ready.statements.put_chunk, values).await
            })
            .await?;
        }
        Ok(())
    }

    /// Heads of an epoch's chunks of one bucket that are there, in order.
    async fn heads_of_bucket(
        &self,
        partition: Number,
        epoch: u64,
        chunks: Range<u64>,
    ) -> Result<Vec<(u64, Head)>, Fault> {
        let bucket = bucket_of(chunks.start);
        let (first, end) = (chunks.start as i64, chunks.end as i64);
        let rows = self.repeat(Patience::asked(), |ready| async move {
            let values = (partition, bucket, epoch as i64, first, end);
            ready.rows::<HeadRow>(&ready.statements.heads, values).await
        });
        gather(rows.await?, |row| (row.chunk, row.part, row.parts))
            .map(|(chunk, rows)| {
                let row = &rows[0];
                Ok((chunk, head(chunk, &row.header, &row.hash, row.acknowledged)?))
            })
            .collect()
    }

    /// Heads of an epoch's unbroken run of chunks from the first of these on.
    pub(super) async fn heads(
        &self,
        partition: Number,
        epoch: u64,
        chunks: Range<u64>,
    ) -> Result<Vec<Head>, Fault> {
        let (mut run, mut next) = (Vec::new(), chunks.start);
        while next < chunks.end {
            let bucket_end = (next / BUCKET_CHUNKS + 1) * BUCKET_CHUNKS;
            let upto = bucket_end.min(chunks.end);
            for (chunk, head) in self.heads_of_bucket(partition, epoch, next..upto).await? {
                if chunk != next {
                    return Ok(run);
                }
                run.push(head);
                next += 1;
            }
            if next < upto {
                break;
            }
        }
        Ok(run)
    }

    /// Rows of an epoch's chunks of one bucket that are there, by chunk and in order.
    pub(super) async fn rows_of(
        &self,
        partition: Number,
        epoch: u64,
        chunks: Range<u64>,
    ) -> Result<impl Iterator<Item = (u64, Vec<PartRow>)> + use<>, Fault> {
        let bucket = bucket_of(chunks.start);
        let (first, end) = (chunks.start as i64, chunks.end as i64);
        let rows = self.repeat(Patience::asked(), |ready| async move {
            let values = (partition, bucket, epoch as i64, first, end);
            ready.rows::<PartRow>(&ready.statements.chunks, values).await
        });
        Ok(gather(rows.await?, |row| (row.chunk, row.part, row.parts)))
    }

    /// An epoch's chunks of one bucket that are there, in order.
    pub(super) async fn chunks(
        &self,
        partition: Number,
        epoch: u64,
        chunks: Range<u64>,
    ) -> Result<Vec<Whole>, Fault> {
        let rows = self.rows_of(partition, epoch, chunks).await?;
        rows.map(|(_, rows)| unpack(rows)).collect()
    }

    /// How many chunks the owner of an epoch last said were acknowledged.
    pub(super) async fn mark(&self, partition: Number, epoch: u64) -> Result<Option<End>, Fault> {
        let mark = self.repeat(Patience::asked(), |ready| async move {
            let values = (partition, epoch as i64);
            ready.row::<(i64,)>(&ready.statements.mark, values).await
        });
        Ok(mark.await?.map(|(acknowledged,)| acknowledged as End))
    }

    /// Says that so many chunks are acknowledged.
    pub(super) async fn put_mark(&self, partition: Number, epoch: u64, acknowledged: u64) {
        let put = self.repeat(Patience::brief(), |ready| async move {
            let values = (partition, epoch as i64, acknowledged as i64);
            ready.write(&ready.statements.put_mark, values).await
        });
        if let Err(fault) = put.await {
            // Followers see the last chunks when the next one comes.
            tracing::debug!(partition, %fault, "could not leave a commit mark");
        }
    }

    /// Leaves an acknowledged tail, for whoever begins to read there.
    pub(super) async fn put_tail(&self, partition: Number, tail: Tail) {
        let blob = encode_tail(&tail);
        let blob = &blob;
        let (chunk, position) = (tail.next_chunk as i64, tail.next_position as i64);
        let put = self.repeat(Patience::brief(), |ready| async move {
            let values = (partition, chunk, position, blob.as_slice());
            ready.write(&ready.statements.put_tail, values).await
        });
        if let Err(fault) = put.await {
            // The next owner reads on from an earlier one.
            tracing::debug!(partition, %fault, "could not leave a tail");
        }
    }

    /// The newest tail that was left at this chunk or before; the chain's beginning where none is
    /// sound.
    pub(super) async fn tail_before(&self, partition: Number, chunk: u64) -> Result<Tail, Fault> {
        let upto = i64::try_from(chunk).unwrap_or(i64::MAX);
        let rows = self.repeat(Patience::asked(), |ready| async move {
            ready.rows::<(i64, Vec<u8>)>(&ready.statements.tails, (partition, upto)).await
        });
        let sound = |(chunk, blob): (i64, Vec<u8>)| {
            decode_tail(&blob).filter(|tail| tail.next_chunk == chunk as u64)
        };
        Ok(rows.await?.into_iter().find_map(sound).unwrap_or_default())
    }

    /// Where tails were left: chunk and position.
    pub(super) async fn positions(
        self: &Arc<Self>,
        partition: Number,
    ) -> Result<Vec<(u64, u64)>, Fault> {
        let rows = self.repeat(Patience::asked(), |ready| async move {
            ready.rows::<(i64, i64)>(&ready.statements.positions, (partition,)).await
        });
        let of = |(chunk, position): (i64, i64)| (chunk as u64, position as u64);
        Ok(rows.await?.into_iter().map(of).collect())
    }
}

type Stored = (u64, u64, [u8; 32], Vec<([u8; 16], u64)>);

/// Bytes of the checksum before a stored tail.
const SUM_BYTES: usize = 16;

fn encode_tail(tail: &Tail) -> Vec<u8> {
    let cursors = tail.cursors.iter().map(|(source, line)| (*source, *line)).collect();
    let stored: Stored = (tail.next_chunk, tail.next_position, tail.head, cursors);
    let body = postcard::to_stdvec(&stored).expect("numbers and bytes serialise into memory");
    let mut blob = blake3::hash(&body).as_bytes()[..SUM_BYTES].to_vec();
    blob.extend(body);
    blob
}

fn decode_tail(blob: &[u8]) -> Option<Tail> {
    let (sum, body) = blob.split_at_checked(SUM_BYTES)?;
    if blake3::hash(body).as_bytes()[..SUM_BYTES] != *sum {
        return None;
    }
    let (next_chunk, next_position, head, cursors): Stored = postcard::from_bytes(body).ok()?;
    Some(Tail { next_chunk, next_position, head, cursors: cursors.into_iter().collect() })
}

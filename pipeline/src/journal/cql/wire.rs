//! A chunk as rows: compressed where that pays, cut into parts that stay small.
//!
//! The hash stands beside the body and covers the chunk's own bytes, whatever the codec. A chunk
//! is there when all its parts are; they say the same of it, except for their own piece.

use zeitgeber_schemas::{ChunkHeader, wire::Wire};

use super::connection::{Fault, Settled};
use crate::journal::{Hash, SealedChunk};

/// Most bytes of one row's body: databases bear 16 MiB, and are quick up to here.
pub(super) const PART_BYTES: usize = 1 << 20;
/// Chunks of a bucket, which is one partition of the database: 64 MiB of chunks of 512 KiB.
pub(super) const BUCKET_CHUNKS: u64 = 128;
/// Shorter chunks are stored as they are, bytes.
const PACK_FROM_BYTES: usize = 512;
const ZSTD_LEVEL: i32 = 1;
const AS_IT_IS: i32 = 0;
const ZSTD: i32 = 1;

/// The bucket of a chunk.
pub(super) const fn bucket_of(chunk: u64) -> i64 {
    (chunk / BUCKET_CHUNKS) as i64
}

/// A chunk in its stored form.
#[derive(Debug, Clone)]
pub(super) struct Packed {
    pub(super) chunk: u64,
    pub(super) header: Vec<u8>,
    pub(super) hash: Hash,
    pub(super) codec: i32,
    pub(super) length: usize,
    pub(super) body: Vec<u8>,
}

impl Packed {
    pub(super) fn of(chunk: &SealedChunk) -> Self {
        let mut header = Vec::new();
        chunk.header().put(&mut header);
        let bytes = chunk.bytes();
        let packed = (bytes.len() >= PACK_FROM_BYTES)
            .then(|| zstd::bulk::compress(bytes, ZSTD_LEVEL).ok())
            .flatten()
            .filter(|packed| packed.len() < bytes.len() / 8 * 7);
        let (codec, body) = packed.map_or_else(|| (AS_IT_IS, bytes.to_vec()), |body| (ZSTD, body));
        let number = chunk.header().number;
        Self { chunk: number, header, hash: chunk.hash(), codec, length: bytes.len(), body }
    }

    /// The rows, of a chunk that is written when so many were acknowledged.
    pub(super) fn rows(&self, acknowledged: u64) -> Vec<PartRow> {
        let parts = self.body.chunks(PART_BYTES);
        let count = parts.len() as i32;
        let row = |(part, body): (i32, &[u8])| PartRow {
            chunk: self.chunk as i64,
            part,
            parts: count,
            acknowledged: acknowledged as i64,
            header: self.header.clone(),
            hash: self.hash.to_vec(),
            codec: self.codec,
            length: self.length as i32,
            body: body.to_vec(),
        };
        (0..).zip(parts).map(row).collect()
    }
}

/// A row of a chunk. What is written back is written as it was read: its parts must be those of
/// one writer, and another version may compress to other bytes.
#[derive(Debug, Clone, scylla::DeserializeRow)]
pub(super) struct PartRow {
    pub(super) chunk: i64,
    pub(super) part: i32,
    pub(super) parts: i32,
    pub(super) acknowledged: i64,
    pub(super) header: Vec<u8>,
    pub(super) hash: Vec<u8>,
    pub(super) codec: i32,
    pub(super) length: i32,
    pub(super) body: Vec<u8>,
}

/// A row of a chunk without its body.
#[derive(Debug, scylla::DeserializeRow)]
pub(super) struct HeadRow {
    pub(super) chunk: i64,
    pub(super) part: i32,
    pub(super) parts: i32,
    pub(super) acknowledged: i64,
    pub(super) header: Vec<u8>,
    pub(super) hash: Vec<u8>,
}

/// What is known of a chunk without its body.
#[derive(Debug, Clone)]
pub(super) struct Head {
    /// How many chunks of the chain were acknowledged when it was written.
    pub(super) acknowledged: u64,
    pub(super) header: ChunkHeader,
    pub(super) hash: Hash,
}

/// A chunk as it was read.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) head: Head,
    pub(super) bytes: Vec<u8>,
}

/// Rows in order, as chunks with all their parts; whatever lacks one is left out.
pub(super) fn gather<R>(
    rows: Vec<R>,
    place: impl Fn(&R) -> (i64, i32, i32),
) -> impl Iterator<Item = (u64, Vec<R>)> {
    let mut rows = rows.into_iter().peekable();
    std::iter::from_fn(move || {
        loop {
            let first = rows.next()?;
            let (chunk, _, parts) = place(&first);
            let mut of = vec![first];
            while let Some(row) = rows.next_if(|row| place(row).0 == chunk) {
                of.push(row);
            }
            let is_next = |(at, row): (i32, &R)| place(row).1 == at;
            if of.len() as i32 == parts && (0..).zip(&of).all(is_next) {
                return Some((chunk as u64, of));
            }
        }
    })
}

/// Decodes the header that stands beside a body.
pub(super) fn head(
    number: u64,
    header: &[u8],
    hash: &[u8],
    acknowledged: i64,
) -> Result<Head, Fault> {
    let damaged = |what: &str| Settled(format!("the {what} of chunk {number} is damaged"));
    let mut rest = header;
    let header = ChunkHeader::get(&mut rest).map_err(|_| damaged("header"))?;
    let hash = hash.try_into().map_err(|_| damaged("hash"))?;
    if header.number != number || !rest.is_empty() {
        return Err(damaged("header").into());
    }
    Ok(Head { acknowledged: acknowledged as u64, header, hash })
}

/// Puts the parts of one chunk together again, and checks all of it.
pub(super) fn unpack(rows: Vec<PartRow>) -> Result<Whole, Fault> {
    let first = &rows[0];
    let number = first.chunk as u64;
    let head = head(number, &first.header, &first.hash, first.acknowledged)?;
    let (codec, length) = (first.codec, first.length as usize);
    let body = match rows.len() {
        1 => rows.into_iter().next().map(|row| row.body).unwrap_or_default(),
        _ => rows.into_iter().flat_map(|row| row.body).collect(),
    };
    let damaged = || Settled(format!("chunk {number} is damaged: it is not what its hash says"));
    let bytes = match codec {
        AS_IT_IS => body,
        ZSTD => zstd::bulk::decompress(&body, length).map_err(|_| damaged())?,
        other => {
            let text = format!("chunk {number} has codec {other}: use a newer version");
            return Err(Settled(text).into());
        }
    };
    if *blake3::hash(&bytes).as_bytes() != head.hash {
        return Err(damaged().into());
    }
    Ok(Whole { head, bytes })
}

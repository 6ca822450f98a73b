//! Reading chunks: every entry and event borrows from the chunk's bytes.
//!
//! Arrays are read as any number of blocks, since that is what Avro allows.

use zeitgeber_schemas::{
    ChunkHeader, SchemaId,
    wire::{self, Malformed, Wire},
};

use super::FORMAT;

/// Why bytes are not a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// The bytes do not follow the schema.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// A later version's form.
    #[error("the chunk has form {found}, this program reads up to {FORMAT}")]
    TooNew {
        /// The form's version.
        found: u32,
    },
    /// Compressed in a way this version cannot read.
    #[error("the chunk is compressed by the unknown codec {found}")]
    Codec {
        /// The codec's number.
        found: u32,
    },
    /// Something follows the last entry.
    #[error("bytes follow the chunk's last entry")]
    Excess,
}

/// Reads chunks.
#[derive(Debug, Clone, Copy)]
pub struct Chunk;

impl Chunk {
    /// The header, and the entries still encoded.
    pub fn decode(bytes: &[u8]) -> Result<(ChunkHeader, EntryIter<'_>), ChunkError> {
        let (header, body) = Self::split(bytes)?;
        Ok((header, EntryIter::new(body)))
    }

    pub(in super::super) fn split(bytes: &[u8]) -> Result<(ChunkHeader, &[u8]), ChunkError> {
        let mut rest = bytes;
        // The form's version is the first field of every version.
        let found = u32::get(&mut &*rest)?;
        if found != FORMAT {
            return Err(ChunkError::TooNew { found });
        }
        let header = ChunkHeader::get(&mut rest)?;
        match header.codec {
            0 => Ok((header, rest)),
            found => Err(ChunkError::Codec { found }),
        }
    }
}

/// The entries of a chunk, borrowed. After an error it ends.
#[derive(Debug, Clone)]
pub struct EntryIter<'a> {
    rest: &'a [u8],
    /// Entries left in the array's block.
    left: usize,
    ended: bool,
}

impl<'a> EntryIter<'a> {
    pub(in super::super) fn new(rest: &'a [u8]) -> Self {
        Self { rest, left: 0, ended: false }
    }

    #[inline]
    fn step(&mut self) -> Result<Option<EntryRef<'a>>, ChunkError> {
        if self.left == 0 {
            self.left = wire::get_block(&mut self.rest)?;
            if self.left == 0 {
                self.ended = true;
                return if self.rest.is_empty() { Ok(None) } else { Err(ChunkError::Excess) };
            }
        }
        self.left -= 1;
        Ok(Some(EntryRef::get(&mut self.rest)?))
    }
}

impl<'a> Iterator for EntryIter<'a> {
    type Item = Result<EntryRef<'a>, ChunkError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let step = self.step();
        self.ended |= step.is_err();
        step.transpose()
    }
}

/// An input and what it caused, borrowed from a chunk. Fields as in `schemas::Entry`.
#[derive(Debug, Clone)]
pub struct EntryRef<'a> {
    /// The subject's number in this partition; 0: nobody known.
    pub subject: u64,
    /// The tenant.
    pub tenant: &'a str,
    /// The input's schema.
    pub schema: SchemaId,
    /// The input's id.
    pub id: &'a str,
    /// Event time, ms UTC.
    pub ts: i64,
    /// Arrival time, ms UTC.
    pub recv_ts: Option<i64>,
    /// Index of the source among the header's cursors.
    pub source: u32,
    /// Line in the source, from 1.
    pub line: u64,
    /// The bytes as they came, where the input was refused.
    pub raw: Option<RawRef<'a>>,
    /// 0: the payload is in clear. Otherwise the generation of the subject's key.
    pub seal: u32,
    /// Avro bytes of the input's body.
    pub payload: &'a [u8],
    /// What it caused.
    pub events: EventIter<'a>,
}

impl<'a> EntryRef<'a> {
    #[inline]
    fn get(from: &mut &'a [u8]) -> Result<Self, ChunkError> {
        Ok(Self {
            subject: u64::get(from)?,
            tenant: wire::get_str(from)?,
            schema: SchemaId::get(from)?,
            id: wire::get_str(from)?,
            ts: i64::get(from)?,
            recv_ts: Option::get(from)?,
            source: u32::get(from)?,
            line: u64::get(from)?,
            raw: RawRef::get(from)?,
            seal: u32::get(from)?,
            payload: wire::get_bytes(from)?,
            events: EventIter::get(from)?,
        })
    }
}

/// The bytes of a refused input, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawRef<'a> {
    /// The first 4 KiB.
    pub head: &'a [u8],
    /// Length of the whole, bytes.
    pub length: u64,
    /// BLAKE3 of the whole, cut to 16 bytes.
    pub hash: [u8; 16],
    /// BLAKE3 of what follows the first 4 KiB; none where nothing does.
    pub rest_hash: Option<[u8; 32]>,
}

impl<'a> RawRef<'a> {
    fn get(from: &mut &'a [u8]) -> Result<Option<Self>, Malformed> {
        if wire::get_index(from, 2)? == 0 {
            return Ok(None);
        }
        Ok(Some(Self {
            head: wire::get_bytes(from)?,
            length: u64::get(from)?,
            hash: Wire::get(from)?,
            rest_hash: Option::get(from)?,
        }))
    }
}

/// One event, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventRef<'a> {
    /// The event's schema.
    pub schema: SchemaId,
    /// 0: the payload is in clear. Otherwise the generation of the subject's key.
    pub seal: u32,
    /// Avro bytes.
    pub payload: &'a [u8],
}

impl<'a> EventRef<'a> {
    #[inline]
    fn get(from: &mut &'a [u8]) -> Result<Self, Malformed> {
        let (schema, seal) = (SchemaId::get(from)?, u32::get(from)?);
        Ok(Self { schema, seal, payload: wire::get_bytes(from)? })
    }
}

/// The events of an entry. They were checked when the entry was read, so none can fail.
#[derive(Debug, Clone)]
pub struct EventIter<'a> {
    rest: &'a [u8],
    left: usize,
}

impl<'a> EventIter<'a> {
    #[inline]
    fn get(from: &mut &'a [u8]) -> Result<Self, Malformed> {
        let rest = *from;
        loop {
            let count = wire::get_block(from)?;
            if count == 0 {
                return Ok(Self { rest, left: 0 });
            }
            for _ in 0..count {
                EventRef::get(from)?;
            }
        }
    }
}

impl<'a> Iterator for EventIter<'a> {
    type Item = EventRef<'a>;

    #[inline]
    fn next(&mut self) -> Option<EventRef<'a>> {
        if self.left == 0 {
            self.left = wire::get_block(&mut self.rest).ok().filter(|count| *count > 0)?;
        }
        self.left -= 1;
        EventRef::get(&mut self.rest).ok()
    }
}

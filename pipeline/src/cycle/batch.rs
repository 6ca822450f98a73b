//! A batch of inputs of one partition, on its way from a door to the partition's writer.

use std::{ops::Range, sync::Arc};

use zeitgeber_schemas::{RawBytes, SchemaId};

use super::Reply;

/// Where inputs come from.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// For a file the BLAKE3 hash of its content, cut to 16 bytes; zeros for a stream, which
    /// cannot be resumed.
    pub id: [u8; 16],
    /// Its name for people.
    pub name: String,
}

impl Source {
    /// A stream: its inputs have a place, and nothing of it is skipped.
    pub fn stream(name: &str) -> Self {
        Self { id: [0; 16], name: name.into() }
    }

    /// Whether the same source may come again and go on.
    pub fn is_resumable(&self) -> bool {
        self.id != [0; 16]
    }
}

/// Inputs of one partition, in order, with one buffer for all their bytes.
#[derive(Debug, Default)]
pub struct Batch {
    /// Where they come from; none: from no source that can be resumed.
    pub source: Option<Arc<Source>>,
    /// Canonical bytes and raw bytes of every item.
    pub bytes: Vec<u8>,
    /// The inputs.
    pub items: Vec<Item>,
    /// Who waits for them.
    pub reply: Option<Reply>,
}

impl Batch {
    /// Empties the batch and keeps its memory.
    pub fn clear(&mut self) {
        self.source = None;
        self.bytes.clear();
        self.items.clear();
        self.reply = None;
    }
}

/// One input.
#[derive(Debug)]
pub struct Item {
    /// Its line (or record) in the source, from 1.
    pub line: u64,
    /// The schema of its body.
    pub schema: SchemaId,
    /// Envelope and body in Avro, within the batch's bytes.
    pub input: Range<usize>,
    /// The bytes as they came.
    pub raw: Raw,
}

/// The bytes of an input as they came.
#[derive(Debug)]
pub enum Raw {
    /// Within the batch's bytes.
    Slice(Range<usize>),
    /// Too long to carry: its head and hashes.
    Kept(Box<RawBytes>),
}

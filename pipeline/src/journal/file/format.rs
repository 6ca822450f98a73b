//! The bytes of segments, frames and the mark (`docs/journal.md` is the same for auditors).
//!
//! Integers are little-endian. Every structure carries a CRC-32C over all its other bytes. Heads
//! of files begin with a prelude (magic, format version, CRC of both) that keeps its form in
//! every version, so that a newer format and a damaged version number are told apart.

use crc_fast::{CrcAlgorithm, Digest};

use super::super::{Hash, Layout, Place, Tail};

/// Version of the file format.
pub(super) const FORMAT: u32 = 1;
/// First byte 0xF6 never occurs in UTF-8 text.
pub(super) const SEGMENT_MAGIC: [u8; 8] = *b"\xF6ZJSEGMT";
pub(super) const FRAME_MAGIC: [u8; 8] = *b"\xF6ZJFRAME";
pub(super) const INDEX_MAGIC: [u8; 8] = *b"\xF6ZJINDEX";
const MARK_MAGIC: [u8; 8] = *b"\xF6ZJMARKS";
pub(super) const PRELUDE: usize = 16;
const CRC: usize = 4;

/// Bytes of a frame's head, before the lengths of its chunks.
pub(super) const FRAME_HEAD: usize = 44;
/// Bytes of a frame's lengths and chunks, at most.
pub(super) const MAX_FRAME_BODY: usize = 16 << 20;
/// Bytes of a segment's head, at most.
pub(super) const MAX_SEGMENT_HEAD: u64 = 1 << 20;

/// CRC-32C over several parts.
pub(super) fn crc32c<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u32 {
    let mut digest = Digest::new(CrcAlgorithm::Crc32Iscsi);
    parts.into_iter().for_each(|part| digest.update(part));
    digest.finalize() as u32
}

/// Why the head of a file cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BadHead {
    Damaged(&'static str),
    TooNew(u32),
}

pub(super) fn put_prelude(magic: [u8; 8], out: &mut Vec<u8>) {
    out.extend_from_slice(&magic);
    out.extend_from_slice(&FORMAT.to_le_bytes());
    let crc = crc32c([out.as_slice()]);
    out.extend_from_slice(&crc.to_le_bytes());
}

pub(super) fn put_crc(out: &mut Vec<u8>) {
    let crc = crc32c([out.as_slice()]);
    out.extend_from_slice(&crc.to_le_bytes());
}

pub(super) fn check_prelude(bytes: &[u8], magic: [u8; 8]) -> Result<(), BadHead> {
    let prelude = bytes.get(..PRELUDE).ok_or(BadHead::Damaged("its head is cut short"))?;
    if prelude[..8] != magic {
        return Err(BadHead::Damaged("it does not begin as such a file does"));
    }
    if u32_at(prelude, 12) != crc32c([&prelude[..12]]) {
        return Err(BadHead::Damaged("the checksum of its version does not match"));
    }
    match u32_at(prelude, 8) {
        FORMAT => Ok(()),
        found => Err(BadHead::TooNew(found)),
    }
}

/// The end of a structure's checksummed bytes, where the checksum matches.
pub(super) fn check_crc(bytes: &[u8]) -> Option<&[u8]> {
    let (body, crc) = bytes.split_at_checked(bytes.len().checked_sub(CRC)?)?;
    (u32_at(crc, 0) == crc32c([body])).then_some(body)
}

pub(super) fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, at))
}

/// What stands at the front of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SegmentHead {
    pub(super) layout: Layout,
    pub(super) segment: u32,
    /// The schemas that the segment's chunks follow, as JSON.
    pub(super) schemas: String,
}

/// Bytes of a segment's head before the schema table.
const SEGMENT_FIXED: usize = PRELUDE + 16 + 4 + 4 + 4;

impl SegmentHead {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(SEGMENT_FIXED + self.schemas.len() + CRC);
        put_prelude(SEGMENT_MAGIC, &mut out);
        out.extend_from_slice(&self.layout.log_id);
        out.extend_from_slice(&u32::from(self.layout.partitions).to_le_bytes());
        out.extend_from_slice(&self.segment.to_le_bytes());
        out.extend_from_slice(&(self.schemas.len() as u32).to_le_bytes());
        out.extend_from_slice(self.schemas.as_bytes());
        put_crc(&mut out);
        out
    }

    /// Reads the head from the file's first bytes (at most [`MAX_SEGMENT_HEAD`] are needed), and
    /// its length.
    pub(super) fn decode(bytes: &[u8]) -> Result<(Self, u64), BadHead> {
        check_prelude(bytes, SEGMENT_MAGIC)?;
        let damaged = BadHead::Damaged;
        let fixed = bytes.get(..SEGMENT_FIXED).ok_or(damaged("its head is cut short"))?;
        let end = SEGMENT_FIXED + u32_at(fixed, SEGMENT_FIXED - 4) as usize + CRC;
        let body = bytes
            .get(..end)
            .and_then(check_crc)
            .ok_or(damaged("the checksum of its head does not match"))?;
        let partitions = u16::try_from(u32_at(body, PRELUDE + 16)).ok().filter(|count| *count > 0);
        let schemas = str::from_utf8(&body[SEGMENT_FIXED..]).ok();
        let (Some(partitions), Some(schemas)) = (partitions, schemas) else {
            return Err(damaged("its head makes no sense"));
        };
        let layout = Layout { log_id: array_at(body, PRELUDE), partitions };
        let segment = u32_at(body, PRELUDE + 20);
        Ok((Self { layout, segment, schemas: schemas.into() }, end as u64))
    }
}

/// What stands at the front of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameHead {
    pub(super) chunks: u32,
    /// Bytes of lengths and chunks.
    pub(super) body: u32,
}

impl FrameHead {
    /// Bytes of the frame that holds these chunks.
    pub(super) fn bytes_for(chunks: &[&[u8]]) -> usize {
        FRAME_HEAD + chunks.iter().map(|chunk| chunk.len() + 4).sum::<usize>()
    }

    /// Writes head and chunk lengths into `out`, checksum included.
    pub(super) fn encode(log_id: [u8; 16], place: Place, chunks: &[&[u8]], out: &mut Vec<u8>) {
        let body = Self::bytes_for(chunks) - FRAME_HEAD;
        out.clear();
        out.extend_from_slice(&FRAME_MAGIC);
        out.extend_from_slice(&log_id[..8]);
        out.extend_from_slice(&FORMAT.to_le_bytes());
        out.extend_from_slice(&place.segment.to_le_bytes());
        out.extend_from_slice(&place.offset.to_le_bytes());
        out.extend_from_slice(&(chunks.len() as u32).to_le_bytes());
        out.extend_from_slice(&(body as u32).to_le_bytes());
        out.extend_from_slice(&[0; CRC]);
        for chunk in chunks {
            out.extend_from_slice(&(chunk.len() as u32).to_le_bytes());
        }
        let parts = [&out[..FRAME_HEAD - CRC], &out[FRAME_HEAD..]];
        let crc = crc32c(parts.into_iter().chain(chunks.iter().copied()));
        out[FRAME_HEAD - CRC..FRAME_HEAD].copy_from_slice(&crc.to_le_bytes());
    }

    /// The head, where it says that it stands here; its checksum is [`frame_is_whole`]'s to check.
    pub(super) fn decode(bytes: &[u8], log_id: [u8; 16], place: Place) -> Option<Self> {
        let head = bytes.get(..FRAME_HEAD)?;
        let here = head[..8] == FRAME_MAGIC
            && head[8..16] == log_id[..8]
            && u32_at(head, 16) == FORMAT
            && u32_at(head, 20) == place.segment
            && u64_at(head, 24) == place.offset;
        let (chunks, body) = (u32_at(head, 32), u32_at(head, 36));
        let fits = body as usize <= MAX_FRAME_BODY && u64::from(chunks) * 4 <= u64::from(body);
        (here && fits).then_some(Self { chunks, body })
    }

    /// Bytes of the whole frame.
    pub(super) fn bytes(self) -> usize {
        FRAME_HEAD + self.body as usize
    }
}

/// Whether the checksum of a complete frame matches.
pub(super) fn frame_is_whole(frame: &[u8]) -> bool {
    let (head, body) = frame.split_at(FRAME_HEAD);
    u32_at(head, FRAME_HEAD - CRC) == crc32c([&head[..FRAME_HEAD - CRC], body])
}

/// The chunks of a whole frame as (offset in the frame, length); `None` where they do not add up.
pub(super) fn frame_chunks(frame: &[u8], head: FrameHead) -> Option<Vec<(usize, usize)>> {
    let mut at = FRAME_HEAD + head.chunks as usize * 4;
    let mut chunks = Vec::with_capacity(head.chunks as usize);
    for i in 0..head.chunks as usize {
        let length = u32_at(frame, FRAME_HEAD + i * 4) as usize;
        chunks.push((at, length));
        at = at.checked_add(length).filter(|end| *end <= frame.len())?;
    }
    (at == frame.len()).then_some(chunks)
}

/// What a clean stop or the end of a segment left as durable: everything up to `end` is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) log_id: [u8; 16],
    pub(super) end: Place,
    /// Chunks, events and last hash of each partition at `end`.
    pub(super) partitions: Vec<(u64, u64, Hash)>,
}

/// Bytes of a mark before its partitions, and of each partition.
const MARK_FIXED: usize = PRELUDE + 16 + 4 + 8 + 4;
const MARK_PARTITION: usize = 8 + 8 + 32;
/// Bytes of the longest mark.
pub(super) const MAX_MARK: u64 = (MARK_FIXED + u16::MAX as usize * MARK_PARTITION + CRC) as u64;

impl Mark {
    pub(super) fn new(log_id: [u8; 16], end: Place, tails: &[Tail]) -> Self {
        let partition = |tail: &Tail| (tail.next_chunk, tail.next_position, tail.head);
        Self { log_id, end, partitions: tails.iter().map(partition).collect() }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_prelude(MARK_MAGIC, &mut out);
        out.extend_from_slice(&self.log_id);
        out.extend_from_slice(&self.end.segment.to_le_bytes());
        out.extend_from_slice(&self.end.offset.to_le_bytes());
        out.extend_from_slice(&(self.partitions.len() as u32).to_le_bytes());
        for (chunks, events, head) in &self.partitions {
            out.extend_from_slice(&chunks.to_le_bytes());
            out.extend_from_slice(&events.to_le_bytes());
            out.extend_from_slice(head);
        }
        put_crc(&mut out);
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, BadHead> {
        check_prelude(bytes, MARK_MAGIC)?;
        let body = check_crc(bytes).ok_or(BadHead::Damaged("its checksum does not match"))?;
        let count = body.get(MARK_FIXED - 4..MARK_FIXED).map(|count| u32_at(count, 0) as usize);
        let rows = body.get(MARK_FIXED..).unwrap_or_default();
        if count.is_none_or(|count| count.checked_mul(MARK_PARTITION) != Some(rows.len())) {
            return Err(BadHead::Damaged("its length is wrong"));
        }
        let row = |row: &[u8]| (u64_at(row, 0), u64_at(row, 8), array_at(row, 16));
        let segment = u32_at(body, PRELUDE + 16);
        Ok(Self {
            log_id: array_at(body, PRELUDE),
            end: Place { segment, offset: u64_at(body, PRELUDE + 20) },
            partitions: rows.chunks_exact(MARK_PARTITION).map(row).collect(),
        })
    }
}

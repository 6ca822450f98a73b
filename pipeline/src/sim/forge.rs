//! A segment in which somebody changed a chunk and made the frame's checksum right again, as
//! `docs/journal.md` says how: only the hashes can tell.

use std::ops::Range;

use super::rng::Rng;

/// Bytes before a segment's schema table, and of its checksum.
const SEGMENT_HEAD: usize = 44;
const CHECKSUM: usize = 4;
/// Bytes of a frame's head, before the lengths of its chunks.
const FRAME_HEAD: usize = 44;
const FRAME_MAGIC: &[u8] = b"\xF6ZJFRAME";

/// Changes one bit of one chunk of a segment; where, if there is a chunk.
pub(super) fn forge(segment: &mut [u8], rng: &mut Rng) -> Option<usize> {
    let frames = frames(segment);
    let frame = rng.pick(&frames)?.clone();
    let chunks = u32_at(segment, frame.start + 32)? as usize;
    let first = frame.start + FRAME_HEAD + 4 * chunks;
    let at = rng.within(first as u64, frame.end as u64 - 1) as usize;
    segment[at] ^= 1 << rng.below(8);
    let mut digest = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi);
    digest.update(&segment[frame.start..frame.start + 40]);
    digest.update(&segment[frame.start + FRAME_HEAD..frame.end]);
    let sum = (digest.finalize() as u32).to_le_bytes();
    segment[frame.start + 40..frame.start + FRAME_HEAD].copy_from_slice(&sum);
    Some(at)
}

/// Where the frames of a segment stand.
fn frames(segment: &[u8]) -> Vec<Range<usize>> {
    let mut frames = Vec::new();
    let schemas = u32_at(segment, 40).unwrap_or_default() as usize;
    let mut at = SEGMENT_HEAD + schemas + CHECKSUM;
    while segment.get(at..).is_some_and(|rest| rest.starts_with(FRAME_MAGIC)) {
        let Some(body) = u32_at(segment, at + 36) else { break };
        let end = at + FRAME_HEAD + body as usize;
        if end > segment.len() {
            break;
        }
        frames.push(at..end);
        at = end;
    }
    frames
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

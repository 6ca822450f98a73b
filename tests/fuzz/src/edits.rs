//! Sound bytes with a few changes, which get further into a reader than bytes without a shape.

/// Bytes of one change.
const EDIT: usize = 4;

/// `base` after the changes that `edits` describe, four bytes each: what, where (16 bits), with what.
pub(crate) fn edited(base: &[u8], edits: &[u8]) -> Vec<u8> {
    let mut bytes = base.to_vec();
    for edit in edits.chunks_exact(EDIT) {
        let [what, low, high, with] = [edit[0], edit[1], edit[2], edit[3]];
        let at = usize::from(u16::from_le_bytes([low, high])) % (bytes.len() + 1);
        match what % 5 {
            0 => bytes.insert(at, with),
            1 => bytes.truncate(at),
            2 if at < bytes.len() => drop(bytes.remove(at)),
            3 if at < bytes.len() => bytes[at] ^= with,
            _ if at < bytes.len() => bytes[at] = with,
            _ => bytes.push(with),
        }
    }
    bytes
}

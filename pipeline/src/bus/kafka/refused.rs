//! What a door refused and did not keep whole, as a record: the refusal, the head of the bytes, and
//! the hashes that stand for the rest.
//!
//! Of a long refused input there are no bytes any more that a worker could read and refuse again.
//! So the refusal itself is carried, in the log's own form, and the dead letter is the one that any
//! other door would have left.

use zeitgeber_schemas::{Envelope, RawBytes, Unreadable, wire::Wire};

use crate::door::{RAW_HEAD_BYTES, Refusal};

/// The content type of such a record.
pub(super) const CONTENT_TYPE: &str = "application/vnd.zeitgeber.refused";

/// Writes a record of an input as doors write it (envelope and refusal) and what is kept of it.
pub(super) fn put(input: &[u8], raw: &RawBytes, out: &mut Vec<u8>) {
    out.extend_from_slice(input);
    raw.put(out);
}

/// Reads such a record; none where it is not one.
pub(super) fn read(mut value: &[u8]) -> Option<(Refusal, RawBytes)> {
    let envelope = Envelope::get(&mut value).ok()?;
    let body = Unreadable::get(&mut value).ok()?;
    let raw = RawBytes::get(&mut value).ok()?;
    let is_cut = raw.head.0.len() == RAW_HEAD_BYTES && raw.length > RAW_HEAD_BYTES as u64;
    if !value.is_empty() || !is_cut || raw.rest_hash.is_none() {
        return None;
    }
    let known = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let refusal = Refusal {
        reason: body.reason,
        detail: body.detail,
        tenant: envelope.tenant.into(),
        user_id: known(envelope.user_id),
        id: known(envelope.id),
        ts: (envelope.ts != 0).then_some(envelope.ts),
        recv_ts: envelope.recv_ts,
        kind: body.kind,
    };
    Some((refusal, raw))
}

#[cfg(test)]
mod tests {
    use zeitgeber_schemas::Reason;

    use super::*;
    use crate::{cycle::Raw, door::raw_bytes, ingest::Intake};

    /// The record of a refused input, made as a door makes it.
    fn record(refusal: &Refusal, bytes: &[u8]) -> Vec<u8> {
        let mut intake = Intake::new(1);
        intake.refused_bytes(1, refusal, bytes);
        let (_, batch) = intake.take_batches(Default::default).remove(0);
        let item = &batch.items[0];
        let Raw::Kept(raw) = &item.raw else { panic!("refused bytes are kept as such") };
        let mut value = Vec::new();
        put(&batch.bytes[item.input.clone()], raw, &mut value);
        value
    }

    #[test]
    fn a_refusal_comes_back_as_it_was_and_nothing_else_is_taken_for_one() {
        let bytes = vec![b'x'; 3 * RAW_HEAD_BYTES];
        let known = Refusal {
            user_id: Some("ada".into()),
            id: Some("1".into()),
            ts: Some(5),
            kind: Some("imu".into()),
            ..Refusal::new(Reason::WrongType, "a field")
        };
        for refusal in [Refusal::oversized_line(bytes.len() as u64, 8), known] {
            let value = record(&refusal, &bytes);
            assert_eq!(read(&value), Some((refusal, raw_bytes(&bytes))));
            assert_eq!(read(&value[..value.len() - 1]), None);
            assert_eq!(read(&[&value[..], b"more"].concat()), None);
        }
        let whole = record(&Refusal::new(Reason::NotJson, ""), b"short");
        assert_eq!(read(&whole), None, "what is kept whole is sent as it came");
        assert_eq!(read(b"{}"), None);
    }
}

//! Recordings in CSV, of every kind.

use zeitgeber::analyze::{Hints, analyze, kind::Kind, recording::LayoutHints};

use zeitgeber_schemas::Scale;

use crate::scratch;

/// The first byte picks the kind, or leaves it to the columns.
pub(crate) fn recording(bytes: &[u8]) {
    let Some((which, rest)) = bytes.split_first() else { return };
    let kind = Kind::ALL.get(usize::from(*which) % (Kind::ALL.len() + 1)).copied();
    let hints = Hints {
        layout: LayoutHints { delimiter: None, no_header: *which & 0x80 != 0 },
        kind,
        columns: Vec::new(),
        epoch_s: None,
        scale: Scale::Unknown,
    };
    let file = scratch::file("recording.csv", rest);
    drop(analyze(&file, &hints));
}

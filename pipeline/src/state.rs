//! Snapshots: a partition's state beside the log, so that opening need not fold everything.
//!
//! A snapshot is disposable. It names the log, the partition, the fold's version and the chunk it
//! stands before, with that chunk's chain hash; one that does not fit, is damaged or is of another
//! version is ignored, at the cost of time alone. `DIR/snapshots/PPPPP.snap`, written whole beside
//! the old one and renamed over it:
//!
//! ```text
//! "ZGSNAP01"  BLAKE3 of what follows (32)  postcard(Head)  zstd(postcard(State))
//! ```

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use zeitgeber_processors::flow::{FOLD_VERSION, State};
use zeitgeber_schemas::PartitionId;

use crate::journal::{Layout, Tail};

const MAGIC: &[u8; 8] = b"ZGSNAP01";
const ZSTD_LEVEL: i32 = 1;

/// Why a snapshot could not be written.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The system refused.
    #[error("could not write the snapshot {}: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The state could not be serialised.
    #[error("could not serialise the state: {0}")]
    Encode(#[from] postcard::Error),
}

#[derive(Debug, Serialize, Deserialize)]
struct Head {
    fold_version: u32,
    log_id: [u8; 16],
    partition: PartitionId,
    next_chunk: u64,
    next_position: u64,
    head: [u8; 32],
    cursors: BTreeMap<[u8; 16], u64>,
}

/// Writes a partition's snapshot in place of the one before.
pub fn save(dir: &Path, layout: Layout, tail: &Tail, state: &State) -> Result<(), SnapshotError> {
    let head = Head {
        fold_version: FOLD_VERSION,
        log_id: layout.log_id,
        partition: state.partition(),
        next_chunk: tail.next_chunk,
        next_position: tail.next_position,
        head: tail.head,
        cursors: tail.cursors.clone(),
    };
    let file = path(dir, state.partition());
    let fault = |source| SnapshotError::Io { file: file.clone(), source };
    let mut rest = postcard::to_stdvec(&head)?;
    let state = postcard::to_stdvec(state)?;
    rest.extend(zstd::bulk::compress(&state, ZSTD_LEVEL).map_err(fault)?);
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(blake3::hash(&rest).as_bytes());
    bytes.extend_from_slice(&rest);
    fs::create_dir_all(dir.join("snapshots")).map_err(fault)?;
    let fresh = file.with_extension("tmp");
    fs::write(&fresh, &bytes).map_err(fault)?;
    fs::rename(&fresh, &file).map_err(fault)
}

/// The newest usable snapshot of a partition; `None` where there is none that fits.
pub fn load(dir: &Path, layout: Layout, partition: PartitionId) -> Option<(Tail, State)> {
    let bytes = fs::read(path(dir, partition)).ok()?;
    let rest = bytes.strip_prefix(MAGIC.as_slice())?;
    let (hash, rest) = rest.split_at_checked(32)?;
    if blake3::hash(rest).as_bytes() != hash {
        return None;
    }
    let (head, packed) = postcard::take_from_bytes::<Head>(rest).ok()?;
    let fits = head.fold_version == FOLD_VERSION
        && head.log_id == layout.log_id
        && head.partition == partition;
    if !fits {
        return None;
    }
    let state = zstd::stream::decode_all(packed).ok()?;
    let mut state: State = postcard::from_bytes(&state).ok()?;
    state.reindex();
    let tail = Tail {
        next_chunk: head.next_chunk,
        next_position: head.next_position,
        head: head.head,
        cursors: head.cursors,
    };
    Some((tail, state))
}

fn path(dir: &Path, partition: PartitionId) -> PathBuf {
    dir.join("snapshots").join(format!("{:05}.snap", partition.0))
}

//! Building what is missing of the index, beside a running writer.

use std::{io, path::PathBuf};

use super::{
    super::{Place, ReadError},
    FileJournal,
    index::{self, Index, index_path},
    postings::Postings,
};

/// What was built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Built {
    /// Sealed segments whose index was sound already.
    pub sound: u32,
    /// Sealed segments that were indexed now.
    pub built: u32,
    /// Bytes of the indexes that were built.
    pub bytes: u64,
}

/// Why the index was not built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A segment could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The index could not be written.
    #[error("could not write the index {}: {source}", file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl FileJournal {
    /// Indexes every sealed segment without a sound index, newest first, until `stop`. Takes part
    /// in nothing that appending does, so a thread of low priority may call it at any time.
    ///
    /// # Errors
    ///
    /// A segment cannot be read, or an index cannot be written. Nothing depends on it: searches
    /// read the segments that have none.
    pub fn build_missing(&self, stop: &dyn Fn() -> bool) -> Result<Built, BuildError> {
        let mut done = Built::default();
        let bounds = &self.source.bounds;
        let (disk, dir, layout) = (&*bounds.disk, &bounds.dir, bounds.layout);
        for segment in (0..self.source.shared.last_segment()).rev() {
            if stop() {
                break;
            }
            if Index::open(disk, dir, layout, segment).is_some_and(|index| index.is_whole()) {
                done.sound += 1;
                continue;
            }
            let mut postings = Postings::default();
            let mut scan = self.source.scan_segment(segment, Place::START)?;
            postings.extend(&mut scan, stop)?;
            if stop() {
                break;
            }
            if let Some(bytes) = index::encode(disk, dir, layout, segment, &mut postings) {
                let file = index_path(dir, segment);
                index::write(disk, &file, &bytes)
                    .map_err(|source| BuildError::Write { file, source })?;
                done.built += 1;
                done.bytes += bytes.len() as u64;
            }
        }
        Ok(done)
    }
}

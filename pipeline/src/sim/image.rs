//! What a crash leaves of the simulated disk, to be put on a real one.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::disk::SimDisk;
use crate::{
    journal::{Ground, Pace},
    store::{Store, StoreError},
};

/// A data directory as a simulated crash left it.
#[derive(Debug, Clone)]
pub struct Image {
    /// Directories, each after the one above it, and files with their bytes, by path in the data
    /// directory.
    dirs: Vec<PathBuf>,
    files: Vec<(PathBuf, Vec<u8>)>,
    /// Events that were durable before: somebody may have been told of them.
    pub durable_events: u64,
    /// Events and joined head of the log that the simulated process finds there; none where it
    /// finds no log.
    pub found: Option<(u64, [u8; 32])>,
}

impl Image {
    /// Copies what a disk holds, as a process that starts now would find it.
    pub(super) fn of(disk: &SimDisk, dir: &Path, durable_events: u64) -> Result<Self, StoreError> {
        let ground = Ground { disk: Arc::new(disk.image()), pace: Pace::Steps };
        let found = match Store::read_on(&ground, dir) {
            Ok(store) => {
                let events = store.tails().iter().map(|tail| tail.next_position).sum();
                Some((events, store.head()))
            }
            Err(StoreError::NoLog { .. }) => None,
            Err(error) => return Err(error),
        };
        let (mut dirs, mut files) = (Vec::new(), Vec::new());
        for known in disk.dirs() {
            let Ok(within) = known.strip_prefix(dir) else { continue };
            for (name, _) in disk.files_in(&known) {
                files.push((within.join(&name), disk.content(&known.join(&name))));
            }
            dirs.push(within.to_owned());
        }
        Ok(Self { dirs, files, durable_events, found })
    }

    /// Writes the image as a real data directory, which need not exist.
    ///
    /// # Errors
    ///
    /// The system refuses.
    pub fn write(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)?;
        self.dirs.iter().try_for_each(|within| fs::create_dir_all(dir.join(within)))?;
        self.files.iter().try_for_each(|(within, bytes)| fs::write(dir.join(within), bytes))
    }
}

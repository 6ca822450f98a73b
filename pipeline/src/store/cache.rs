//! A directory of this process alone, among those of its machine.
//!
//! Two processes that share a log must not share people files: one that was overtaken may still
//! write to them.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, flock};

/// Processes of one machine that use one log at the same time.
const PROCESSES: u32 = 1_024;

/// A directory that is held as long as this lives.
#[derive(Debug)]
pub(super) struct Cache {
    pub(super) dir: PathBuf,
    lock: Option<File>,
}

impl Cache {
    /// Takes the first directory that no process holds: what the last one left there is used.
    pub(super) fn take(base: &Path) -> io::Result<Self> {
        for number in 0..PROCESSES {
            let dir = base.join(number.to_string());
            fs::create_dir_all(&dir)?;
            let lock = File::create(dir.join("lock"))?;
            match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self { dir, lock: Some(lock) }),
                Err(rustix::io::Errno::WOULDBLOCK) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(io::Error::other("more processes of this machine use the log than have a directory"))
    }

    /// Whether nobody else uses it.
    pub(super) const fn is_ours(&self) -> bool {
        self.lock.is_some()
    }

    /// The first directory, to read what stands there.
    pub(super) fn look(base: &Path) -> Self {
        Self { dir: base.join("0"), lock: None }
    }
}

//! The disk port: the few operations that the log and what is derived from it need of files.
//!
//! [`SystemDisk`] is the operating system's; the simulator has one that breaks on purpose
//! (`docs/simulator.md` says what it may do, and so what callers may rely on). Calls go through a
//! table of functions once for each system call, never for each byte.

use std::{
    fmt,
    io::{self, IoSlice},
    path::Path,
    sync::Arc,
};

mod system;

pub use system::SystemDisk;

/// A disk that many hold.
pub type SharedDisk = Arc<dyn Disk>;
/// A file that is open.
pub type OpenFile = Box<dyn DiskFile>;

/// The operating system's disk.
pub fn system() -> SharedDisk {
    Arc::new(SystemDisk)
}

/// What a file is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// To read what is there.
    Read,
    /// To read and write what is there.
    Write,
    /// To write from the start; made where it is missing, emptied where it is not.
    Create,
    /// To read and write; it must not be there yet.
    CreateNew,
}

/// A disk with directories and files.
///
/// What a caller may rely on, and nothing else:
///
/// - **DISK-1** What was written and then synced without an error survives a loss of power, until
///   the medium fails. Of what was not synced each sector of 512 bytes may survive or not, by
///   itself, whatever the order in which it was written.
/// - **DISK-2** After a failed sync nothing is known of what was written since the one before, and
///   a later sync that succeeds says nothing about it.
/// - **DISK-3** A name that was made, replaced or removed is so for good after [`Disk::sync_dir`].
///   Before that each name may stand as it was or as it was meant. A rename leaves the old or the
///   new file under its name, never none.
/// - **DISK-4** A write may write less than it was given, and any operation may fail.
pub trait Disk: fmt::Debug + Send + Sync {
    /// Opens a file.
    fn open(&self, path: &Path, how: Open) -> io::Result<OpenFile>;

    /// The names in a directory, in no order that matters.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Bytes of a file.
    fn length(&self, path: &Path) -> io::Result<u64>;

    /// Whether there is something of this name.
    fn exists(&self, path: &Path) -> bool {
        self.length(path).is_ok()
    }

    /// Makes a directory and those above it, where they are missing.
    fn create_dirs(&self, dir: &Path) -> io::Result<()>;

    /// Puts a file in the place of another name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Takes a file's name away.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Waits until the names in a directory are durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Takes a lock file for as long as what is returned lives, or the process.
    fn lock(&self, path: &Path) -> Result<Box<dyn Locked>, NotLocked>;

    /// Bytes that nobody else was given.
    fn nonce(&self) -> io::Result<[u8; 16]>;

    /// Reads a file, but no more than `limit` bytes and one.
    fn read_bounded(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        let file = self.open(path, Open::Read)?;
        let length = file.length()?.min(limit.saturating_add(1));
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        let read = file.read_full(&mut bytes, 0)?;
        bytes.truncate(read);
        Ok(bytes)
    }
}

/// A file that is open.
pub trait DiskFile: fmt::Debug + Send + Sync {
    /// Reads some bytes; 0 at the end.
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize>;

    /// Writes some bytes of these parts.
    fn write_at(&self, parts: &[IoSlice<'_>], at: u64) -> io::Result<usize>;

    /// Cuts the file, or lengthens it by zeros.
    fn set_length(&self, bytes: u64) -> io::Result<()>;

    /// Gives the file room up to `bytes`, reading as zeros, where the file system can.
    fn reserve(&self, bytes: u64) -> io::Result<()>;

    /// Waits until what was written can be read back after a loss of power.
    fn sync_data(&self) -> io::Result<()>;

    /// As [`Self::sync_data`], and all that is known of the file.
    fn sync_all(&self) -> io::Result<()>;

    /// Bytes of the file.
    fn length(&self) -> io::Result<u64>;

    /// Reads until the buffer is full or the file ends.
    fn read_full(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read_at(&mut buffer[filled..], at + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    /// Reads exactly this many bytes.
    fn read_exact_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        let filled = self.read_full(buffer, at)?;
        if filled < buffer.len() { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    /// Writes all of these parts.
    fn write_parts_at(&self, mut parts: &mut [IoSlice<'_>], mut at: u64) -> io::Result<()> {
        IoSlice::advance_slices(&mut parts, 0);
        while !parts.is_empty() {
            match self.write_at(parts, at) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    at += written as u64;
                    IoSlice::advance_slices(&mut parts, written);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Writes all of these bytes.
    fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.write_parts_at(&mut [IoSlice::new(bytes)], at)
    }
}

/// A lock that is held until it is dropped.
pub trait Locked: fmt::Debug + Send + Sync {}

/// Why a lock was not taken.
#[derive(Debug)]
pub enum NotLocked {
    /// Another process holds it, with this id where it could be read.
    Held(Option<u32>),
    /// It could not be made: what was tried, and what the system said.
    Failed(&'static str, io::Error),
}

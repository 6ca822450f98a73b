//! Names and system calls: the lock, files that appear whole or not at all, preallocation.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use rustix::fs::{FallocateFlags, FlockOperation, fallocate, flock};

use super::super::WriteFailure;

pub(super) const MARK: &str = "MARK";
const TEMPORARY: &str = "tmp";

pub(super) fn segment_path(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("{number:08}.zj"))
}

/// Number and bytes of the segments in the directory.
pub(super) fn segments(dir: &Path) -> io::Result<(u64, u64)> {
    let (mut count, mut bytes) = (0, 0);
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.path().extension().is_some_and(|extension| extension == "zj") {
            count += 1;
            bytes += entry.metadata()?.len();
        }
    }
    Ok((count, bytes))
}

/// The greatest segment number in the directory.
pub(super) fn last_segment(dir: &Path) -> io::Result<Option<u32>> {
    let mut last = None;
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".zj")?.parse().ok());
        last = last.max(number);
    }
    Ok(last)
}

/// Removes what a crash left half made.
pub(super) fn remove_temporary(dir: &Path) -> Result<(), WriteFailure> {
    let entries = fs::read_dir(dir).map_err(failed("list", dir))?;
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        if path.extension().is_some_and(|extension| extension == TEMPORARY) {
            fs::remove_file(&path).map_err(failed("remove", &path))?;
        }
    }
    Ok(())
}

pub(super) fn failed(
    action: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> WriteFailure + use<> {
    let path = path.to_owned();
    move |source| WriteFailure { action, path, source }
}

pub(super) fn read_bounded(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Puts a synced file with this content in place of `path`. Its name is durable after
/// [`sync_dir`]. The file stands at the content's end and has room for `reserve` bytes in all.
pub(super) fn put_file(path: &Path, content: &[u8], reserve: u64) -> Result<File, WriteFailure> {
    let temporary = path.with_extension(TEMPORARY);
    let written = write_temporary(&temporary, content, reserve);
    let file = written.inspect_err(|_| {
        // What is left is removed by the next opening; the first failure is the one to report.
        let _ = fs::remove_file(&temporary);
    })?;
    fs::rename(&temporary, path).map_err(failed("put in place", path))?;
    Ok(file)
}

fn write_temporary(path: &Path, content: &[u8], reserve: u64) -> Result<File, WriteFailure> {
    let mut file = File::create(path).map_err(failed("create", path))?;
    reserve_to(&file, path, reserve)?;
    file.write_all(content).map_err(failed("write", path))?;
    file.sync_all().map_err(failed("sync", path))?;
    Ok(file)
}

/// Gives the file disk space up to `bytes`, reading as zeros, where the file system can.
pub(super) fn reserve_to(file: &File, path: &Path, bytes: u64) -> Result<(), WriteFailure> {
    if bytes == 0 {
        return Ok(());
    }
    match fallocate(file, FallocateFlags::empty(), 0, bytes) {
        Err(error) if error != rustix::io::Errno::OPNOTSUPP => {
            Err(failed("reserve space in", path)(error.into()))
        }
        _ => Ok(()),
    }
}

pub(super) fn sync_dir(dir: &Path) -> Result<(), WriteFailure> {
    File::open(dir).and_then(|open| open.sync_all()).map_err(failed("sync", dir))
}

/// Held while a process writes to a log; released by the system however the process ends.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// Why the lock was not taken.
#[derive(Debug)]
pub(super) enum NotLocked {
    /// Another process holds it, with this id where it could be read.
    Held(Option<u32>),
    Failed(WriteFailure),
}

impl Lock {
    pub(super) fn take(path: &Path) -> Result<Self, NotLocked> {
        let not = |action| move |error| NotLocked::Failed(failed(action, path)(error));
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(not("open"))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut text = String::new();
                let read = file.take(32).read_to_string(&mut text);
                return Err(NotLocked::Held(read.ok().and_then(|_| text.trim().parse().ok())));
            }
            Err(error) => return Err(not("lock")(error.into())),
        }
        file.set_len(0).map_err(not("write"))?;
        writeln!(file, "{}", std::process::id()).map_err(not("write"))?;
        Ok(Self { _file: file })
    }
}

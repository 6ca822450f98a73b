//! Names in a log's directory, and files that appear whole or not at all.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::super::WriteFailure;
use crate::disk::{Disk, Open, OpenFile};

pub(super) const MARK: &str = "MARK";
const TEMPORARY: &str = "tmp";

pub(super) fn segment_path(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("{number:08}.zj"))
}

/// Number and bytes of the segments in the directory.
pub(super) fn segments(disk: &dyn Disk, dir: &Path) -> io::Result<(u64, u64)> {
    let (mut count, mut bytes) = (0, 0);
    for name in disk.list(dir)?.iter().filter(|name| name.ends_with(".zj")) {
        count += 1;
        bytes += disk.length(&dir.join(name))?;
    }
    Ok((count, bytes))
}

/// The greatest segment number in the directory.
pub(super) fn last_segment(disk: &dyn Disk, dir: &Path) -> io::Result<Option<u32>> {
    let names = disk.list(dir)?;
    Ok(names.iter().filter_map(|name| name.strip_suffix(".zj")?.parse().ok()).max())
}

/// Removes what a crash left half made.
pub(super) fn remove_temporary(disk: &dyn Disk, dir: &Path) -> Result<(), WriteFailure> {
    let paths = disk.list(dir).map_err(failed("list", dir))?;
    for path in paths.iter().map(|name| dir.join(name)) {
        if path.extension().is_some_and(|extension| extension == TEMPORARY) {
            disk.remove(&path).map_err(failed("remove", &path))?;
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

/// Puts a synced file with this content in place of `path`. Its name is durable after
/// [`sync_dir`]. The file has room for `reserve` bytes in all.
pub(super) fn put_file(
    disk: &dyn Disk,
    path: &Path,
    content: &[u8],
    reserve: u64,
) -> Result<OpenFile, WriteFailure> {
    let temporary = path.with_extension(TEMPORARY);
    let written = write_temporary(disk, &temporary, content, reserve);
    let file = written.inspect_err(|_| {
        // What is left is removed by the next opening; the first failure is the one to report.
        let _ = disk.remove(&temporary);
    })?;
    disk.rename(&temporary, path).map_err(failed("put in place", path))?;
    Ok(file)
}

fn write_temporary(
    disk: &dyn Disk,
    path: &Path,
    content: &[u8],
    reserve: u64,
) -> Result<OpenFile, WriteFailure> {
    let file = disk.open(path, Open::Create).map_err(failed("create", path))?;
    reserve_to(&file, path, reserve)?;
    file.write_all_at(content, 0).map_err(failed("write", path))?;
    file.sync_all().map_err(failed("sync", path))?;
    Ok(file)
}

/// Gives the file disk space up to `bytes`, reading as zeros, where the file system can.
pub(super) fn reserve_to(file: &OpenFile, path: &Path, bytes: u64) -> Result<(), WriteFailure> {
    if bytes == 0 { Ok(()) } else { file.reserve(bytes).map_err(failed("reserve space in", path)) }
}

pub(super) fn sync_dir(disk: &dyn Disk, dir: &Path) -> Result<(), WriteFailure> {
    disk.sync_dir(dir).map_err(failed("sync", dir))
}

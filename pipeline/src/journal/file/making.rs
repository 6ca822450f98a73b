//! Making a log: its lock, its first segment, and the mark that makes it one.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{
    OpenError, Settings, disk,
    disk::failed,
    format::{MAX_SEGMENT_HEAD, Mark, SegmentHead},
};
use crate::{
    disk::{Disk, Locked, NotLocked},
    journal::{Layout, Place, Tail, WriteFailure},
};

pub(super) fn journal_dir(dir: &Path) -> PathBuf {
    dir.join("journal")
}

pub(super) fn check(settings: &Settings) -> Result<(), OpenError> {
    // The rest of the head takes less than 100 bytes.
    if settings.schemas.len() as u64 + 100 > MAX_SEGMENT_HEAD {
        return Err(OpenError::Settings("the schema table is longer than a segment's head may be"));
    }
    Ok(())
}

pub(super) fn lock(disk: &dyn Disk, dir: &Path) -> Result<Box<dyn Locked>, OpenError> {
    let path = dir.join("lock");
    disk.lock(&path).map_err(|not| match not {
        NotLocked::Held(pid) => OpenError::Locked { dir: dir.into(), pid },
        NotLocked::Failed(action, source) => cannot_write(dir, failed(action, &path)(source)),
    })
}

pub(super) fn cannot_write(dir: &Path, failure: WriteFailure) -> OpenError {
    match failure.source.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            OpenError::ReadOnly { dir: dir.into(), source: failure }
        }
        _ => OpenError::Write(failure),
    }
}

/// Writes the first segment's head, then the mark, which makes it a log.
pub(super) fn make_empty(
    disk: &dyn Disk,
    dir: &Path,
    layout: Layout,
    settings: &Settings,
) -> Result<(), WriteFailure> {
    let first = disk::segment_path(dir, 0);
    let head = SegmentHead { layout, segment: 0, schemas: settings.schemas.clone() }.encode();
    let tails = vec![Tail::default(); usize::from(layout.partitions)];
    let end = Place { segment: 0, offset: head.len() as u64 };
    let mark = Mark::new(layout.log_id, end, &tails).encode();
    if !left_by_an_attempt(disk, dir, &first).map_err(failed("list", dir))? {
        return Err(failed("create a log over", &first)(io::ErrorKind::AlreadyExists.into()));
    }
    disk::put_file(disk, &first, &head, 0)?;
    disk::put_file(disk, &dir.join(disk::MARK), &mark, 0)?;
    disk::sync_dir(disk, dir)
}

/// Whether there is nothing, or only the head that an interrupted attempt leaves. Anything more
/// is a log that lost its mark.
pub(super) fn left_by_an_attempt(disk: &dyn Disk, dir: &Path, first: &Path) -> io::Result<bool> {
    match disk::last_segment(disk, dir)? {
        None => Ok(true),
        Some(0) => {
            let bytes = disk.read_bounded(first, MAX_SEGMENT_HEAD)?;
            Ok(SegmentHead::decode(&bytes).is_ok_and(|(_, end)| end == bytes.len() as u64))
        }
        Some(_) => Ok(false),
    }
}

/// Makes the names durable that lead to the log. Whoever made them may have ended, or been refused,
/// before that, so it is done whenever a log is opened for writing.
pub(super) fn sync_names(disk: &dyn Disk, dir: &Path) -> Result<(), WriteFailure> {
    disk::sync_dir(disk, &journal_dir(dir))?;
    disk::sync_dir(disk, dir)?;
    match disk::sync_dir(disk, &dir.join("..")) {
        // Whoever may not look at the names above did not make this one.
        Err(failure) if failure.source.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        synced => synced,
    }
}

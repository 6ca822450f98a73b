//! The operations of the model disk, with their faults and the deliberate bugs among them.

use std::{
    io::{self, IoSlice},
    path::{Path, PathBuf},
};

use super::{Doing, Fault, Inode, Machine, Mutation, Names, SimDisk, Site, inode::SECTOR, plain};
use crate::disk::{Disk, DiskFile, Locked, NotLocked, Open, OpenFile};

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    file: usize,
    path: PathBuf,
    site: Site,
}

#[derive(Debug)]
struct SimLock;

impl Locked for SimLock {}

impl Disk for SimDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<OpenFile> {
        let path = plain(path);
        let mut machine = self.machine();
        machine.alive(self.boot)?;
        let site = Site::of(&path);
        let known = machine.file(&path);
        let file = match (how, known) {
            (Open::Read | Open::Write, Some(file)) => {
                if machine.strikes(Fault::ReadError, site) {
                    return Err(failed());
                }
                file
            }
            (Open::Read | Open::Write, None) => return Err(io::ErrorKind::NotFound.into()),
            (Open::CreateNew, Some(_)) => return Err(io::ErrorKind::AlreadyExists.into()),
            (Open::Create, Some(file)) => {
                machine.change(self.boot, site, "truncate")?;
                machine.files[file].set_length(0);
                file
            }
            (Open::Create | Open::CreateNew, None) => {
                machine.change(self.boot, site, "create")?;
                if machine.strikes(Fault::Full, site) {
                    return Err(io::ErrorKind::StorageFull.into());
                }
                machine.files.push(Inode::default());
                let file = machine.files.len() - 1;
                let (names, name) = machine
                    .names_of(&path)
                    .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
                names.set(&name, Some(file));
                file
            }
        };
        Ok(Box::new(SimFile { disk: self.clone(), file, path, site }))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let machine = self.machine();
        machine.alive(self.boot)?;
        machine.dirs.get(&plain(dir)).map(Names::list).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn length(&self, path: &Path) -> io::Result<u64> {
        let machine = self.machine();
        machine.alive(self.boot)?;
        let file = machine.file(&plain(path));
        file.map(|file| machine.files[file].cached.len() as u64)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn create_dirs(&self, dir: &Path) -> io::Result<()> {
        let mut machine = self.machine();
        machine.alive(self.boot)?;
        for dir in plain(dir).ancestors() {
            machine.dirs.entry(dir.to_owned()).or_default();
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (plain(from), plain(to));
        let mut machine = self.machine();
        let site = Site::of(&to);
        machine.change(self.boot, site, "rename")?;
        if machine.strikes(Fault::WriteError, site) {
            return Err(failed());
        }
        let missing = || io::Error::from(io::ErrorKind::NotFound);
        let file = machine.file(&from).ok_or_else(missing)?;
        if machine.has(Mutation::MarkNotAdvanced)
            && site == Site::Mark
            && machine.file(&to).is_some()
        {
            drop(machine);
            return self.remove(&from);
        }
        let (names, from) = machine.names_of(&from).ok_or_else(missing)?;
        let to = to.file_name().and_then(|name| name.to_str()).ok_or_else(missing)?;
        names.rename(&from, to, file);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let path = plain(path);
        let mut machine = self.machine();
        machine.change(self.boot, Site::of(&path), "remove")?;
        if machine.file(&path).is_none() {
            return Err(io::ErrorKind::NotFound.into());
        }
        if let Some((names, name)) = machine.names_of(&path) {
            names.set(&name, None);
        }
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let dir = plain(dir);
        let mut machine = self.machine();
        let site = Site::of_names(&dir);
        machine.change(self.boot, site, "sync names")?;
        let is_left_out = machine.has(Mutation::NamesNotSynced)
            || (machine.has(Mutation::NewSegmentNameNotSynced)
                && machine.state != Doing::Opening
                && site == Site::LogNames);
        if is_left_out {
            return Ok(());
        }
        if machine.strikes(Fault::SyncError, site) {
            return Err(failed());
        }
        for (_, names) in machine.dirs.iter_mut().filter(|(path, _)| path.parent() == Some(&dir)) {
            names.is_durable = true;
        }
        let names = machine.dirs.get_mut(&dir);
        names.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?.sync();
        Ok(())
    }

    fn lock(&self, _path: &Path) -> Result<Box<dyn Locked>, NotLocked> {
        let mut machine = self.machine();
        machine.alive(self.boot).map_err(|error| NotLocked::Failed("open", error))?;
        if std::mem::replace(&mut machine.is_locked, true) && !machine.has(Mutation::LockNotTaken) {
            return Err(NotLocked::Held(None));
        }
        Ok(Box::new(SimLock))
    }

    fn nonce(&self) -> io::Result<[u8; 16]> {
        let mut machine = self.machine();
        machine.alive(self.boot)?;
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&machine.rng.next().to_le_bytes());
        nonce[8..].copy_from_slice(&machine.rng.next().to_le_bytes());
        Ok(nonce)
    }
}

impl DiskFile for SimFile {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let mut machine = self.disk.machine();
        machine.alive(self.disk.boot)?;
        if machine.strikes(Fault::ReadError, self.site) {
            let taken = machine.has(Mutation::ReadErrorTakenForEnd);
            return if taken { Ok(0) } else { Err(failed()) };
        }
        let content = &machine.files[self.file].cached;
        let from = (at as usize).min(content.len());
        let read = buffer.len().min(content.len() - from);
        buffer[..read].copy_from_slice(&content[from..from + read]);
        Ok(read)
    }

    fn write_at(&self, parts: &[IoSlice<'_>], at: u64) -> io::Result<usize> {
        let mut machine = self.disk.machine();
        let bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        machine.change(self.disk.boot, self.site, "write")?;
        machine.note(&at.to_le_bytes());
        machine.note(blake3::hash(&bytes).as_bytes());
        let bug = machine.mutation;
        let mut length = bytes.len();
        if machine.strikes(Fault::WriteError, self.site) {
            let ignored = bug == Some(Mutation::WriteErrorIgnored);
            return if ignored { Ok(length) } else { Err(failed()) };
        }
        machine.dawdle(self.site);
        let full = machine.strikes(Fault::Full, self.site);
        if full && bug == Some(Mutation::FullTakenForDone) {
            return Ok(length);
        }
        if length > 0 && (full || machine.strikes(Fault::ShortWrite, self.site)) {
            length = machine.rng.below(length as u64) as usize;
        }
        let misplaced = bug == Some(Mutation::FrameMisplaced)
            && self.site == Site::Segment
            && machine.rng.chance(20_000);
        let at = at as usize + if misplaced { SECTOR } else { 0 };
        machine.files[self.file].write(&bytes[..length], at);
        if full && length == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let taken = bug == Some(Mutation::ShortWriteTakenForWhole);
        match if taken { bytes.len() } else { length } {
            // A system call that wrote nothing of something says why.
            0 if !bytes.is_empty() => Err(io::ErrorKind::Interrupted.into()),
            written => Ok(written),
        }
    }

    fn set_length(&self, bytes: u64) -> io::Result<()> {
        let mut machine = self.disk.machine();
        machine.change(self.disk.boot, self.site, "set length")?;
        machine.note(&bytes.to_le_bytes());
        if machine.mutation == Some(Mutation::TailNotCut) && self.site == Site::Segment {
            return Ok(());
        }
        let too_far = machine.has(Mutation::CutTooFarBack) && self.site == Site::Segment;
        let back = if too_far && machine.state == Doing::Opening { SECTOR } else { 0 };
        machine.files[self.file].set_length((bytes as usize).saturating_sub(back));
        Ok(())
    }

    fn reserve(&self, bytes: u64) -> io::Result<()> {
        let mut machine = self.disk.machine();
        machine.change(self.disk.boot, self.site, "reserve")?;
        if machine.strikes(Fault::Full, self.site) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        machine.files[self.file].reserve(bytes as usize);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync("sync data")
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync("sync all")
    }

    fn length(&self) -> io::Result<u64> {
        let machine = self.disk.machine();
        machine.alive(self.disk.boot)?;
        Ok(machine.files[self.file].cached.len() as u64)
    }
}

impl SimFile {
    fn sync(&self, what: &str) -> io::Result<()> {
        let mut machine = self.disk.machine();
        machine.change(self.disk.boot, self.site, what)?;
        let is_temporary = self.path.extension().is_some_and(|extension| extension == "tmp");
        let is_segment = matches!(self.site, Site::Segment | Site::NewSegment);
        let mutation = machine.mutation;
        match mutation {
            Some(Mutation::SegmentNotSynced) if is_segment => return Ok(()),
            Some(Mutation::SegmentSyncSkippedSometimes)
                if is_segment && machine.rng.chance(100_000) =>
            {
                return Ok(());
            }
            Some(Mutation::RenamedBeforeSync) if is_temporary => return Ok(()),
            Some(Mutation::EndNotSettledAtOpening)
                if self.site == Site::Segment && !machine.is_settled =>
            {
                machine.is_settled = what == "sync data";
                return Ok(());
            }
            _ => {}
        }
        machine.is_settled |= is_segment;
        machine.dawdle(self.site);
        if !machine.strikes(Fault::SyncError, self.site) {
            machine.files[self.file].sync();
            return Ok(());
        }
        self.fail(&mut machine)
    }

    fn fail(&self, machine: &mut Machine) -> io::Result<()> {
        let Machine { files, rng, mutation, .. } = machine;
        files[self.file].fail_sync(rng);
        match mutation {
            Some(Mutation::SyncErrorIgnored) => Ok(()),
            Some(Mutation::SyncRetriedAfterError) => {
                files[self.file].sync();
                Ok(())
            }
            _ => Err(failed()),
        }
    }
}

fn failed() -> io::Error {
    io::Error::other("the disk reports an error")
}

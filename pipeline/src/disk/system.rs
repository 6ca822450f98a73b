//! The operating system's disk: each operation is the system call of that name.

use std::{
    fs::{self, File},
    io::{self, IoSlice, Read, Write},
    os::unix::fs::FileExt,
    path::Path,
};

use rustix::{
    fs::{FallocateFlags, FlockOperation, fallocate, flock},
    io::{Errno, pwritev},
};

use super::{Disk, DiskFile, Locked, NotLocked, Open, OpenFile};

/// The operating system's disk.
#[derive(Debug, Clone, Copy)]
pub struct SystemDisk;

#[derive(Debug)]
struct SystemFile(File);

impl Disk for SystemDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<OpenFile> {
        let mut options = File::options();
        match how {
            Open::Read => options.read(true),
            Open::Write => options.read(true).write(true),
            Open::Create => options.write(true).create(true).truncate(true),
            Open::CreateNew => options.read(true).write(true).create_new(true),
        };
        Ok(Box::new(SystemFile(options.open(path)?)))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(dir)? {
            // Whatever is no text is no name of ours.
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn length(&self, path: &Path) -> io::Result<u64> {
        fs::metadata(path).map(|about| about.len())
    }

    fn create_dirs(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn Locked>, NotLocked> {
        let not = |action| move |error| NotLocked::Failed(action, error);
        let mut options = File::options();
        let mut file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(not("open"))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                let mut text = String::new();
                let read = file.take(32).read_to_string(&mut text);
                return Err(NotLocked::Held(read.ok().and_then(|_| text.trim().parse().ok())));
            }
            Err(error) => return Err(not("lock")(error.into())),
        }
        file.set_len(0).map_err(not("write"))?;
        writeln!(file, "{}", std::process::id()).map_err(not("write"))?;
        Ok(Box::new(SystemFile(file)))
    }

    fn nonce(&self) -> io::Result<[u8; 16]> {
        let mut nonce = [0; 16];
        File::open("/dev/urandom")?.read_exact(&mut nonce)?;
        Ok(nonce)
    }
}

/// The system lets go of the lock when the file is closed, however the process ends.
impl Locked for SystemFile {}

impl DiskFile for SystemFile {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        self.0.read_at(buffer, at)
    }

    fn write_at(&self, parts: &[IoSlice<'_>], at: u64) -> io::Result<usize> {
        Ok(pwritev(&self.0, parts, at)?)
    }

    fn set_length(&self, bytes: u64) -> io::Result<()> {
        self.0.set_len(bytes)
    }

    fn reserve(&self, bytes: u64) -> io::Result<()> {
        match fallocate(&self.0, FallocateFlags::empty(), 0, bytes) {
            Err(Errno::OPNOTSUPP) | Ok(()) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.0.sync_all()
    }

    fn length(&self) -> io::Result<u64> {
        self.0.metadata().map(|about| about.len())
    }
}

//! The model disk: files and names in memory that are lost, torn and refused as on a real one.
//!
//! `docs/simulator.md` has its contract. Every operation that changes something is a point at which
//! the process can be killed or the power cut ([`SimDisk::burn`]): from there on nothing works until
//! the machine is started again.

mod faults;
mod files;
mod inode;
mod names;

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
};

pub(super) use faults::{Fault, Odds, Site};
use inode::Inode;
use names::Names;

use super::{ledger::Met, mutation::Mutation, rng::Rng};

/// The machine's disk, as one run of the process sees it.
#[derive(Debug, Clone)]
pub(super) struct SimDisk {
    machine: Arc<Mutex<Machine>>,
    /// Which start of the process this is; what an earlier one left open is dead.
    boot: u64,
}

/// What survives the process.
#[derive(Debug, Clone)]
struct Machine {
    boot: u64,
    files: Vec<Inode>,
    dirs: BTreeMap<PathBuf, Names>,
    rng: Rng,
    odds: Odds,
    mutation: Option<Mutation>,
    /// Changes until the process ends.
    fuse: Option<u64>,
    is_dead: bool,
    is_locked: bool,
    /// A segment was synced since the process began.
    is_settled: bool,
    met: Met,
    last_site: Site,
    changes: u64,
    trace: blake3::Hasher,
}

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It is killed; the page cache stays.
    Kill,
    /// The power fails.
    PowerCut,
}

impl SimDisk {
    pub(super) fn new(rng: Rng, mutation: Option<Mutation>) -> Self {
        let mut root = Names::default();
        root.is_durable = true;
        let machine = Machine {
            boot: 0,
            files: Vec::new(),
            dirs: BTreeMap::from([(PathBuf::from("/"), root)]),
            rng,
            odds: Odds::NONE,
            mutation,
            fuse: None,
            is_dead: false,
            is_locked: false,
            is_settled: false,
            met: Met::default(),
            last_site: Site::Other,
            changes: 0,
            trace: blake3::Hasher::new(),
        };
        Self { machine: Arc::new(Mutex::new(machine)), boot: 0 }
    }

    fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().expect("nothing panics while the machine is held")
    }

    /// How often operations fail from here on; tells how often they did before.
    pub(super) fn set_odds(&self, odds: Odds) -> Odds {
        std::mem::replace(&mut self.machine().odds, odds)
    }

    /// The process ends at the change after so many more.
    pub(super) fn burn(&self, changes: u64) {
        self.machine().fuse = Some(changes);
    }

    /// Whether the process has ended.
    pub(super) fn is_dead(&self) -> bool {
        self.machine().is_dead
    }

    /// Ends the process and starts it again; the disk as the new one sees it.
    pub(super) fn restart(&self, end: End) -> Self {
        let mut machine = self.machine();
        let kind = if end == End::Kill { Fault::Kill } else { Fault::PowerCut };
        let at = machine.last_site;
        machine.met.count(kind, at);
        machine.note(&[kind as u8]);
        if end == End::PowerCut {
            machine.cut_power();
        }
        machine.boot += 1;
        (machine.fuse, machine.is_dead, machine.is_locked) = (None, false, false);
        machine.is_settled = false;
        machine.last_site = Site::Other;
        Self { machine: Arc::clone(&self.machine), boot: machine.boot }
    }

    /// Another machine with the same disk, on which nothing fails.
    pub(super) fn image(&self) -> Self {
        let mut machine = self.machine().clone();
        machine.odds = Odds::NONE;
        (machine.fuse, machine.is_dead, machine.is_locked) = (None, false, false);
        machine.mutation = None;
        Self { boot: machine.boot, machine: Arc::new(Mutex::new(machine)) }
    }

    /// What faults were met, and how often.
    pub(super) fn met(&self) -> Met {
        self.machine().met.clone()
    }

    /// Changes of the disk so far.
    pub(super) fn changes(&self) -> u64 {
        self.machine().changes
    }

    /// The hash of everything that was done to the disk.
    pub(super) fn trace(&self) -> [u8; 32] {
        *self.machine().trace.finalize().as_bytes()
    }

    /// The files of a directory, with their lengths.
    pub(super) fn files_in(&self, dir: &Path) -> Vec<(String, usize)> {
        let machine = self.machine();
        let Some(names) = machine.dirs.get(dir) else { return Vec::new() };
        names.iter().map(|(name, file)| (name.clone(), machine.files[file].cached.len())).collect()
    }

    /// Changes one bit of a file.
    pub(super) fn rot(&self, path: &Path, at: usize, bit: u8) {
        let mut machine = self.machine();
        if let Some(file) = machine.file(path) {
            machine.met.count(Fault::BitRot, Site::of(path));
            machine.files[file].rot(at, bit);
        }
    }

    /// Takes a file away, and its name for good.
    pub(super) fn lose(&self, path: &Path) {
        let mut machine = self.machine();
        machine.met.count(Fault::Lost, Site::of(path));
        if let Some((names, name)) = machine.names_of(path) {
            names.set(&name, None);
            names.sync();
        }
    }
}

impl Machine {
    fn note(&mut self, bytes: &[u8]) {
        self.trace.update(bytes);
    }

    /// Whether the process `boot` may go on.
    fn alive(&self, boot: u64) -> io::Result<()> {
        if self.is_dead || boot != self.boot { Err(off()) } else { Ok(()) }
    }

    /// Begins a change; the process may end before it.
    fn change(&mut self, boot: u64, site: Site, what: &str) -> io::Result<()> {
        self.alive(boot)?;
        self.changes += 1;
        self.last_site = site;
        let named = [what.as_bytes(), &[0, site as u8]].concat();
        self.note(&named);
        if let Some(left) = &mut self.fuse {
            if *left == 0 {
                self.is_dead = true;
                return Err(off());
            }
            *left -= 1;
        }
        Ok(())
    }

    /// Whether a fault of this kind happens now.
    fn strikes(&mut self, fault: Fault, site: Site) -> bool {
        let odds = self.odds.of(fault);
        let strikes = odds > 0 && self.rng.chance(odds);
        if strikes {
            self.met.count(fault, site);
            self.note(&[0xFA, fault as u8]);
        }
        strikes
    }

    fn names_of(&mut self, path: &Path) -> Option<(&mut Names, String)> {
        let name = path.file_name()?.to_str()?.to_owned();
        Some((self.dirs.get_mut(path.parent()?)?, name))
    }

    fn file(&self, path: &Path) -> Option<usize> {
        self.dirs.get(path.parent()?)?.get(path.file_name()?.to_str()?)
    }

    fn cut_power(&mut self) {
        let mut lost: Vec<PathBuf> = Vec::new();
        for (path, names) in &mut self.dirs {
            // A directory goes with the one that it stands in.
            let is_orphan = lost.iter().any(|gone| path.starts_with(gone));
            if is_orphan || (!names.is_durable && self.rng.chance(500_000)) {
                lost.push(path.clone());
                continue;
            }
            names.is_durable = true;
            if names.is_dirty() {
                names.cut_power(&mut self.rng);
            }
        }
        lost.iter().for_each(|path| drop(self.dirs.remove(path)));
        for file in self.files.iter_mut().filter(|file| file.is_dirty()) {
            file.cut_power(&mut self.rng);
        }
    }
}

fn off() -> io::Error {
    io::Error::other("the machine is off")
}

/// The path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::from("/");
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => drop(plain.pop()),
            std::path::Component::Normal(part) => plain.push(part),
            _ => {}
        }
    }
    plain
}

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

use faults::Site;
pub(super) use faults::{Doing, Fault, Odds};
use inode::Inode;
use names::Names;

use super::{ledger::Met, mutation::Mutation, rng::Rng};

/// How much more often a sync of something derived fails than a write: there are fewer.
const SYNCS_ARE_RARE: u32 = 4;

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
    /// What the world has the log's writer do, and what that is doing.
    state: Doing,
    doing: Doing,
    met: Met,
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
            state: Doing::Opening,
            doing: Doing::Opening,
            met: Met::default(),
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
        let doing = machine.doing;
        machine.met.count(kind, doing);
        machine.note(&[kind as u8]);
        if end == End::PowerCut {
            machine.cut_power();
        }
        machine.boot += 1;
        (machine.fuse, machine.is_dead, machine.is_locked) = (None, false, false);
        machine.is_settled = false;
        (machine.state, machine.doing) = (Doing::Opening, Doing::Opening);
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

    /// Notes what the log's writer does from here on.
    pub(super) fn set_doing(&self, doing: Doing) {
        let mut machine = self.machine();
        (machine.state, machine.doing) = (doing, doing);
    }

    /// What a file holds.
    pub(super) fn content(&self, path: &Path) -> Vec<u8> {
        let machine = self.machine();
        machine.file(path).map(|file| machine.files[file].cached.clone()).unwrap_or_default()
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

    /// The directories, each after the one above it.
    pub(super) fn dirs(&self) -> Vec<PathBuf> {
        self.machine().dirs.keys().cloned().collect()
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
            let doing = machine.doing;
            machine.met.count(Fault::BitRot, doing);
            machine.files[file].rot(at, bit);
        }
    }

    /// Somebody rewrites a file, durably.
    pub(super) fn rewrite(&self, path: &Path, content: &[u8]) {
        let mut machine = self.machine();
        if let Some(file) = machine.file(path) {
            machine.files[file].write(content, 0);
            machine.files[file].sync();
        }
    }

    /// Takes a file away, and its name for good.
    pub(super) fn lose(&self, path: &Path) {
        let mut machine = self.machine();
        let doing = machine.doing;
        machine.met.count(Fault::Lost, doing);
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
        self.doing = self.state.at(site, what);
        let named = [what.as_bytes(), &[0, site as u8]].concat();
        self.note(&named);
        if let Some(left) = &mut self.fuse {
            if *left == 0 {
                self.is_dead = true;
                return Err(off());
            }
            *left -= 1;
        }
        self.decay();
        Ok(())
    }

    /// Snapshots, people and indexes rot or are lost, whatever goes on.
    fn decay(&mut self) {
        for fault in [Fault::BitRot, Fault::Lost] {
            let odds = self.odds.decay * self.doing.weight();
            if odds == 0 || !self.rng.chance(odds) {
                continue;
            }
            let derived = |dir: &Path| dir.ends_with("snapshots") || dir.ends_with("index");
            let names = self.dirs.iter().filter(|(dir, _)| derived(dir));
            let paths: Vec<(PathBuf, usize)> = names
                .flat_map(|(dir, names)| names.iter().map(|(name, file)| (dir.join(name), file)))
                .collect();
            let Some((path, file)) = self.rng.pick(&paths).cloned() else { continue };
            self.met.count(fault, self.doing);
            self.note(&[0xFA, fault as u8]);
            let (length, bit) = (self.files[file].cached.len() as u64, self.rng.below(8) as u8);
            match self.names_of(&path) {
                Some((names, name)) if fault == Fault::Lost => {
                    names.set(&name, None);
                    names.sync();
                }
                _ => {
                    let at = self.rng.below(length.max(1)) as usize;
                    self.files[file].rot(at, bit);
                }
            }
        }
    }

    /// Whether a fault of this kind happens now.
    fn strikes(&mut self, fault: Fault, site: Site) -> bool {
        let rarely = if fault == Fault::SyncError { SYNCS_ARE_RARE } else { 1 };
        let beside = if site == Site::Other { self.odds.derived * rarely } else { 0 };
        let odds = (self.odds.of(fault) * self.doing.weight()).max(beside);
        let strikes = odds > 0 && self.rng.chance(odds);
        if strikes {
            self.met.count(fault, self.doing);
            self.note(&[0xFA, fault as u8]);
        }
        strikes
    }

    /// A write or sync takes seconds.
    fn dawdle(&mut self, site: Site) {
        if self.strikes(Fault::Slow, site) {
            self.met.slow_s += 1 + self.rng.clone().below(29);
        }
    }

    fn names_of(&mut self, path: &Path) -> Option<(&mut Names, String)> {
        let name = path.file_name()?.to_str()?.to_owned();
        Some((self.dirs.get_mut(path.parent()?)?, name))
    }

    fn has(&self, bug: Mutation) -> bool {
        self.mutation == Some(bug)
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

//! A snapshot: taken as a cut on the core thread, written elsewhere, found again at opening.

use std::{
    collections::BTreeMap,
    io::{self, IoSlice},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use zeitgeber_processors::flow::{FOLD_VERSION, Person, State};
use zeitgeber_schemas::PartitionId;

use super::{
    SnapshotError,
    file::{self, Named, Packer, PeopleFile, Place},
    partition::{HandOn, Home, Partition},
    residents::Residents,
};
use crate::{
    disk::{Disk, Open, SharedDisk},
    journal::Tail,
};

const MAGIC: &[u8; 8] = b"ZGSNAP02";
const ZSTD_LEVEL: i32 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct Head {
    fold_version: u32,
    log_id: [u8; 16],
    partition: PartitionId,
    next_chunk: u64,
    next_position: u64,
    head: [u8; 32],
    cursors: BTreeMap<[u8; 16], u64>,
    files: Vec<Named>,
}

/// What a snapshot of one moment takes. Writing it needs nothing of the partition, which goes on.
#[derive(Debug)]
pub struct Cut {
    pub(super) number: u32,
    pub(super) disk: SharedDisk,
    pub(super) dir: PathBuf,
    pub(super) log_id: [u8; 16],
    /// The end of the chain of which this is the fold.
    pub(crate) tail: Tail,
    /// What the people share.
    pub(super) state: State,
    /// Where each one's record stands, in order of subject number.
    pub(super) places: Vec<Place>,
    /// Who has no record as they are.
    pub(super) people: Vec<(u64, Arc<Person>)>,
    pub(super) files: Vec<Arc<PeopleFile>>,
    /// The file that is appended to; what stands in others moves there. None where there is nothing
    /// to write.
    pub(super) target: Result<Option<Arc<PeopleFile>>, SnapshotError>,
    pub(super) mailbox: Arc<Mutex<Option<Done>>>,
    pub(super) hand_on: Option<HandOn>,
}

/// What the writer of a cut reports to the partition.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) cut: u32,
    pub(super) written: Vec<(u64, Place)>,
    pub(super) moved: Vec<(u64, Place, Place)>,
    /// Files that nothing points into any more.
    pub(super) emptied: Vec<u32>,
    /// The chunk that the snapshot stands before, where it was written.
    pub(super) saved: Option<u64>,
}

/// A snapshot that was written.
#[derive(Debug, Clone, Copy)]
pub struct Written {
    /// The partition.
    pub partition: PartitionId,
    /// The chunk it stands before.
    pub next_chunk: u64,
    /// People written with it; the others had their record already.
    pub people: u64,
    /// Bytes written for it, the people's records included.
    pub bytes: u64,
    /// How long it took.
    pub took: Duration,
    /// When it was done.
    pub at: Instant,
}

impl Cut {
    /// The partition.
    pub const fn partition(&self) -> PartitionId {
        self.state.partition()
    }

    /// Writes the people and then the snapshot that points to them, and tells the partition.
    ///
    /// # Errors
    ///
    /// Where the system refuses. The snapshot of before then stays.
    pub fn write(mut self) -> Result<Written, SnapshotError> {
        let started = Instant::now();
        let mailbox = Arc::clone(&self.mailbox);
        let mut done = Done { cut: self.number, ..Done::default() };
        let result = self.write_all(&mut done);
        let people = done.written.len() as u64;
        *mailbox.lock().expect("nothing panics while it is held") = Some(done);
        let (partition, next_chunk) = (self.partition(), self.tail.next_chunk);
        let at = Instant::now();
        result.map(|bytes| Written { partition, next_chunk, people, bytes, took: at - started, at })
    }

    fn write_all(&mut self, done: &mut Done) -> Result<u64, SnapshotError> {
        let mut bytes = 0;
        if let Some(target) = std::mem::replace(&mut self.target, Ok(None))? {
            bytes += self.write_people(&target, done)?;
            bytes += self.move_records(&target, done)?;
        }
        for file in self.files.iter().filter(|file| !done.emptied.contains(&file.number())) {
            file.sync()?;
        }
        bytes += self.write_snapshot(&done.emptied)?;
        done.saved = Some(self.tail.next_chunk);
        if let Some(hand_on) = &self.hand_on {
            (hand_on.0)(self.partition(), self.tail.next_chunk, &self.belonging(&done.emptied)?);
        }
        for file in self.files.iter().filter(|file| done.emptied.contains(&file.number())) {
            file.remove();
        }
        Ok(bytes)
    }

    fn write_people(&mut self, target: &PeopleFile, done: &mut Done) -> Result<u64, SnapshotError> {
        let mut packer = Packer::new();
        let mut bytes = 0;
        for (subject, person) in self.people.drain(..) {
            let place = target.append(packer.pack(subject, &person)?)?;
            self.places[subject as usize - 1] = place;
            done.written.push((subject, place));
            bytes += u64::from(place.length);
        }
        Ok(bytes)
    }

    /// Moves what stands in other files. A record that cannot be read stays where it is.
    fn move_records(&mut self, target: &PeopleFile, done: &mut Done) -> Result<u64, SnapshotError> {
        if self.files.len() < 2 {
            return Ok(0);
        }
        let (mut bytes, mut all) = (0, true);
        for (place, subject) in self.places.iter_mut().zip(1..) {
            if place.file == target.number() {
                continue;
            }
            let Some(record) = file::read_record(&self.files, *place, subject) else {
                all = false;
                continue;
            };
            let to = target.append(&record)?;
            done.moved.push((subject, *place, to));
            *place = to;
            bytes += u64::from(to.length);
        }
        if all {
            let others = self.files.iter().map(|file| file.number());
            done.emptied = others.filter(|number| *number != target.number()).collect();
        }
        Ok(bytes)
    }

    /// Up to where a file is pointed into. Beyond that somebody may be writing just now.
    fn used(&self, number: u32) -> u64 {
        let ends = self.places.iter().filter(|place| place.file == number).map(|place| place.end());
        ends.max().unwrap_or(0)
    }

    /// The snapshot's files: first what it points into, then itself.
    fn belonging(&self, emptied: &[u32]) -> Result<Vec<(PathBuf, u64)>, SnapshotError> {
        let files = self.files.iter().filter(|file| !emptied.contains(&file.number()));
        let people =
            files.map(|file| (file.path().to_owned(), file.used(self.used(file.number()))));
        let mut belonging: Vec<_> = people.collect();
        let path = path(&self.dir, self.partition());
        let length = self.disk.length(&path);
        let length = length.map_err(|source| SnapshotError::Io { file: path.clone(), source })?;
        belonging.push((path, length));
        Ok(belonging)
    }

    fn write_snapshot(&self, emptied: &[u32]) -> Result<u64, SnapshotError> {
        let tail = &self.tail;
        let files = self.files.iter().filter(|file| !emptied.contains(&file.number()));
        let head = Head {
            fold_version: FOLD_VERSION,
            log_id: self.log_id,
            partition: self.partition(),
            next_chunk: tail.next_chunk,
            next_position: tail.next_position,
            head: tail.head,
            cursors: tail.cursors.clone(),
            files: files.map(|file| file.named(self.used(file.number()))).collect(),
        };
        let path = path(&self.dir, self.partition());
        let fault = |source| SnapshotError::Io { file: path.clone(), source };
        let mut rest = postcard::to_stdvec(&head)?;
        let body = postcard::to_stdvec(&(&self.state, &self.places))?;
        rest.extend(zstd::bulk::compress(&body, ZSTD_LEVEL).map_err(fault)?);
        let hash = blake3::hash(&rest);
        put(&*self.disk, &path, &[MAGIC, hash.as_bytes(), &rest]).map_err(fault)?;
        Ok((MAGIC.len() + 32 + rest.len()) as u64)
    }
}

/// Writes a file beside the old one and renames it over that, durably.
fn put(disk: &dyn Disk, path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let dir = path.parent().unwrap_or_else(|| Path::new("."));
    disk.create_dirs(dir)?;
    let fresh = path.with_extension("tmp");
    let file = disk.open(&fresh, Open::Create)?;
    let mut parts: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
    file.write_parts_at(&mut parts, 0)?;
    file.sync_all()?;
    disk.rename(&fresh, path)?;
    disk.sync_dir(dir)
}

/// What opening a partition finds of its snapshot.
#[derive(Debug)]
pub(crate) enum Found {
    /// There is none.
    Nothing,
    /// There is one that is of no use, and why.
    Ignored(String),
    /// The state at this tail, with everybody cold.
    Fits(Box<(Tail, Partition)>),
}

/// The chunk that the snapshot of a partition stands before, as far as its head tells.
#[cfg(feature = "cluster")]
pub(crate) fn saved_before(home: &Home) -> Option<u64> {
    let bytes = home.disk.read_bounded(&path(&home.dir, home.partition), u64::MAX).ok()?;
    let rest = bytes.strip_prefix(MAGIC.as_slice())?.get(32..)?;
    let (version, _) = postcard::take_from_bytes::<u32>(rest).ok()?;
    let (head, _) = postcard::take_from_bytes::<Head>(rest).ok()?;
    (version == FOLD_VERSION && head.log_id == home.log_id).then_some(head.next_chunk)
}

/// The snapshot of a partition, whose log ends at `now`.
pub(crate) fn find(home: Home, now: &Tail) -> Found {
    let path = path(&home.dir, home.partition);
    let bytes = match home.disk.read_bounded(&path, u64::MAX) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Found::Nothing,
        Err(error) => return Found::Ignored(format!("{}: {error}", path.display())),
    };
    match read(home, now, &bytes) {
        Ok(found) => Found::Fits(Box::new(found)),
        Err(why) => Found::Ignored(format!("{}: {why}", path.display())),
    }
}

fn read(home: Home, now: &Tail, bytes: &[u8]) -> Result<(Tail, Partition), &'static str> {
    const DAMAGED: &str = "it is damaged";
    let rest = bytes.strip_prefix(MAGIC.as_slice()).ok_or("it is of another format")?;
    let (hash, rest) = rest.split_at_checked(32).ok_or(DAMAGED)?;
    if blake3::hash(rest).as_bytes() != hash {
        return Err(DAMAGED);
    }
    // The version stands first, so that it can be told of a head of any shape.
    let (version, _) = postcard::take_from_bytes::<u32>(rest).map_err(|_| DAMAGED)?;
    if version != FOLD_VERSION {
        return Err("it is of another version of the program");
    }
    let (head, packed) = postcard::take_from_bytes::<Head>(rest).map_err(|_| DAMAGED)?;
    if head.log_id != home.log_id || head.partition != home.partition {
        return Err("it is of another log");
    }
    let is_ahead = head.next_chunk > now.next_chunk;
    if is_ahead || (head.next_chunk == now.next_chunk && head.head != now.head) {
        return Err("it stands on another history than the log's");
    }
    let body = zstd::stream::decode_all(packed).map_err(|_| DAMAGED)?;
    let (state, places): (State, Vec<Place>) = postcard::from_bytes(&body).map_err(|_| DAMAGED)?;
    let open =
        |named| PeopleFile::open(&home.disk, &home.dir, home.partition, named, home.writable);
    let files = head.files.iter().map(|named| open(named).map(Arc::new));
    let files: Vec<_> =
        files.collect::<Option<_>>().ok_or("a people file is missing, cut short or another one")?;
    if state.known() != places.len() {
        return Err(DAMAGED);
    }
    let tail = Tail {
        next_chunk: head.next_chunk,
        next_position: head.next_position,
        head: head.head,
        cursors: head.cursors,
    };
    let residents = Residents::cold(&places);
    Ok((tail, Partition::of(home, state, residents, files, Some(head.next_chunk))))
}

/// The snapshot of a partition.
pub(super) fn path(dir: &Path, partition: PartitionId) -> PathBuf {
    dir.join("snapshots").join(format!("{:05}.snap", partition.0))
}

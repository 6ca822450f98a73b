//! Files and standard input: what they are packed in, how far they are read, where they break.
//!
//! The form is told by the first bytes, never by the name. A regular file is known by the hash of
//! its raw bytes, which is what a cursor in the journal refers to; a stream has none and cannot be
//! resumed.

use std::{
    fs::File,
    io::{self, Cursor, ErrorKind, Read},
    os::fd::AsFd,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use flate2::read::MultiGzDecoder;

use super::{Options, avro, container, lines, live::Live, short_hash};

/// Bytes read at a time for the hash.
const HASH_BYTES: usize = 1 << 20;
/// Bytes that tell a form.
const MAGIC_BYTES: usize = 4;

/// Why a source cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No such file.
    #[error("{name}: no such file; check the path")]
    Missing {
        /// The path as given.
        name: String,
    },
    /// A directory.
    #[error("{name} is a directory; name the files in it")]
    Directory {
        /// The path as given.
        name: String,
    },
    /// No permission.
    #[error("{name}: no permission to read it")]
    Permission {
        /// The path as given.
        name: String,
    },
    /// Anything else.
    #[error("{name} cannot be opened: {source}")]
    Io {
        /// The path as given.
        name: String,
        /// What the system said.
        source: io::Error,
    },
}

/// Where and why reading stopped before the end.
#[derive(Debug, thiserror::Error)]
#[error(
    "{name}: reading stopped at byte {byte} of the {packing} data, after {unit} {number}: \
     {source}; what stands before it was taken in, so replace the file by a whole one and run the \
     same command again"
)]
pub struct ReadError {
    /// The source.
    pub name: String,
    /// How it is packed.
    pub packing: Packing,
    /// Bytes of the source (packed, where it is packed) that were read until then.
    pub byte: u64,
    /// What `number` counts: `line` or `record`.
    pub unit: &'static str,
    /// The last whole line or record that was delivered; 0: none.
    pub number: u64,
    /// What broke.
    pub source: io::Error,
}

/// How a source is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Plain,
    /// Gzip, of one member or many.
    Gzip,
    /// Zstandard, of one frame or many.
    Zstd,
}

impl std::fmt::Display for Packing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Plain => "plain",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}

/// How much of a source has been read. Clones show the same count.
#[derive(Debug, Clone)]
pub struct Progress {
    read: Arc<AtomicU64>,
    /// Bytes of the whole source, where known.
    pub total: Option<u64>,
}

impl Progress {
    /// Bytes of the source (packed, where it is packed) read so far.
    pub fn bytes(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }
}

/// A source that was opened.
pub struct Source {
    /// Its file name, or `-`.
    pub name: String,
    /// BLAKE3 of a regular file's raw bytes, cut to 16 bytes; none for a stream.
    pub hash: Option<[u8; 16]>,
    /// How far it is read.
    pub progress: Progress,
    /// What it holds.
    pub content: Content,
}

/// What a source holds.
pub enum Content {
    /// NDJSON.
    Lines(FileLines),
    /// An Avro container of readings.
    Records(Box<FileRecords>),
}

/// The lines of a source.
pub struct FileLines {
    lines: lines::Lines<Box<dyn Read + Send>>,
    place: Place,
}

/// The records of a source.
pub struct FileRecords {
    readings: avro::Readings<Box<dyn Read + Send>>,
    place: Place,
}

struct Place {
    name: String,
    packing: Packing,
    progress: Progress,
}

/// Opens a path, or standard input for `-`. Lines are read up to `limit` bytes each
/// ([`lines::LINE_BYTES_MAX`] unless configured otherwise).
pub fn open(path: &Path, limit: usize) -> Result<Source, OpenError> {
    if path.as_os_str() == "-" {
        return from_reader("-", None, None, Box::new(io::stdin()), limit);
    }
    let given = path.display().to_string();
    let failed = |source: io::Error| explain(given.clone(), source);
    let mut file = File::open(path).map_err(failed)?;
    let about = file.metadata().map_err(failed)?;
    if about.is_dir() {
        return Err(OpenError::Directory { name: given });
    }
    let name = path.file_name().map_or(given.clone(), |name| name.to_string_lossy().into_owned());
    if !about.is_file() {
        return from_reader(&name, None, None, Box::new(file), limit);
    }
    let hash = hash_of(&mut file).map_err(failed)?;
    file = File::open(path).map_err(failed)?;
    from_reader(&name, Some(hash), Some(about.len()), Box::new(file), limit)
}

/// Whether a path can be opened at all; `-` always can.
pub fn check(path: &Path) -> Result<(), OpenError> {
    if path.as_os_str() == "-" {
        return Ok(());
    }
    let given = path.display().to_string();
    match File::open(path).and_then(|file| file.metadata()) {
        Ok(about) if about.is_dir() => Err(OpenError::Directory { name: given }),
        Ok(_) => Ok(()),
        Err(source) => Err(explain(given, source)),
    }
}

/// Opens standard input as a stream that may pause: while nothing comes, `next` fails with
/// `WouldBlock` and can be called again; once `stop` is set it fails for good.
pub fn live(limit: usize, stop: Arc<AtomicBool>) -> Result<Source, OpenError> {
    let lends = Arc::new(AtomicBool::new(false));
    let failed = |source| OpenError::Io { name: "-".into(), source };
    let standard_input = File::from(io::stdin().as_fd().try_clone_to_owned().map_err(failed)?);
    let input = Live::new(standard_input, stop, Arc::clone(&lends));
    let source = from_reader("-", None, None, Box::new(input), limit)?;
    // Lines can pause, packed or not: their decoders go on where they were. A container cannot.
    lends.store(matches!(source.content, Content::Lines(_)), Ordering::Relaxed);
    Ok(source)
}

/// Opens bytes that come from anywhere, whose form is told as for a file.
pub fn from_reader(
    name: &str,
    hash: Option<[u8; 16]>,
    total: Option<u64>,
    input: Box<dyn Read + Send>,
    limit: usize,
) -> Result<Source, OpenError> {
    let failed = |source| OpenError::Io { name: name.into(), source };
    let progress = Progress { read: Arc::default(), total };
    let counted = Box::new(Counted { input, read: Arc::clone(&progress.read) });
    let (magic, input) = peek(counted).map_err(failed)?;
    let (packing, magic, input): (_, _, Box<dyn Read + Send>) = match magic[..] {
        [0x1f, 0x8b, ..] => {
            let (magic, input) = peek_packed(Box::new(MultiGzDecoder::new(input)));
            (Packing::Gzip, magic, input)
        }
        // A frame, or a skippable frame before one.
        [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => {
            let decoder = zstd::Decoder::new(input).map_err(failed)?;
            let (magic, input) = peek_packed(Box::new(decoder));
            (Packing::Zstd, magic, input)
        }
        _ => (Packing::Plain, magic, input),
    };
    let place = Place { name: name.into(), packing, progress: progress.clone() };
    let content = if magic == container::MAGIC {
        let readings = avro::Readings::open(input).map_err(failed)?;
        Content::Records(Box::new(FileRecords { readings, place }))
    } else {
        Content::Lines(FileLines { lines: lines::Lines::new(input, limit), place })
    };
    Ok(Source { name: name.into(), hash, progress, content })
}

impl FileLines {
    /// The next line and its number; see [`lines::Lines::next`].
    #[expect(clippy::should_implement_trait, reason = "the line is lent, which Iterator cannot")]
    pub fn next(&mut self) -> Result<Option<(u64, lines::Line<'_>)>, ReadError> {
        let Self { lines, place } = self;
        let after = lines.line();
        lines.next().map_err(|source| place.stopped("line", after, source))
    }
}

impl FileRecords {
    /// The schema that they were written in, JSON.
    pub fn schema(&self) -> &str {
        self.readings.schema()
    }

    /// The next record; see [`avro::Readings::next`].
    pub fn next(
        &mut self,
        options: &Options,
        out: &mut Vec<u8>,
    ) -> Result<Option<avro::Record<'_>>, ReadError> {
        let Self { readings, place } = self;
        let after = readings.number();
        readings.next(options, out).map_err(|source| place.stopped("record", after, source))
    }
}

impl Place {
    fn stopped(&self, unit: &'static str, number: u64, source: io::Error) -> ReadError {
        ReadError {
            name: self.name.clone(),
            packing: self.packing,
            byte: self.progress.bytes(),
            unit,
            number,
            source: if source.kind() == ErrorKind::UnexpectedEof {
                io::Error::new(ErrorKind::UnexpectedEof, "the data ends before its own end mark")
            } else {
                source
            },
        }
    }
}

fn explain(name: String, source: io::Error) -> OpenError {
    match source.kind() {
        ErrorKind::NotFound => OpenError::Missing { name },
        ErrorKind::PermissionDenied => OpenError::Permission { name },
        ErrorKind::IsADirectory => OpenError::Directory { name },
        _ => OpenError::Io { name, source },
    }
}

fn hash_of(file: &mut File) -> io::Result<[u8; 16]> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; HASH_BYTES];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(short_hash(&hasher.finalize())),
            Ok(count) => hasher.update(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
    }
}

type Input = Box<dyn Read + Send>;

/// Reads the first bytes and puts them back.
fn peek(mut input: Input) -> io::Result<(Vec<u8>, Input)> {
    let mut magic = Vec::new();
    input.by_ref().take(MAGIC_BYTES as u64).read_to_end(&mut magic)?;
    Ok((magic.clone(), Box::new(Cursor::new(magic).chain(input))))
}

/// [`peek`] into packed data: where it breaks so early, the error comes when it is read.
fn peek_packed(mut input: Input) -> (Vec<u8>, Input) {
    let mut magic = Vec::new();
    match input.by_ref().take(MAGIC_BYTES as u64).read_to_end(&mut magic) {
        Ok(_) => (magic.clone(), Box::new(Cursor::new(magic).chain(input))),
        Err(error) => (Vec::new(), Box::new(Cursor::new(magic).chain(Broken(Some(error))))),
    }
}

/// Nothing but an error.
struct Broken(Option<io::Error>);

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

struct Counted {
    input: Input,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

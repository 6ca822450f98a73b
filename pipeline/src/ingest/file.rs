//! Whole files through a session: readings, feedback and profiles.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use super::{Session, SessionError, now_ms};
use crate::{
    cycle::{Raw, Source},
    door::{
        Options, Refusal, feedback,
        files::{self, Content},
        lines::Line,
        profile::{self, Profile},
        tasks,
    },
    record::raw_hash,
};

/// Largest file of profiles, bytes: it is read whole.
const PROFILES_BYTES_MAX: u64 = 256 << 20;
/// Longest time that an input of a stream waits for company.
const LIVE_HAND_OVER: Duration = Duration::from_millis(100);
/// Inputs between two looks at the progress.
const PROGRESS_EVERY: u64 = 4_096;

/// How far a file has been read.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Inputs so far.
    pub inputs: u64,
    /// Bytes of the file so far, packed where it is packed.
    pub bytes: u64,
    /// Bytes of the whole file, where known.
    pub total: Option<u64>,
}

/// What was taken from a file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FileReport {
    /// Its name.
    pub name: String,
    /// Inputs read, refused ones included.
    pub inputs: u64,
    /// Whether a signal ended the reading before the file's end.
    pub interrupted: bool,
}

/// Why a file could not be taken in.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It could not be opened.
    #[error(transparent)]
    Open(#[from] files::OpenError),
    /// It broke in the middle. What stood before is in the log.
    #[error("{source}; the {inputs} inputs before it are in the log")]
    Read {
        /// Where and why.
        source: files::ReadError,
        /// Inputs taken before.
        inputs: u64,
    },
    /// The log.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// Feedback and tasks come as JSON lines.
    #[error("feedback and tasks are read from JSON lines, not from an Avro container of readings")]
    NotLines,
    /// A profiles file could not be read.
    #[error("could not read {}: {source}", file.display())]
    Profiles {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A profile cannot be used.
    #[error("{}: profile {number}{}: {} ({})", file.display(), whose(refusal), refusal.detail, refusal.reason)]
    Profile {
        /// The file.
        file: PathBuf,
        /// Which, from 1.
        number: usize,
        /// Why.
        refusal: Box<Refusal>,
    },
}

fn whose(refusal: &Refusal) -> String {
    refusal.user_id.as_ref().map_or_else(String::new, |user| format!(" of `{user}`"))
}

/// What a file was read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputKind {
    /// Readings as they arrived.
    Readings,
    /// Readings loaded after the fact.
    Backfill,
    /// Feedback.
    Feedback,
    /// Inputs of pools of agents.
    Tasks,
}

/// The source that a file is when it is read as `kind`: the same bytes read as something else are
/// another source, of which nothing is covered yet.
pub fn source_of(file: &files::Source, kind: InputKind) -> Source {
    let Some(content) = file.hash else { return Source::stream(&file.name) };
    let id = match kind {
        InputKind::Readings => content,
        InputKind::Backfill => raw_hash(&[&content[..], b"backfill"].concat()),
        InputKind::Feedback => raw_hash(&[&content[..], b"feedback"].concat()),
        InputKind::Tasks => raw_hash(&[&content[..], b"tasks"].concat()),
    };
    Source { id, name: file.name.clone() }
}

/// Reads a file of profiles, each as it stands there and as it was read.
///
/// # Errors
///
/// The file cannot be read, or one of the profiles cannot be used.
pub fn read_profiles(path: &Path) -> Result<Vec<(serde_json::Value, Profile)>, FileError> {
    let fault = |source| FileError::Profiles { file: path.into(), source };
    let about = fs::metadata(path).map_err(fault)?;
    if about.len() > PROFILES_BYTES_MAX {
        let message = format!("{} bytes; at most {PROFILES_BYTES_MAX}", about.len());
        return Err(fault(io::Error::new(io::ErrorKind::FileTooLarge, message)));
    }
    let text = fs::read(path).map_err(fault)?;
    let mut usable = Vec::new();
    for (document, number) in profile::documents(&text).into_iter().zip(1..) {
        let read = document.and_then(|document| {
            let profile = profile::read(&document)?;
            Ok((document, profile))
        });
        let file = path.into();
        usable.push(read.map_err(|refusal| FileError::Profile { file, number, refusal })?);
    }
    Ok(usable)
}

impl Session {
    /// Takes the readings of an opened file (NDJSON, plain or packed, or an Avro container). What
    /// an earlier run covered of the same content is skipped.
    pub fn readings_file(
        &mut self,
        mut file: files::Source,
        options: &Options,
        line_limit: usize,
        stop: &AtomicBool,
        mut progress: impl FnMut(&mut Self, Progress),
    ) -> Result<FileReport, FileError> {
        let kind = if options.backfill { InputKind::Backfill } else { InputKind::Readings };
        self.set_source(Some(source_of(&file, kind)))?;
        let is_live = file.hash.is_none();
        let mut handed_over = Instant::now();
        let mut inputs = 0;
        let mut options = *options;
        let interrupted = loop {
            if inputs % PROGRESS_EVERY == 0 {
                options.door_now_ms = options.door_now_ms.max(now_ms());
                let (bytes, total) = (file.progress.bytes(), file.progress.total);
                progress(self, Progress { inputs, bytes, total });
                if stop.load(Ordering::Relaxed) {
                    break true;
                }
            }
            if is_live && handed_over.elapsed() > LIVE_HAND_OVER {
                self.hand_over()?;
                handed_over = Instant::now();
            }
            match self.next_reading(&mut file.content, &options, line_limit) {
                Ok(true) => inputs += 1,
                Ok(false) => break false,
                Err(FileError::Read { source, .. }) => {
                    self.hand_over()?;
                    let pauses = source.source.kind() == io::ErrorKind::WouldBlock;
                    if stop.load(Ordering::Relaxed) {
                        break true;
                    } else if pauses {
                        progress(self, Progress { inputs, bytes: 0, total: None });
                    } else {
                        return Err(FileError::Read { source, inputs });
                    }
                }
                Err(error) => return Err(error),
            }
        };
        self.set_source(None)?;
        Ok(FileReport { name: file.name, inputs, interrupted })
    }

    /// Takes one more input of a file; `false` at its end.
    fn next_reading(
        &mut self,
        content: &mut Content,
        options: &Options,
        line_limit: usize,
    ) -> Result<bool, FileError> {
        let broken = |source| FileError::Read { source, inputs: 0 };
        match content {
            Content::Lines(lines) => match lines.next().map_err(broken)? {
                None => return Ok(false),
                Some((number, Line::Whole(line))) => {
                    self.take(|intake| intake.reading_line(number, line, options))?;
                }
                Some((number, Line::Oversized(raw))) => {
                    let refusal = Refusal::oversized_line(raw.length, line_limit);
                    let head = raw.head.0.clone();
                    let raw = Raw::Kept(Box::new(raw));
                    self.take(|intake| intake.refused(number, &refusal, &head, raw))?;
                }
            },
            Content::Records(records) => {
                let mut bytes = Vec::new();
                let Some(record) = records.next(options, &mut bytes).map_err(broken)? else {
                    return Ok(false);
                };
                match &record.outcome {
                    Ok(head) => self.take(|intake| {
                        intake.reading_avro(record.number, &head.envelope, &bytes);
                    })?,
                    Err(refusal) => self.take(|intake| {
                        intake.refused_bytes(record.number, refusal, record.raw);
                    })?,
                }
            }
        }
        Ok(true)
    }

    /// Takes a file of profiles (one object with `users`, an array, or NDJSON). A profile that
    /// cannot be used refuses the file: without it the person's readings would be lost.
    pub fn profiles_file(&mut self, path: &Path) -> Result<u64, FileError> {
        let usable = read_profiles(path)?;
        for ((_, profile), number) in usable.iter().zip(1..) {
            self.take(|intake| intake.take_profile(number, profile))?;
        }
        self.hand_over()?;
        Ok(usable.len() as u64)
    }

    /// Takes an opened file of feedback or of inputs of pools, one JSON object a line.
    pub fn lines_file(
        &mut self,
        mut file: files::Source,
        kind: InputKind,
        line_limit: usize,
        stop: &AtomicBool,
    ) -> Result<FileReport, FileError> {
        self.set_source(Some(source_of(&file, kind)))?;
        let mut inputs = 0;
        while !stop.load(Ordering::Relaxed) {
            match self.next_line(&mut file.content, kind, line_limit) {
                Ok(true) => inputs += 1,
                Ok(false) => break,
                Err(FileError::Read { source, .. }) => {
                    self.hand_over()?;
                    let stopped = stop.load(Ordering::Relaxed);
                    if !stopped && source.source.kind() != io::ErrorKind::WouldBlock {
                        return Err(FileError::Read { source, inputs });
                    }
                }
                Err(error) => return Err(error),
            }
        }
        self.set_source(None)?;
        let interrupted = stop.load(Ordering::Relaxed);
        Ok(FileReport { name: file.name, inputs, interrupted })
    }

    fn next_line(
        &mut self,
        content: &mut Content,
        kind: InputKind,
        line_limit: usize,
    ) -> Result<bool, FileError> {
        let Content::Lines(lines) = content else { return Err(FileError::NotLines) };
        match lines.next().map_err(|source| FileError::Read { source, inputs: 0 })? {
            None => return Ok(false),
            Some((number, Line::Whole(line))) => {
                let refused = if kind == InputKind::Tasks {
                    let arrival = tasks::Arrival { stamp_ms: None, door_now_ms: now_ms() };
                    match tasks::command(line, arrival) {
                        Ok(command) => self
                            .take(|intake| intake.take_command(number, &command, line))
                            .map(|()| None)?,
                        Err(refusal) => Some(refusal),
                    }
                } else {
                    match feedback::feedback(line) {
                        Ok(feedback) => self
                            .take(|intake| intake.take_feedback(number, &feedback, line))
                            .map(|()| None)?,
                        Err(refusal) => Some(refusal),
                    }
                };
                if let Some(refusal) = refused {
                    self.take(|intake| intake.refused_bytes(number, &refusal, line))?;
                }
            }
            Some((number, Line::Oversized(raw))) => {
                let refusal = Refusal::oversized_line(raw.length, line_limit);
                let head = raw.head.0.clone();
                let raw = Raw::Kept(Box::new(raw));
                self.take(|intake| intake.refused(number, &refusal, &head, raw))?;
            }
        }
        Ok(true)
    }
}

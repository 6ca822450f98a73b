//! The same to a running service: batches one after the other, read ahead while one is answered.

use std::{
    collections::VecDeque,
    path::Path,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use indicatif::ProgressBar;
use zeitgeber::{
    client::{Batches, Client, ClientError, Cut, Door, Feed, LINE_BYTES_MAX, Patience, Sent},
    cycle::Counts,
    door::files::{self, Content},
    ingest::{
        FileError, FileReport, InputKind as ReadAs, OutcomeLog, Progress, read_profiles, source_of,
    },
};

use super::{Args, Counted, Failure, InputKind, Summary, conclude, progress_bar, say, show};
use crate::cli::target::tell_version;

/// What one command sends.
struct Sending<'a> {
    args: &'a Args,
    client: Client,
    stop: &'a Arc<AtomicBool>,
    outcomes: Option<OutcomeLog>,
    counts: Counts,
    again: u64,
    unsent: u64,
    queued: u64,
}

pub(super) fn run(
    args: &Args,
    client: Client,
    stop: &Arc<AtomicBool>,
) -> Result<ExitCode, Failure> {
    let started = Instant::now();
    let client = client.stopped_by(Arc::clone(stop));
    // Whoever gave a wrong address learns it soon; work under way survives a restart.
    client.reach()?;
    let client = client.with_patience(Patience::LONG);
    let outcomes = args.outcomes.as_deref().map(OutcomeLog::open).transpose()?;
    let place = format!("--to {}", client.address());
    let counts = Counts::default();
    let (again, unsent, queued) = (0, 0, 0);
    let mut sending = Sending { args, client, stop, outcomes, counts, again, unsent, queued };
    let mut reports = Vec::new();
    let profiles = match sending.take(&mut reports) {
        // What a signal cut short is told as such, like a directory's.
        Err(error) if stop.load(Ordering::Relaxed) && is_stopped(&*error) => 0,
        taken => taken?,
    };
    tell_version(&sending.client);
    sending.remark();
    let seconds = started.elapsed().as_secs_f64();
    let (queued, counts) = (sending.queued, Counted::There(sending.counts));
    let summary = Summary { files: &reports, profiles, queued, threads: None, seconds, counts };
    conclude(args, &summary, &place, stop)
}

fn is_stopped(error: &(dyn std::error::Error + 'static)) -> bool {
    matches!(error.downcast_ref(), Some(ClientError::Stopped))
}

impl Sending<'_> {
    fn take(&mut self, reports: &mut Vec<FileReport>) -> Result<u64, Failure> {
        let mut profiles = 0;
        if let Some(path) = &self.args.profiles {
            profiles += self.profiles(path)?;
        }
        for path in &self.args.files {
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            match self.args.kind()? {
                InputKind::Profiles => profiles += self.profiles(path)?,
                InputKind::Feedback => self.file(path, Door::Feedback, reports)?,
                InputKind::Readings if self.args.backfill => {
                    self.file(path, Door::Backfill, reports)?;
                }
                InputKind::Readings => self.file(path, Door::Readings, reports)?,
                InputKind::Tasks => self.file(path, Door::Tasks, reports)?,
            }
        }
        Ok(profiles)
    }

    /// All profiles of a file are read before the first is sent: one that cannot be used refuses
    /// the file, as for a directory.
    fn profiles(&mut self, path: &Path) -> Result<u64, Failure> {
        let usable = read_profiles(path)?;
        for (document, profile) in &usable {
            let put = self.client.put_profile(&profile.tenant, &profile.user_id, document)?;
            self.counts += put.counts();
            self.queued += u64::from(put.is_queued());
        }
        Ok(usable.len() as u64)
    }

    fn file(
        &mut self,
        path: &Path,
        door: Door,
        reports: &mut Vec<FileReport>,
    ) -> Result<(), Failure> {
        let file = self.args.open(path, LINE_BYTES_MAX, self.stop)?;
        let of_lines_alone = matches!(door, Door::Feedback | Door::Tasks);
        if of_lines_alone && matches!(file.content, Content::Records(_)) {
            return Err(FileError::NotLines.into());
        }
        if let Some(outcomes) = &mut self.outcomes {
            let read_as = match door {
                Door::Feedback => ReadAs::Feedback,
                Door::Backfill => ReadAs::Backfill,
                Door::Readings => ReadAs::Readings,
                Door::Tasks => ReadAs::Tasks,
            };
            outcomes.begin(&source_of(&file, read_as), true)?;
        }
        let bar = progress_bar(&file.name);
        let mut report = FileReport { name: file.name.clone(), inputs: 0, interrupted: false };
        let fed = self.feed(file, door, &bar, &mut report);
        bar.finish_and_clear();
        if let Some(outcomes) = &mut self.outcomes {
            outcomes.release()?;
        }
        report.interrupted = self.stop.load(Ordering::Relaxed);
        reports.push(report);
        fed
    }

    /// Sends what a file holds. Whatever ends it, what was answered is counted.
    fn feed(
        &mut self,
        file: files::Source,
        door: Door,
        bar: &ProgressBar,
        report: &mut FileReport,
    ) -> Result<(), Failure> {
        let read = file.progress.clone();
        let who = self.outcomes.is_some().then(|| door.who());
        let mut batches = Batches::new(file.content, file.hash.is_none(), who);
        let feed = Feed::start(&self.client, door)?;
        let mut too_long = VecDeque::new();
        let mut failed = None;
        let ended = loop {
            for sent in feed.answered() {
                match sent {
                    Ok(sent) => self.answered(sent, report)?,
                    Err(error) => failed = Some(error),
                }
            }
            let (bytes, total) = (read.bytes(), read.total);
            show(bar, Progress { inputs: report.inputs, bytes, total });
            if self.stop.load(Ordering::Relaxed) {
                break Ok(());
            }
            match batches.next_cut() {
                Ok(Cut::Batch(batch)) => {
                    if !feed.give(batch) {
                        break Ok(());
                    }
                }
                Ok(Cut::End) => break Ok(()),
                Ok(Cut::TooLong { line, .. }) => too_long.push_back(line),
                Ok(Cut::Pause) => {}
                Err(_) if self.stop.load(Ordering::Relaxed) => break Ok(()),
                Err(source) => break Err(source),
            }
        };
        for sent in feed.finish() {
            match sent {
                Ok(sent) => self.answered(sent, report)?,
                Err(error) => failed = Some(error),
            }
        }
        for line in too_long {
            self.answered(Sent::too_long(line), report)?;
        }
        match (failed, ended) {
            (Some(error), _) => Err(error.into()),
            (None, Err(source)) => Err(FileError::Read { source, inputs: report.inputs }.into()),
            (None, Ok(())) => Ok(()),
        }
    }

    fn answered(&mut self, sent: Sent, report: &mut FileReport) -> Result<(), Failure> {
        report.inputs += sent.inputs;
        self.counts += sent.counts;
        self.again += if sent.again { sent.inputs } else { 0 };
        self.unsent += sent.unsent;
        self.queued += sent.queued;
        if sent.queued > 0 && self.outcomes.is_some() {
            return Err("this service hands inputs on to Kafka and tells no outcomes: leave \
                        --outcomes, and ask the log with `zeitgeber deadletters`"
                .into());
        }
        if let Some(outcomes) = &mut self.outcomes {
            outcomes.add(sent.lines)?;
        }
        Ok(())
    }

    fn remark(&self) {
        if self.again > 0 {
            say::note(&format!(
                "{} inputs were sent again because their answer was lost: what the log had taken \
                 before counts as repeats, without what it caused",
                self.again
            ));
        }
        if self.unsent > 0 {
            say::note(&format!(
                "{} inputs are larger than the service takes and were not sent",
                self.unsent
            ));
        }
    }
}

//! What files hold, and how each is opened.

use std::{
    path::Path,
    sync::{Arc, atomic::AtomicBool},
};

use clap::ValueEnum;
use jiff::tz::TimeZone;
use zeitgeber::{
    analyze::{
        kind::Kind,
        readings::{self, Whose},
    },
    door::files::{self, Source},
    ingest::FileError,
    query::parse_time,
};

use super::Args;
use crate::cli::Failure;

/// What files hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum InputKind {
    /// Readings of sensors
    Readings,
    /// Feedback on decisions
    Feedback,
    /// People's profiles
    Profiles,
    /// Inputs of pools of agents: tasks, agents, configurations, ticks
    Tasks,
}

/// Whose recordings files are, where they are recordings.
#[derive(Debug, clap::Args)]
pub(super) struct Recorded {
    /// Zone of the device's clock (IANA), of a recording
    #[arg(long, value_name = "ZONE", default_value = "UTC", requires = "kind")]
    zone: String,
    /// When beats without dates began, of a recording (RFC 3339, or ms UTC)
    #[arg(long, value_name = "TIME", requires = "kind")]
    start: Option<String>,
}

impl Args {
    /// What the files hold.
    pub(super) fn kind(&self) -> Result<InputKind, Failure> {
        if self.recording.has_kind() {
            return Ok(InputKind::Readings);
        }
        InputKind::from_str(&self.what, false).map_err(|_| {
            let kinds = Kind::ALL.map(Kind::as_str).join(", ");
            format!(
                "--as {:?} is not readings, feedback, profiles or tasks; for the recording of a \
                 person of that name say what it holds with --kind ({kinds})",
                self.what
            )
            .into()
        })
    }

    /// Opens a file, or standard input for `-`.
    pub(super) fn open(
        &self,
        path: &Path,
        limit: usize,
        stop: &Arc<AtomicBool>,
    ) -> Result<Source, Failure> {
        let opened = if self.recording.has_kind() {
            let zone = TimeZone::get(&self.recorded.zone)
                .map_err(|error| format!("--zone {:?} is no zone: {error}", self.recorded.zone))?;
            let start = self.recorded.start.as_deref().map(parse_time).transpose();
            let whose = Whose {
                user_id: self.what.clone(),
                zone,
                zone_name: self.recorded.zone.clone(),
                start_ms: start.map_err(|error| format!("--start: {error}"))?,
            };
            readings::open(path, &self.recording.hints(), &whose, limit)
        } else if path.as_os_str() == "-" {
            files::live(limit, Arc::clone(stop))
        } else {
            files::open(path, limit)
        };
        Ok(opened.map_err(FileError::from)?)
    }
}

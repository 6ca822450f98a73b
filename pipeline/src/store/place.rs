//! Where a log is: a data directory, or a database with a directory for what is derived.

use std::path::{Path, PathBuf};

#[cfg(feature = "cluster")]
use crate::journal::cql::Connect;

/// Where a log is.
#[derive(Debug, Clone)]
pub enum LogPlace {
    /// A data directory: the log under `journal/`, and what is derived from it.
    Directory(PathBuf),
    /// A database.
    #[cfg(feature = "cluster")]
    Database {
        /// The way there.
        connect: Connect,
        /// Where each process of this machine keeps the states of people who left its memory,
        /// and snapshots. It can be removed whenever no process runs.
        cache: PathBuf,
    },
}

impl From<&Path> for LogPlace {
    fn from(dir: &Path) -> Self {
        Self::Directory(dir.into())
    }
}

impl From<&PathBuf> for LogPlace {
    fn from(dir: &PathBuf) -> Self {
        Self::Directory(dir.clone())
    }
}

impl From<&LogPlace> for LogPlace {
    fn from(place: &LogPlace) -> Self {
        place.clone()
    }
}

impl std::fmt::Display for LogPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Directory(dir) => write!(f, "{}", dir.display()),
            #[cfg(feature = "cluster")]
            Self::Database { connect, .. } => f.write_str(&connect.address()),
        }
    }
}

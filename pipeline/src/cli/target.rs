//! What a command asks or writes: a data directory, a log in a database, or a running service.
//!
//! Flags come before variables, and exactly one of them is meant. So that an answer is printed the
//! same wherever it came from, commands ask a [`Source`] and never look behind it.

#[cfg(not(feature = "service"))]
use std::convert::Infallible as Client;
use std::{collections::BTreeMap, env, io, ops::ControlFlow, path::PathBuf};

use clap::{CommandFactory, error::ErrorKind};
#[cfg(feature = "service")]
use zeitgeber::client::Client;
use zeitgeber::{
    journal::Place as JournalPlace,
    query::{
        self, DeadLetter, DeadLetterFilter, DeadLetters, EventFilter, EventRow, Explanation,
        Moment, Range, Rebuilt, Scope, Status, Until, Verified, Walk,
    },
    store::{LogPlace, Store},
};
use zeitgeber_processors::rhythm::report::Report;

use super::{Cli, Failure, database::log_at};

/// Where the log is.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Where the log is (one of --data-dir, --journal and --to)")]
pub(super) struct Target {
    /// Data directory: the log under `journal/`, and what is derived from it [env:
    /// ZEITGEBER_DATA_DIR]
    #[arg(long = "data-dir", value_name = "DIR", conflicts_with = "to")]
    dir: Option<PathBuf>,
    /// A log in a database, `scylla://HOST:PORT[,HOST:PORT…]/KEYSPACE` [env: ZEITGEBER_JOURNAL]
    #[arg(long, value_name = "URL", conflicts_with_all = ["dir", "to"])]
    journal: Option<String>,
    /// A running service, `http://HOST:PORT` [env: ZEITGEBER_URL]
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// File of the service's bearer token [env: ZEITGEBER_TOKEN holds the token itself]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Trust these authorities' certificates (PEM) instead of the public ones
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

/// A place that is meant.
pub(super) enum Place {
    /// The log itself.
    Log(LogPlace),
    /// A running service.
    #[cfg_attr(
        not(feature = "service"),
        expect(dead_code, reason = "it holds the client that this program does not have")
    )]
    Service(Client),
}

/// Where answers come from.
pub(super) enum Source {
    /// The log itself, opened for reading.
    Log(Store),
    /// A running service.
    Service(Client),
}

impl Target {
    /// Which place is meant; a command line that names none, or two, ends the process.
    pub(super) fn place(&self) -> Result<Place, Failure> {
        let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        if let Some(dir) = &self.dir {
            return Ok(Place::Log(dir.into()));
        }
        if let Some(url) = &self.journal {
            return Ok(Place::Log(log_at(url)?));
        }
        if let Some(url) = &self.to {
            return self.service(url);
        }
        match (set("ZEITGEBER_DATA_DIR"), set("ZEITGEBER_JOURNAL"), set("ZEITGEBER_URL")) {
            (Some(dir), None, None) => Ok(Place::Log((&PathBuf::from(dir)).into())),
            (None, Some(url), None) => Ok(Place::Log(log_at(&url.to_string_lossy())?)),
            (None, None, Some(url)) => self.service(&url.to_string_lossy()),
            (None, None, None) => wrong(
                "name the log: --data-dir DIR, --journal scylla://HOST:PORT/KEYSPACE, or --to URL \
                 of a running service",
            ),
            _ => wrong(
                "more than one of ZEITGEBER_DATA_DIR, ZEITGEBER_JOURNAL and ZEITGEBER_URL is set: \
                 say --data-dir, --journal or --to",
            ),
        }
    }

    /// Whether the command line names the place.
    pub(super) const fn is_named(&self) -> bool {
        self.dir.is_some() || self.journal.is_some() || self.to.is_some()
    }

    /// Whether a variable names one.
    pub(super) fn is_set() -> bool {
        let set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
        ["ZEITGEBER_DATA_DIR", "ZEITGEBER_JOURNAL", "ZEITGEBER_URL"].into_iter().any(set)
    }

    /// The place, opened for reading.
    pub(super) fn source(&self) -> Result<Source, Failure> {
        Ok(match self.place()? {
            Place::Log(place) => Source::Log(Store::read_at(&place)?),
            Place::Service(client) => Source::Service(client),
        })
    }

    #[cfg(feature = "service")]
    fn service(&self, url: &str) -> Result<Place, Failure> {
        let token = env::var_os("ZEITGEBER_TOKEN").filter(|token| !token.is_empty());
        let settings = zeitgeber::client::Settings {
            token_file: self.token_file.clone(),
            token: token
                .map(std::ffi::OsString::into_string)
                .transpose()
                .map_err(|_| Failure::from(zeitgeber::client::ClientError::Token))?,
            ca: self.ca.clone(),
        };
        Ok(Place::Service(Client::new(url.parse()?, &settings)?))
    }

    #[cfg(not(feature = "service"))]
    fn service(&self, url: &str) -> Result<Place, Failure> {
        let (_, _) = (&self.token_file, &self.ca);
        Err(format!("this program was built without `service` and cannot speak to {url}").into())
    }
}

fn wrong(message: &str) -> ! {
    Cli::command().error(ErrorKind::MissingRequiredArgument, message).exit()
}

impl Drop for Source {
    fn drop(&mut self) {
        #[cfg(feature = "service")]
        if let Self::Service(client) = self {
            tell_version(client);
        }
    }
}

/// Remarks once that the service is of another version.
#[cfg(feature = "service")]
pub(super) fn tell_version(client: &Client) {
    if let Some(version) = client.other_version() {
        super::say::note(&format!(
            "note: the service is version {version}, this program {}",
            env!("CARGO_PKG_VERSION")
        ));
    }
}

/// Nobody can be asked: there is no such client.
macro_rules! remote {
    ($client:ident, $ask:expr) => {{
        #[cfg(feature = "service")]
        {
            $ask
        }
        #[cfg(not(feature = "service"))]
        {
            match *$client {}
        }
    }};
}

impl Source {
    /// Where a person stands.
    pub(super) fn status(&self, tenant: &str, user: &str) -> Result<Status, Failure> {
        match self {
            Self::Log(store) => Ok(query::status(store, tenant, user)?),
            Self::Service(client) => remote!(client, Ok(client.status(tenant, user)?)),
        }
    }

    /// A decision and all behind it.
    pub(super) fn explain(&self, id: &str) -> Result<Explanation, Failure> {
        match self {
            Self::Log(store) => Ok(query::explain(&*store.journal(), id)?),
            Self::Service(client) => remote!(client, Ok(client.explain(id)?)),
        }
    }

    /// Everybody's features, or one person's.
    pub(super) fn report(
        &self,
        range: Range,
        user: Option<&str>,
    ) -> Result<BTreeMap<String, Report>, Failure> {
        match self {
            Self::Log(store) => Ok(query::report(&*store.journal(), range, user)?),
            Self::Service(client) => remote!(client, Ok(client.report(range, user)?)),
        }
    }

    /// Whether the log is sound.
    pub(super) fn verify(&self) -> Result<Verified, Failure> {
        match self {
            Self::Log(store) => Ok(query::verify(&*store.journal())?),
            Self::Service(client) => remote!(client, Ok(client.verify()?)),
        }
    }

    /// The state rebuilt from the log.
    pub(super) fn replay(&self, at: Option<&Moment>) -> Result<Rebuilt, Failure> {
        match self {
            Self::Log(store) => {
                let until = at.cloned().map_or(Until::End, Until::Moment);
                Ok(query::replay(&*store.journal(), &until)?)
            }
            Self::Service(client) => remote!(client, Ok(client.replay(at)?)),
        }
    }

    /// Streams the events wanted, at most `limit`, in log order.
    pub(super) fn events(
        &self,
        filter: &EventFilter,
        limit: u64,
        mut each: impl FnMut(EventRow) -> io::Result<()>,
    ) -> Result<(), Failure> {
        if limit == 0 {
            return Ok(());
        }
        match self {
            Self::Log(store) => {
                let mut left = limit;
                let journal = store.journal();
                let mut walk = match &filter.user {
                    Some(user) => {
                        let everything = JournalPlace::START..JournalPlace::END;
                        Scope::person(&*journal, user)?.walk(&*journal, everything)?
                    }
                    None => Walk::start(&*journal)?,
                };
                Ok(query::events(&mut walk, filter, |row| {
                    each(row)?;
                    left -= 1;
                    Ok(if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
                })?)
            }
            Self::Service(client) => remote!(client, {
                let each = |row| each(row).map(ControlFlow::Continue);
                Ok(client.events(filter, limit, each)?)
            }),
        }
    }

    /// Streams the dead letters wanted, at most `limit`; counts all of them where `counts`.
    pub(super) fn dead_letters(
        &self,
        filter: &DeadLetterFilter,
        limit: u64,
        counts: bool,
        mut each: impl FnMut(DeadLetter) -> io::Result<()>,
    ) -> Result<DeadLetters, Failure> {
        match self {
            Self::Log(store) => {
                let mut left = limit;
                Ok(query::dead_letters(&*store.journal(), filter, |letter| {
                    if left > 0 {
                        left -= 1;
                        each(letter)?;
                    } else if !counts {
                        return Ok(ControlFlow::Break(()));
                    }
                    Ok(ControlFlow::Continue(()))
                })?)
            }
            Self::Service(client) => remote!(client, {
                let each = |letter| each(letter).map(ControlFlow::Continue);
                client.dead_letters(filter, limit, each)?;
                let none = DeadLetters::default();
                Ok(if counts { client.dead_letter_counts(filter)? } else { none })
            }),
        }
    }
}

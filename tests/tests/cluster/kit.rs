//! A bus, a keyspace, and workers on both.

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use serde_json::Value;
use zeitgeber::{
    config::Config,
    journal::cql::Connect,
    store::{LogPlace, Store},
};
use zeitgeber_test_services::{cql, kafka, unique};
use zeitgeber_tests::{Dir, Service, command, dir, json, run, verify, zeitgeber};

use super::bus::{Bus, LIMIT, PARTITIONS};

/// How long a dead worker's partitions wait for the others, ms.
pub(crate) const SESSION_MS: u32 = 3_000;
/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// A log that workers share.
pub(crate) struct Cluster {
    pub(crate) bus: Bus,
    pub(crate) url: String,
    cache: Dir,
}

impl Cluster {
    /// Topics and tables of a test's own; `more` are settings besides.
    pub(crate) fn made(stem: &str, more: &[&str]) -> Self {
        Self::on((kafka(), cql()), stem, more)
    }

    /// The same on brokers and a database of the test's own.
    pub(crate) fn on((brokers, nodes): (String, String), stem: &str, more: &[&str]) -> Self {
        let session = format!("kafka.session_ms={SESSION_MS}");
        let mut settings = vec![&*session, "kafka.heartbeat_ms=300", "cql.replication=1"];
        settings.extend(more);
        let bus = Bus::at(brokers, stem, &settings);
        let keyspace = unique(stem);
        let cluster = Self { bus, url: format!("scylla://{nodes}/{keyspace}"), cache: dir() };
        run(&mut cluster.command(&["schema", "apply"]));
        cluster
    }

    /// A command on the shared log.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = zeitgeber();
        command.args(words).args(["--journal", &self.url]);
        for setting in self.settings() {
            command.args(["--set", &setting]);
        }
        command
    }

    fn settings(&self) -> Vec<String> {
        let cache = format!("cql.cache_dir={}", self.cache.path().display());
        self.bus.settings().iter().cloned().chain([cache]).collect()
    }

    /// One more worker.
    pub(crate) fn worker(&self, arguments: &[&str]) -> Service {
        let settings = self.settings();
        let mut all: Vec<&str> = arguments.to_vec();
        all.extend(settings.iter().flat_map(|setting| ["--set", setting.as_str()]));
        Service::start_on(&self.url, &all)
    }

    /// Who owns what, and what is not in the log yet.
    pub(crate) fn status(&self) -> Value {
        json(&mut self.command(&["cluster", "status", "--json"]))
    }

    /// Waits until the status is as it should be. The first worker makes the log a moment after it
    /// listens.
    pub(crate) fn until(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let since = Instant::now();
        loop {
            let asked = self.command(&["cluster", "status", "--json"]).output();
            let asked = asked.expect("the command starts");
            let told = [asked.stdout.as_slice(), &asked.stderr].map(String::from_utf8_lossy);
            let status = serde_json::from_slice::<Value>(&asked.stdout).unwrap_or_default();
            if asked.status.success() && holds(&status) {
                return status;
            }
            assert!(since.elapsed() < LIMIT, "{what}: not in time: {}\n{}", told[0], told[1]);
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// The settings as the library has them.
    pub(crate) fn config(&self) -> Config {
        Config::layered(None, [], &self.settings()).expect("the settings are sound")
    }

    /// The log, to read.
    pub(crate) fn store(&self) -> Store {
        let named = self.url.strip_prefix("scylla://").and_then(|rest| rest.split_once('/'));
        let (nodes, keyspace) = named.expect("a log's address");
        let connect = Connect {
            nodes: vec![nodes.into()],
            keyspace: keyspace.into(),
            login: None,
            tls: false,
            ca_file: None,
            datacenter: None,
            global: false,
        };
        let cache = self.cache.path().join("reader");
        Store::read_at(&LogPlace::Database { connect, cache }).expect("the log can be read")
    }

    /// Waits until every record is in the log.
    pub(crate) fn until_read(&self) {
        self.until("every record is in the log", |status| behind(status) == 0);
    }

    /// The digest of the shared log, which must be sound.
    pub(crate) fn digest(&self) -> String {
        let verified = json(&mut self.command(&["verify", "--json"]));
        assert_eq!(verified["ok"], true, "{verified:#}");
        verified["digest"].as_str().expect("a digest").to_owned()
    }

    /// Sends everybody's profile and waits until it is in the log.
    pub(crate) fn send_profiles(&self, users: &Path) {
        let users = users.display().to_string();
        let sent = self.bus.ingest(&["--as", "profiles", &users]);
        assert!(sent["sent"].as_u64() >= Some(20), "{sent}");
        self.until_read();
    }
}

/// Records that are not in the log.
pub(crate) fn behind(status: &Value) -> u64 {
    let partitions = status["partitions"].as_array().expect("partitions");
    let lags = partitions.iter().flat_map(|partition| {
        partition["lag"].as_object().expect("lag by topic").values().map(|lag| lag.as_u64())
    });
    lags.map(|lag| lag.expect("a number")).sum()
}

/// The workers that own something, and how many partitions are owned.
pub(crate) fn owners(status: &Value) -> (usize, usize) {
    let partitions = status["partitions"].as_array().expect("partitions");
    let owned = partitions.iter().filter_map(|partition| partition["owner"].as_str());
    let owned: Vec<&str> = owned.collect();
    let mut workers = owned.clone();
    workers.sort_unstable();
    workers.dedup();
    (workers.len(), owned.len())
}

/// The digest of the same profiles and readings taken in from files on one machine.
pub(crate) fn digest_of_files(users: &Path, readings: &Path) -> String {
    let dir = dir();
    let mut ingest = command("ingest", dir.path());
    ingest.arg(readings).arg("--profiles").arg(users);
    ingest.args(["--set", &format!("log.partitions={PARTITIONS}")]);
    run(&mut ingest);
    verify(dir.path()).digest
}

//! Real Kafka and Cassandra for tests, on loopback, without containers (`infra/services`).
//!
//! Most tests share one pair of servers, each with a topic prefix or keyspace of its own
//! ([`unique`]); a test that kills or restarts servers starts its own ([`Servers::start`]).
//! Nothing is skipped where a server is missing: the call panics and says what and why.

use std::{
    fs::{self, File},
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use rustix::fs::{FlockOperation, flock};
use tempfile::TempDir;

const KAFKA: &str = "ZEITGEBER_TEST_KAFKA";
const CQL: &str = "ZEITGEBER_TEST_CQL";
/// From one server's first port to the other's.
const CQL_ABOVE_KAFKA: u16 = 110;
/// What `up.sh` uses above the first port: brokers, their controllers, CQL, storage, JMX.
const PORTS: [u16; 11] = [0, 1, 2, 100, 101, 102, 110, 111, 121, 122, 123];

/// What was handed out so far in this process.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// Bootstrap servers of the Kafka that tests share. Started where there is none yet; it keeps
/// running until `infra/services/down.sh target/services` stops it, as `infra/test.sh` does.
pub fn kafka() -> String {
    shared(KAFKA)
}

/// Contact points of the Cassandra that tests share, as [`kafka`].
pub fn cql() -> String {
    shared(CQL)
}

/// A name that no other test has: for topic prefixes and keyspaces.
pub fn unique(stem: &str) -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_micros();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{stem}_{:x}_{:x}_{count}", since & 0xff_ffff_ffff, std::process::id())
}

/// How many servers.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Kafka brokers: 0, 1 or 3.
    pub brokers: u8,
    /// Cassandra nodes: 0, 1 or 3.
    pub cassandras: u8,
}

/// Servers of one test, which may do with them what it likes. Dropping stops them and removes
/// their data.
#[derive(Debug)]
pub struct Servers {
    dir: TempDir,
}

impl Servers {
    /// Starts servers on free ports.
    pub fn start(size: Size) -> Self {
        let servers = Self { dir: TempDir::new().expect("a directory for the servers' data") };
        up(servers.dir.path(), size);
        servers
    }

    /// Bootstrap servers of the brokers.
    pub fn kafka(&self) -> String {
        setting(self.dir.path(), KAFKA)
    }

    /// Contact points of the database.
    pub fn cql(&self) -> String {
        setting(self.dir.path(), CQL)
    }

    /// One server: `kafka-1`, `cassandra-2`, counted from 1.
    pub fn node(&self, name: &str) -> Node {
        let dir = self.dir.path().join(name);
        assert!(dir.is_dir(), "these servers have no {name}");
        Node(dir)
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        let down = script("down.sh").arg(self.dir.path()).arg("--wipe").status();
        assert!(
            std::thread::panicking() || down.is_ok_and(|status| status.success()),
            "the servers could not be stopped"
        );
    }
}

/// One server process.
#[derive(Debug, Clone)]
pub struct Node(PathBuf);

impl Node {
    /// Ends it at once (SIGKILL).
    pub fn kill(&self) {
        self.told("kill");
    }

    /// Stops it cleanly.
    pub fn stop(&self) {
        self.told("stop");
    }

    /// Starts it and waits until it answers.
    pub fn start(&self) {
        self.told("start");
    }

    /// Freezes it (SIGSTOP).
    pub fn pause(&self) {
        self.told("pause");
    }

    /// Lets it go on (SIGCONT).
    pub fn resume(&self) {
        self.told("resume");
    }

    /// Where its configuration, data and log are.
    pub fn dir(&self) -> &Path {
        &self.0
    }

    fn told(&self, what: &str) {
        run(script("node.sh").arg(what).arg(&self.0), what);
    }
}

fn shared(name: &str) -> String {
    static STARTED: OnceLock<PathBuf> = OnceLock::new();
    if let Ok(given) = std::env::var(name) {
        return given;
    }
    let dir = STARTED.get_or_init(|| {
        let dir = target().join("services");
        fs::create_dir_all(&dir).expect("a directory for the servers' data");
        let lock = File::create(dir.join("lock")).expect("a lock file for the servers");
        // Held until the servers answer, so that one test binary starts them and the others wait.
        flock(&lock, FlockOperation::LockExclusive).expect("a lock for the servers");
        up(&dir, Size { brokers: 1, cassandras: 1 });
        dir
    });
    setting(dir, name)
}

fn up(dir: &Path, size: Size) {
    let [kafka, cql] = ports();
    let mut command = script("up.sh");
    command
        .arg(dir)
        .env("BROKERS", size.brokers.to_string())
        .env("CASSANDRAS", size.cassandras.to_string())
        .env("KAFKA_PORT", kafka.to_string())
        .env("CQL_PORT", cql.to_string());
    if std::env::var_os("JARS").is_none() {
        command.env("JARS", target().join("services-jars"));
    }
    run(&mut command, "start");
}

/// The first ports of Kafka and Cassandra, below the ephemeral ones.
fn ports() -> [u16; 2] {
    let seed = std::process::id() + COUNT.fetch_add(41, Ordering::Relaxed);
    let base = |n: u32| 12_000 + ((seed + n) % 160) as u16 * 128;
    let is_free =
        |base: &u16| PORTS.iter().all(|more| TcpListener::bind(("127.0.0.1", base + more)).is_ok());
    let kafka = (0..160).map(base).find(is_free).expect("a free range of ports");
    [kafka, kafka + CQL_ABOVE_KAFKA]
}

/// A setting in the file that `up.sh` leaves.
fn setting(dir: &Path, name: &str) -> String {
    let env = fs::read_to_string(dir.join("env")).expect("the servers' settings");
    let prefix = format!("export {name}=");
    let line = env.lines().find_map(|line| line.strip_prefix(&prefix));
    line.unwrap_or_else(|| panic!("the servers in {} have no {name}", dir.display())).to_owned()
}

fn script(name: &str) -> Command {
    let mut command = Command::new("bash");
    command.arg(root().join("infra/services").join(name));
    command
}

fn run(command: &mut Command, what: &str) {
    let output = command.output().expect("bash can be started");
    assert!(
        output.status.success(),
        "could not {what} the test servers (Kafka and Cassandra; they need Java 17 and Maven):\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

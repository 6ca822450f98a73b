//! A running `zeitgeber serve` on a free loopback port, started, asked, killed and started again.

use std::{
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crate::zeitgeber;

/// Longest time until a service listens.
const START_TIME_OUT: Duration = Duration::from_secs(60);
/// Longest time until a service that was asked to stop has stopped.
const STOP_TIME_OUT: Duration = Duration::from_secs(60);
/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A running service. It is killed where it is dropped.
#[derive(Debug)]
pub struct Service {
    child: Child,
    address: SocketAddr,
    dir: PathBuf,
    place: Vec<String>,
    arguments: Vec<String>,
    said: Arc<Mutex<String>>,
    hearing: Option<JoinHandle<()>>,
}

impl Service {
    /// Starts `zeitgeber serve` on a data directory, with the clock of its inputs.
    ///
    /// # Panics
    ///
    /// If it does not listen in time, with what it said.
    pub fn start(dir: &Path) -> Self {
        Self::start_with(dir, &["--set", "clock.mode=\"inputs\""])
    }

    /// Starts `zeitgeber serve` on a data directory with further arguments.
    ///
    /// # Panics
    ///
    /// If it does not listen in time, with what it said.
    pub fn start_with(dir: &Path, arguments: &[&str]) -> Self {
        let place = ["--data-dir".into(), dir.display().to_string()];
        Self::start_at(free_address(), dir, place.into(), owned(arguments))
    }

    /// Starts `zeitgeber serve` on a log that others share, with further arguments.
    ///
    /// # Panics
    ///
    /// If it does not listen in time, with what it said.
    pub fn start_on(journal: &str, arguments: &[&str]) -> Self {
        let place = ["--journal".into(), journal.into()];
        Self::start_at(free_address(), Path::new(""), place.into(), owned(arguments))
    }

    fn start_at(
        address: SocketAddr,
        dir: &Path,
        place: Vec<String>,
        arguments: Vec<String>,
    ) -> Self {
        let mut command = zeitgeber();
        command.arg("serve").args(&place).args(&arguments);
        command.arg("--set").arg(format!("service.listen=\"{address}\""));
        let (child, said, hearing) = listen_to(&mut command);
        let hearing = Some(hearing);
        let dir = dir.into();
        let mut service = Self { child, address, dir, place, arguments, said, hearing };
        let started = Instant::now();
        while TcpStream::connect(address).is_err() {
            let ended = service.child.try_wait().expect("a child can be asked");
            let late = started.elapsed() > START_TIME_OUT;
            assert!(ended.is_none() && !late, "the service is not there: {}", service.said());
            std::thread::sleep(LOOK_EVERY);
        }
        service
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its data directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The URL of a path (with its leading slash) of it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has written to standard error so far.
    pub fn said(&self) -> String {
        self.said.lock().map(|said| said.clone()).unwrap_or_default()
    }

    /// Asks it to stop with SIGTERM and waits for it; gives what it said.
    ///
    /// # Panics
    ///
    /// If it does not end well in time.
    pub fn stop(mut self) -> String {
        self.signal("-TERM");
        let status = self.wait();
        assert!(status.success(), "the service ended with {status}: {}", self.said());
        self.said()
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    ///
    /// If it does not end in time.
    pub fn wait(&mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be asked") {
                if let Some(hearing) = self.hearing.take() {
                    hearing.join().expect("the hearing thread only reads");
                }
                return status;
            }
            assert!(started.elapsed() < STOP_TIME_OUT, "the service runs on: {}", self.said());
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Whether it ended by itself.
    ///
    /// # Panics
    ///
    /// If the system does not tell.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child can be asked").is_some()
    }

    /// Kills it with SIGKILL and starts it again on the same address and directory.
    ///
    /// # Panics
    ///
    /// If it does not listen in time, with what it said.
    #[must_use]
    pub fn kill_and_restart(mut self) -> Self {
        self.kill();
        let (place, arguments) =
            (std::mem::take(&mut self.place), std::mem::take(&mut self.arguments));
        Self::start_at(self.address, &self.dir, place, arguments)
    }

    /// Freezes it (SIGSTOP).
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on (SIGCONT).
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.pid().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "the service can be signalled");
    }

    /// Kills it with SIGKILL.
    pub fn kill(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.kill();
    }
}

fn free_address() -> SocketAddr {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    free.expect("some loopback port is free")
}

fn owned(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(ToString::to_string).collect()
}

/// Starts a command and keeps what it writes to standard error.
fn listen_to(command: &mut Command) -> (Child, Arc<Mutex<String>>, JoinHandle<()>) {
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the service starts");
    let errors = child.stderr.take().expect("its standard error is piped");
    let said = Arc::new(Mutex::new(String::new()));
    let heard = Arc::clone(&said);
    let hearing = std::thread::spawn(move || {
        for line in BufReader::new(errors).lines().map_while(Result::ok) {
            if let Ok(mut said) = heard.lock() {
                said.push_str(&line);
                said.push('\n');
            }
        }
    });
    (child, said, hearing)
}

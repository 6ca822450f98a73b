//! A real Prometheus with the repository's configuration, in a hurry: every second where it says
//! fifteen, and the service's own port where it says the default one.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use zeitgeber_tests::{Dir, dir, repository};

use super::http::{ask, encoded};

/// Longest time until it answers.
const START_TIME_OUT: Duration = Duration::from_secs(60);
/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A running Prometheus. It is killed where it is dropped.
#[derive(Debug)]
pub(crate) struct Prometheus {
    child: Child,
    address: SocketAddr,
    files: Dir,
}

impl Prometheus {
    /// Starts it and waits until it answers.
    pub(crate) fn start(target: SocketAddr) -> Self {
        let files = dir();
        configure(files.path(), target);
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = free.expect("some loopback port is free");
        let log = fs::File::create(files.path().join("log")).expect("a file can be made");
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", files.path().join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", files.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        let child = child.unwrap_or_else(|error| {
            panic!("prometheus: {error}; infra/prometheus/check.sh installs Debian's `prometheus`")
        });
        let mut this = Self { child, address, files };
        let started = Instant::now();
        while !ask(address, "GET", "/-/ready", "", &[]).is_ok_and(|answer| answer.status == 200) {
            let ended = this.child.try_wait().expect("a child can be asked");
            let late = started.elapsed() > START_TIME_OUT;
            assert!(ended.is_none() && !late, "Prometheus is not there: {}", this.log());
            std::thread::sleep(LOOK_EVERY);
        }
        this
    }

    /// The answer to a query as of now: its series, each with a number.
    pub(crate) fn query(&self, expression: &str) -> Result<Vec<f64>, String> {
        let data = self.api(&format!("query?query={}", encoded(expression)))?;
        let series = data["result"].as_array().ok_or("no vector")?;
        let value = |series: &Value| series["value"][1].as_str()?.parse::<f64>().ok();
        Ok(series.iter().filter_map(value).collect())
    }

    /// What its API answers.
    pub(crate) fn api(&self, path: &str) -> Result<Value, String> {
        let answer = ask(self.address, "GET", &format!("/api/v1/{path}"), "", &[]);
        let answer = answer.map_err(|error| format!("Prometheus: {error}"))?.json();
        if answer["status"] != "success" {
            return Err(answer["error"].to_string());
        }
        Ok(answer["data"].clone())
    }

    /// What it wrote.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.files.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Copies the configuration, a second for every fifteen.
fn configure(to: &Path, target: SocketAddr) {
    let from = repository("infra/prometheus");
    fs::create_dir_all(to.join("rules")).expect("a folder can be made");
    let rules = fs::read_dir(from.join("rules")).expect("there are rules");
    let rules = rules.map(|entry| entry.expect("it can be listed").file_name());
    let rules = rules.map(|name| Path::new("rules").join(name));
    for file in rules.chain([Path::new("prometheus.yml").into()]) {
        let text = fs::read_to_string(from.join(&file)).expect("the configuration is there");
        let text = text.replace("interval: 15s", "interval: 1s");
        let text =
            text.replace("timeout: 10s", "timeout: 1s").replace("interval: 30s", "interval: 1s");
        fs::write(to.join(&file), text).expect("a file can be written");
    }
    let targets = fs::read_to_string(from.join("targets.yml")).expect("the targets are there");
    let targets = targets.replace("127.0.0.1:8787", &target.to_string());
    assert!(targets.contains(&target.to_string()), "the targets name the default port: {targets}");
    fs::write(to.join("targets.yml"), targets).expect("a file can be written");
}

//! Readings sent all the while, as a producer sends them that knows nothing of what befalls others.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use serde_json::Value;
use zeitgeber::bus::kafka::{Feeder, Input};
use zeitgeber_tests::{sample_dir, sample_lines};

use super::kit::Cluster;

/// Lines that are sent together, and the pause behind them.
const BURST: (usize, Duration) = (50, Duration::from_millis(100));
/// What stands before a person's id in a reading.
const PERSON: &[u8] = b"\"user_id\":\"";

/// A thread that sends.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Load {
    /// Sends the sample again and again, each lap about people of its own while there are any.
    pub(crate) fn start(cluster: &Cluster, laps: usize) -> Self {
        let config = cluster.config();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut feeder = Feeder::new(&config.kafka).expect("the brokers answer");
            for lap in 0.. {
                for burst in sample_lines().chunks(BURST.0) {
                    for line in burst {
                        let line = of_lap(line, lap % laps);
                        feeder.line(Input::Readings, &line).expect("the brokers take it");
                    }
                    if stopped.load(Ordering::Relaxed) {
                        return feeder.finish().expect("the brokers take them");
                    }
                    std::thread::sleep(BURST.1);
                }
            }
            unreachable!("laps go on for ever")
        });
        Self { stop, thread }
    }

    /// Sends nothing more; how many lines it sent.
    pub(crate) fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("everything was sent")
    }
}

/// Writes everybody's profile, of every lap.
pub(crate) fn profiles(laps: usize, file: &Path) {
    let text = std::fs::read(sample_dir().join("users.json")).expect("the sample is there");
    let sample: Value = serde_json::from_slice(&text).expect("the sample is whole");
    let mut users = Vec::new();
    for lap in 0..laps {
        for user in sample["users"].as_array().expect("a list of people") {
            let mut user = user.clone();
            let id = user["user_id"].as_str().expect("a person has an id").to_owned();
            user["user_id"] = format!("{id}{}", suffix(lap)).into();
            users.push(user);
        }
    }
    let text = serde_json::json!({ "users": users }).to_string();
    std::fs::write(file, text).expect("the file can be written");
}

fn suffix(lap: usize) -> String {
    if lap == 0 { String::new() } else { format!(".{lap}") }
}

/// A line of the sample about the same person of another lap, where it names one.
fn of_lap(line: &[u8], lap: usize) -> Vec<u8> {
    let mut line = line.to_vec();
    let begin = line.windows(PERSON.len()).position(|part| part == PERSON);
    if let Some(begin) = begin.map(|begin| begin + PERSON.len())
        && let Some(length) = line[begin..].iter().position(|byte| *byte == b'"')
    {
        line.splice(begin + length..begin + length, suffix(lap).into_bytes());
    }
    line
}

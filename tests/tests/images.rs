//! What simulated crashes leave, on real disks: the binary opens it, finds what the simulated
//! process finds, loses nothing that was durable, and goes on.
//!
//! `ZEITGEBER_IMAGES` sets how many images are tried, `ZEITGEBER_SEED` the first seed.

use std::{
    env, fs,
    io::{self, Write},
    path::Path,
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::Value;
use zeitgeber::sim::{self, Image, Settings};
use zeitgeber_tests::{command, dir, json, run};

/// Images that are tried, unless `ZEITGEBER_IMAGES` says how many.
const IMAGES: u64 = 40;
/// Steps of a simulation: it crashes about fifteen times.
const STEPS: u64 = 1_000;

#[test]
fn the_binary_finds_on_a_real_disk_what_the_simulator_finds_after_each_crash() {
    let wanted = number("ZEITGEBER_IMAGES").unwrap_or(IMAGES);
    let first = number("ZEITGEBER_SEED").unwrap_or_else(by_clock);
    say(&format!("ZEITGEBER_SEED={first} repeats these images"));
    let (mut logs, mut none) = (0, 0);
    let mut seed = first;
    while logs < wanted {
        let settings = Settings { keeps_images: true, ..Settings::new(seed, STEPS) };
        let outcome = sim::run(&settings);
        assert_eq!(outcome.violation, None, "seed {seed}");
        for (number, image) in outcome.images.iter().enumerate() {
            if logs == wanted {
                break;
            }
            let at = format!("seed {seed}, crash {number}");
            if is_found_again(image, &at) { logs += 1 } else { none += 1 }
        }
        seed += 1;
    }
    say(&format!("{logs} images of {} seeds opened, {none} more held no log yet", seed - first));
}

/// Whether there is a log.
fn is_found_again(image: &Image, at: &str) -> bool {
    let scratch = dir();
    let data = scratch.path().join("data");
    image.write(&data).expect("the image can be written");
    let Some((events, head)) = image.found else {
        assert_eq!(image.durable_events, 0, "{at}: the log is lost");
        let output = command("verify", &data).output().expect("the command starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("holds no log"), "{at}: {said}");
        return false;
    };
    assert!(events >= image.durable_events, "{at}: {events} of {}", image.durable_events);
    let found = json(command("verify", &data).arg("--json"));
    let expected = Value::from(head.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    assert_eq!(found["head"], expected, "{at}: {found}");
    assert_eq!((&found["ok"], &found["events"]), (&true.into(), &events.into()), "{at}: {found}");

    // Opening for writing cuts, settles and takes the snapshots that are there.
    let empty = scratch.path().join("empty.jsonl");
    fs::write(&empty, "").expect("the file can be written");
    let took = run(ingest(&data, &empty).arg("--json"));
    let after = json(command("verify", &data).arg("--json"));
    let grown = after["events"].as_u64().is_some_and(|after| after >= events);
    assert!(after["ok"] == true && grown, "{at}: {after} after {:?}", took.stdout);
    true
}

fn ingest(data: &Path, file: &Path) -> Command {
    let mut ingest = command("ingest", data);
    ingest.arg(file);
    ingest
}

/// Prints past the test harness, which keeps what passing tests print to itself.
fn say(text: &str) {
    writeln!(io::stdout(), "{text}").expect("standard output is there");
}

fn by_clock() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos() as u64 >> 8)
}

/// The number in a variable of the environment, where it is set.
fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text}: no number")))
}

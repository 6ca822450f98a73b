//! The `curl` lines of the documents, run as they stand against a running service.

use std::{fs, path::Path, process::Command};

use zeitgeber_tests::{Dir, Service, repository, run, sample_dir, sample_lines, write_lines};

/// Where the documents say that the service listens.
const DOCUMENTED: &str = "http://127.0.0.1:8787";
/// The file of readings that the documents send.
const LINES: usize = 500;

/// What a block says that cannot run by itself: it waits for events, or names a lease that only its
/// agent was told.
const NOT_ALONE: [&str; 2] = ["curl -N", "\"lease\":42"];

/// The shell blocks of a document that ask the service.
fn blocks(document: &str) -> Vec<String> {
    let text = fs::read_to_string(repository(document)).expect("the document is there");
    let fenced = text.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let asks = fenced.filter(|block| block.contains("curl "));
    asks.filter(|block| NOT_ALONE.iter().all(|no| !block.contains(no))).map(str::to_owned).collect()
}

fn play(document: &str, dir: &Path) {
    // The wall clock, since what the documents send says no arrival time.
    let service = Service::start_with(&dir.join("data"), &[]);
    let blocks = blocks(document);
    assert!(!blocks.is_empty(), "{document} shows how to ask the service");
    for block in blocks {
        let script = format!(
            "set -e\ncurl() {{ command curl -sS --fail-with-body --max-time 20 \"$@\"; }}\n{block}"
        );
        let script = script.replace(DOCUMENTED, &service.url(""));
        run(Command::new("bash").args(["-c", &script]).current_dir(dir));
    }
    service.stop();
}

#[test]
fn every_curl_line_of_the_documents_does_what_it_says() {
    for document in ["README.md", "docs/http.md"] {
        let dir = Dir::new().expect("there is room for a directory");
        write_lines(&dir.path().join("day.jsonl"), &sample_lines()[..LINES]);
        fs::copy(sample_dir().join("users.json"), dir.path().join("users.json"))
            .expect("the sample is there");
        play(document, dir.path());
    }
}

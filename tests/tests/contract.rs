//! Every endpoint, driven from the OpenAPI document by a generator that nobody here wrote.
//!
//! Schemathesis makes valid and invalid requests from the document alone and holds every answer
//! against it: no 5xx, no undocumented status, type or shape, nothing accepted that the document
//! forbids. `infra/contract/setup.sh` installs it.

use std::{path::PathBuf, process::Command};

use zeitgeber_tests::{
    Dir, Service, command, repository, run, sample_dir, sample_lines, write_lines,
};

/// Lines of the sample that are in the log before, so that ids have somebody behind them.
const LINES: usize = 3_000;
/// Requests made of each operation in each phase, at most.
const REQUESTS: &str = "15";
/// Longest run, s.
const SECONDS: &str = "60";
/// Answers that never end; their own tests read them.
const ENDLESS: [&str; 2] = ["/v1/stream", "/v1/ws"];

fn schemathesis() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR");
    let target = target.map_or_else(|| repository("target"), PathBuf::from);
    let program = target.join("contract/bin/st");
    assert!(program.exists(), "schemathesis is missing: run `bash infra/contract/setup.sh`");
    program
}

#[test]
fn no_answer_contradicts_the_openapi_document() {
    let dir = Dir::new().expect("there is room for a directory");
    let lines = dir.path().join("lines.jsonl");
    write_lines(&lines, &sample_lines()[..LINES]);
    let data = dir.path().join("data");
    let mut ingest = command("ingest", &data);
    run(ingest.arg(&lines).arg("--profiles").arg(sample_dir().join("users.json")));
    let service = Service::start(&data);
    let mut st = Command::new(schemathesis());
    st.arg("--config-file").arg(repository("infra/contract/schemathesis.toml"));
    // One worker: with several, Python 3.11's parser counts its depth wrongly now and then.
    st.args(["run", &service.url("/openapi.json"), "--no-color", "--workers", "1"]);
    st.args(["--checks", "all", "--max-examples", REQUESTS, "--max-time", SECONDS]);
    st.arg("--generation-deterministic");
    st.args(["--request-timeout", "20", "--continue-on-failure"]);
    for path in ENDLESS {
        st.args(["--exclude-path", path]);
    }
    let output = st.current_dir(dir.path()).output().expect("schemathesis starts");
    println!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    service.stop();
}

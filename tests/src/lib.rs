//! The test kit: the built binary, the sample, and what a command answered.
//!
//! Tests look at the program from outside, so most of them run `zeitgeber` itself; this crate makes
//! sure that the binary is there and new, whichever test is run.

pub mod dashboards;
pub mod day;
pub mod http;
mod service;

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::OnceLock,
};

use serde_json::Value;
pub use service::Service;
pub use tempfile::TempDir as Dir;

/// What `verify` found of a sound log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The joined heads of the partitions' chains, hexadecimal.
    pub head: String,
    /// The digest of the inputs and events, hexadecimal.
    pub digest: String,
}

/// The built binary, without configuration from the machine it runs on.
///
/// # Panics
///
/// If it does not compile.
pub fn zeitgeber() -> Command {
    let program = binary();
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ZEITGEBER_") {
            command.env_remove(name);
        }
    }
    command.env("XDG_CONFIG_HOME", program.with_file_name("no-configuration"));
    command.stdin(Stdio::null());
    command
}

/// `zeitgeber COMMAND --data-dir DIR`; further arguments can be added.
pub fn command(name: &str, dir: &Path) -> Command {
    let mut command = zeitgeber();
    command.arg(name).arg("--data-dir").arg(dir);
    command
}

/// Runs a command that must succeed.
///
/// # Panics
///
/// If it does not start or fails, with what it said.
pub fn run(command: &mut Command) -> Output {
    let output = command.output().expect("the command starts");
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// Runs a command that must succeed and print exactly one JSON document.
///
/// # Panics
///
/// If it fails or prints anything else.
pub fn json(command: &mut Command) -> Value {
    let output = run(command);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{command:?}: {error}: {}", String::from_utf8_lossy(&output.stdout))
    })
}

/// Runs a command that must succeed and print one JSON object a line.
///
/// # Panics
///
/// If it fails or prints anything else.
pub fn json_lines(command: &mut Command) -> Vec<Value> {
    let output = run(command);
    let text = String::from_utf8(output.stdout).expect("JSON is UTF-8");
    text.lines()
        .map(|line| {
            let value: Value = serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("{command:?}: {error}: {line}"));
            assert!(value.is_object(), "{command:?}: not an object: {line}");
            value
        })
        .collect()
}

/// Runs a command that must fail with exit status 1 and nothing on standard output; what it said.
///
/// # Panics
///
/// If it does anything else.
pub fn refused(command: &mut Command) -> String {
    let output = command.output().expect("the command starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{command:?}: {said}");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.stdout.is_empty(), "{command:?} printed {printed}");
    said
}

/// Verifies a log, which must be sound.
///
/// # Panics
///
/// If it is not.
pub fn verify(dir: &Path) -> Verified {
    let answer = json(command("verify", dir).arg("--json"));
    let text = |key: &str| {
        let value = answer[key].as_str();
        value.unwrap_or_else(|| panic!("{key} is missing: {answer}")).to_owned()
    };
    assert_eq!(answer["ok"], true, "{answer}");
    Verified { head: text("head"), digest: text("digest") }
}

/// A new directory, removed when dropped.
///
/// # Panics
///
/// If none can be made.
pub fn dir() -> Dir {
    tempfile::tempdir().expect("a temporary directory can be made")
}

/// A path in the repository.
pub fn repository(path: &str) -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the tests crate lies in the repository").join(path)
}

/// The folder of the compiled-in sample: `readings.jsonl.zst` and `users.json`.
pub fn sample_dir() -> PathBuf {
    repository("pipeline/sample")
}

/// The lines of the compiled-in sample, labelled dirt included.
///
/// # Panics
///
/// If it cannot be read.
pub fn sample_lines() -> &'static [Vec<u8>] {
    static LINES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    LINES.get_or_init(|| {
        let packed =
            fs::read(sample_dir().join("readings.jsonl.zst")).expect("the sample is there");
        let plain = zstd::stream::decode_all(packed.as_slice()).expect("the sample is whole");
        let text = plain.strip_suffix(b"\n").unwrap_or(&plain);
        text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
    })
}

/// Writes lines to a file.
///
/// # Panics
///
/// If it cannot be written.
pub fn write_lines<L: AsRef<[u8]>>(path: &Path, lines: &[L]) {
    let mut bytes = Vec::new();
    for line in lines {
        bytes.extend_from_slice(line.as_ref());
        bytes.push(b'\n');
    }
    fs::write(path, bytes).expect("the file can be written");
}

/// The text of a gzip file.
///
/// # Panics
///
/// If it cannot be read.
pub fn gunzip(path: &Path) -> String {
    let file = fs::File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text).expect("gzip of text");
    text
}

/// Every file under a directory with its bytes, by path.
///
/// # Panics
///
/// If they cannot be read.
pub fn files(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("the directory can be listed") {
        let path = entry.expect("the directory can be listed").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let bytes = fs::read(&path).expect("the file can be read");
            found.push((path, bytes));
        }
    }
    found.sort();
    found
}

/// The binary of this build: what `ZEITGEBER_TEST_BINARY` names, where whoever runs all tests has
/// built it together with them. Cargo builds no other package's binary for one package's tests, so
/// otherwise this asks for it once a process; where it is fresh that takes a moment only.
fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(built) = std::env::var_os("ZEITGEBER_TEST_BINARY") {
            return built.into();
        }
        let exe = std::env::current_exe().expect("a test knows where it is");
        let mut profile = exe.parent().expect("a test lies in a directory");
        if profile.ends_with("deps") {
            profile = profile.parent().expect("deps lies in the profile's directory");
        }
        let target = profile.parent().expect("the profile lies in the target directory");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args(["build", "--quiet", "--package", "zeitgeber", "--bin", "zeitgeber"]);
        build.arg("--target-dir").arg(target).current_dir(repository(""));
        // A build script of a dependency runs again where this differs from a build by hand, and
        // everything after it.
        build.env_remove("CARGO_MANIFEST_DIR");
        if profile.ends_with("release") {
            build.arg("--release");
        }
        run(&mut build);
        profile.join(format!("zeitgeber{}", std::env::consts::EXE_SUFFIX))
    })
}

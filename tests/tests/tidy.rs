//! What the project believes about itself: layering, shape of the sources, and true documents.
//!
//! Each rule here is one that a reader relies on and that no compiler checks.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use zeitgeber_tests::{repository, run, zeitgeber};

/// Most lines of a file before its tests.
const LINES_MAX: usize = 400;
/// Crates that the pure core may reach: values, numbers and derives; nothing that does I/O.
const CORE_CRATES: [&str; 15] = [
    "foldhash",
    "hashbrown",
    "libm",
    "proc-macro2",
    "quote",
    "serde",
    "serde_core",
    "serde_derive",
    "syn",
    "thiserror",
    "thiserror-impl",
    "unicode-ident",
    "xxhash-rust",
    "zeitgeber-processors",
    "zeitgeber-schemas",
];
/// Crates that run while compiling; they may use the standard library.
const MACRO_CRATES: [&str; 6] =
    ["proc-macro2", "quote", "serde_derive", "syn", "thiserror-impl", "unicode-ident"];
const STAGES: [&str; 5] = ["validation", "rhythm", "routing", "intervention", "feedback"];
/// What a stage may import besides itself.
const SHARED: [&str; 3] = ["exact", "ledger", "versions"];
const FOLDERS: [&str; 7] =
    ["pipeline/", "processors/", "schemas/", "tests/", "docs/", "infra/", ".ci/"];

/// Every file of the repository that is text, by path from its root.
fn texts() -> Vec<(String, String)> {
    let root = repository("");
    let mut found = Vec::new();
    walk(&root, &mut found);
    let relative = |path: &Path| {
        let path = path.strip_prefix(&root).expect("it lies in the repository");
        path.to_string_lossy().into_owned()
    };
    let texts: Vec<(String, String)> = found
        .iter()
        .filter_map(|path| Some((relative(path), fs::read_to_string(path).ok()?)))
        .collect();
    assert!(texts.len() > 100, "the repository was found");
    texts
}

fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("the repository can be listed") {
        let path = entry.expect("the repository can be listed").path();
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        if path.is_dir() {
            if ![".git", "target"].contains(&name) {
                walk(&path, found);
            }
        } else {
            found.push(path);
        }
    }
    found.sort();
}

fn sources() -> Vec<(String, String)> {
    texts().into_iter().filter(|(path, _)| path.ends_with(".rs")).collect()
}

/// A source up to its tests.
fn before_tests(text: &str) -> &str {
    text.split("\n#[cfg(test)]\nmod ").next().unwrap_or(text)
}

fn none(what: &str, offences: &[String]) {
    assert!(offences.is_empty(), "{what}:\n  {}", offences.join("\n  "));
}

fn cargo(args: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = run(Command::new(cargo).args(args).current_dir(repository("")));
    String::from_utf8(output.stdout).expect("cargo prints text")
}

#[test]
fn no_crate_that_does_io_is_reachable_from_the_core() {
    for package in ["zeitgeber-schemas", "zeitgeber-processors"] {
        let args = ["tree", "--package", package, "--edges", "normal", "--prefix", "none"];
        let tree = cargo(&[&args[..], &["--format", "{p}|{f}"]].concat());
        let mut seen = BTreeSet::new();
        for line in tree.lines() {
            let (crate_, features) = line.split_once('|').expect("a crate and its features");
            let name = crate_.split(' ').next().unwrap_or_default();
            seen.insert(name);
            assert!(CORE_CRATES.contains(&name), "{package} reaches {name}");
            let features = features.trim_end_matches(" (*)");
            let needs_std = features.split(',').any(|feature| feature == "std");
            assert!(!needs_std || MACRO_CRATES.contains(&name), "{package}: {name} with std");
        }
        assert!(seen.contains(package) && seen.len() > 5, "{seen:?}");
        let folder = package.trim_start_matches("zeitgeber-");
        let lib = fs::read_to_string(repository(folder).join("src/lib.rs")).expect("it is there");
        assert!(lib.contains("\n#![no_std]\n"), "{package} is no_std");
    }
    // A hasher of this kind takes its seed from where the program lies in memory.
    let random = concat!("Random", "State");
    let core = sources().into_iter().filter(|(path, _)| path.starts_with("processors/src/"));
    let random: Vec<String> =
        core.filter(|(_, text)| text.contains(random)).map(|(path, _)| path).collect();
    none("the core hashes by chance", &random);
}

#[test]
fn crates_depend_downwards_only() {
    for (folder, allowed) in [
        ("schemas", &[][..]),
        ("processors", &["zeitgeber-schemas"]),
        ("pipeline", &["zeitgeber-schemas", "zeitgeber-processors", "zeitgeber-test-services"]),
    ] {
        let manifest = fs::read_to_string(repository(folder).join("Cargo.toml"));
        let manifest = manifest.expect("the manifest is there");
        for line in manifest.lines().filter(|line| line.starts_with("zeitgeber")) {
            let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
            assert!(allowed.contains(&name), "{folder} depends on {name}");
        }
    }
}

#[test]
fn stages_do_not_import_each_other() {
    let (mut offences, mut met) = (Vec::new(), BTreeSet::new());
    for (path, text) in sources() {
        let Some(inner) = path.strip_prefix("processors/src/") else { continue };
        let stage = inner.split(['/', '.']).next().unwrap_or_default();
        if !STAGES.contains(&stage) {
            continue;
        }
        met.insert(stage.to_owned());
        for module in modules_named(&text) {
            if module != stage && !SHARED.contains(&&*module) {
                offences.push(format!("{path} names {module}"));
            }
        }
    }
    assert_eq!(met.len(), STAGES.len(), "every stage was met");
    none("a stage imports another", &offences);
}

/// The first names behind every `crate::`, groups taken apart.
fn modules_named(text: &str) -> Vec<String> {
    let name = |text: &str| {
        let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
        text[..end].to_owned()
    };
    let mut names = Vec::new();
    for (at, found) in text.match_indices("crate::") {
        let rest = &text[at + found.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            names.push(name(rest));
            continue;
        };
        let (mut depth, mut start) = (0, 0);
        for (end, character) in group.char_indices() {
            match character {
                '{' => depth += 1,
                '}' if depth > 0 => depth -= 1,
                ',' | '}' if depth == 0 => {
                    names.push(name(group[start..end].trim()));
                    start = end + 1;
                    if character == '}' {
                        break;
                    }
                }
                _ => {}
            }
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

#[test]
fn every_source_says_first_what_it_is() {
    let sources = sources().into_iter();
    let silent: Vec<String> =
        sources.filter(|(_, text)| !text.starts_with("//! ")).map(|(path, _)| path).collect();
    none("a source does not begin with `//!`", &silent);
}

#[test]
fn no_source_is_too_long() {
    let long = |(path, text): (String, String)| {
        let lines = before_tests(&text).lines().count();
        (lines > LINES_MAX).then(|| format!("{path} has {lines} lines"))
    };
    let long: Vec<String> = sources().into_iter().filter_map(long).collect();
    none("a source is longer than 400 lines before its tests", &long);
}

#[test]
fn no_source_gives_up_or_silences_a_lint() {
    // Written apart, so that this file does not name them itself.
    let never = [
        concat!("to", "do!("),
        concat!("unimple", "mented!("),
        concat!("db", "g!("),
        concat!("#[al", "low"),
        concat!("#![al", "low"),
        concat!("#[ig", "nore"),
    ];
    let unwrap = concat!(".un", "wrap()");
    let mut offences = Vec::new();
    for (path, text) in sources() {
        for word in never.iter().filter(|word| text.contains(**word)) {
            offences.push(format!("{path} contains {word}"));
        }
        let code = before_tests(&text).lines().map(str::trim_start);
        let unwraps = code.filter(|line| !line.starts_with("//") && line.contains(unwrap)).count();
        if path.contains("/src/") && unwraps > 0 {
            offences.push(format!("{path} unwraps {unwraps} times outside its tests"));
        }
    }
    none("a source gives up or silences a lint", &offences);
}

#[test]
fn no_file_knows_the_machine_that_it_was_written_on() {
    let places = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];
    let hosts = ["registry.", "mirror", "proxy", "nexus", "artifact", "localhost"];
    let index = "registry+https://github.com/rust-lang/crates.io-index";
    let mut offences = Vec::new();
    for (path, text) in texts() {
        for place in places.iter().filter(|place| text.contains(**place)) {
            offences.push(format!("{path} contains {place}"));
        }
        for url in text.split("://").skip(1) {
            let host = url.split(['/', '"', ' ', ')', '\n']).next().unwrap_or_default();
            if hosts.iter().any(|word| host.contains(word)) {
                offences.push(format!("{path} names the host {host}"));
            }
        }
        if path.ends_with("Cargo.lock") {
            let sources = text.lines().filter_map(|line| line.strip_prefix("source = "));
            let foreign = sources.filter(|source| source.trim_matches('"') != index);
            offences.extend(foreign.map(|source| format!("{path} takes from {source}")));
        }
        if path.starts_with(".cargo/") {
            offences.push(format!("{path} configures somebody's cargo"));
        }
    }
    none("a file knows its machine", &offences);
}

/// README and everything under `docs/`.
fn documents() -> Vec<(String, String)> {
    let is_document =
        |path: &str| path == "README.md" || (path.starts_with("docs/") && path.ends_with(".md"));
    let documents: Vec<(String, String)> =
        texts().into_iter().filter(|(path, _)| is_document(path)).collect();
    let named = |name: &str| documents.iter().any(|(path, _)| path == name);
    assert!(named("README.md"), "README.md is missing");
    assert!(named("docs/architecture.md"), "the newcomer's map is missing");
    documents
}

/// The code of a document: fenced and indented lines, and inline spans.
fn code(text: &str) -> Vec<&str> {
    let (mut code, mut fenced) = (Vec::new(), false);
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if fenced || line.starts_with("    ") {
            code.push(line);
        } else {
            code.extend(line.split('`').skip(1).step_by(2));
        }
    }
    code
}

#[test]
fn every_documented_path_exists() {
    let (mut missing, mut checked) = (Vec::new(), 0);
    for (document, text) in documents() {
        let folder = repository(&document).parent().map(Path::to_owned).unwrap_or_default();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split('#').next().unwrap_or_default();
            if path.is_empty() || path.contains("://") {
                continue;
            }
            checked += 1;
            if !folder.join(path).exists() {
                missing.push(format!("{document} links to {target}"));
            }
        }
        for word in code(&text).into_iter().flat_map(str::split_whitespace) {
            let word = word.trim_matches(|c: char| ",;:()'\"".contains(c));
            let is_pattern = |part: &str| {
                let stem = part.split('.').next().unwrap_or_default();
                part.contains(['*', '…', '<', '{', '$'])
                    || (stem.len() > 1
                        && part != "README.md"
                        && stem.chars().all(|c| c.is_ascii_uppercase()))
            };
            let is_ours = FOLDERS.iter().any(|folder| word.starts_with(folder));
            if !is_ours || word.split('/').any(is_pattern) {
                continue;
            }
            checked += 1;
            let path = word.split(':').next().unwrap_or_default();
            if !repository(path).exists() {
                missing.push(format!("{document} names {word}"));
            }
        }
    }
    none("a document names a path that does not exist", &missing);
    assert!(checked > 10, "documents name paths");
}

#[test]
fn every_documented_command_exists_with_its_flags() {
    let help = |args: &[&str]| {
        let help = run(zeitgeber().args(args).arg("--help")).stdout;
        String::from_utf8(help).expect("help is text")
    };
    let listed = help(&[]);
    let commands: BTreeSet<&str> = listed
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase()))
        .collect();
    let (mut wrong, mut checked) = (Vec::new(), 0);
    for (document, text) in documents() {
        for line in code(&text) {
            for part in line.split(['|', ';', '&']) {
                let mut words = part.split_whitespace().skip_while(|word| *word != "zeitgeber");
                let words: Vec<&str> =
                    words.by_ref().skip(1).filter(|word| *word != "--").collect();
                let Some(first) = words.first() else { continue };
                let command = words.iter().find(|word| commands.contains(*word));
                let is_word = first.chars().all(|c| c.is_ascii_lowercase());
                if is_word && !commands.contains(first) {
                    wrong.push(format!("{document}: no command `{first}`: {line}"));
                }
                let Some(command) = command else { continue };
                checked += 1;
                let known = help(&[command]);
                let flags = words.iter().filter(|word| word.starts_with("--"));
                for flag in flags.filter_map(|flag| flag.split(['=', ',', ')', ']']).next()) {
                    let stands = |text: &str| text.split([' ', '\n', ',']).any(|w| w == flag);
                    if !stands(&known) {
                        wrong.push(format!("{document}: `{command}` has no {flag}: {line}"));
                    }
                }
            }
        }
    }
    none("a document names a command or flag that does not exist", &wrong);
    assert!(checked > 3, "documents show commands");
}

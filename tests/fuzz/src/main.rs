//! Every parser and reader, fed by libFuzzer: none may panic, hang or ask for memory without bound,
//! and where there are two implementations they must agree.
//!
//! One program for all targets, since it is the linking that takes time; `ZEITGEBER_FUZZ_TARGET`
//! names the one that runs. `run.sh` builds and runs them.

#![no_main]

mod configuration;
mod documents;
mod edits;
mod journal;
mod readings;
mod recordings;
mod scratch;
mod wire;

use std::{env, process, sync::LazyLock};

use libfuzzer_sys::fuzz_target;

type Target = fn(&[u8]);

/// Every target by its name, that of its corpus.
const TARGETS: [(&str, Target); 9] = [
    ("json_reading", readings::json),
    ("avro_reading", readings::avro),
    ("input_file", readings::file),
    ("documents", documents::documents),
    ("payload", wire::payload),
    ("chunk", journal::chunk),
    ("log", journal::log),
    ("configuration", configuration::configuration),
    ("recording", recordings::recording),
];

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let wanted = env::var("ZEITGEBER_FUZZ_TARGET").unwrap_or_default();
    let found = TARGETS.iter().find(|(name, _)| *name == wanted);
    let Some((_, target)) = found else {
        let names: Vec<_> = TARGETS.iter().map(|(name, _)| *name).collect();
        eprintln!("ZEITGEBER_FUZZ_TARGET names one of {}; was {wanted:?}", names.join(", "));
        process::exit(2);
    };
    *target
});

fuzz_target!(|bytes: &[u8]| TARGET(bytes));

//! Artefacts of beats and their repair, as a whole and as a stream.

use serde_json::{Value, json};
use zeitgeber_processors::rhythm::hrv::{
    Artefacts, Classifier, DECIDED_AFTER, correct, correct_repeatedly,
};

use crate::hrv::adjacent;

/// Intervals that are classified at most.
const INTERVALS: usize = 20_000;

/// Beats at both ends that a stream may classify otherwise.
const ENDS: usize = 46;

pub(crate) fn tree(raw: &[f64]) -> Value {
    let whole: Vec<i64> =
        raw.iter().take(INTERVALS).map(|rr| rr.round_ties_even() as i64).collect();
    let rr_ms: Vec<f64> = whole.iter().map(|rr| *rr as f64).collect();
    let beats: Vec<i64> = std::iter::once(0)
        .chain(whole.iter().scan(0, |at, rr| {
            *at += rr;
            Some(*at)
        }))
        .collect();
    let found = Artefacts::of(&rr_ms);
    assert_eq!(inner(&streamed(&rr_ms), beats.len()), inner(&found, beats.len()));
    let mut once = repaired(&correct(&beats, &found));
    let (first, last) = (once.remove("first"), once.remove("last"));
    let ends = last.zip(first).and_then(|(last, first)| last.as_i64().zip(first.as_i64()));
    once.insert("sum_ms".to_owned(), json!(ends.map(|(last, first)| last - first)));
    let mut again = repaired(&correct_repeatedly(&beats));
    again.retain(|key, _| !matches!(key.as_str(), "first" | "last"));
    json!({
        "n_beats": beats.len(),
        "one_pass": {
            "ectopic": found.ectopic,
            "missed": found.missed,
            "extra": found.extra,
            "longshort": found.long_short,
        },
        "one_pass_n": {
            "ectopic": found.ectopic.len(),
            "missed": found.missed.len(),
            "extra": found.extra.len(),
            "longshort": found.long_short.len(),
        },
        "one_pass_corrected": once,
        "iterative_corrected": again,
    })
}

/// The same by a stream, which must decide each beat in time.
fn streamed(rr_ms: &[f64]) -> Artefacts {
    let mut classifier = Classifier::new();
    let mut found = Vec::new();
    for (i, rr) in rr_ms.iter().enumerate() {
        let decided = classifier.feed(*rr);
        assert!(decided.iter().all(|(beat, _)| i < beat + DECIDED_AFTER));
        found.extend(decided);
    }
    found.extend(classifier.finish());
    found.into_iter().collect()
}

/// Places away from both ends.
fn inner(artefacts: &Artefacts, beats: usize) -> Artefacts {
    let keep = |places: &[usize]| {
        let inside = |place: &&usize| (ENDS..beats.saturating_sub(ENDS)).contains(*place);
        places.iter().filter(inside).copied().collect()
    };
    Artefacts {
        ectopic: keep(&artefacts.ectopic),
        missed: keep(&artefacts.missed),
        extra: keep(&artefacts.extra),
        long_short: keep(&artefacts.long_short),
    }
}

fn repaired(beats: &[i64]) -> serde_json::Map<String, Value> {
    let intervals: Vec<f64> = beats.windows(2).map(|pair| (pair[1] - pair[0]) as f64).collect();
    let features = adjacent(&intervals).expect("there are intervals");
    crate::hrv::object(json!({
        "n_beats": beats.len(),
        "first": beats.first(),
        "last": beats.last(),
        "rmssd": features.rmssd_ms,
        "sdnn": features.sdnn_ms,
    }))
}

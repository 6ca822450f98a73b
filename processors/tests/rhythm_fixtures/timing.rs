//! Sleep timing of a diary.

use serde_json::{Value, json};
use zeitgeber_processors::rhythm::timing::{Diary, Night};

use crate::{Kind, Recording, Tolerance};

pub(crate) const KIND: Kind = Kind { name: "timing", notes: &["rule"], tolerance, compute };

fn tolerance(path: &[&str]) -> Tolerance {
    match path {
        ["sri"] => Tolerance::Absolute(1e-9),
        ["sri_pairs" | "weekday_of_wake"] => Tolerance::Exact,
        _ => Tolerance::Absolute(1e-6),
    }
}

fn compute(_: &Value, recording: Option<&Recording>) -> Value {
    let recording = recording.expect("the diary is named");
    let ms = |at: &Option<f64>| at.expect("every night is complete") as i64;
    let (onsets, wakes) = (recording.numbers("sleep_ms"), recording.numbers("wake_ms"));
    let mut diary = Diary::new();
    for (onset, wake) in onsets.iter().zip(&wakes) {
        assert!(diary.feed(Night::new(ms(onset), ms(wake), 0)), "every night counts");
    }
    let timing = diary.value().expect("there are nights");
    let midsleep: Vec<f64> = diary.nights().map(Night::midsleep_h).collect();
    let duration: Vec<f64> = diary.nights().map(Night::duration_h).collect();
    let weekdays: Vec<u32> = diary.nights().map(Night::weekday).collect();
    let mut found = serde_json::to_value(timing).expect("it can be written");
    let tree = found.as_object_mut().expect("it is a tree");
    tree.remove("nights");
    tree.insert("midsleep_h".to_owned(), json!(midsleep));
    tree.insert("duration_h".to_owned(), json!(duration));
    tree.insert("weekday_of_wake".to_owned(), json!(weekdays));
    found
}

//! Beats with their artefacts repaired (Lipponen and Tarvainen 2019).
//!
//! An extra beat is taken out, a missed one put in half way, and an ectopic one or one whose
//! interval is too long or short is moved half way between its neighbours. Places shift as beats
//! come and go, so the classes are repaired in this order.

use alloc::{collections::BTreeSet, vec::Vec};

use super::artefacts::Artefacts;

/// Beat times, ms, with the artefacts repaired; these are places in `beats_ms`, which ascends.
/// Times stay whole: half a millisecond is cut off. The first two beats and the last stay.
pub fn correct(beats_ms: &[i64], artefacts: &Artefacts) -> Vec<i64> {
    let Artefacts { ectopic, missed, extra, long_short } = artefacts;
    let gone: BTreeSet<usize> = extra.iter().copied().collect();
    let left = beats_ms.iter().enumerate().filter(|(place, _)| !gone.contains(place));
    let mut beats: Vec<i64> = left.map(|(_, beat)| *beat).collect();
    let missed = shifted(missed, extra, -1);
    beats = with_missed(&beats, &missed);
    for moved in [ectopic, long_short] {
        let places = shifted(&shifted(moved, extra, -1), &missed, 1);
        beats = with_moved(&beats, &places);
    }
    beats
}

/// Repairs beat times, ms, again and again as long as that leaves fewer artefacts than before.
pub fn correct_repeatedly(beats_ms: &[i64]) -> Vec<i64> {
    let mut artefacts = artefacts_of(beats_ms);
    let mut beats = correct(beats_ms, &artefacts);
    loop {
        let left = artefacts_of(&beats);
        if left.len() >= artefacts.len() {
            return beats;
        }
        beats = correct(&beats, &left);
        artefacts = left;
    }
}

fn artefacts_of(beats_ms: &[i64]) -> Artefacts {
    let intervals = beats_ms.windows(2).map(|pair| (pair[1] - pair[0]) as f64);
    Artefacts::of(&intervals.collect::<Vec<f64>>())
}

/// Places after beats at `sources` were taken out (`by` -1) or put in (1), one after the other.
fn shifted(places: &[usize], sources: &[usize], by: isize) -> Vec<usize> {
    let shift = |place: usize| {
        sources.iter().fold(place, |place, source| {
            if place > *source { place.saturating_add_signed(by) } else { place }
        })
    };
    let unique: BTreeSet<usize> = places.iter().map(|place| shift(*place)).collect();
    unique.into_iter().collect()
}

/// Half way from one time to the next, cut off to a whole millisecond.
const fn half_way(from_ms: i64, to_ms: i64) -> i64 {
    from_ms + (to_ms - from_ms) / 2
}

fn with_missed(beats_ms: &[i64], places: &[usize]) -> Vec<i64> {
    let mut places = places.iter().filter(|place| **place > 1).peekable();
    let mut beats = Vec::with_capacity(beats_ms.len());
    for (place, beat) in beats_ms.iter().enumerate() {
        while places.next_if(|missed| **missed == place).is_some() {
            beats.push(half_way(beats_ms[place - 1], *beat));
        }
        beats.push(*beat);
    }
    beats
}

fn with_moved(beats_ms: &[i64], places: &[usize]) -> Vec<i64> {
    let mut beats = beats_ms.to_vec();
    for place in places {
        if *place > 1 && place + 1 < beats_ms.len() {
            beats[*place] = half_way(beats_ms[place - 1], beats_ms[place + 1]);
        }
    }
    beats.sort_unstable();
    beats
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn each_class_is_repaired_in_its_way() {
        let beats = [0, 800, 1600, 2000, 2401, 3200, 4800, 5600, 6100, 7200, 8000];
        let artefacts =
            Artefacts { extra: vec![3], missed: vec![6], ectopic: vec![8], ..Artefacts::default() };
        let repaired = correct(&beats, &artefacts);
        assert_eq!(repaired, [0, 800, 1600, 2401, 3200, 4000, 4800, 5600, 6400, 7200, 8000]);
    }

    #[test]
    fn beats_without_artefacts_stay() {
        let beats: Vec<i64> = (0..200).map(|i| 800 * i + i % 3).collect();
        assert_eq!(correct(&beats, &Artefacts::default()), beats);
        assert!(correct_repeatedly(&[]).is_empty());
        assert_eq!(correct_repeatedly(&[0, 800]), [0, 800]);
    }
}

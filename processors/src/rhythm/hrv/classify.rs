//! Which beats are artefacts (Lipponen and Tarvainen 2019).
//!
//! The classes follow from how an interval differs from its neighbours (`difference`) and from the
//! median of the 11 around it (`deviation`), each in units of a limit that adapts to the 91 values
//! around: 5.2 times half the distance of their quartiles. Where that distance is 0 there is no
//! unit, and such a value decides nothing. Intervals number one less than beats; an interval is
//! that of the beat that ends it, and the first beat takes the mean of the others.
//!
//! A beat is decided from the 50 before and the 51 after it, so a stream decides it at the latest
//! [`DECIDED_AFTER`] beats later. Only the stand-in for the first beat depends on the whole of a
//! recording; a stream takes the mean of the first [`DECIDED_AFTER`] intervals, which can matter
//! for the first 46 beats.

use alloc::{collections::VecDeque, vec::Vec};
use core::mem;

use serde::{Deserialize, Serialize};

use super::{
    artefacts::Artefact,
    sliding::{Centred, quantile},
};

/// Beats after which a beat is decided at the latest.
pub const DECIDED_AFTER: usize = 95;

/// Slope of the bounds between ectopic and other beats.
const ECTOPIC_SLOPE: f64 = 0.13;

/// Intercept of the bounds between ectopic and other beats.
const ECTOPIC_INTERCEPT: f64 = 0.17;

/// Limits in quartile deviations.
const LIMIT: f64 = 5.2;

/// Values on either side of the one whose limit is sought.
const LIMIT_HALF: usize = 45;

/// Intervals on either side of the one whose median is sought.
const MEDIAN_HALF: usize = 5;

/// Deviation beyond which an interval is too long or too short.
const DEVIATION: f64 = 3.0;

/// Decided beats that later decisions look back at, and some to mirror the end on.
const KEPT_BEHIND: usize = 4;

/// A beat and what was found out about it; 0 or none until it is known.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Beat {
    /// Interval that ends at it, s.
    rr_s: f64,
    /// That less the interval before it, s.
    difference_s: f64,
    /// The difference in units of its limit; none without a limit.
    difference: Option<f64>,
    /// Median of the intervals around, s.
    median_s: f64,
    /// The interval less the median, doubled where it is shorter, s.
    deviation_s: f64,
    /// The deviation in units of its limit; none without a limit.
    deviation: Option<f64>,
    /// Limit of the deviation, s.
    limit_s: f64,
}

impl Beat {
    /// Whether the interval is far from the median around it.
    fn deviates(&self) -> bool {
        self.deviation.is_some_and(|deviation| deviation.abs() > DEVIATION)
    }
}

/// Classifies beats as their intervals arrive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Classifier {
    /// The first intervals, ms, until there are enough to stand in for the first beat's.
    waiting_ms: Option<Vec<f64>>,
    beats: VecDeque<Beat>,
    /// Place of the oldest of these beats.
    oldest: usize,
    /// Place of the next beat to be decided.
    next: usize,
    differences: Centred,
    medians: Centred,
    deviations: Centred,
}

impl Default for Classifier {
    fn default() -> Self {
        Self::new()
    }
}

impl Classifier {
    /// Before the first interval.
    pub fn new() -> Self {
        Self {
            waiting_ms: Some(Vec::new()),
            beats: VecDeque::new(),
            oldest: 0,
            next: 0,
            differences: Centred::new(LIMIT_HALF),
            medians: Centred::new(MEDIAN_HALF),
            deviations: Centred::new(LIMIT_HALF),
        }
    }

    /// Takes in the next interval, ms, and tells the artefacts that it decides, by place of beat.
    /// What is no finite number is no interval and is passed over.
    pub fn feed(&mut self, rr_ms: f64) -> Vec<(usize, Artefact)> {
        let mut found = Vec::new();
        if !rr_ms.is_finite() {
            return found;
        }
        match &mut self.waiting_ms {
            None => self.follow(rr_ms / 1000.0, &mut found),
            Some(waiting_ms) => {
                waiting_ms.push(rr_ms);
                if waiting_ms.len() >= DECIDED_AFTER {
                    self.begin(&mut found);
                }
            }
        }
        found
    }

    /// Decides the beats that are left when there are no more intervals.
    pub fn finish(mut self) -> Vec<(usize, Artefact)> {
        let mut found = Vec::new();
        self.begin(&mut found);
        self.settle(true);
        self.decide(true, &mut found);
        found
    }

    /// Classifies a whole recording: the first beat's interval is the mean of all others.
    pub(super) fn whole(rr_ms: &[f64]) -> Vec<(usize, Artefact)> {
        let finite = rr_ms.iter().copied().filter(|rr_ms| rr_ms.is_finite());
        Self { waiting_ms: Some(finite.collect()), ..Self::new() }.finish()
    }

    /// Places the first beat and all intervals that waited for it.
    fn begin(&mut self, found: &mut Vec<(usize, Artefact)>) {
        let waiting_ms = mem::take(&mut self.waiting_ms).unwrap_or_default();
        let Some(last_ms) = waiting_ms.last() else { return };
        let n = waiting_ms.len() as f64;
        let mean_s = waiting_ms.iter().map(|rr_ms| rr_ms / 1000.0).sum::<f64>() / n;
        self.push(mean_s, (last_ms / 1000.0 - mean_s) / n);
        for rr_ms in &waiting_ms {
            self.follow(rr_ms / 1000.0, found);
        }
    }

    /// Adds a beat after others, and decides what it settles.
    fn follow(&mut self, rr_s: f64, found: &mut Vec<(usize, Artefact)>) {
        let before_s = self.beats.back().map_or(rr_s, |beat| beat.rr_s);
        self.push(rr_s, rr_s - before_s);
        self.settle(false);
        self.decide(false, found);
    }

    fn push(&mut self, rr_s: f64, difference_s: f64) {
        self.beats.push_back(Beat {
            rr_s,
            difference_s,
            difference: None,
            median_s: 0.0,
            deviation_s: 0.0,
            deviation: None,
            limit_s: 0.0,
        });
        self.differences.push(difference_s.abs());
        self.medians.push(rr_s);
    }

    /// Finds out what the beats so far allow.
    fn settle(&mut self, ended: bool) {
        while self.medians.is_ready(ended) {
            let beat = &mut self.beats[self.medians.passed() - self.oldest];
            beat.median_s = self.medians.pass(|sorted| quantile(sorted, 0.5));
            let deviation_s = beat.rr_s - beat.median_s;
            beat.deviation_s = if deviation_s < 0.0 { 2.0 * deviation_s } else { deviation_s };
            self.deviations.push(beat.deviation_s.abs());
        }
        while self.differences.is_ready(ended) {
            let beat = &mut self.beats[self.differences.passed() - self.oldest];
            beat.difference = in_limits(beat.difference_s, self.differences.pass(limit));
        }
        while self.deviations.is_ready(ended) {
            let beat = &mut self.beats[self.deviations.passed() - self.oldest];
            beat.limit_s = self.deviations.pass(limit);
            beat.deviation = in_limits(beat.deviation_s, beat.limit_s);
        }
    }

    /// Decides beats in order, and forgets those that are behind.
    fn decide(&mut self, ended: bool, found: &mut Vec<(usize, Artefact)>) {
        while self.can_decide(ended) {
            self.step(found);
            while self.oldest + KEPT_BEHIND < self.next {
                self.beats.pop_front();
                self.oldest += 1;
            }
        }
    }

    /// Whether all is known that the next decision looks at. The last two beats are never decided.
    fn can_decide(&self, ended: bool) -> bool {
        if ended {
            return self.next + 2 < self.oldest + self.beats.len();
        }
        self.next + 3 < self.differences.passed() && self.next + 1 < self.deviations.passed()
    }

    /// Decides the next beat, and the one after it where the two belong together.
    fn step(&mut self, found: &mut Vec<(usize, Artefact)>) {
        let place = self.next;
        self.next += 1;
        let difference = self.difference(place, 0);
        if difference.abs() <= 1.0 {
            return;
        }
        if self.is_ectopic(place) {
            found.push((place, Artefact::Ectopic));
            return;
        }
        if difference.is_nan() && !self.beat(place).deviates() {
            return;
        }
        let pair = self.difference(place, 1).abs() < self.difference(place, 2).abs();
        self.next += usize::from(pair);
        for candidate in place..self.next {
            found.extend(self.class_of(candidate).map(|artefact| (candidate, artefact)));
        }
    }

    /// Whether the neighbours on both sides differ the other way.
    fn is_ectopic(&self, place: usize) -> bool {
        let difference = self.difference(place, 0);
        let neighbours = [self.difference(place, -1), self.difference(place, 1)];
        let bound = -ECTOPIC_SLOPE * difference;
        let below = |other: &f64| *other < bound - ECTOPIC_INTERCEPT;
        let above = |other: &f64| *other > bound + ECTOPIC_INTERCEPT;
        (difference > 1.0 && neighbours.iter().all(below))
            || (difference < -1.0 && neighbours.iter().all(above))
    }

    /// The class of a beat that is not ectopic, if it is an artefact.
    fn class_of(&self, place: usize) -> Option<Artefact> {
        let difference = self.difference(place, 0);
        let (one, two) = (self.difference(place, 1), self.difference(place, 2));
        let known = !one.is_nan() && !two.is_nan();
        let long = known && difference > 1.0 && one.min(two) < -1.0;
        let short = known && difference < -1.0 && one.max(two) > 1.0;
        let beat = self.beat(place);
        if !(long || short || beat.deviates()) {
            return None;
        }
        let near = |rr_s: f64| (rr_s - beat.median_s).abs() < beat.limit_s;
        if short && near(beat.rr_s + self.beat(place + 1).rr_s) {
            return Some(Artefact::Extra);
        }
        if long && near(beat.rr_s / 2.0) {
            return Some(Artefact::Missed);
        }
        Some(Artefact::LongShort)
    }

    /// Difference in limits, `ahead` of a place, NaN without a limit: it then compares with
    /// nothing. Beyond both ends the series is mirrored.
    fn difference(&self, place: usize, ahead: isize) -> f64 {
        let last = self.oldest + self.beats.len() - 1;
        let at = place.checked_add_signed(ahead).unwrap_or_else(|| ahead.unsigned_abs() - place);
        self.beat(if at > last { 2 * last - at } else { at }).difference.unwrap_or(f64::NAN)
    }

    fn beat(&self, place: usize) -> &Beat {
        &self.beats[place - self.oldest]
    }
}

fn limit(sorted: &[f64]) -> f64 {
    LIMIT * ((quantile(sorted, 0.75) - quantile(sorted, 0.25)) / 2.0)
}

/// A value in units of its limit.
fn in_limits(value: f64, limit: f64) -> Option<f64> {
    (limit != 0.0).then(|| value / limit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stream(classifier: &mut Classifier, rr_ms: &[f64]) -> Vec<(usize, Artefact)> {
        rr_ms.iter().flat_map(|rr_ms| classifier.feed(*rr_ms)).collect()
    }

    /// A quiet rhythm that never has the same difference twice in a row.
    fn quiet(beats: u32) -> Vec<f64> {
        (0..beats).map(|i| 800.0 + 15.0 * libm::sin(f64::from(i) * 0.9)).collect()
    }

    #[test]
    fn nothing_and_too_little_hold_no_artefacts() {
        assert_eq!(Classifier::new().finish(), []);
        for beats in 1..4 {
            assert_eq!(Classifier::whole(&quiet(beats)[..]), []);
        }
        assert_eq!(Classifier::whole(&[f64::NAN; 200]), []);
    }

    #[test]
    fn each_class_is_found_where_it_is() {
        let mut rr_ms = quiet(400);
        (rr_ms[100], rr_ms[101]) = (560.0, 1040.0);
        rr_ms[200] *= 2.0;
        rr_ms[300] = 300.0;
        rr_ms.insert(301, 500.0);
        let found = Classifier::whole(&rr_ms);
        assert!(found.contains(&(102, Artefact::Ectopic)), "{found:?}");
        assert!(found.contains(&(201, Artefact::Missed)), "{found:?}");
        assert!(found.contains(&(301, Artefact::Extra)), "{found:?}");
    }

    proptest! {
        #[test]
        fn a_stream_decides_in_time_and_as_the_whole_does_after_the_first_beats(
            rr in prop::collection::vec(300_u32..1800, 1..500),
        ) {
            let rr_ms: Vec<f64> = rr.into_iter().map(f64::from).collect();
            let mut classifier = Classifier::new();
            let mut found = Vec::new();
            for (i, rr_ms) in rr_ms.iter().enumerate() {
                for decision in classifier.feed(*rr_ms) {
                    prop_assert!(i < decision.0 + DECIDED_AFTER);
                    found.push(decision);
                }
                prop_assert!(classifier.beats.len() <= DECIDED_AFTER);
            }
            found.extend(classifier.finish());
            found.retain(|(place, _)| *place >= 100);
            let mut whole = Classifier::whole(&rr_ms);
            whole.retain(|(place, _)| *place >= 100);
            prop_assert_eq!(found, whole);
        }

        #[test]
        fn serialising_in_mid_stream_changes_no_decision(
            rr in prop::collection::vec(300_u32..1800, 2..300), at in 0_usize..300,
        ) {
            let rr_ms: Vec<f64> = rr.into_iter().map(f64::from).collect();
            let (head, tail) = rr_ms.split_at(at.min(rr_ms.len()));
            let mut through = Classifier::new();
            stream(&mut through, head);
            let text = serde_json::to_string(&through).expect("it can be written");
            let mut read: Classifier = serde_json::from_str(&text).expect("it can be read");
            prop_assert_eq!(stream(&mut through, tail), stream(&mut read, tail));
            prop_assert_eq!(&through, &read);
            prop_assert_eq!(through.finish(), read.finish());
        }
    }
}

//! A tracker as a list of numbers, from which another day goes on.
//!
//! Whole numbers below 2^53 are exact as doubles, so that going on from a list gives the bits of
//! going on without it. Of the times that lie behind only the last is listed.

use alloc::vec::Vec;

use super::{Esri, Model, Pacemaker, PhaseTracker, ode::Light};

/// Version of the list, its first number.
const VERSION: f64 = 1.0;

impl PhaseTracker {
    /// What goes on as this tracker does; what it passed before its last temperature minimum and
    /// its last regularity value is left out.
    pub fn checkpoint(&self) -> Vec<f64> {
        let mut list = Vec::from([VERSION]);
        put(self.start.map(|start| start as f64), &mut list);
        list.extend([
            self.next as f64,
            self.offset_min as f64,
            self.held.lux,
            f64::from(self.light_min),
            f64::from(self.silence_min),
        ]);
        self.pacemakers.iter().for_each(|pacemaker| pacemaker.list(&mut list));
        self.esri.list(&mut list);
        list
    }

    /// Goes on from a [`checkpoint`](Self::checkpoint); none where the list is no checkpoint.
    pub fn resume(list: &[f64]) -> Option<Self> {
        let mut list = list.iter().copied();
        let mut next = || list.next();
        if next()? != VERSION {
            return None;
        }
        let mut tracker = Self {
            start: take(&mut next)?.map(|start| start as i64),
            next: next()? as i64,
            offset_min: next()? as i64,
            held: Light::of(next()?),
            light_min: next()? as u32,
            silence_min: next()? as u32,
            ..Self::new()
        };
        for (pacemaker, model) in tracker.pacemakers.iter_mut().zip(Model::ALL) {
            *pacemaker = Pacemaker::of_list(model, &mut next)?;
        }
        tracker.esri = Esri::of_list(&mut next)?;
        next().is_none().then_some(tracker)
    }
}

/// Appends a number that may be missing.
pub(super) fn put(value: Option<f64>, list: &mut Vec<f64>) {
    list.extend([f64::from(u8::from(value.is_some())), value.unwrap_or(0.0)]);
}

/// Takes over what [`put`] appended; none where the list ends.
pub(super) fn take(next: &mut impl FnMut() -> Option<f64>) -> Option<Option<f64>> {
    let (known, value) = (next()?, next()?);
    Some((known != 0.0).then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lux(minute: i64) -> f64 {
        if (480..1320).contains(&minute.rem_euclid(1440)) {
            40.0 + (minute % 97) as f64
        } else {
            0.5
        }
    }

    #[test]
    fn going_on_from_a_list_changes_no_bit_of_what_is_told() {
        let mut through = PhaseTracker::new();
        let mut resumed = PhaseTracker::new();
        for minute in 700..9 * 1440 {
            if minute % 1440 == 5 {
                let list = resumed.checkpoint();
                resumed = PhaseTracker::resume(&list).expect("the list is a checkpoint");
                assert_eq!(list, resumed.checkpoint());
            }
            through.feed(minute, 0, lux(minute));
            resumed.feed(minute, 0, lux(minute));
        }
        assert!(through.value().is_some());
        assert_eq!(through.value(), resumed.value());
        assert_eq!(through.esri().values().next_back(), resumed.esri().values().next_back());
        for (one, other) in through.pacemakers().iter().zip(resumed.pacemakers()) {
            assert_eq!(one.state(), other.state());
        }
    }

    #[test]
    fn what_is_no_checkpoint_is_not_gone_on_from() {
        let list = PhaseTracker::new().checkpoint();
        assert_eq!(PhaseTracker::resume(&list), Some(PhaseTracker::new()));
        for cut in 0..list.len() {
            assert_eq!(PhaseTracker::resume(&list[..cut]), None);
        }
        let longer = [list.as_slice(), &[0.0]].concat();
        assert_eq!(PhaseTracker::resume(&longer), None);
    }
}

//! Who of a partition is in memory, how big they are, and where everybody else stands.
//!
//! Thirty-two bytes a person, hot or cold. Sizes are measured a few people at a time, since asking
//! everybody after every batch would cost more than the batch; who leaves is the one least recently
//! met of a few that the hand passes, which comes close to the least recent of all.

use zeitgeber_processors::flow::State;

use super::file::Place;

/// People whose size is measured afresh after a batch.
const MEASURED: usize = 8;
/// People of whom the one least recently met leaves.
const SAMPLED: usize = 8;

#[derive(Debug, Clone, Copy)]
struct Resident {
    /// The record that holds the present state; nowhere where none does.
    place: Place,
    /// The batch that met the person last.
    touched: u64,
    /// Which cut came before the last change.
    changed: u32,
    /// Size when it was measured last.
    bytes: u32,
}

#[derive(Debug, Default)]
pub(super) struct Residents {
    all: Vec<Resident>,
    /// Indices of those in memory, in no order that matters.
    hot: Vec<u32>,
    hand: usize,
    measured: usize,
    batch: u64,
    /// What batches before this one changed is durable.
    settled: u64,
    cuts: u32,
    hot_bytes: usize,
    live_bytes: u64,
    evictions: u64,
}

impl Residents {
    /// Everybody of a snapshot, cold.
    pub(super) fn cold(places: &[Place]) -> Self {
        let resident = |place: &Place| Resident { place: *place, touched: 0, changed: 0, bytes: 0 };
        let live_bytes = places.iter().map(|place| u64::from(place.length)).sum();
        Self { all: places.iter().map(resident).collect(), live_bytes, ..Self::default() }
    }

    /// Takes in whoever became known.
    pub(super) fn open(&mut self, state: &State) {
        while self.all.len() < state.known() {
            let (place, touched, changed) = (Place::NOWHERE, self.batch, self.cuts);
            self.all.push(Resident { place, touched, changed, bytes: 0 });
            let subject = self.all.len() as u64;
            self.warmed(subject, state);
        }
    }

    /// Takes in that somebody came into memory.
    pub(super) fn warmed(&mut self, subject: u64, state: &State) {
        let index = subject as usize - 1;
        self.hot.push(index as u32);
        self.measure(index, state);
    }

    pub(super) fn touch(&mut self, subject: u64) {
        if let Some(resident) = self.all.get_mut((subject as usize).wrapping_sub(1)) {
            resident.touched = self.batch;
        }
    }

    pub(super) fn changed(&mut self, subject: u64) {
        let cuts = self.cuts;
        if let Some(resident) = self.all.get_mut((subject as usize).wrapping_sub(1)) {
            resident.changed = cuts;
            self.live_bytes -= u64::from(resident.place.length);
            resident.place = Place::NOWHERE;
        }
    }

    pub(super) fn place(&self, subject: u64) -> Place {
        let index = (subject as usize).wrapping_sub(1);
        self.all.get(index).map_or(Place::NOWHERE, |resident| resident.place)
    }

    pub(super) fn set_place(&mut self, subject: u64, place: Place) {
        if let Some(resident) = self.all.get_mut((subject as usize).wrapping_sub(1)) {
            self.live_bytes += u64::from(place.length);
            self.live_bytes -= u64::from(resident.place.length);
            resident.place = place;
        }
    }

    /// Takes over where a cut's writer put somebody, unless they changed since or stand elsewhere.
    pub(super) fn written(&mut self, subject: u64, place: Place, cut: u32) {
        let resident = self.all.get((subject as usize).wrapping_sub(1));
        if resident.is_some_and(|known| !known.place.is_somewhere() && known.changed < cut) {
            self.set_place(subject, place);
        }
    }

    /// Takes over where somebody's record was moved to.
    pub(super) fn moved(&mut self, subject: u64, from: Place, to: Place) {
        if self.place(subject) == from {
            self.set_place(subject, to);
        }
    }

    /// Every place in order of subject number.
    pub(super) fn places(&self) -> Vec<Place> {
        self.all.iter().map(|resident| resident.place).collect()
    }

    /// Subjects in memory that no record holds as they are.
    pub(super) fn unwritten(&self) -> impl Iterator<Item = u64> {
        let unwritten = |index: &&u32| !self.all[**index as usize].place.is_somewhere();
        self.hot.iter().filter(unwritten).map(|index| u64::from(*index) + 1)
    }

    /// Begins another span between cuts, and numbers it.
    pub(super) const fn next_cut(&mut self) -> u32 {
        self.cuts += 1;
        self.cuts
    }

    /// The batch that is being taken.
    pub(super) const fn batch(&self) -> u64 {
        self.batch
    }

    /// Ends a batch, and measures a few.
    pub(super) fn next_batch(&mut self, state: &State) {
        self.batch += 1;
        for _ in 0..MEASURED.min(self.hot.len()) {
            self.measured = (self.measured + 1) % self.hot.len();
            self.measure(self.hot[self.measured] as usize, state);
        }
    }

    /// What batches before this one changed is durable.
    pub(super) fn settle(&mut self, batch: u64) {
        self.settled = self.settled.max(batch);
    }

    /// Who is to leave memory next; none where nobody may.
    pub(super) fn leaver(&mut self) -> Option<u64> {
        let mut least = None;
        let mut sampled = 0;
        for _ in 0..self.hot.len() {
            self.hand = (self.hand + 1) % self.hot.len();
            let touched = self.all[self.hot[self.hand] as usize].touched;
            if touched >= self.settled {
                continue;
            }
            let this = (touched, self.hand);
            least = Some(least.map_or(this, |known: (u64, usize)| known.min(this)));
            sampled += 1;
            if sampled == SAMPLED {
                break;
            }
        }
        let (_, at) = least?;
        self.hand = at;
        Some(u64::from(self.hot[at]) + 1)
    }

    /// Takes in that whoever [`Self::leaver`] named left.
    pub(super) fn left(&mut self) {
        let index = self.hot.swap_remove(self.hand);
        let resident = &mut self.all[index as usize];
        self.hot_bytes -= resident.bytes as usize;
        resident.bytes = 0;
        self.evictions += 1;
    }

    pub(super) const fn hot_bytes(&self) -> usize {
        self.hot_bytes
    }

    /// How often somebody left memory.
    pub(super) const fn evictions(&self) -> u64 {
        self.evictions
    }

    pub(super) const fn hot_people(&self) -> usize {
        self.hot.len()
    }

    pub(super) const fn live_bytes(&self) -> u64 {
        self.live_bytes
    }

    fn measure(&mut self, index: usize, state: &State) {
        let bytes = state.person(index as u64 + 1).map_or(0, |person| person.state_bytes());
        let resident = &mut self.all[index];
        self.hot_bytes -= resident.bytes as usize;
        resident.bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.hot_bytes += resident.bytes as usize;
    }
}

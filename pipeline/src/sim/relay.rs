//! The journal as the cores see it: completions wait here until the scheduler delivers them.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
};

use zeitgeber_schemas::PartitionId;

use super::{mutation::Mutation, rng::Rng};
use crate::journal::{
    Append, AppendError, Appended, Done, Journal, Key, Layout, Place, ReadError, Scan, ScanFrom,
    SeekError, Tail,
};

/// How often a bug that strikes now and then does, of a million.
const NOW_AND_THEN: u32 = 30_000;

/// A journal whose completions are delivered on demand.
pub(super) struct Relay {
    journal: Arc<dyn Journal>,
    desk: Arc<Mutex<Desk>>,
    mutation: Option<Mutation>,
}

struct Desk {
    waiting: BTreeMap<PartitionId, VecDeque<(Done, Appended)>>,
    rng: Rng,
}

impl Relay {
    pub(super) fn new(journal: Arc<dyn Journal>, rng: Rng, mutation: Option<Mutation>) -> Self {
        let desk = Desk { waiting: BTreeMap::new(), rng };
        Self { journal, desk: Arc::new(Mutex::new(desk)), mutation }
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().expect("nothing panics while the desk is held")
    }

    /// Whether a completion waits.
    pub(super) fn has_completions(&self) -> bool {
        self.desk().waiting.values().any(|waiting| !waiting.is_empty())
    }

    /// Delivers the oldest completion of some partition.
    pub(super) fn deliver(&self) -> Option<PartitionId> {
        let mut desk = self.desk();
        let Desk { waiting, rng } = &mut *desk;
        let ready: Vec<PartitionId> =
            waiting.iter().filter(|(_, some)| !some.is_empty()).map(|(of, _)| *of).collect();
        let partition = *rng.pick(&ready)?;
        let (done, appended) = waiting.get_mut(&partition)?.pop_front()?;
        drop(desk);
        done(appended);
        Some(partition)
    }

    /// What carries one completion to the desk.
    fn carry(&self, done: Done) -> Done {
        let (desk, mutation) = (Arc::clone(&self.desk), self.mutation);
        Box::new(move |mut appended: Appended| {
            let mut desk = desk.lock().expect("nothing panics while the desk is held");
            match mutation {
                Some(Mutation::FailureReportedAsDone) => appended.result = Ok(()),
                Some(Mutation::CompletionLost) if desk.rng.chance(NOW_AND_THEN) => return,
                _ => {}
            }
            desk.waiting.entry(appended.partition).or_default().push_back((done, appended));
        })
    }

    /// Takes an append, or only claims to.
    fn pass(&self, append: Append, done: Done) -> Option<(Append, Done)> {
        let early = match self.mutation {
            Some(Mutation::AcknowledgedWhenQueued) => true,
            Some(Mutation::ChunkDropped) => self.desk().rng.chance(NOW_AND_THEN),
            _ => false,
        };
        if !early {
            return Some((append, self.carry(done)));
        }
        let Append { partition, expected_chunk, chunk } = &append;
        let buffer = chunk.clone().into_buffer();
        let told =
            Appended { partition: *partition, chunk: *expected_chunk, result: Ok(()), buffer };
        self.carry(done)(told);
        let is_queued = self.mutation == Some(Mutation::AcknowledgedWhenQueued);
        is_queued.then(|| (append, Box::new(drop) as Done))
    }
}

impl Journal for Relay {
    fn layout(&self) -> Layout {
        self.journal.layout()
    }

    fn tail(&self, partition: PartitionId) -> Tail {
        let mut tail = self.journal.tail(partition);
        match self.mutation {
            Some(Mutation::CursorOneTooFar) => {
                tail.cursors.values_mut().for_each(|line| *line += 1);
            }
            Some(Mutation::CursorsForgotten) => tail.cursors.clear(),
            Some(Mutation::ChunkNumberReused) => {
                tail.next_chunk = tail.next_chunk.saturating_sub(1);
            }
            _ => {}
        }
        tail
    }

    fn submit(&self, append: Append, done: Done) {
        self.submit_all(vec![(append, done)]);
    }

    fn submit_all(&self, appends: Vec<(Append, Done)>) {
        let passed = appends.into_iter().filter_map(|(append, done)| self.pass(append, done));
        self.journal.submit_all(passed.collect());
    }

    fn scan(&self, from: ScanFrom) -> Result<Box<dyn Scan + Send>, ReadError> {
        self.journal.scan(from)
    }

    fn find(&self, keys: &[Key], from: ScanFrom) -> Result<Box<dyn Scan + Send>, ReadError> {
        self.journal.find(keys, from)
    }

    fn place_of(&self, partition: PartitionId, n: u64) -> Result<Place, SeekError> {
        self.journal.place_of(partition, n)
    }

    fn segments(&self) -> u32 {
        self.journal.segments()
    }

    fn close(&self) -> Result<(), AppendError> {
        self.journal.close()
    }
}

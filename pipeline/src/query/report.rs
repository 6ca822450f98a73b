//! The report: each person's features over a range of the log, by the live stage's own code.

use std::{collections::BTreeMap, sync::Arc};

use zeitgeber_processors::rhythm::{
    Accepted, Tables,
    report::{Fold, Report},
};
use zeitgeber_schemas::{PartitionId, ProfileBody, ReadingAccepted, SchemaId, wire::from_bytes};

use super::{
    Names, QueryError,
    partitions::{Part, default_threads, fold_partitions},
    unknown_user,
};
use crate::{
    fold::{FoldError, envelope},
    journal::{EntryRef, Journal, ScanFrom},
    record::Parsed,
};

/// Which readings take part, by event time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The first instant, ms UTC.
    pub from_ms: i64,
    /// The instant that ends it, itself left out, ms UTC.
    pub to_ms: i64,
}

impl Default for Range {
    fn default() -> Self {
        Self { from_ms: i64::MIN, to_ms: i64::MAX }
    }
}

impl Range {
    /// Whether an instant lies within.
    pub const fn holds(self, at_ms: i64) -> bool {
        self.from_ms <= at_ms && at_ms < self.to_ms
    }
}

/// One partition's people.
#[derive(Default)]
struct People {
    names: Arc<Names>,
    profiles: Vec<Option<ProfileBody>>,
    folds: Vec<Option<Fold>>,
    partition: Option<PartitionId>,
}

/// Everybody's features, or those of one person (person key), by person key. Profiles are
/// the latest that were given before the range's end, else the first one.
pub fn report(
    journal: &dyn Journal,
    range: Range,
    user: Option<&str>,
) -> Result<BTreeMap<String, Report>, QueryError> {
    let make = |partition| People { partition: Some(partition), ..People::default() };
    let from = ScanFrom::default;
    let threads = default_threads();
    let profiles =
        fold_partitions(journal, from(), threads, make, |people: &mut People, chunk| {
            each_entry(chunk, |chunk, entry| {
                people.take_profile(chunk.header.partition, entry, range)
            })
        })?;
    // The second pass takes what the first one found, partition by partition.
    let known =
        std::sync::Mutex::new(profiles.into_result()?.into_iter().map(Some).collect::<Vec<_>>());
    let make = |partition: PartitionId| {
        let mut known = known.lock().expect("nothing panics while it is held");
        known.get_mut(usize::from(partition.0)).and_then(Option::take).unwrap_or_default()
    };
    let folded = fold_partitions(journal, from(), threads, make, |people: &mut People, chunk| {
        each_entry(chunk, |_, entry| people.take_reading(entry, range, user))
    })?;
    let people = folded.into_result()?;
    let reports = features(&people, user);
    match user {
        Some(user) if reports.is_empty() => {
            let keys: Vec<String> =
                people.iter().flat_map(|people| people.names.iter().map(|s| s.key())).collect();
            Err(unknown_user(user, keys.iter().map(String::as_str)))
        }
        _ => Ok(reports),
    }
}

fn each_entry(
    chunk: &mut Part<'_>,
    mut take: impl FnMut(&Part<'_>, &EntryRef<'_>) -> Result<(), FoldError>,
) -> Result<(), QueryError> {
    while let Some(entry) = chunk.entries.next() {
        let taken = entry.map_err(FoldError::from).and_then(|entry| take(chunk, &entry));
        taken.map_err(|error| chunk.fault(error))?;
    }
    Ok(())
}

fn features(people: &[People], user: Option<&str>) -> BTreeMap<String, Report> {
    let tables = Tables::new();
    let mut reports = BTreeMap::new();
    for part in people {
        for (index, subject) in part.names.iter().enumerate() {
            let key = subject.key();
            if user.is_some_and(|user| user != key) {
                continue;
            }
            let Some(Some(profile)) = part.profiles.get(index) else {
                continue;
            };
            let report = match part.folds.get(index) {
                Some(Some(fold)) => fold.features(profile, &tables),
                _ => Fold::new().features(profile, &tables),
            };
            reports.insert(key, report);
        }
    }
    reports
}

impl People {
    fn take_profile(
        &mut self,
        partition: PartitionId,
        entry: &EntryRef<'_>,
        range: Range,
    ) -> Result<(), FoldError> {
        if entry.schema != SchemaId::Profile || entry.seal != 0 {
            return Ok(());
        }
        Names::fold(&mut self.names, partition, entry)?;
        let Some(index) = index_of(entry.subject) else {
            return Ok(());
        };
        let slot = slot(&mut self.profiles, index);
        if slot.is_none() || entry.ts < range.to_ms {
            *slot = Some(from_bytes(entry.payload)?);
        }
        Ok(())
    }

    fn take_reading(
        &mut self,
        entry: &EntryRef<'_>,
        range: Range,
        user: Option<&str>,
    ) -> Result<(), FoldError> {
        let is_reading = entry.schema == SchemaId::Reading && entry.seal == 0;
        let (Some(index), Some(partition)) = (index_of(entry.subject), self.partition) else {
            return Ok(());
        };
        if !is_reading || !range.holds(entry.ts) {
            return Ok(());
        }
        let Some(first) = entry.events.clone().next() else {
            return Ok(());
        };
        if first.schema != SchemaId::ReadingAccepted || first.seal != 0 {
            return Ok(());
        }
        let Some(subject) = self.names.get(partition, entry.schema, entry.subject) else {
            return Ok(());
        };
        if user.is_some_and(|user| user != subject.key()) {
            return Ok(());
        }
        let accepted: ReadingAccepted = from_bytes(first.payload)?;
        let Parsed::Reading(body) = Parsed::from_payload(entry.schema, entry.payload)? else {
            return Ok(());
        };
        let Some(Some(profile)) = self.profiles.get(index) else {
            return Ok(());
        };
        let reading =
            Accepted { envelope: envelope(entry, &subject.user_id), body, accepted: &accepted };
        slot(&mut self.folds, index).get_or_insert_with(Fold::new).add(profile, &reading);
        Ok(())
    }
}

fn index_of(subject: u64) -> Option<usize> {
    usize::try_from(subject).ok()?.checked_sub(1)
}

fn slot<T>(slots: &mut Vec<Option<T>>, index: usize) -> &mut Option<T> {
    if slots.len() <= index {
        slots.resize_with(index + 1, || None);
    }
    &mut slots[index]
}

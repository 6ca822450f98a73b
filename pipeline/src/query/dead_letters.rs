//! Refused inputs: why, from where, and their bytes as far as they are kept.

use std::{collections::BTreeMap, ops::ControlFlow};

use serde::{Deserialize, Serialize};
use zeitgeber_schemas::{Event, FeedbackOrphaned, Reason, SchemaId, person_key};

use super::{Names, Position, QueryError, Scope, Visit, Walk, hex};
use crate::journal::{Journal, Key, Place, RawRef, ScanFrom};

/// Which dead letters are wanted.
#[derive(Debug, Clone, Default)]
pub struct DeadLetterFilter {
    /// Those refused for this reason.
    pub reason: Option<Reason>,
    /// Those of this person (person key), as far as it could be read.
    pub user: Option<String>,
}

/// A refused input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Where its event stands.
    pub position: Position,
    /// Why.
    pub reason: Reason,
    /// What exactly.
    pub detail: String,
    /// File it came from.
    pub source: Option<String>,
    /// Line (or record) in that file, from 1.
    pub line: Option<u64>,
    /// The person, as far as it could be read.
    pub user_id: Option<String>,
    /// The tenant.
    pub tenant: String,
    /// The input's id, as far as it could be read.
    pub input_id: String,
    /// Event time, ms UTC, as far as it could be read.
    pub ts: i64,
    /// Arrival time, ms UTC.
    pub recv_ts: Option<i64>,
    /// Length of the whole, bytes.
    pub length: u64,
    /// The first 4 KiB, where they are text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
    /// The first 4 KiB in hexadecimal, where they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw_hex: Option<String>,
    /// BLAKE3 of what follows the first 4 KiB, hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest_hash: Option<String>,
}

/// How many dead letters there are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetters {
    /// Stored ones, by reason.
    pub stored: BTreeMap<Reason, u64>,
    /// Refused inputs that repeat stored ones and are only counted, by reason.
    pub repeats: BTreeMap<Reason, u64>,
}

impl DeadLetter {
    /// The bytes that are kept, as text: what is not UTF-8 is replaced.
    pub fn text(&self) -> String {
        match (&self.raw, &self.raw_hex) {
            (Some(text), _) => text.clone(),
            (None, Some(digits)) => format!("hex {digits}"),
            (None, None) => String::new(),
        }
    }
}

/// Streams the dead letters wanted, in log order, until `each` breaks; then counts by reason all
/// that were met.
pub fn dead_letters(
    journal: &dyn Journal,
    filter: &DeadLetterFilter,
    mut each: impl FnMut(DeadLetter) -> Result<ControlFlow<()>, QueryError>,
) -> Result<DeadLetters, QueryError> {
    let mut counts = DeadLetters { repeats: repeats(journal, filter)?, ..DeadLetters::default() };
    let mut walk = match &filter.user {
        Some(user) => match Scope::person(journal, user) {
            Ok(scope) => scope.walk(journal, Place::START..Place::END)?,
            // Of somebody who only repeated what others sent there are counts alone.
            Err(QueryError::UnknownUser { .. }) if !counts.repeats.is_empty() => return Ok(counts),
            Err(error) => return Err(error),
        },
        None => Walk::start(journal)?,
    };
    walk.run(|met| {
        for found in letters(met, filter)? {
            *counts.stored.entry(found.reason).or_default() += 1;
            if each(found)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(counts)
}

/// Streams the dead letters wanted behind an event (none: from the first one on), in log order,
/// until `each` breaks. Reads nothing before it but names.
///
/// # Errors
///
/// The log has no such position, or cannot be read.
pub fn dead_letters_behind(
    journal: &dyn Journal,
    filter: &DeadLetterFilter,
    after: Option<Position>,
    mut each: impl FnMut(DeadLetter) -> ControlFlow<()>,
) -> Result<(), QueryError> {
    let scope = match &filter.user {
        Some(user) => match Scope::person(journal, user) {
            Ok(scope) => scope,
            // Of somebody who only repeated what others sent no letter is stored.
            Err(QueryError::UnknownUser { .. }) if !repeats(journal, filter)?.is_empty() => {
                return Ok(());
            }
            Err(error) => return Err(error),
        },
        None => Scope::everybody(Names::read(journal)?),
    };
    let mut walk = match after {
        Some(after) => scope.walk_after(journal, after)?,
        None => scope.walk(journal, Place::START..Place::END)?,
    };
    // The chunk that holds the event is read again.
    let came = |at: Position| {
        after.is_some_and(|after| after.partition == at.partition && at.n <= after.n)
    };
    walk.run(|met| {
        for found in letters(met, filter)?.into_iter().filter(|found| !came(found.position)) {
            if each(found).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    })
}

/// The dead letters of an entry: itself, or feedback of earlier ones that waited in vain.
fn letters(met: &Visit<'_>, filter: &DeadLetterFilter) -> Result<Vec<DeadLetter>, QueryError> {
    let mut found: Vec<DeadLetter> = dead_letter(met, filter)?.into_iter().collect();
    if filter.reason.is_some_and(|reason| reason != Reason::Orphan) {
        return Ok(found);
    }
    for (index, stored) in (0..).zip(met.entry.events.clone()) {
        if stored.schema != SchemaId::FeedbackOrphaned || stored.seal != 0 {
            continue;
        }
        let Event::FeedbackOrphaned(event) = met.event(&stored)? else { continue };
        let letter = orphan(met.position(index), event);
        let key = letter.user_id.as_deref().map(|user| person_key(&letter.tenant, user));
        if filter.user.as_deref().is_none_or(|wanted| key.as_deref() == Some(wanted)) {
            found.push(letter);
        }
    }
    Ok(found)
}

/// Its bytes stand with the input that brought it.
fn orphan(position: Position, event: FeedbackOrphaned) -> DeadLetter {
    DeadLetter {
        position,
        reason: Reason::Orphan,
        detail: event.detail,
        source: None,
        line: None,
        user_id: event.user_id,
        tenant: event.tenant,
        input_id: event.feedback_id,
        ts: event.given_ms,
        recv_ts: None,
        length: 0,
        raw: None,
        raw_hex: None,
        rest_hash: None,
    }
}

fn dead_letter(
    met: &Visit<'_>,
    filter: &DeadLetterFilter,
) -> Result<Option<DeadLetter>, QueryError> {
    let entry = met.entry;
    let refused = (0..).zip(entry.events.clone());
    let Some((index, event)) =
        refused.into_iter().find(|(_, event)| event.schema == SchemaId::DeadLettered)
    else {
        return Ok(None);
    };
    if event.seal != 0 {
        return Ok(None);
    }
    let Event::DeadLettered(refused) = met.event(&event)? else {
        return Ok(None);
    };
    let wanted = filter.reason.is_none_or(|reason| reason == refused.reason)
        && filter.user.as_deref().is_none_or(|user| met.concerns(user));
    if !wanted {
        return Ok(None);
    }
    let cursor =
        (entry.source as usize).checked_sub(1).and_then(|index| met.header.cursors.get(index));
    let (raw, raw_hex) = entry.raw.as_ref().map_or((None, None), raw_texts);
    Ok(Some(DeadLetter {
        position: met.position(index),
        reason: refused.reason,
        detail: refused.detail,
        source: cursor.map(|cursor| cursor.name.clone()),
        line: (entry.line > 0).then_some(entry.line),
        user_id: met.user_id(),
        tenant: entry.tenant.into(),
        input_id: entry.id.into(),
        ts: entry.ts,
        recv_ts: entry.recv_ts,
        length: entry.raw.as_ref().map_or(0, |raw| raw.length),
        raw,
        raw_hex,
        rest_hash: entry.raw.as_ref().and_then(|raw| raw.rest_hash).map(|hash| hex(&hash)),
    }))
}

/// The kept bytes as text, else in hexadecimal. A character that the cut at 4 KiB split does not
/// make the rest binary.
fn raw_texts(raw: &RawRef<'_>) -> (Option<String>, Option<String>) {
    match std::str::from_utf8(raw.head) {
        Ok(text) => (Some(text.into()), None),
        Err(error) if error.error_len().is_none() && raw.rest_hash.is_some() => {
            let (whole, _) = raw.head.split_at(error.valid_up_to());
            (Some(String::from_utf8_lossy(whole).into_owned()), None)
        }
        Err(_) => (None, Some(hex(raw.head))),
    }
}

fn repeats(
    journal: &dyn Journal,
    filter: &DeadLetterFilter,
) -> Result<BTreeMap<Reason, u64>, QueryError> {
    let mut counts = BTreeMap::new();
    let mut scan = match &filter.user {
        Some(user) => journal.find(&[Key::person(user)], ScanFrom::default())?,
        None => journal.scan(ScanFrom::default())?,
    };
    while let Some(chunk) = scan.next_chunk()? {
        for repeat in chunk.header.cursors.iter().flat_map(|cursor| &cursor.repeats) {
            let Some(reason) = repeat.reason else {
                continue;
            };
            let wanted = filter.reason.is_none_or(|wanted| wanted == reason)
                && (filter.user.is_none() || filter.user == repeat.user_id);
            if wanted {
                *counts.entry(reason).or_default() += 1;
            }
        }
    }
    Ok(counts)
}

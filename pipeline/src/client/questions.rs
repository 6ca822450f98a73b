//! Questions to a service, answered in the types that the library gives for a directory.

use std::{collections::BTreeMap, ops::ControlFlow};

use zeitgeber_processors::rhythm::report::Report;

use super::{
    Call, Client, ClientError,
    pages::{Page, WalkError},
};
use crate::query::{
    DeadLetter, DeadLetterFilter, DeadLetters, EventFilter, EventRow, Explanation, Moment, Range,
    Rebuilt, Status, Verified,
};

impl Client {
    /// Where one person stands.
    pub fn status(&self, tenant: &str, user_id: &str) -> Result<Status, ClientError> {
        let query = [("tenant", tenant.into())];
        self.ask(&Call::get(&["v1", "users", user_id, "status"], &query))
    }

    /// The decision whose id begins with `id`, from its readings to its reward.
    pub fn explain(&self, id: &str) -> Result<Explanation, ClientError> {
        self.ask(&Call::long(&["v1", "decisions", id.trim()], &[]))
    }

    /// Each person's features over a range, or those of one person.
    pub fn report(
        &self,
        range: Range,
        user: Option<&str>,
    ) -> Result<BTreeMap<String, Report>, ClientError> {
        let all = Range::default();
        let mut query = Vec::new();
        query.extend(user.map(|user| ("user", user.into())));
        if range.from_ms != all.from_ms {
            query.push(("from", range.from_ms.to_string()));
        }
        if range.to_ms != all.to_ms {
            query.push(("to", range.to_ms.to_string()));
        }
        self.ask(&Call::long(&["v1", "report"], &query))
    }

    /// Checks the whole log and decides it again.
    pub fn verify(&self) -> Result<Verified, ClientError> {
        self.ask(&Call::long(&["v1", "verify"], &[]))
    }

    /// Rebuilds the state from the log alone.
    pub fn replay(&self, at: Option<&Moment>) -> Result<Rebuilt, ClientError> {
        let query: Vec<_> = at.map(|at| ("at", moment_text(at))).into_iter().collect();
        self.ask(&Call::long(&["v1", "replay"], &query))
    }

    /// Streams the events wanted, at most `limit`, until `each` breaks.
    pub fn events(
        &self,
        filter: &EventFilter,
        limit: u64,
        each: impl FnMut(EventRow) -> std::io::Result<ControlFlow<()>>,
    ) -> Result<(), WalkError> {
        let mut wanted = Vec::new();
        wanted.extend(filter.user.iter().map(|user| ("user", user.clone())));
        wanted.extend(filter.schema.map(|schema| ("type", schema.as_str().into())));
        wanted.extend(filter.topic.map(|topic| ("topic", topic.as_str().into())));
        wanted.extend(filter.from.as_ref().map(|from| ("from", moment_text(from))));
        self.pages(&["v1", "events"], &wanted, limit, each).map(drop)
    }

    /// The last events of the log, in order.
    pub fn last_events(&self, count: usize) -> Result<Vec<EventRow>, ClientError> {
        let query = [("last", count.to_string())];
        let page: Page<EventRow> = self.ask(&Call::long(&["v1", "events"], &query))?;
        Ok(page.rows)
    }

    /// Streams the dead letters wanted, at most `limit`, until `each` breaks.
    pub fn dead_letters(
        &self,
        filter: &DeadLetterFilter,
        limit: u64,
        each: impl FnMut(DeadLetter) -> std::io::Result<ControlFlow<()>>,
    ) -> Result<(), WalkError> {
        self.pages(&["v1", "dead-letters"], &letters_query(filter), limit, each).map(drop)
    }

    /// How many dead letters there are, by reason.
    pub fn dead_letter_counts(
        &self,
        filter: &DeadLetterFilter,
    ) -> Result<DeadLetters, ClientError> {
        let query = letters_query(filter);
        self.ask(&Call::long(&["v1", "dead-letters", "counts"], &query))
    }
}

fn letters_query(filter: &DeadLetterFilter) -> Vec<(&'static str, String)> {
    let mut query = Vec::new();
    query.extend(filter.user.iter().map(|user| ("user", user.clone())));
    query.extend(filter.reason.map(|reason| ("reason", reason.as_str().into())));
    query
}

/// A moment as the service reads it.
fn moment_text(moment: &Moment) -> String {
    match moment {
        Moment::Positions(at) => at.0.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
        Moment::Time(ms) => ms.to_string(),
    }
}

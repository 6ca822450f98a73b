//! Lists of a service, read page by page.

use std::{io, ops::ControlFlow};

use serde::{Deserialize, de::DeserializeOwned};

use super::{Call, Client, ClientError};

/// Rows asked for at a time.
const PAGE_ROWS: u64 = 1_000;

/// One page of a list.
#[derive(Deserialize)]
pub(super) struct Page<T> {
    /// Each list has its own name.
    #[serde(
        alias = "events",
        alias = "dead_letters",
        alias = "pools",
        alias = "tasks",
        alias = "agents"
    )]
    pub(super) rows: Vec<T>,
    /// The `after` of the next page.
    next: Option<String>,
}

/// What walks over rows stops with: an error of the service, or of whoever takes them.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// The service.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Whoever takes the rows.
    #[error(transparent)]
    Output(#[from] io::Error),
}

impl Client {
    /// Streams the rows of the list at `path` that `wanted` asks for, at most `limit`, until
    /// `each` breaks; whether it was the limit that ended them.
    pub(super) fn pages<T: DeserializeOwned>(
        &self,
        path: &[&str],
        wanted: &[(&str, String)],
        limit: u64,
        mut each: impl FnMut(T) -> io::Result<ControlFlow<()>>,
    ) -> Result<bool, WalkError> {
        let (mut left, mut after) = (limit, None::<String>);
        while left > 0 {
            let mut query = wanted.to_vec();
            query.push(("limit", left.min(PAGE_ROWS).to_string()));
            query.extend(after.take().map(|after| ("after", after)));
            let page: Page<T> = self.ask(&Call::long(path, &query))?;
            for row in page.rows {
                left = left.saturating_sub(1);
                if each(row)?.is_break() {
                    return Ok(false);
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(false),
            }
        }
        Ok(true)
    }
}

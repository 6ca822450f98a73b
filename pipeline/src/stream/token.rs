//! What resumes a stream of several partitions that have no common order: how many events of each
//! came, or were there before it began.
//!
//! As text `v1.` and, in base64 for URLs, postcard's form of four bytes of the log's id, which tell
//! tokens of other logs, and of the numbers of all partitions in order. Clients hand it back as it
//! is.

use std::{fmt, str::FromStr};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use serde::{Deserialize, Serialize};

use crate::query::Position;

/// What a token's text begins with.
const VERSION: &str = "v1.";
/// Bytes of the log's id.
const LOG_BYTES: usize = 4;
/// Most partitions of a log.
const PARTITIONS_MAX: usize = 1_024;

/// What resumes a stream of several partitions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    log: [u8; LOG_BYTES],
    /// Position of the next event of each partition.
    next: Vec<u64>,
}

/// A text that is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a token of this service")]
pub struct NotAToken;

impl Token {
    /// Before these events of a log's partitions.
    pub fn new(log_id: &[u8; 16], next: Vec<u64>) -> Self {
        let [a, b, c, d, ..] = *log_id;
        Self { log: [a, b, c, d], next }
    }

    /// Whether it is of a log with this id and so many partitions.
    pub fn is_of(&self, log_id: &[u8; 16], partitions: u16) -> bool {
        log_id.starts_with(&self.log) && self.next.len() == usize::from(partitions)
    }

    /// Position of the next event of each partition.
    pub fn next(&self) -> &[u64] {
        &self.next
    }

    /// An event came.
    pub fn pass(&mut self, event: Position) {
        if let Some(next) = self.next.get_mut(usize::from(event.partition.0)) {
            *next = event.n + 1;
        }
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = postcard::to_allocvec(self).map_err(|_| fmt::Error)?;
        write!(f, "{VERSION}{}", BASE64.encode(bytes))
    }
}

impl FromStr for Token {
    type Err = NotAToken;

    fn from_str(text: &str) -> Result<Self, NotAToken> {
        let digits = text.strip_prefix(VERSION).ok_or(NotAToken)?;
        let bytes = BASE64.decode(digits).map_err(|_| NotAToken)?;
        match postcard::take_from_bytes::<Self>(&bytes) {
            Ok((token, [])) if token.next.len() <= PARTITIONS_MAX => Ok(token),
            _ => Err(NotAToken),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use zeitgeber_schemas::PartitionId;

    use super::*;

    proptest! {
        #[test]
        fn a_token_is_read_back_as_it_was_written(
            log in any::<[u8; 16]>(),
            next in prop::collection::vec(prop_oneof![Just(0), 0..1_000_u64, any::<u64>()], 1..50),
        ) {
            let token = Token::new(&log, next.clone());
            let text = token.to_string();
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
            prop_assert!(text.bytes().all(is_plain));
            let read: Token = text.parse().expect("it was written");
            prop_assert!(read.is_of(&log, next.len() as u16) && read.next() == next);
        }

        #[test]
        fn whatever_is_no_token_is_refused_without_a_panic(text in "(v1\\.)?[A-Za-z0-9_.-]{0,40}") {
            if let Ok(token) = text.parse::<Token>() {
                prop_assert!(token.next().len() <= PARTITIONS_MAX);
            }
        }
    }

    #[test]
    fn an_event_moves_its_partition_and_the_largest_token_fits_a_header() {
        let mut token = Token::new(&[9; 16], vec![1 << 34; PARTITIONS_MAX]);
        token.pass(Position { partition: PartitionId(3), n: 41 });
        assert_eq!((token.next()[3], token.next()[2]), (42, 1 << 34));
        assert!(token.to_string().len() < 8_000, "{}", token.to_string().len());
        assert!(!token.is_of(&[8; 16], 1_024) && !token.is_of(&[9; 16], 16));
    }
}

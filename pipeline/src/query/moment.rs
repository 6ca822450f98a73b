//! Places and times as people write them: `P:N`, vectors of these, RFC 3339, dates, milliseconds.

use std::{fmt, str::FromStr};

use jiff::{Timestamp, civil, tz::TimeZone};
use serde::{Deserialize, Serialize};
use zeitgeber_schemas::PartitionId;

/// The place of an event: its partition and its number in it, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// The partition.
    pub partition: PartitionId,
    /// The event's number within the partition.
    pub n: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.partition, self.n)
    }
}

/// Text that is not a position.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a position: write PARTITION:NUMBER, several separated by commas")]
pub struct ParsePositionError(String);

impl FromStr for Position {
    type Err = ParsePositionError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once(':').and_then(|(partition, n)| {
            Some(Self { partition: PartitionId(partition.parse().ok()?), n: n.parse().ok()? })
        });
        parts.ok_or_else(|| ParsePositionError(text.into()))
    }
}

/// A position in some partitions; the others are not named.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Positions(pub Vec<Position>);

impl Positions {
    /// The position named for a partition.
    pub fn of(&self, partition: PartitionId) -> Option<u64> {
        self.0.iter().find(|position| position.partition == partition).map(|position| position.n)
    }
}

impl FromStr for Positions {
    type Err = ParsePositionError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split(',').map(|part| part.trim().parse()).collect::<Result<_, _>>().map(Self)
    }
}

/// Where to stand in a log: at positions, or at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moment {
    /// At these positions.
    Positions(Positions),
    /// At this time, ms UTC.
    Time(i64),
}

/// Text that is neither a position nor a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no time: write RFC 3339 (2024-05-01T06:30:00Z), a date (2024-05-01, midnight UTC), \
     or milliseconds since 1970"
)]
pub struct MomentError(String);

impl FromStr for Moment {
    type Err = MomentError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(positions) => Ok(Self::Positions(positions)),
            Err(_) => parse_time(text).map(Self::Time),
        }
    }
}

/// Reads a time as ms UTC: RFC 3339, a date or a date and time in UTC, or ms since 1970.
///
/// # Errors
///
/// The text is none of these.
pub fn parse_time(text: &str) -> Result<i64, MomentError> {
    if let Ok(ms) = text.parse() {
        return Ok(ms);
    }
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant.as_millisecond());
    }
    let local = text.parse::<civil::DateTime>().map_err(|_| MomentError(text.into()))?;
    let instant = TimeZone::UTC.to_timestamp(local).map_err(|_| MomentError(text.into()))?;
    Ok(instant.as_millisecond())
}

/// A time for people: RFC 3339 in UTC, or ms where the calendar does not reach.
pub fn time_text(ms: i64) -> String {
    match Timestamp::from_millisecond(ms) {
        Ok(instant) => instant.to_string(),
        Err(_) => format!("{ms} ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_every_form_and_positions_are_told_apart() {
        let noon = 1_714_564_800_000;
        for text in ["2024-05-01T12:00:00Z", "2024-05-01T14:00:00+02:00", "1714564800000"] {
            assert_eq!(text.parse(), Ok(Moment::Time(noon)), "{text}");
        }
        assert_eq!(parse_time("2024-05-01"), Ok(noon - 12 * 3_600_000));
        assert_eq!(parse_time("2024-05-01 12:00"), Ok(noon));
        let at = Position { partition: PartitionId(3), n: 100 };
        let other = Position { partition: PartitionId(4), n: 7 };
        assert_eq!("3:100,4:7".parse(), Ok(Moment::Positions(Positions(vec![at, other]))));
        assert!("yesterday".parse::<Moment>().is_err());
        assert_eq!(time_text(noon), "2024-05-01T12:00:00Z");
    }
}

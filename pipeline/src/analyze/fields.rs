//! A row's fields: how a line is split, and what is a time.

use csv_core::{ReadRecordResult, ReaderBuilder};
use jiff::{fmt::temporal::Pieces, tz::TimeZone};

use super::recording::LINE_BYTES_MAX;

/// Most columns.
const COLUMNS_MAX: usize = 1_000;
/// The delimiters that are looked for.
const DELIMITERS: [u8; 4] = *b",;\t|";

pub(crate) fn is_missing(field: &str) -> bool {
    field.is_empty() || field.eq_ignore_ascii_case("nan") || field.eq_ignore_ascii_case("na")
}

/// What a time that is a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    /// Milliseconds, as the column's name says.
    Ms,
    /// Whatever its size tells.
    Told,
}

/// A time as recordings write it: ms since 1970, s since 1970 where it is that small, or a date and
/// a time of which the offset, where there is one, is left out: it is the wall clock that counts.
pub(crate) fn time_ms(text: &str, scale: Scale) -> Option<f64> {
    /// Seconds up to the year 5138, as ms before March 1973.
    const SECONDS_BELOW: f64 = 1e11;
    /// The end of the year 9999: what is greater is in another unit.
    const MS_MAX: f64 = 253_402_300_800_000.0;
    if let Ok(number) = text.parse::<f64>() {
        return match number {
            n if !(0.0..MS_MAX).contains(&n) => None,
            n if n < SECONDS_BELOW && scale == Scale::Told => Some(n * 1000.0),
            n => Some(n),
        };
    }
    let pieces = Pieces::parse(text).ok()?;
    let wall = pieces.date().to_datetime(pieces.time().unwrap_or_default());
    let zoned = wall.to_zoned(TimeZone::UTC).ok()?;
    Some(zoned.timestamp().as_nanosecond() as f64 / 1e6)
}

pub(super) fn delimiter_of(line: &str) -> u8 {
    let count = |delimiter: &u8| line.bytes().filter(|byte| byte == delimiter).count();
    // The first of those that are there as often as each other.
    DELIMITERS.into_iter().rev().max_by_key(count).unwrap_or(b',')
}

/// Splits a line into its fields, quoted or not.
pub(super) struct Splitter {
    reader: csv_core::Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
    count: usize,
}

impl Splitter {
    pub(super) fn new(delimiter: u8) -> Self {
        let reader = ReaderBuilder::new().delimiter(delimiter).build();
        let (text, ends) = (vec![0; LINE_BYTES_MAX + 1], vec![0; COLUMNS_MAX]);
        Self { reader, text, ends, count: 0 }
    }

    pub(super) fn split(&mut self, line: &str) -> Result<(), String> {
        let Self { reader, text, ends, count } = self;
        reader.reset();
        let (result, read, written, fields) = reader.read_record(line.as_bytes(), text, ends);
        // A line has no end of its own here; an empty input stands for it.
        let (result, last) = match result {
            ReadRecordResult::InputEmpty => {
                let (result, _, _, more) =
                    reader.read_record(&[], &mut text[written..], &mut ends[fields..]);
                (result, fields + more)
            }
            other => (other, fields),
        };
        if !matches!(result, ReadRecordResult::Record) {
            return Err(format!("more than {COLUMNS_MAX} fields"));
        }
        if read < line.len() {
            return Err("a carriage return stands in its middle".into());
        }
        *count = last;
        Ok(())
    }

    /// How many fields there are.
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    pub(super) fn field(&self, n: usize) -> &str {
        let start = if n == 0 { 0 } else { self.ends[n - 1] };
        let bytes = self.text.get(start..self.ends[n]).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default().trim()
    }
}

impl std::fmt::Debug for Splitter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries((0..self.count).map(|n| self.field(n))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_ms_seconds_or_wall_clocks() {
        for text in [
            "1714545000000",
            "1714545000",
            "2024-05-01 06:30:00",
            "2024-05-01T06:30",
            "2024-05-01T06:30:00Z",
            "2024-05-01T06:30:00+02:00",
        ] {
            assert_eq!(time_ms(text, Scale::Told), Some(1_714_545_000_000.0), "{text}");
        }
        assert_eq!(time_ms("1500", Scale::Ms), Some(1500.0));
        assert_eq!(time_ms("soon", Scale::Told), None);
        assert_eq!(time_ms("-5", Scale::Told), None);
    }
}

//! A quick parser for readings as producers write them: known keys, plain ASCII, no surprises.
//!
//! It is a bet, never a judge. Whatever it does not expect (an escape, a key it does not know or
//! has seen, `values` before `kind`, a null, a list that is too long) it hands on by returning
//! `None`, and the thorough parser decides. Numbers are correctly rounded, as there.

use zeitgeber_schemas::{Doubles, Envelope, Environment, Imu, ReadingBody, Values};

use super::{
    DEFAULT_TENANT, ID_BYTES_MAX, INTERVALS_MAX, SAMPLES_MAX,
    json::{Numbers, measures},
};

/// Powers of ten that a double holds exactly.
const POWERS_OF_TEN: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];
/// Greatest integer below which a double holds every integer exactly.
const EXACT_MAX: u64 = 1 << 53;
/// Digits that always fit an `i64`.
const DIGITS_MAX: usize = 18;

/// Reads a line if it is an ordinary one.
pub(super) fn reading<'a, 'n>(
    line: &'a [u8],
    numbers: &'n mut Numbers,
) -> Option<(Envelope<'a>, ReadingBody<'n>)>
where
    'a: 'n,
{
    let (mut id, mut user_id, mut device_id, mut tenant) = (None, None, None, None);
    let (mut kind, mut ts, mut recv_ts, mut values) = (None, None, None, None);
    let mut numbers = Some(numbers);
    let mut cursor = Cursor { rest: line };
    cursor.space();
    cursor.eat(b'{')?;
    loop {
        match cursor.key()? {
            b"id" => once(&mut id, cursor.text()?)?,
            b"user_id" => once(&mut user_id, cursor.text()?)?,
            b"device_id" => once(&mut device_id, cursor.text()?)?,
            b"tenant" => once(&mut tenant, cursor.text()?)?,
            b"kind" => once(&mut kind, cursor.text()?)?,
            b"ts" => once(&mut ts, cursor.integer()?)?,
            b"recv_ts" => once(&mut recv_ts, cursor.integer()?)?,
            b"values" => {
                let numbers = numbers.take()?;
                values = Some(match kind? {
                    "imu" => Values::Imu(imu(&mut cursor, numbers)?),
                    "hrv" => Values::Hrv(intervals(&mut cursor, &mut numbers.first)?),
                    "environment" => Values::Environment(environment(&mut cursor)?),
                    _ => return None,
                });
            }
            _ => return None,
        }
        if !cursor.more(b'}')? {
            break;
        }
    }
    if !cursor.rest.is_empty() {
        return None;
    }
    let tenant = tenant.unwrap_or(DEFAULT_TENANT);
    let envelope = Envelope { tenant, user_id: user_id?, id: id?, ts: ts?, recv_ts };
    let device_id = device_id.unwrap_or_default();
    let body = ReadingBody { device_id, backfill: false, unknown_fields: false, values: values? };
    Some((envelope, body))
}

/// Fills a place that is empty; a key that stands twice is not for this parser.
fn once<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.replace(value).is_none().then_some(())
}

fn imu<'n>(cursor: &mut Cursor<'_>, numbers: &'n mut Numbers) -> Option<Imu<'n>> {
    let mut imu = Imu::default();
    let Numbers { first, second } = numbers;
    let (mut first, mut second) = (Some(first), Some(second));
    cursor.eat(b'{')?;
    loop {
        match cursor.key()? {
            b"activity_counts" => once(&mut imu.activity_counts, cursor.number()?)?,
            b"enmo_mg" => once(&mut imu.enmo_mg, cursor.number()?)?,
            b"steps" => once(&mut imu.steps, cursor.number()?)?,
            b"lying" => once(&mut imu.lying, cursor.number()?)?,
            b"intensity" => once(&mut imu.intensity, cursor.number()?)?,
            b"epoch_s" => once(&mut imu.epoch_s, cursor.number()?)?,
            b"fs_hz" => once(&mut imu.fs_hz, cursor.number()?)?,
            b"acc_g" => imu.acc_g = samples(cursor, first.take()?)?,
            b"gyro_dps" => imu.gyro_dps = samples(cursor, second.take()?)?,
            _ => return None,
        }
        if !cursor.more(b'}')? {
            return measures(&imu).then_some(imu);
        }
    }
}

fn samples<'n>(cursor: &mut Cursor<'_>, bytes: &'n mut Vec<u8>) -> Option<Doubles<'n>> {
    bytes.clear();
    cursor.eat(b'[')?;
    for _ in 0..SAMPLES_MAX {
        cursor.eat(b'[')?;
        for axis in 0..3 {
            bytes.extend_from_slice(&cursor.number()?.to_le_bytes());
            if cursor.more(b']')? == (axis == 2) {
                return None;
            }
        }
        if !cursor.more(b']')? {
            return Some(Doubles::from_le_bytes(bytes));
        }
    }
    None
}

fn intervals<'n>(cursor: &mut Cursor<'_>, bytes: &'n mut Vec<u8>) -> Option<Doubles<'n>> {
    bytes.clear();
    cursor.eat(b'{')?;
    if cursor.key()? != b"rr_ms" {
        return None;
    }
    cursor.eat(b'[')?;
    for _ in 0..INTERVALS_MAX {
        bytes.extend_from_slice(&cursor.number()?.to_le_bytes());
        if !cursor.more(b']')? {
            let alone = !cursor.more(b'}')?;
            return alone.then(|| Doubles::from_le_bytes(bytes));
        }
    }
    None
}

fn environment(cursor: &mut Cursor<'_>) -> Option<Environment> {
    let mut environment = Environment::default();
    cursor.eat(b'{')?;
    loop {
        match cursor.key()? {
            b"lux" => once(&mut environment.lux, cursor.number()?)?,
            b"medi_lux" => once(&mut environment.medi_lux, cursor.number()?)?,
            b"temp_c" => once(&mut environment.temp_c, cursor.number()?)?,
            b"noise_db" => once(&mut environment.noise_db, cursor.number()?)?,
            _ => return None,
        }
        if !cursor.more(b'}')? {
            return Some(environment);
        }
    }
}

/// What is left of the line. Every method also passes the white space behind what it takes.
struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    #[inline]
    fn space(&mut self) {
        while let [b' ' | b'\t' | b'\r' | b'\n', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    #[inline]
    fn eat(&mut self, byte: u8) -> Option<()> {
        let (&first, rest) = self.rest.split_first()?;
        self.rest = rest;
        self.space();
        (first == byte).then_some(())
    }

    /// Takes a comma (true) or the closing bracket (false).
    #[inline]
    fn more(&mut self, close: u8) -> Option<bool> {
        let (&first, rest) = self.rest.split_first()?;
        self.rest = rest;
        self.space();
        if first == b',' { Some(true) } else { (first == close).then_some(false) }
    }

    /// Takes a string of printable ASCII without escapes, quotes included.
    #[inline]
    fn plain(&mut self) -> Option<&'a [u8]> {
        let (&first, rest) = self.rest.split_first()?;
        let end = rest.iter().position(|b| !matches!(b, 0x20..=0x7f) || matches!(b, b'"' | b'\\'));
        let (text, rest) = rest.split_at_checked(end?)?;
        if first != b'"' || rest[0] != b'"' {
            return None;
        }
        self.rest = &rest[1..];
        self.space();
        Some(text)
    }

    #[inline]
    fn key(&mut self) -> Option<&'a [u8]> {
        let key = self.plain()?;
        self.eat(b':')?;
        Some(key)
    }

    #[inline]
    fn text(&mut self) -> Option<&'a str> {
        let text = self.plain().filter(|text| text.len() <= ID_BYTES_MAX)?;
        core::str::from_utf8(text).ok()
    }

    /// Takes digits without a leading zero: their value (meaningless past 19) and count.
    #[inline]
    fn digits(&mut self, mut value: u64) -> (u64, usize) {
        let before = self.rest.len();
        while let [digit @ b'0'..=b'9', rest @ ..] = self.rest {
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            self.rest = rest;
        }
        (value, before - self.rest.len())
    }

    /// Takes a minus sign, then the integer part of a number: sign, value, count of digits.
    #[inline]
    fn whole(&mut self) -> Option<(bool, u64, usize)> {
        let negative = self.rest.first() == Some(&b'-');
        if negative {
            self.rest = &self.rest[1..];
        }
        let leading_zero = self.rest.first() == Some(&b'0');
        let (value, count) = self.digits(0);
        (count > 0 && !(leading_zero && count > 1)).then_some((negative, value, count))
    }

    #[inline]
    fn integer(&mut self) -> Option<i64> {
        let (negative, value, count) = self.whole()?;
        let is_float = matches!(self.rest.first(), Some(b'.' | b'e' | b'E'));
        if count > DIGITS_MAX || is_float || (negative && value == 0) {
            return None;
        }
        self.space();
        let value = value.cast_signed();
        Some(if negative { -value } else { value })
    }

    /// Takes a JSON number. Where mantissa and power of ten are exact doubles, one division
    /// rounds correctly (Clinger 1990); otherwise the standard library parses the text.
    #[inline]
    fn number(&mut self) -> Option<f64> {
        let text = self.rest;
        let (negative, whole, mut count) = self.whole()?;
        let (mut mantissa, mut fraction) = (whole, 0);
        if self.rest.first() == Some(&b'.') {
            self.rest = &self.rest[1..];
            (mantissa, fraction) = self.digits(whole);
            if fraction == 0 {
                return None;
            }
            count += fraction;
        }
        let exponent = matches!(self.rest.first(), Some(b'e' | b'E'));
        let value = if !exponent && count <= DIGITS_MAX && mantissa <= EXACT_MAX {
            let value = mantissa as f64 / POWERS_OF_TEN[fraction];
            if negative { -value } else { value }
        } else {
            if exponent {
                self.exponent()?;
            }
            let text = &text[..text.len() - self.rest.len()];
            core::str::from_utf8(text).ok()?.parse().ok().filter(|value: &f64| value.is_finite())?
        };
        self.space();
        Some(value)
    }

    fn exponent(&mut self) -> Option<()> {
        self.rest = &self.rest[1..];
        if let [b'+' | b'-', rest @ ..] = self.rest {
            self.rest = rest;
        }
        (self.digits(0).1 > 0).then_some(())
    }
}

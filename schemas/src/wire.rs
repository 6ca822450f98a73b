//! Avro binary encoding for the current schema versions, one way each.
//!
//! `put` appends a value to a buffer; `get` takes it off the front of a slice. Records are their
//! fields in schema order, `Option` is the union `["null", T]`, enums are their symbol's index,
//! arrays are written as one block and read as any number of blocks. `record!` and `symbols!`
//! derive both directions from one list of fields, which a test holds against the `.avsc` text.
//!
//! What a later version adds stands last in a payload, with its default behind `=`: bytes that end
//! before it were written by an earlier version, and mean the default. Only a payload's own record
//! may add fields so, not one that stands inside of another.

use alloc::{string::String, vec::Vec};

/// Bytes that do not follow the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The bytes end inside a value.
    #[error("the bytes end inside a value")]
    Cut,
    /// A variable-length integer has more than 64 bits.
    #[error("an integer is longer than 64 bits")]
    Varint,
    /// A length, symbol or union branch is outside what the schema allows.
    #[error("a length, symbol or branch is outside the schema")]
    Range,
    /// A string is not UTF-8.
    #[error("a string is not UTF-8")]
    Utf8,
}

/// A value with one Avro binary form.
pub trait Wire: Sized {
    /// Appends the value's bytes.
    fn put(&self, out: &mut Vec<u8>);
    /// Takes a value off the front of `from`.
    fn get(from: &mut &[u8]) -> Result<Self, Malformed>;
}

/// The bytes of one value.
pub fn to_bytes<T: Wire>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    value.put(&mut out);
    out
}

/// Reads one value and demands that nothing follows it.
pub fn from_bytes<T: Wire>(mut bytes: &[u8]) -> Result<T, Malformed> {
    let value = T::get(&mut bytes)?;
    if bytes.is_empty() { Ok(value) } else { Err(Malformed::Range) }
}

/// Appends a zigzag variable-length integer (Avro `int` and `long`).
#[inline]
pub fn put_long(value: i64, out: &mut Vec<u8>) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Takes a zigzag variable-length integer.
#[inline]
pub fn get_long(from: &mut &[u8]) -> Result<i64, Malformed> {
    let mut value = 0u64;
    for (i, &byte) in from.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte < 0x80 {
            // The tenth byte has room for the 64th bit alone; more would be dropped unseen.
            if i == 9 && byte > 1 {
                return Err(Malformed::Varint);
            }
            *from = &from[i + 1..];
            return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
        }
    }
    Err(if from.len() < 10 { Malformed::Cut } else { Malformed::Varint })
}

/// Appends length and bytes (Avro `bytes` and `string`).
#[inline]
pub fn put_bytes(value: &[u8], out: &mut Vec<u8>) {
    put_long(value.len() as i64, out);
    out.extend_from_slice(value);
}

/// Takes `length` raw bytes.
#[inline]
pub fn take<'a>(from: &mut &'a [u8], length: usize) -> Result<&'a [u8], Malformed> {
    let (head, rest) = from.split_at_checked(length).ok_or(Malformed::Cut)?;
    *from = rest;
    Ok(head)
}

/// Takes length and bytes.
#[inline]
pub fn get_bytes<'a>(from: &mut &'a [u8]) -> Result<&'a [u8], Malformed> {
    let length = usize::try_from(get_long(from)?).map_err(|_| Malformed::Range)?;
    take(from, length)
}

/// Takes a borrowed string.
#[inline]
pub fn get_str<'a>(from: &mut &'a [u8]) -> Result<&'a str, Malformed> {
    core::str::from_utf8(get_bytes(from)?).map_err(|_| Malformed::Utf8)
}

/// Takes an Avro symbol or branch index below `count`.
#[inline]
pub fn get_index(from: &mut &[u8], count: usize) -> Result<usize, Malformed> {
    usize::try_from(get_long(from)?).ok().filter(|i| *i < count).ok_or(Malformed::Range)
}

impl Wire for i64 {
    fn put(&self, out: &mut Vec<u8>) {
        put_long(*self, out);
    }
    fn get(from: &mut &[u8]) -> Result<Self, Malformed> {
        get_long(from)
    }
}

// Avro has no integer above `i64::MAX`. A larger u64 is written as that bound: none of ours (line
// numbers, counts, positions) can reach it, and a sign change would be worse than a bound.
macro_rules! small_integers {
    ($($int:ty),*) => {$(
        impl Wire for $int {
            fn put(&self, out: &mut Vec<u8>) {
                put_long(i64::try_from(*self).unwrap_or(i64::MAX), out);
            }
            fn get(from: &mut &[u8]) -> Result<Self, Malformed> {
                <$int>::try_from(get_long(from)?).map_err(|_| Malformed::Range)
            }
        }
    )*};
}
small_integers!(i32, u16, u32, u64);

impl Wire for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
    fn get(from: &mut &[u8]) -> Result<Self, Malformed> {
        match take(from, 1)?[0] {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed::Range),
        }
    }
}

impl Wire for f64 {
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }
    #[inline]
    fn get(from: &mut &[u8]) -> Result<Self, Malformed> {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(take(from, 8)?);
        Ok(Self::from_le_bytes(bytes))
    }
}

impl Wire for String {
    fn put(&self, out: &mut Vec<u8>) {
        put_bytes(self.as_bytes(), out);
    }
    fn get(from: &mut &[u8]) -> Result<Self, Malformed> {
        get_str(from).map(String::from)
    }
}

/// Avro `fixed`.
impl<const N: usize> Wire for [u8; N] {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
    fn get(from: &mut &[u8]) -> Result<Self, Malformed> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(take(from, N)?);
        Ok(bytes)
    }
}

/// Avro `bytes`, kept apart from arrays of integers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash, serde::Serialize, serde::Deserialize)]
pub struct Bytes(pub Vec<u8>);

impl Wire for Bytes {
    fn put(&self, out: &mut Vec<u8>) {
        put_bytes(&self.0, out);
    }
    fn get(from: &mut &[u8]) -> Result<Self, Malformed> {
        get_bytes(from).map(|bytes| Self(bytes.into()))
    }
}

impl<T: Wire> Wire for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            None => out.push(0),
            Some(value) => {
                out.push(2);
                value.put(out);
            }
        }
    }
    fn get(from: &mut &[u8]) -> Result<Self, Malformed> {
        Ok(if get_index(from, 2)? == 0 { None } else { Some(T::get(from)?) })
    }
}

/// Reads the item count of an array's next block; zero ends the array.
///
/// A negative count is followed by the block's size in bytes, which must fit what is left.
pub fn get_block(from: &mut &[u8]) -> Result<usize, Malformed> {
    let count = get_long(from)?;
    if count < 0 {
        let size = usize::try_from(get_long(from)?).map_err(|_| Malformed::Range)?;
        if size > from.len() {
            return Err(Malformed::Cut);
        }
    }
    usize::try_from(count.unsigned_abs()).map_err(|_| Malformed::Range)
}

impl<T: Wire> Wire for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        if !self.is_empty() {
            put_long(self.len() as i64, out);
            self.iter().for_each(|item| item.put(out));
        }
        out.push(0);
    }
    fn get(from: &mut &[u8]) -> Result<Self, Malformed> {
        let mut items = Self::new();
        loop {
            let count = get_block(from)?;
            if count == 0 {
                return Ok(items);
            }
            // No item type of ours is empty, so a block has at least as many bytes as items: a
            // false count can neither reserve memory nor spin.
            if count > from.len() {
                return Err(Malformed::Cut);
            }
            for _ in 0..count {
                items.push(T::get(from)?);
            }
        }
    }
}

/// Takes a value that an earlier version's bytes, which end before it, do not have.
pub(crate) fn get_added<T: Wire>(from: &mut &[u8], default: T) -> Result<T, Malformed> {
    if from.is_empty() { Ok(default) } else { T::get(from) }
}

/// Declares a record and its Avro form from one list of fields, in schema order. A field with
/// `= default` was added by a later version than the first.
macro_rules! record {
    (@get $from:ident) => { $crate::wire::Wire::get($from) };
    (@get $from:ident $default:expr) => { $crate::wire::get_added($from, $default) };
    ($(#[$meta:meta])* $name:ident {
        $($(#[$doc:meta])* $field:ident : $type:ty $(= $default:expr)?),* $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        pub struct $name { $($(#[$doc])* pub $field: $type),* }

        impl $name {
            /// The field names, in schema order.
            pub const FIELDS: &'static [&'static str] = &[$(stringify!($field)),*];
        }

        impl $crate::wire::Wire for $name {
            fn put(&self, out: &mut alloc::vec::Vec<u8>) {
                let _ = &out;
                $($crate::wire::Wire::put(&self.$field, out);)*
            }
            fn get(from: &mut &[u8]) -> Result<Self, $crate::wire::Malformed> {
                let _ = &from;
                Ok(Self { $($field: $crate::wire::record!(@get from $($default)?)?),* })
            }
        }
    };
}

/// Declares an enum, its snake_case symbols and its Avro form.
macro_rules! symbols {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $symbol:literal),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$doc])* #[serde(rename = $symbol)] $variant),* }

        impl $name {
            /// Every value, in schema order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The symbol as it stands in the schema and in JSON.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $symbol),* }
            }

            /// The value with this symbol.
            pub fn from_symbol(symbol: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == symbol)
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl $crate::wire::Wire for $name {
            fn put(&self, out: &mut alloc::vec::Vec<u8>) {
                $crate::wire::put_long(*self as i64, out);
            }
            fn get(from: &mut &[u8]) -> Result<Self, $crate::wire::Malformed> {
                $crate::wire::get_index(from, Self::ALL.len()).map(|i| Self::ALL[i])
            }
        }
    };
}

pub(crate) use {record, symbols};

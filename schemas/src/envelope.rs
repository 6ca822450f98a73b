//! The envelope of an input: whose it is, which one it is, and when.
//!
//! It stays in clear when a payload is sealed with its subject's key.

use alloc::vec::Vec;

use crate::wire::{Malformed, get_index, get_long, get_str, put_bytes, put_long};

/// Who, which and when. Borrowed from the bytes it was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// The tenant; `default` where none is named.
    pub tenant: &'a str,
    /// The person within the tenant.
    pub user_id: &'a str,
    /// The input's idempotency key within the person.
    pub id: &'a str,
    /// Event time, ms UTC; for a reading the END of its epoch or burst.
    pub ts: i64,
    /// Arrival time, ms UTC, where the producer or a door gave one.
    pub recv_ts: Option<i64>,
}

impl<'a> Envelope<'a> {
    /// The field names, in schema order.
    pub const FIELDS: &'static [&'static str] = &["tenant", "user_id", "id", "ts", "recv_ts"];

    /// When the input arrived: `recv_ts`, or its event time where it brings none.
    pub fn received(&self) -> i64 {
        self.recv_ts.unwrap_or(self.ts)
    }

    /// Appends the Avro form.
    pub fn put(&self, out: &mut Vec<u8>) {
        put_bytes(self.tenant.as_bytes(), out);
        put_bytes(self.user_id.as_bytes(), out);
        put_bytes(self.id.as_bytes(), out);
        put_long(self.ts, out);
        match self.recv_ts {
            None => out.push(0),
            Some(at) => {
                out.push(2);
                put_long(at, out);
            }
        }
    }

    /// Takes an envelope off the front of `from`.
    pub fn get(from: &mut &'a [u8]) -> Result<Self, Malformed> {
        Ok(Self {
            tenant: get_str(from)?,
            user_id: get_str(from)?,
            id: get_str(from)?,
            ts: get_long(from)?,
            recv_ts: if get_index(from, 2)? == 0 { None } else { Some(get_long(from)?) },
        })
    }
}

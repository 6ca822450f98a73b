//! Lines of any length out of any reader, in bounded memory.
//!
//! A line within the limit is lent from the one buffer. A longer one is passed over; what stays
//! of it is its head, its length and its hashes, which is all that a dead letter keeps.

use std::io::{self, ErrorKind, Read};

use memchr::memchr;
use zeitgeber_schemas::{RawBytes, wire::Bytes};

use super::{RAW_HEAD_BYTES, raw_bytes, short_hash};

/// Longest line that is read, unless configured otherwise, bytes.
pub const LINE_BYTES_MAX: usize = 1 << 20;
/// What is asked of the reader at least, bytes.
const READ_BYTES: usize = 256 << 10;
/// A line end may be two bytes.
const LINE_END_BYTES: usize = 2;

/// One line. Its end (`\n` or `\r\n`) is left out; blank lines are lines.
#[derive(Debug, PartialEq)]
pub enum Line<'a> {
    /// Within the limit.
    Whole(&'a [u8]),
    /// Longer than the limit; a `\r` before its end is counted with it.
    Oversized(RawBytes),
}

/// Splits a reader into lines.
#[derive(Debug)]
pub struct Lines<R> {
    input: R,
    buffer: Box<[u8]>,
    /// The unread bytes are `buffer[start..end]`, and their first `scanned` hold no newline.
    start: usize,
    end: usize,
    scanned: usize,
    limit: usize,
    line: u64,
    ended: bool,
}

impl<R: Read> Lines<R> {
    /// Lines of at most `limit` bytes each.
    pub fn new(input: R, limit: usize) -> Self {
        let buffer = vec![0; limit + LINE_END_BYTES + READ_BYTES].into_boxed_slice();
        Self { input, buffer, start: 0, end: 0, scanned: 0, limit, line: 0, ended: false }
    }

    /// The number of the line read last, from 1; 0 before the first.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// The memory that the reader ever holds, bytes.
    pub fn capacity(&self) -> usize {
        self.buffer.len()
    }

    /// The next line and its number. An error of the reader comes after every whole line before
    /// it; a line that it cut is not delivered, and nothing is read after it. But after
    /// `WouldBlock` the next call goes on.
    #[expect(clippy::should_implement_trait, reason = "the line is lent, which Iterator cannot")]
    pub fn next(&mut self) -> io::Result<Option<(u64, Line<'_>)>> {
        loop {
            let unread = &self.buffer[self.start..self.end];
            if let Some(at) = memchr(b'\n', &unread[self.scanned..]) {
                let length = self.scanned + at;
                return Ok(Some(self.hand_out(length, length + 1)));
            }
            self.scanned = unread.len();
            if self.scanned >= self.limit + LINE_END_BYTES {
                return self.pass_over().map(Some);
            }
            if self.ended && self.scanned == 0 {
                return Ok(None);
            }
            if self.ended {
                return Ok(Some(self.hand_out(self.scanned, self.scanned)));
            }
            self.fill()?;
        }
    }

    /// Hands out `length` bytes and moves `passed` bytes on.
    fn hand_out(&mut self, length: usize, passed: usize) -> (u64, Line<'_>) {
        let raw = &self.buffer[self.start..self.start + length];
        self.start += passed;
        self.scanned = 0;
        self.line += 1;
        let line = raw.strip_suffix(b"\r").unwrap_or(raw);
        let fits = line.len() <= self.limit;
        (self.line, if fits { Line::Whole(line) } else { Line::Oversized(raw_bytes(raw)) })
    }

    /// Hashes a line that does not fit the buffer, up to its end.
    fn pass_over(&mut self) -> io::Result<(u64, Line<'_>)> {
        let mut passing = Passing::default();
        loop {
            let unread = &self.buffer[self.start..self.end];
            if let Some(length) = memchr(b'\n', unread) {
                passing.take(&unread[..length]);
                self.start += length + 1;
                break;
            }
            passing.take(unread);
            (self.start, self.end) = (0, 0);
            if self.ended {
                break;
            }
            match self.fill() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                filled => filled?,
            }
        }
        self.scanned = 0;
        self.line += 1;
        Ok((self.line, Line::Oversized(passing.finish())))
    }

    fn fill(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        loop {
            match self.input.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.ended = true,
                Ok(count) => self.end += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                // Nothing yet: what is buffered stays, and the next call reads on.
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(error),
                Err(error) => {
                    (self.start, self.end, self.scanned, self.ended) = (0, 0, 0, true);
                    return Err(error);
                }
            }
            return Ok(());
        }
    }
}

/// What is kept of a line on its way past.
#[derive(Default)]
struct Passing {
    head: Vec<u8>,
    length: u64,
    whole: blake3::Hasher,
    rest: blake3::Hasher,
}

impl Passing {
    fn take(&mut self, bytes: &[u8]) {
        let (head, rest) = bytes.split_at(bytes.len().min(RAW_HEAD_BYTES - self.head.len()));
        self.head.extend_from_slice(head);
        self.length += bytes.len() as u64;
        self.whole.update(bytes);
        self.rest.update(rest);
    }

    fn finish(self) -> RawBytes {
        let has_rest = self.length > self.head.len() as u64;
        RawBytes {
            head: Bytes(self.head),
            length: self.length,
            hash: short_hash(&self.whole.finalize()),
            rest_hash: has_rest.then(|| *self.rest.finalize().as_bytes()),
        }
    }
}

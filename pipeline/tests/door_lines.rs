//! Lines out of readers of every temper, in bounded memory.

use std::io::{self, Read};

use proptest::prelude::*;
use zeitgeber::door::{
    RAW_HEAD_BYTES,
    lines::{Line, Lines},
    raw_bytes,
};
use zeitgeber_schemas::RawBytes;

/// A line as these tests compare it.
#[derive(Debug, PartialEq)]
enum Seen {
    Whole(Vec<u8>),
    Oversized(RawBytes),
}

fn all(input: impl Read, limit: usize) -> Vec<Seen> {
    let mut lines = Lines::new(input, limit);
    let mut seen = Vec::new();
    while let Some((number, line)) = lines.next().expect("the reader holds") {
        seen.push(match line {
            Line::Whole(bytes) => Seen::Whole(bytes.to_vec()),
            Line::Oversized(raw) => Seen::Oversized(raw),
        });
        assert_eq!(number as usize, seen.len());
    }
    seen
}

fn whole(lines: &[&str]) -> Vec<Seen> {
    lines.iter().map(|line| Seen::Whole(line.as_bytes().to_vec())).collect()
}

/// Hands out a few bytes at a time.
struct Drip<'a>(&'a [u8], usize);

impl Read for Drip<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.len().min(self.1).min(buffer.len());
        let (head, rest) = self.0.split_at(count);
        buffer[..count].copy_from_slice(head);
        self.0 = rest;
        Ok(count)
    }
}

#[test]
fn blank_lines_count_and_an_empty_rest_does_not() {
    assert_eq!(all(&b""[..], 10), whole(&[]));
    assert_eq!(all(&b"\n"[..], 10), whole(&[""]));
    assert_eq!(all(&b"a\n\n b\n"[..], 10), whole(&["a", "", " b"]));
    assert_eq!(all(&b"a\nb"[..], 10), whole(&["a", "b"]));
    assert_eq!(all(&b"a\r\n\r\nb\r"[..], 10), whole(&["a", "", "b"]));
}

#[test]
fn a_line_of_exactly_the_limit_fits_with_either_end() {
    assert_eq!(all(&b"12345\n12345\r\n12345"[..], 5), whole(&["12345", "12345", "12345"]));
    let seen = all(&b"123456\r\nx\n"[..], 5);
    assert_eq!(seen[0], Seen::Oversized(raw_bytes(b"123456\r")));
    assert_eq!(seen[1..], whole(&["x"]));
}

#[test]
fn door_1_a_line_of_a_gigabyte_passes_in_bounded_memory() {
    const LENGTH: u64 = 1 << 30;
    let input = b"first\n".chain(io::repeat(b'x').take(LENGTH)).chain(&b"\nlast"[..]);
    let mut lines = Lines::new(input, 1 << 20);
    let capacity = lines.capacity();
    assert!(capacity < 2 << 20, "{capacity} bytes of buffer");
    assert_eq!(lines.next().expect("reads"), Some((1, Line::Whole(b"first"))));
    match lines.next().expect("reads") {
        Some((2, Line::Oversized(raw))) => {
            assert_eq!((raw.length, raw.head.0.len()), (LENGTH, RAW_HEAD_BYTES));
            assert!(raw.rest_hash.is_some());
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(lines.next().expect("reads"), Some((3, Line::Whole(b"last"))));
    assert_eq!(lines.capacity(), capacity);
}

#[test]
fn an_error_comes_after_every_whole_line_before_it() {
    struct Breaks;
    impl Read for Breaks {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("broken"))
        }
    }
    let mut lines = Lines::new(b"a\nb\ncut".chain(Breaks), 10);
    assert_eq!(lines.next().expect("reads"), Some((1, Line::Whole(b"a"))));
    assert_eq!(lines.next().expect("reads"), Some((2, Line::Whole(b"b"))));
    assert_eq!(lines.next().expect_err("breaks").to_string(), "broken");
    assert_eq!(lines.line(), 2);
    assert_eq!(lines.next().expect("is at its end"), None);
}

proptest! {
    #[test]
    fn lines_are_the_text_split_at_newlines(
        text in "[ab\r\n]{0,200}",
        limit in 1_usize..20,
        drip in 1_usize..9,
    ) {
        let mut wanted: Vec<&str> = text.split('\n').collect();
        if wanted.last() == Some(&"") {
            wanted.pop();
        }
        let wanted: Vec<Seen> = wanted
            .into_iter()
            .map(|raw| match raw.strip_suffix('\r').unwrap_or(raw) {
                line if line.len() <= limit => Seen::Whole(line.as_bytes().to_vec()),
                _ => Seen::Oversized(raw_bytes(raw.as_bytes())),
            })
            .collect();
        prop_assert_eq!(all(Drip(text.as_bytes(), drip), limit), wanted);
    }

    #[test]
    fn an_oversized_line_is_the_same_however_it_arrives(
        length in 4_000_usize..9_000,
        drip in 1_usize..3_000,
    ) {
        let text: Vec<u8> = (0..length).map(|i| b'a' + (i % 7) as u8).collect();
        let seen = all(Drip(&text, drip), 100);
        prop_assert_eq!(seen, vec![Seen::Oversized(raw_bytes(&text))]);
    }
}

//! A body of inputs, one by one: the lines of NDJSON, the items of a JSON array, or one object.

use memchr::memchr;
use serde::de::IgnoredAny;

use super::{Kind, Media, Problem, outcomes::Carries};

/// The inputs of a body, in order, as they came.
pub(super) struct Items<'a> {
    rest: &'a [u8],
    is_lines: bool,
}

impl<'a> Items<'a> {
    /// The inputs of a body that is no container, and whether it carries one as such.
    ///
    /// # Errors
    ///
    /// The body is no JSON, or neither an object nor an array: with line and column.
    pub(super) fn of(media: Media, body: &'a [u8]) -> Result<(Self, Carries), Problem> {
        if media == Media::Ndjson {
            return Ok((Self { rest: body, is_lines: true }, Carries::Many));
        }
        serde_json::from_slice::<IgnoredAny>(body).map_err(|error| Problem::json(&error))?;
        let text = body.trim_ascii();
        match text.first() {
            // One object is an array's inner text with one item.
            Some(b'{') => Ok((Self { rest: text, is_lines: false }, Carries::One)),
            Some(b'[') => {
                let inner = &text[1..text.len() - 1];
                Ok((Self { rest: inner, is_lines: false }, Carries::Many))
            }
            _ => {
                let detail = "the body is neither a JSON object nor an array of them";
                Err(Problem::new(Kind::Malformed, detail).at(1, 0))
            }
        }
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.is_lines {
            if self.rest.is_empty() {
                return None;
            }
            let end = memchr(b'\n', self.rest).unwrap_or(self.rest.len());
            let line = &self.rest[..end];
            self.rest = self.rest.get(end + 1..).unwrap_or_default();
            return Some(line.strip_suffix(b"\r").unwrap_or(line));
        }
        if self.rest.trim_ascii().is_empty() {
            return None;
        }
        let end = item_end(self.rest);
        let item = self.rest[..end].trim_ascii();
        self.rest = self.rest.get(end + 1..).unwrap_or_default();
        Some(item)
    }
}

/// Where the first item ends: at its comma, or with the text. The text was read before, so every
/// bracket and quote has its other half.
fn item_end(text: &[u8]) -> usize {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (at, byte) in text.iter().enumerate() {
        if quoted {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => quoted = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => quoted = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => return at,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(media: Media, text: &str) -> Vec<String> {
        let (items, _) = Items::of(media, text.as_bytes()).expect("it can be taken apart");
        items.map(|item| String::from_utf8_lossy(item).into_owned()).collect()
    }

    #[test]
    fn an_array_is_taken_apart_at_its_own_commas_alone() {
        let text = r#" [ {"a":"],\"[,"}, [1,[2,3]] , "x,y" ,7,{"b":{"c":[{}]}} ] "#;
        let found = items(Media::Json, text);
        let expected = [r#"{"a":"],\"[,"}"#, "[1,[2,3]]", r#""x,y""#, "7", r#"{"b":{"c":[{}]}}"#];
        assert_eq!(found, expected);
        assert!(items(Media::Json, "[ ]").is_empty());
        assert_eq!(items(Media::Json, "{\"a\":[1,2]}\n"), ["{\"a\":[1,2]}"]);
    }

    #[test]
    fn lines_are_those_of_a_file_blank_ones_among_them() {
        assert_eq!(items(Media::Ndjson, "a\r\n\nb\n"), ["a", "", "b"]);
        assert_eq!(items(Media::Ndjson, "a\nb"), ["a", "b"]);
        assert!(items(Media::Ndjson, "").is_empty());
    }

    #[test]
    fn what_is_no_json_is_told_with_its_place() {
        let broken = Items::of(Media::Json, b"[1,\n2,,3]").map(|_| ()).expect_err("it is broken");
        assert_eq!(broken, Problem::new(Kind::Malformed, broken.detail.clone()).at(2, 3));
        assert!(Items::of(Media::Json, b"3").is_err());
    }
}

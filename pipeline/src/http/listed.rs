//! Lists in JSON that are written where the state is, item by item, within bounds.

use serde::Serialize;

/// Bytes from which on a list takes no further item, so that a list of large items ends early.
const LIST_BYTES: usize = 1 << 20;

/// What the state holds, as JSON.
pub(super) fn written(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("texts and numbers have a JSON form")
}

/// An object with one list.
pub(super) struct Listed {
    text: Vec<u8>,
    items: usize,
}

impl Listed {
    /// An empty list under this name.
    pub(super) fn new(name: &str) -> Self {
        Self { text: format!("{{\"{name}\":[").into_bytes(), items: 0 }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.items == 0
    }

    /// Adds an item; `false` where the list is full, and the item not in it.
    pub(super) fn push(&mut self, item: &impl Serialize) -> bool {
        if self.text.len() >= LIST_BYTES {
            return false;
        }
        if self.items > 0 {
            self.text.push(b',');
        }
        serde_json::to_writer(&mut self.text, item).expect("texts and numbers have a JSON form");
        self.items += 1;
        true
    }

    /// The object.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.text.extend_from_slice(b"]}");
        self.text
    }

    /// A page: the first items, at most `limit`, each with what stands for it in `after`; and
    /// `next`, which asks for those behind the last one, or null where there are none.
    pub(super) fn page<T: Serialize>(
        name: &str,
        limit: usize,
        items: impl Iterator<Item = (u32, T)>,
    ) -> Vec<u8> {
        let (mut list, mut last) = (Self::new(name), None);
        for (at, item) in items {
            if list.items == limit || !list.push(&item) {
                return list.ending(last);
            }
            last = Some(at);
        }
        list.ending(None)
    }

    fn ending(mut self, next: Option<u32>) -> Vec<u8> {
        let next = next.map_or_else(|| "null".into(), |next| format!("\"{next}\""));
        self.text.extend_from_slice(format!("],\"next\":{next}}}").as_bytes());
        self.text
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn page(limit: usize, items: &[(u32, String)]) -> Value {
        let text = Listed::page("rows", limit, items.iter().map(|(at, item)| (*at, item)));
        serde_json::from_slice(&text).expect("it is JSON")
    }

    #[test]
    fn a_page_names_its_last_item_where_there_are_more() {
        let items = [(3, "a".into()), (4, "b".into()), (9, "c".into())];
        assert_eq!(page(2, &items), json!({"rows": ["a", "b"], "next": "4"}));
        assert_eq!(page(3, &items), json!({"rows": ["a", "b", "c"], "next": null}));
        assert_eq!(page(3, &[]), json!({"rows": [], "next": null}));
    }

    #[test]
    fn large_items_end_a_page_early_and_none_is_left_out() {
        let items: Vec<_> = (0..5).map(|at| (at, "x".repeat(400 << 10))).collect();
        let first = page(100, &items);
        assert_eq!(
            (first["rows"].as_array().map(Vec::len), &first["next"]),
            (Some(3), &json!("2"))
        );
        assert_eq!(page(100, &items[3..])["next"], Value::Null);
        let huge = page(100, &[(7, "x".repeat(2 << 20)), (8, "y".into())]);
        assert_eq!(huge["next"], "7", "the first item is always in");
    }
}

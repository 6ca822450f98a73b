//! The person of a refused input, as far as its bytes tell.
//!
//! What was refused before anybody was known stands under no subject; its bytes may name somebody
//! all the same, in JSON that may be cut or in an Avro envelope.

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use zeitgeber_schemas::{Envelope, SchemaId, Unreadable, wire::from_bytes};

use crate::{door::DEFAULT_TENANT, journal::EntryRef};

/// The person of a refused input that concerns no subject, as far as its bytes tell.
pub fn refused_user(entry: &EntryRef<'_>) -> Option<String> {
    let raw = entry.raw.as_ref()?;
    let user = match entry.schema {
        SchemaId::Unreadable => keyed_user(entry, raw.head),
        SchemaId::Reading | SchemaId::Feedback => {
            json_user(raw.head).or_else(|| avro_user(entry, raw.head))
        }
        _ => None,
    };
    user.filter(|user| !user.is_empty())
}

/// An unreadable input is keyed by its person where one could be read, else by its raw bytes.
fn keyed_user(entry: &EntryRef<'_>, head: &[u8]) -> Option<String> {
    if entry.seal != 0 {
        return None;
    }
    let unreadable: Unreadable = from_bytes(entry.payload).ok()?;
    if unreadable.key.0 == head {
        return None;
    }
    let key = String::from_utf8(unreadable.key.0).ok()?;
    if entry.tenant == DEFAULT_TENANT {
        return Some(key);
    }
    key.strip_prefix(entry.tenant)?.strip_prefix('/').map(str::to_owned)
}

fn avro_user(entry: &EntryRef<'_>, mut head: &[u8]) -> Option<String> {
    let envelope = Envelope::get(&mut head).ok()?;
    let same = envelope.id == entry.id && envelope.ts == entry.ts;
    same.then(|| envelope.user_id.to_owned())
}

/// The `user_id` of a JSON object that may be cut at its end.
fn json_user(head: &[u8]) -> Option<String> {
    let mut user = None;
    let mut text = serde_json::Deserializer::from_slice(head);
    // Only the member is wanted; where the object breaks off does not matter.
    drop(UserId(&mut user).deserialize(&mut text));
    user
}

struct UserId<'a>(&'a mut Option<String>);

impl<'de> DeserializeSeed<'de> for UserId<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for UserId<'_> {
    type Value = ();
    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            if name == "user_id" {
                *self.0 = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_read_from_a_whole_or_cut_object_and_from_nothing_else() {
        assert_eq!(json_user(br#"{"a":[1],"user_id":"u1","b":2}"#).as_deref(), Some("u1"));
        assert_eq!(json_user(br#"{"user_id":"u1","values":{"rr_ms":[80"#).as_deref(), Some("u1"));
        assert_eq!(json_user(br#"{"x":{"user_id":"u1"}}"#), None);
        assert_eq!(json_user(b"\x02\x81rubbish"), None);
    }
}

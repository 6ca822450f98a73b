//! Partitions, keys and decision ids.
//!
//! A key is a person within a tenant: `user`, or `tenant/user` outside the tenant `default`. It
//! hashes to a partition by Kafka's murmur2 partitioner, so that any Java or Rust producer agrees.

use alloc::{borrow::Cow, format};
use core::{fmt, str::FromStr};

use crate::wire::{Malformed, Wire};

/// One of the log's partitions, from 0.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct PartitionId(pub u16);

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Wire for PartitionId {
    fn put(&self, out: &mut alloc::vec::Vec<u8>) {
        self.0.put(out);
    }
    fn get(from: &mut &[u8]) -> Result<Self, Malformed> {
        u16::get(from).map(Self)
    }
}

/// A decision's id: its partition in the first 16 bits, then 112 bits of a hash of key, kind and
/// the key's own counter. It is never made of a position, a chunk or a source.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DecisionId(pub u128);

impl DecisionId {
    /// Joins a partition and the low 112 bits of a hash.
    pub const fn new(partition: PartitionId, hash: u128) -> Self {
        Self((partition.0 as u128) << 112 | hash & ((1 << 112) - 1))
    }

    /// The partition that made the decision.
    pub const fn partition(self) -> PartitionId {
        PartitionId((self.0 >> 112) as u16)
    }
}

impl fmt::Display for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Text that is not a decision id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a decision id is 32 hexadecimal digits")]
pub struct ParseDecisionIdError;

impl FromStr for DecisionId {
    type Err = ParseDecisionIdError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() != 32 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(ParseDecisionIdError);
        }
        u128::from_str_radix(text, 16).map(Self).map_err(|_| ParseDecisionIdError)
    }
}

impl Wire for DecisionId {
    fn put(&self, out: &mut alloc::vec::Vec<u8>) {
        self.0.to_be_bytes().put(out);
    }
    fn get(from: &mut &[u8]) -> Result<Self, Malformed> {
        <[u8; 16]>::get(from).map(|bytes| Self(u128::from_be_bytes(bytes)))
    }
}

impl serde::Serialize for DecisionId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for DecisionId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <alloc::string::String as serde::Deserialize>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The key of a person: `user`, or `tenant/user` outside the tenant `default`.
pub fn partition_key<'a>(tenant: &str, user_id: &'a str) -> Cow<'a, str> {
    if tenant == "default" {
        Cow::Borrowed(user_id)
    } else {
        Cow::Owned(format!("{tenant}/{user_id}"))
    }
}

/// Names a person unambiguously: the partition key, but `default/user` where a user of the tenant
/// `default` has a `/` in their id, which would read as another tenant's. Tenants have none.
pub fn person_key<'a>(tenant: &str, user_id: &'a str) -> Cow<'a, str> {
    if tenant == "default" && !user_id.contains('/') {
        Cow::Borrowed(user_id)
    } else {
        Cow::Owned(format!("{tenant}/{user_id}"))
    }
}

/// The partition of a key among `partitions`, as Kafka's default partitioner places it.
pub fn murmur2_partition(key: &[u8], partitions: u16) -> PartitionId {
    let positive = murmur2(key) & 0x7fff_ffff;
    PartitionId((positive % u32::from(partitions.max(1))) as u16)
}

/// MurmurHash2, 32 bit, with the seed of Kafka's Java client.
fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c ^ data.len() as u32;
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes([word[0], word[1], word[2], word[3]]).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let tail = words.remainder();
    if !tail.is_empty() {
        for (i, &byte) in tail.iter().enumerate() {
            hash ^= u32::from(byte) << (8 * i);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values from Kafka's own `UtilsTest.testMurmur2`.
    #[test]
    fn murmur2_agrees_with_the_java_client() {
        for (key, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
        ] {
            assert_eq!(murmur2(key.as_bytes()) as i32, hash, "{key}");
        }
    }

    #[test]
    fn a_slash_in_an_id_never_reads_as_another_tenant() {
        assert_eq!(person_key("default", "ada"), "ada");
        assert_eq!(person_key("a", "b"), "a/b");
        assert_eq!(person_key("default", "a/b"), "default/a/b");
        assert_eq!(partition_key("default", "a/b"), "a/b");
    }

    #[test]
    fn a_decision_id_carries_its_partition_and_survives_text() {
        let id = DecisionId::new(PartitionId(513), u128::MAX);
        assert_eq!(id.partition(), PartitionId(513));
        assert_eq!(format!("{id}").parse(), Ok(id));
        assert_eq!("zz".parse::<DecisionId>(), Err(ParseDecisionIdError));
    }
}

//! The stream index: which chunks of a bucket hold what.
//!
//! A bucket that is full is indexed once: its keys in order, each with one bit for each chunk, in
//! shards by the keys' first bits. A search reads one shard of each bucket for a key, then the
//! chunks. Everything here is derived: where a shard is missing, of another version or damaged,
//! and for the bucket that is still growing, all chunks are read instead (JOURNAL-14).

use std::{collections::BTreeMap, sync::Arc};

use futures_util::{StreamExt, TryStreamExt, stream};

use super::{
    connection::{Database, Fault, Patience},
    log::Number,
    read::{Stretch, reach},
    wire::BUCKET_CHUNKS,
};
use crate::journal::{Chunk, KEYS_VERSION, Key, SealedChunk, keys_of, keys_of_header};

/// Shards of a bucket.
const SHARDS: i32 = 16;
/// A key's first bits name its shard.
const SHARD_SHIFT: u32 = 60;
/// Bytes of a posting: the key, and a bit for each chunk.
const POSTING: usize = 24;
const SUM_BYTES: usize = 8;
const ZSTD_LEVEL: i32 = 1;
/// Most bytes of a shard unpacked.
const SHARD_BYTES_MAX: usize = 64 << 20;
/// Buckets that are looked up together.
const LOOKUPS: usize = 8;

const fn shard_of(key: u64) -> i32 {
    (key >> SHARD_SHIFT) as i32
}

/// The keys of the chunks that were appended to the bucket that is growing.
#[derive(Debug)]
pub(super) struct BucketKeys {
    partition: Number,
    /// The first chunk whose keys are known.
    first: u64,
    postings: BTreeMap<u64, u128>,
}

impl BucketKeys {
    pub(super) fn new(partition: u16, first: u64) -> Self {
        Self { partition: partition.into(), first, postings: BTreeMap::new() }
    }

    /// Takes the keys of the next chunk in.
    pub(super) fn take(&mut self, chunk: &SealedChunk) {
        self.add(chunk.header().number, chunk.bytes());
    }

    fn add(&mut self, number: u64, bytes: &[u8]) {
        let mut keys = Vec::new();
        if read_keys(bytes, &mut keys).is_none() {
            keys.push(Key::UNREADABLE);
        }
        for key in keys {
            *self.postings.entry(key.0).or_default() |= 1 << (number % BUCKET_CHUNKS);
        }
    }

    /// The bucket that ends before `next`; the next one begins.
    pub(super) fn end_bucket(&mut self, next: u64) -> Self {
        let (partition, first) = (self.partition, self.first);
        self.first = next;
        Self { partition, first, postings: std::mem::take(&mut self.postings) }
    }

    /// Writes the index of a bucket, which is full. What stands in it from before we owned the
    /// partition is read first.
    pub(super) async fn write(mut self, database: &Arc<Database>) {
        if let Err(fault) = self.write_all(database).await {
            let partition = self.partition;
            tracing::debug!(partition, %fault, "a bucket stays without its index");
        }
    }

    async fn write_all(&mut self, database: &Arc<Database>) -> Result<(), Fault> {
        // A bucket that was full already when it was claimed has nothing known.
        let bucket = self.first / BUCKET_CHUNKS;
        let begins = bucket * BUCKET_CHUNKS;
        if begins < self.first {
            let reached = reach(database, self.partition, begins, 0).await?;
            for Stretch { epoch, chunks } in reached.stretches {
                let missing = chunks.start..chunks.end.min(self.first);
                for chunk in missing {
                    let found = database.chunks(self.partition, epoch, chunk..chunk + 1).await?;
                    found.iter().for_each(|whole| self.add(chunk, &whole.bytes));
                }
            }
        }
        for shard in 0..SHARDS {
            let of = self.postings.iter().filter(|(key, _)| shard_of(**key) == shard);
            let blob = encode(of)?;
            let blob = &blob;
            let partition = self.partition;
            database
                .repeat(Patience::brief(), |ready| async move {
                    let version = KEYS_VERSION as i32;
                    let values = (partition, bucket as i64, shard, version, blob);
                    ready.write(&ready.statements.put_index, values).await
                })
                .await?;
        }
        Ok(())
    }
}

fn read_keys(bytes: &[u8], keys: &mut Vec<Key>) -> Option<()> {
    let (header, entries) = Chunk::decode(bytes).ok()?;
    keys_of_header(&header, keys);
    for entry in entries {
        keys_of(&header, &entry.ok()?, keys);
    }
    Some(())
}

fn encode<'a>(postings: impl Iterator<Item = (&'a u64, &'a u128)>) -> Result<Vec<u8>, Fault> {
    let mut raw = Vec::new();
    for (key, chunks) in postings {
        raw.extend(key.to_le_bytes());
        raw.extend(chunks.to_le_bytes());
    }
    let packed = zstd::bulk::compress(&raw, ZSTD_LEVEL)?;
    let mut blob = blake3::hash(&packed).as_bytes()[..SUM_BYTES].to_vec();
    blob.extend(packed);
    Ok(blob)
}

/// The chunks that a shard names for these keys; none where it is not sound.
fn decode(blob: &[u8], keys: &[Key]) -> Option<u128> {
    let (sum, packed) = blob.split_at_checked(SUM_BYTES)?;
    if blake3::hash(packed).as_bytes()[..SUM_BYTES] != *sum {
        return None;
    }
    let raw = zstd::bulk::decompress(packed, SHARD_BYTES_MAX).ok()?;
    let (rows, rest) = raw.as_chunks::<POSTING>();
    if !rest.is_empty() {
        return None;
    }
    let key_of = |row: &[u8; POSTING]| u64::from_le_bytes(row[..8].try_into().expect("8 bytes"));
    let chunks_of = |row: &[u8; POSTING]| u128::from_le_bytes(row[8..].try_into().expect("16"));
    let found = |key: &Key| rows.binary_search_by_key(&key.0, key_of).ok();
    Some(keys.iter().filter_map(found).fold(0, |all, at| all | chunks_of(&rows[at])))
}

/// Which chunks of a full bucket hold one of the keys; none where the index does not tell.
async fn lookup(
    database: &Database,
    partition: Number,
    bucket: u64,
    keys: &[Key],
) -> Result<Option<u128>, Fault> {
    let mut shards: BTreeMap<i32, Vec<Key>> = BTreeMap::new();
    for key in keys.iter().chain([&Key::UNREADABLE]) {
        shards.entry(shard_of(key.0)).or_default().push(*key);
    }
    let mut chunks = 0;
    for (shard, keys) in shards {
        let row = database
            .repeat(Patience::asked(), |ready| async move {
                let values = (partition, bucket as i64, shard);
                ready.row::<(i32, Vec<u8>)>(&ready.statements.index, values).await
            })
            .await?;
        let sound = row.filter(|(version, _)| *version == KEYS_VERSION as i32);
        match sound.and_then(|(_, blob)| decode(&blob, &keys)) {
            Some(found) => chunks |= found,
            None => return Ok(None),
        }
    }
    Ok(Some(chunks))
}

/// Leaves of these stretches what may hold one of the keys. `end` is where the partition ends.
pub(super) async fn narrow(
    database: &Arc<Database>,
    partition: Number,
    keys: &[Key],
    stretches: Vec<Stretch>,
    end: u64,
) -> Result<Vec<Stretch>, Fault> {
    let first = stretches.first().map_or(end, |stretch| stretch.chunks.start);
    let full = first / BUCKET_CHUNKS..end / BUCKET_CHUNKS;
    let lookups = full.map(|bucket| async move {
        Ok::<_, Fault>((bucket, lookup(database, partition, bucket, keys).await?))
    });
    let found: BTreeMap<u64, Option<u128>> =
        stream::iter(lookups).buffered(LOOKUPS).try_collect().await?;
    let holds = |chunk: u64| match found.get(&(chunk / BUCKET_CHUNKS)) {
        Some(Some(chunks)) => chunks >> (chunk % BUCKET_CHUNKS) & 1 != 0,
        _ => true,
    };
    let mut narrowed: Vec<Stretch> = Vec::new();
    for Stretch { epoch, chunks } in stretches {
        for chunk in chunks.filter(|chunk| holds(*chunk)) {
            match narrowed.last_mut() {
                Some(last) if last.epoch == epoch && last.chunks.end == chunk => {
                    last.chunks.end += 1;
                }
                _ => narrowed.push(Stretch { epoch, chunks: chunk..chunk + 1 }),
            }
        }
    }
    Ok(narrowed)
}

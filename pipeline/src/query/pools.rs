//! Pools of a data directory, as they stand at the end of the log.

use zeitgeber_processors::tasks::Pool;
use zeitgeber_schemas::{murmur2_partition, partition_key};

use super::QueryError;
use crate::store::Store;

/// Asks about one pool; none where the log has no such pool.
///
/// # Errors
///
/// The log cannot be read.
pub fn pool<T>(
    store: &Store,
    tenant: &str,
    pool: &str,
    question: impl FnOnce(&Pool) -> T,
) -> Result<Option<T>, QueryError> {
    let key = partition_key(tenant, pool);
    let partition = murmur2_partition(key.as_bytes(), store.layout().partitions);
    let (held, _) = store.glance(partition)?;
    Ok(held.state().pool(tenant, pool).map(question))
}

/// Asks about every pool of a tenant, in the order of their names.
///
/// # Errors
///
/// The log cannot be read.
pub fn pools<T>(
    store: &Store,
    tenant: &str,
    question: impl Fn(&Pool) -> T,
) -> Result<Vec<T>, QueryError> {
    let mut found = Vec::new();
    for partition in store.partitions() {
        let (held, _) = store.glance(partition)?;
        let own = held.state().pools().iter().filter(|pool| pool.tenant == tenant);
        found.extend(own.map(|pool| (pool.name.clone(), question(pool))));
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found.into_iter().map(|(_, told)| told).collect())
}

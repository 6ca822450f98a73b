//! The pools of a partition, as others ask for them.

use super::{Pool, Pools, State};

impl State {
    /// A pool by name.
    pub fn pool(&self, tenant: &str, pool: &str) -> Option<&Pool> {
        self.pools.get(self.pools.number(tenant, pool))
    }

    /// The number of a pool, 0 where it is not known.
    pub fn pool_number(&self, tenant: &str, pool: &str) -> u64 {
        self.pools.number(tenant, pool)
    }

    /// Every pool, in order of number (from 1).
    pub fn pools(&self) -> &[Pool] {
        self.pools.all()
    }

    /// The pool with this number.
    pub fn pool_by_number(&self, number: u64) -> Option<&Pool> {
        self.pools.get(number)
    }

    /// The number that a new pool would get.
    pub fn next_pool(&self) -> u64 {
        self.pools.next_number()
    }

    /// The pools in which a tick at `now_ms` would change something.
    pub fn pools_due(&self, now_ms: i64) -> impl Iterator<Item = &Pool> {
        let due = move |pool: &&Pool| pool.due_ms().is_some_and(|due_ms| due_ms <= now_ms);
        self.pools().iter().filter(due)
    }

    pub(super) const fn pools_mut(&mut self) -> &mut Pools {
        &mut self.pools
    }
}

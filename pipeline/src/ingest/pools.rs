//! Pools as they are configured, put in force as inputs where the log holds others.
//!
//! A pool that works so already gets no input: opening a log ever so often leaves no trace in it. The
//! input brings the pool's own clock along, or 1970 where the pool is new, so that a configuration
//! never moves a pool's time and a log of inputs folds alike whenever it was made.

use crossbeam_channel::bounded;
use zeitgeber_processors::flow::State;
use zeitgeber_schemas::{Envelope, PartitionId, TaskInput};

use super::{Session, SessionError, partition_of};
use crate::{
    config::PoolSetting,
    cycle::{About, Ask},
    door::tasks::PoolInput,
    engine::{Handle, WaitError},
    runtime::Stopped,
    state::Partition,
};

impl PoolSetting {
    pub(crate) fn partition(&self, partitions: u16) -> PartitionId {
        let envelope =
            Envelope { tenant: &self.tenant, user_id: &self.name, id: "", ts: 0, recv_ts: None };
        partition_of(&envelope, partitions)
    }

    /// The input that puts it in force; none where it is.
    fn input(&self, state: &State) -> Option<PoolInput> {
        let known = state.pool(&self.tenant, &self.name);
        let clock_ms = known.and_then(|pool| pool.clock_ms());
        if clock_ms.is_some() && known.is_some_and(|pool| pool.configuration == self.body) {
            return None;
        }
        Some(PoolInput {
            tenant: self.tenant.clone(),
            pool: self.name.clone(),
            id: String::new(),
            ts: clock_ms.unwrap_or(0),
            recv_ts: None,
            body: TaskInput::Pool(Box::new(self.body.clone())),
        })
    }
}

impl Session {
    /// Puts pools in force and waits until that is durable; how many were not so before.
    ///
    /// # Errors
    ///
    /// The log cannot be written.
    pub fn set_pools(&mut self, pools: &[PoolSetting]) -> Result<usize, SessionError> {
        let mut changed = 0;
        for pool in pools {
            let (partition, wanted) =
                (pool.partition(self.store.layout().partitions), pool.clone());
            let (sender, receiver) = bounded(1);
            let question = Box::new(move |held: &mut Partition, _| {
                let input = wanted.input(held.state());
                Box::new(move || drop(sender.send(input))) as crate::cycle::Answer
            });
            let asked = self.doors.ask(partition, Ask { about: About::Everything, question });
            let input = asked.and_then(|()| receiver.recv().map_err(|_| Stopped))?;
            if let Some(input) = input {
                changed += 1;
                self.take(|intake| intake.take_command(0, &input, &[]))?;
            }
        }
        self.settle()?;
        Ok(changed)
    }
}

impl Handle {
    /// Puts pools in force and waits until that is durable; how many were not so before.
    ///
    /// # Errors
    ///
    /// The engine stopped, or is asked too much at once.
    pub fn set_pools(&self, pools: &[PoolSetting]) -> Result<usize, WaitError> {
        let mut intake = self.intake();
        for pool in pools {
            let (partition, wanted) = (pool.partition(self.layout().partitions), pool.clone());
            if let Some(input) = self.answer(partition, move |state, _| wanted.input(state))? {
                intake.take_command(0, &input, &[]);
            }
        }
        let changed = intake.items();
        self.settle(intake)?;
        Ok(changed)
    }
}

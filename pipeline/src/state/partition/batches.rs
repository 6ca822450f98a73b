//! Batches: what they changed, from when on that is durable, and who leaves memory behind them.

use super::Partition;

impl Partition {
    /// The batch that is being taken, for [`Self::settle`].
    pub fn batch(&self) -> u64 {
        self.kept.as_ref().map_or(0, |kept| kept.residents.batch())
    }

    /// What batches before this one changed is durable: these people may leave memory.
    pub fn settle(&mut self, batch: u64) {
        if let Some(kept) = &mut self.kept {
            kept.residents.settle(batch);
        }
    }

    /// Ends a batch, and lets people go where they take more memory than they may.
    pub fn end_batch(&mut self) {
        let Some(kept) = &mut self.kept else { return };
        kept.take_done();
        kept.residents.next_batch(&self.state);
        while kept.residents.hot_bytes() as u64 > kept.home.budget {
            let Some(subject) = kept.residents.leaver() else { break };
            if kept.write_down(subject, &self.state).is_err() {
                // They stay: more memory is taken than wanted, and nothing is lost.
                kept.refused += 1;
                break;
            }
            kept.residents.left();
            self.state.chill(subject);
        }
    }
}

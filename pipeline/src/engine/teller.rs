//! The thread that hears of the cores' reports first, and whom it tells.

use std::sync::Arc;

use crossbeam_channel::Receiver;
use zeitgeber_schemas::PartitionId;

use super::Shared;
use crate::{
    cycle::{Ack, Wants},
    runtime::Report,
};

/// What an engine tells whoever runs it, from its own thread.
pub trait Listener: Send {
    /// These became durable.
    fn durable(&mut self, acks: &[Ack]);

    /// Another writer took the partition over: nothing of it becomes durable here from now on.
    /// Everybody says what that means to them, so that whoever hands on what it hears cannot leave
    /// it out.
    fn lost(&mut self, partition: PartitionId);

    /// What acknowledgements should tell it besides counts.
    fn wants(&self) -> Wants {
        Wants::default()
    }
}

/// Nobody listens.
impl Listener for () {
    fn durable(&mut self, _: &[Ack]) {}

    fn lost(&mut self, _: PartitionId) {}
}

/// One that listens, where there is one.
impl<L: Listener> Listener for Option<L> {
    fn durable(&mut self, acks: &[Ack]) {
        if let Some(listener) = self {
            listener.durable(acks);
        }
    }

    fn lost(&mut self, partition: PartitionId) {
        if let Some(listener) = self {
            listener.lost(partition);
        }
    }

    fn wants(&self) -> Wants {
        self.as_ref().map_or_else(Wants::default, Listener::wants)
    }
}

/// Two that listen.
impl<A: Listener, B: Listener> Listener for (A, B) {
    fn durable(&mut self, acks: &[Ack]) {
        self.0.durable(acks);
        self.1.durable(acks);
    }

    fn lost(&mut self, partition: PartitionId) {
        self.0.lost(partition);
        self.1.lost(partition);
    }

    fn wants(&self) -> Wants {
        self.0.wants().or(self.1.wants())
    }
}

/// Takes reports in until the cores are gone.
pub(super) fn tell(reports: &Receiver<Report>, shared: &Arc<Shared>, mut listener: impl Listener) {
    let mut durable = Vec::new();
    while let Ok(first) = reports.recv() {
        let mut lost = Vec::new();
        for report in std::iter::once(first).chain(reports.try_iter()) {
            match report {
                Report::Durable(ack) => durable.push(*ack),
                Report::Lost(partition) => lost.push(partition),
                Report::Failed(error) => drop(shared.failure.set(error.to_string())),
            }
        }
        {
            let mut counts = shared.counts.lock().expect("nothing panics while they are held");
            durable.iter().for_each(|ack| *counts += ack.counts);
        }
        listener.durable(&durable);
        durable.clear();
        for partition in lost {
            shared.own(partition, false);
            listener.lost(partition);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts what it hears.
    #[derive(Default)]
    struct Ears {
        durable: usize,
        lost: Vec<PartitionId>,
    }

    impl Listener for &mut Ears {
        fn durable(&mut self, acks: &[Ack]) {
            self.durable += acks.len();
        }

        fn lost(&mut self, partition: PartitionId) {
            self.lost.push(partition);
        }

        fn wants(&self) -> Wants {
            Wants { chunks: true, ..Wants::default() }
        }
    }

    #[test]
    fn whoever_listens_through_others_hears_everything() {
        let (mut one, mut other) = (Ears::default(), Ears::default());
        let mut all = ((), (Some(&mut one), (None::<()>, Some(&mut other))));
        assert!(all.wants().chunks);
        all.durable(&[Ack::default(), Ack::default()]);
        all.lost(PartitionId(3));
        for ears in [one, other] {
            assert_eq!((ears.durable, ears.lost), (2, vec![PartitionId(3)]));
        }
    }
}

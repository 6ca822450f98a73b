//! Answers to those who wait: inputs told durable, questions about a state.
//!
//! Both are held back until everything that they tell of is durable, so that nobody ever hears of
//! something that a crash can take back (CYCLE-2, SIM-6).

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use zeitgeber_schemas::PartitionId;

use super::{Counts, Cycle, LineOutcome, flight::View};
use crate::state::Partition;

/// What became of the inputs of one request.
#[derive(Debug, Default)]
pub struct Told {
    /// An outcome for each input; by partition, so not in the order of the lines.
    pub lines: Vec<LineOutcome>,
    /// How many of what they caused; chunks are shared with others and not counted.
    pub counts: Counts,
    /// Up to which event of each partition the inputs reached: the next position.
    pub reached: Vec<(PartitionId, u64)>,
}

/// The writer stopped before the inputs were durable: whether they are in the log is not known
/// until it is opened again. Sending them again is safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the writer stopped before the inputs were durable; send them again")]
pub struct Unsettled;

/// Receives the one answer of a request, on a thread that must not be held up.
pub type Settled = Box<dyn FnOnce(Result<Told, Unsettled>) + Send>;

/// Somebody who waits until the inputs of some batches are durable. Each batch holds a clone; the
/// answer goes out when the last is gone, whether delivered or dropped.
#[derive(Debug, Clone)]
pub struct Reply(Arc<Waiting>);

struct Waiting {
    batches: usize,
    told: Mutex<(usize, Told)>,
    /// In a lock only to be shared between threads; taken once, when nobody else is left.
    settled: Mutex<Option<Settled>>,
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting").field("batches", &self.batches).finish_non_exhaustive()
    }
}

impl Reply {
    /// Who waits for this many batches.
    pub fn new(batches: usize, settled: Settled) -> Self {
        let told = Mutex::new((0, Told::default()));
        Self(Arc::new(Waiting { batches, told, settled: Mutex::new(Some(settled)) }))
    }

    fn deliver(self, partition: PartitionId, delivery: Delivery) {
        let mut told = self.0.told.lock().expect("nothing panics while the answer is held");
        told.0 += 1;
        told.1.lines.extend(delivery.lines);
        told.1.counts += delivery.counts;
        told.1.reached.push((partition, delivery.reached));
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let told = self.told.get_mut().map(std::mem::take).unwrap_or_default();
        let settled = self.settled.get_mut().map(Option::take).unwrap_or_default();
        if let Some(settled) = settled {
            settled(if told.0 == self.batches { Ok(told.1) } else { Err(Unsettled) });
        }
    }
}

impl Cycle {
    /// Answers a question about the state as it is now, once what it looks at is durable. Whether
    /// that is still to come.
    pub fn ask(&mut self, Ask { about, question }: Ask) -> bool {
        let view = match about {
            _ if self.is_idle() => View::Now,
            About::Everything => View::Later,
            About::Person { tenant, user_id } => {
                let subject = self.held.state().subject(&tenant, &user_id);
                let view = self.flight.view(subject);
                if let View::Clock(clock_ms) = view {
                    self.held.set_told_clock(Some((subject, clock_ms)));
                }
                view
            }
        };
        let is_durable = view != View::Later;
        if is_durable {
            question(&mut self.held, self.durable)();
            self.held.set_told_clock(None);
        } else {
            let position = self.next_position();
            let answer = question(&mut self.held, position);
            self.outgoing().answer(answer);
        }
        !is_durable
    }

    /// What goes out once everything decided so far is durable.
    pub(super) fn outgoing(&mut self) -> &mut Outgoing {
        match self.waiting.back_mut() {
            Some(last) if self.builder.is_empty() => &mut last.ack.outgoing,
            _ => &mut self.pending.outgoing,
        }
    }
}

impl Delivery {
    /// Of a batch of so many inputs, none of them taken yet.
    pub(super) fn of(inputs: usize) -> Self {
        Self { lines: Vec::with_capacity(inputs), counts: Counts::default(), reached: 0 }
    }
}

/// A question about a partition.
pub struct Ask {
    /// What it is about.
    pub about: About,
    /// Is given the partition and a position, and tells what it is there: it may read people back
    /// and changes nothing. What it returns is called once everything before the position is
    /// durable.
    pub question: Question,
}

/// Looks at a partition.
pub type Question = Box<dyn FnOnce(&mut Partition, u64) -> Answer + Send>;

/// What a question looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// Anything: the answer waits for whatever was decided before.
    Everything,
    /// One person, and what is configured: the answer waits for the disk only where something of
    /// these does that is more than a reading that moves the clock on. Otherwise both are what they
    /// were at the last durable position, which the question is given; the person's clock of then
    /// is told by [`Partition::clock_ms`].
    Person {
        /// Their tenant.
        tenant: String,
        /// Their id there.
        user_id: String,
    },
}

impl fmt::Debug for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ask").field("about", &self.about).finish_non_exhaustive()
    }
}

/// Gives the answer to whoever asked; must not hold up the thread.
pub type Answer = Box<dyn FnOnce() + Send>;

/// What goes out with an acknowledgement.
#[derive(Default)]
pub struct Outgoing {
    deliveries: Vec<(Reply, Delivery)>,
    answers: Vec<Answer>,
}

/// What became of one batch.
#[derive(Debug)]
pub(super) struct Delivery {
    /// An outcome for each input.
    pub lines: Vec<LineOutcome>,
    /// What they add up to.
    pub counts: Counts,
    /// The next position behind them.
    pub reached: u64,
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (deliveries, answers) = (self.deliveries.len(), self.answers.len());
        write!(f, "{deliveries} deliveries, {answers} answers")
    }
}

impl Outgoing {
    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.deliveries.is_empty() && self.answers.is_empty()
    }

    pub(super) fn delivery(&mut self, reply: Reply, delivery: Delivery) {
        self.deliveries.push((reply, delivery));
    }

    pub(super) fn answer(&mut self, answer: Answer) {
        self.answers.push(answer);
    }

    /// Tells everybody who waits.
    pub fn release(&mut self, partition: PartitionId) {
        for (reply, delivery) in self.deliveries.drain(..) {
            reply.deliver(partition, delivery);
        }
        self.answers.drain(..).for_each(|answer| answer());
    }
}

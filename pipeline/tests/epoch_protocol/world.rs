//! Writers, three replicas and what consensus decided, small enough to try everything.
//!
//! A conditional write is one decision at some moment between its sending and for ever; its
//! outcome reaches each replica on its own. A plain write reaches each replica at any later
//! moment, or never; arriving again changes nothing. A read at a quorum asks two replicas, one
//! after the other. A chunk's content is who wrote it: its epoch. What a writer can do on its own
//! it does at once ([`crate::steps::settle`]): waiting would only take possibilities away, and all that others
//! see of it comes late anyway.

use zeitgeber::journal::cql::epoch::{Epoch, unresolved};

use crate::steps::{ask, claim, insert, send_end};

/// Most epochs, chunks and attempts that fit the state.
pub(crate) const EPOCHS: usize = 4;
pub(crate) const CHUNKS: usize = 4;
const ATTEMPTS: usize = 6;
pub(crate) const WRITERS: usize = 2;
pub(crate) const REPLICAS: usize = 3;
pub(crate) const QUORUM: u32 = 2;
/// Appends of one owner that may be under way together.
pub(crate) const IN_FLIGHT: u8 = 2;
pub(crate) const NONE: u8 = u8::MAX;

/// Bounds, and which of the protocol's parts are there.
#[derive(Debug, Clone)]
pub(crate) struct Protocol {
    pub(crate) epochs: u8,
    pub(crate) chunks: u8,
    /// Of all writers together.
    pub(crate) attempts: u8,
    pub(crate) reads_the_epoch: bool,
    pub(crate) claims_first: bool,
    pub(crate) writes_back: bool,
}

impl Protocol {
    pub(crate) fn new(epochs: u8, chunks: u8, attempts: u8) -> Self {
        Self {
            epochs,
            chunks,
            attempts,
            reads_the_epoch: true,
            claims_first: true,
            writes_back: true,
        }
    }

    pub(crate) fn omits_anything(&self) -> bool {
        !(self.reads_the_epoch && self.claims_first && self.writes_back)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Replica {
    /// Bit `epoch * CHUNKS + chunk`.
    pub(crate) rows: u16,
    /// Bit `epoch`: the claim has arrived.
    pub(crate) claims: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) enum Writer {
    #[default]
    Idle,
    Claiming {
        epoch: u8,
        nonce: u8,
        /// Only of a writer that reads the tail too early.
        early: u16,
    },
    /// Reads the tail of `target`: rows found, replicas asked.
    Resolving { epoch: u8, nonce: u8, target: u8, found: u16, asked: u8, early: u16 },
    /// Wants `target` to end at `end`.
    Ending { epoch: u8, nonce: u8, target: u8, end: u8, early: u16 },
    /// Appends: how many are acknowledged and begun, and the epoch read under way.
    Owning { epoch: u8, nonce: u8, acknowledged: u8, next: u8, asked: u8, latest: u8 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Attempt {
    pub(crate) epoch: u8,
    /// It may still be decided.
    pub(crate) open: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) replicas: [Replica; REPLICAS],
    pub(crate) writers: [Writer; WRITERS],
    pub(crate) attempts: [Attempt; ATTEMPTS],
    pub(crate) made: u8,
    /// The nonce that stands in each epoch.
    pub(crate) owners: [u8; EPOCHS],
    pub(crate) decided: u8,
    pub(crate) ends: [u8; EPOCHS],
    /// Ends that may still be decided: bit `epoch * CHUNKS + end`, ends below CHUNKS.
    pub(crate) late_ends: u32,
    pub(crate) sent: u16,
    /// Rows written when everything before them was acknowledged.
    pub(crate) vouching: u16,
    /// Whose content each chunk was acknowledged with, and trusted with.
    pub(crate) told: [[u8; CHUNKS]; 2],
    /// Told two things of one chunk: acknowledged, trusted.
    pub(crate) contradicted: [bool; 2],
}

impl Default for World {
    fn default() -> Self {
        Self {
            replicas: Default::default(),
            writers: Default::default(),
            attempts: Default::default(),
            made: 0,
            owners: [NONE; EPOCHS],
            decided: 0,
            ends: [NONE; EPOCHS],
            late_ends: 0,
            sent: 0,
            vouching: 0,
            told: [[NONE; CHUNKS]; 2],
            contradicted: [false; 2],
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// A writer attempts to claim what follows the latest epoch these replicas know.
    Claim {
        writer: usize,
        without: usize,
    },
    /// Consensus takes up an attempt.
    Decide(usize),
    /// The outcome of a claim reaches a replica.
    Learn(usize, u8),
    /// A resolving writer asks a replica for a tail; an owner asks one for the latest epoch.
    Ask(usize, usize),
    /// The writer sends the end it found.
    SendEnd(usize),
    /// Consensus takes up an end.
    DecideEnd(u8, u8),
    /// An owner inserts a chunk while the one before is not acknowledged.
    Overlap(usize),
    /// A row reaches a replica.
    Deliver(usize, u8),
    Die(usize),
}

pub(crate) const fn row(epoch: u8, chunk: u8) -> u16 {
    1 << (epoch as usize * CHUNKS + chunk as usize)
}

pub(crate) fn actions(protocol: &Protocol, world: &World, actions: &mut Vec<Action>) {
    for writer in 0..WRITERS {
        match world.writers[writer] {
            Writer::Idle if world.made < protocol.attempts => {
                actions.extend((0..REPLICAS).map(|without| Action::Claim { writer, without }));
            }
            Writer::Idle => continue,
            Writer::Claiming { .. } | Writer::Ending { .. } => {}
            Writer::Resolving { asked, .. } => {
                let unasked = (0..REPLICAS).filter(|r| asked & (1 << r) == 0);
                actions.extend(unasked.map(|r| Action::Ask(writer, r)));
                actions.push(Action::SendEnd(writer));
            }
            Writer::Owning { asked, .. } => {
                actions.push(Action::Overlap(writer));
                let unasked = (0..REPLICAS).filter(|r| asked & (1 << r) == 0);
                actions.extend(unasked.map(|r| Action::Ask(writer, r)));
            }
        }
        actions.push(Action::Die(writer));
    }
    let open = (0..ATTEMPTS).filter(|nonce| world.attempts[*nonce].open);
    actions.extend(open.map(Action::Decide));
    for replica in 0..REPLICAS {
        actions.extend((0..world.decided).map(|epoch| Action::Learn(replica, epoch)));
        let missing = world.sent & !world.replicas[replica].rows;
        let rows = (0..16).filter(|bit| missing & (1 << bit) != 0);
        actions.extend(rows.map(|bit| Action::Deliver(replica, bit)));
    }
    for bit in (0..32_u8).filter(|bit| world.late_ends & (1 << bit) != 0) {
        actions.push(Action::DecideEnd(bit / 8, bit % 8));
    }
}

/// Takes a step; no where it is not possible now.
pub(crate) fn act(protocol: &Protocol, world: &mut World, action: Action) -> bool {
    match action {
        Action::Claim { writer, without } => claim(protocol, world, writer, without),
        Action::Decide(nonce) => {
            let epoch = world.attempts[nonce].epoch;
            world.owners[epoch as usize] = nonce as u8;
            world.decided += 1;
            // The others' answer is settled with it.
            let of_it = world.attempts.iter_mut().filter(|other| other.epoch == epoch);
            of_it.for_each(|other| other.open = false);
            true
        }
        Action::Learn(replica, epoch) => {
            let claims = &mut world.replicas[replica].claims;
            let new = *claims & (1 << epoch) == 0;
            *claims |= 1 << epoch;
            new
        }
        Action::Ask(writer, replica) => ask(protocol, world, writer, replica),
        Action::SendEnd(writer) => send_end(protocol, world, writer),
        Action::DecideEnd(epoch, end) => {
            world.ends[epoch as usize] = end;
            // Others that may come later change nothing any more.
            world.late_ends &= !(0xff << (epoch * 8));
            true
        }
        Action::Overlap(writer) => insert(protocol, world, writer),
        Action::Deliver(replica, bit) => {
            world.replicas[replica].rows |= 1 << bit;
            true
        }
        Action::Die(writer) => {
            world.writers[writer] = Writer::Idle;
            true
        }
    }
}

impl World {
    /// The same world with its replicas and writers in order: which is which does not matter.
    pub(crate) fn in_order(mut self) -> Self {
        let asks = |world: &Self, writer: usize, replica: usize| match world.writers[writer] {
            Writer::Resolving { asked, .. } | Writer::Owning { asked, .. } => asked >> replica & 1,
            _ => 0,
        };
        let mut order = [0, 1, 2];
        let key = |r: &usize| {
            let Replica { rows, claims } = self.replicas[*r];
            (rows, claims, std::array::from_fn::<_, WRITERS, _>(|w| asks(&self, w, *r)))
        };
        order.sort_by_key(key);
        let before = self;
        self.replicas = order.map(|replica| before.replicas[replica]);
        for (writer, state) in self.writers.iter_mut().enumerate() {
            if let Writer::Resolving { asked, .. } | Writer::Owning { asked, .. } = state {
                let moved = |(at, from): (usize, &usize)| asks(&before, writer, *from) << at;
                *asked = order.iter().enumerate().map(moved).sum();
            }
        }
        self.writers.sort();
        self
    }

    pub(crate) fn count(&self, holds: impl Fn(&Replica) -> bool) -> u32 {
        self.replicas.iter().filter(|replica| holds(replica)).count() as u32
    }

    pub(crate) fn has_acknowledged_all(&self, writer: usize) -> bool {
        matches!(self.writers[writer], Writer::Owning { acknowledged, next, .. } if acknowledged == next)
    }

    fn epochs(&self) -> Vec<Epoch> {
        let end = |epoch: u8| self.ends[epoch as usize];
        let of = |epoch| Epoch {
            number: u64::from(epoch),
            end: (end(epoch) != NONE).then(|| u64::from(end(epoch))),
        };
        (0..self.decided).map(of).collect()
    }

    pub(crate) fn start_of(&self, epoch: u8) -> u8 {
        if epoch == 0 { 0 } else { self.ends[epoch as usize - 1] }
    }

    pub(crate) fn resolve_next(&self, epoch: u8, nonce: u8, early: u16) -> Writer {
        match unresolved(&self.epochs(), epoch.into()) {
            Some((target, _)) => {
                let target = target.number as u8;
                Writer::Resolving { epoch, nonce, target, found: 0, asked: 0, early }
            }
            None => {
                let next = self.start_of(epoch);
                Writer::Owning { epoch, nonce, acknowledged: next, next, asked: 0, latest: NONE }
            }
        }
    }

    pub(crate) fn tell(&mut self, whom: usize, chunk: u8, epoch: u8) {
        let told = &mut self.told[whom][chunk as usize];
        self.contradicted[whom] |= *told != NONE && *told != epoch;
        *told = epoch;
    }
}

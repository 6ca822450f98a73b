//! Writers, three replicas and what consensus decided, small enough to try everything.
//!
//! A conditional write is one decision at some moment between its sending and for ever; its
//! outcome reaches each replica on its own. A plain write reaches each replica at any later
//! moment, or never; arriving again changes nothing. A read at a quorum asks two replicas, one
//! after the other. A chunk's content is who wrote it: its epoch. What a writer can do on its own
//! it does at once ([`settle`]): waiting would only take possibilities away, and all that others
//! see of it comes late anyway.

use zeitgeber::journal::cql::epoch::{
    Epoch, is_ours, may_acknowledge, next_epoch, run_end, trusted_end, unresolved,
};

/// Most epochs, chunks and attempts that fit the state.
const EPOCHS: usize = 4;
const CHUNKS: usize = 4;
const ATTEMPTS: usize = 6;
const WRITERS: usize = 2;
const REPLICAS: usize = 3;
const QUORUM: u32 = 2;
/// Appends of one owner that may be under way together.
const IN_FLIGHT: u8 = 2;
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
struct Attempt {
    epoch: u8,
    /// It may still be decided.
    open: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) replicas: [Replica; REPLICAS],
    pub(crate) writers: [Writer; WRITERS],
    attempts: [Attempt; ATTEMPTS],
    made: u8,
    /// The nonce that stands in each epoch.
    owners: [u8; EPOCHS],
    pub(crate) decided: u8,
    pub(crate) ends: [u8; EPOCHS],
    /// Ends that may still be decided: bit `epoch * CHUNKS + end`, ends below CHUNKS.
    late_ends: u32,
    sent: u16,
    /// Rows written when everything before them was acknowledged.
    vouching: u16,
    /// Whose content each chunk was acknowledged with, and trusted with.
    told: [[u8; CHUNKS]; 2],
    /// Told two things of one chunk: acknowledged, trusted.
    contradicted: [bool; 2],
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

const fn row(epoch: u8, chunk: u8) -> u16 {
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

/// Lets writers do what they can do on their own.
pub(crate) fn settle(protocol: &Protocol, world: &mut World) {
    for writer in 0..WRITERS {
        while answer(protocol, world, writer)
            || ended(world, writer)
            || acknowledge(protocol, world, writer)
            || (world.has_acknowledged_all(writer) && insert(protocol, world, writer))
        {}
    }
}

fn ended(world: &mut World, writer: usize) -> bool {
    let Writer::Ending { epoch, nonce, target, early, .. } = world.writers[writer] else {
        return false;
    };
    let ended = world.ends[target as usize] != NONE;
    if ended {
        world.writers[writer] = world.resolve_next(epoch, nonce, early);
    }
    ended
}

fn claim(protocol: &Protocol, world: &mut World, writer: usize, without: usize) -> bool {
    let known =
        (0..REPLICAS).filter(|r| *r != without).fold(0, |all, r| all | world.replicas[r].claims);
    let latest = (known != 0).then(|| u64::from(known.ilog2()));
    let epoch = next_epoch(latest) as u8;
    // An epoch that is decided would only be refused.
    if epoch >= protocol.epochs || world.owners[epoch as usize] != NONE {
        return false;
    }
    let nonce = world.made;
    world.made += 1;
    world.attempts[nonce as usize] = Attempt { epoch, open: true };
    let rows =
        (0..REPLICAS).filter(|r| *r != without).fold(0, |all, r| all | world.replicas[r].rows);
    let early = if protocol.claims_first { 0 } else { rows };
    world.writers[writer] = Writer::Claiming { epoch, nonce, early };
    true
}

fn answer(protocol: &Protocol, world: &mut World, writer: usize) -> bool {
    let Writer::Claiming { epoch, nonce, early } = world.writers[writer] else { return false };
    let standing = world.owners[epoch as usize];
    if standing == NONE {
        return false;
    }
    if !is_ours(&standing, &nonce) {
        world.writers[writer] = Writer::Idle;
        return true;
    }
    if world.count(|replica| replica.claims & (1 << epoch) != 0) < QUORUM {
        return false;
    }
    let next = world.resolve_next(epoch, nonce, early);
    world.writers[writer] = match next {
        Writer::Resolving { epoch, nonce, target, early, .. } if !protocol.claims_first => {
            Writer::Resolving { epoch, nonce, target, found: early, asked: 0b11, early }
        }
        next => next,
    };
    true
}

fn ask(protocol: &Protocol, world: &mut World, writer: usize, replica: usize) -> bool {
    let Replica { rows, claims } = world.replicas[replica];
    match world.writers[writer] {
        Writer::Resolving { epoch, nonce, target, found, asked, early } => {
            if asked.count_ones() >= QUORUM {
                return false;
            }
            let (found, asked) = (found | rows, asked | 1 << replica);
            world.writers[writer] = Writer::Resolving { epoch, nonce, target, found, asked, early };
        }
        Writer::Owning { epoch, nonce, acknowledged, next, asked, latest } => {
            // The read begins when the insert has succeeded, not before.
            let stands = world.count(|r| r.rows & row(epoch, acknowledged) != 0) >= QUORUM;
            let is_due = acknowledged < next && stands && asked.count_ones() < QUORUM;
            if !protocol.reads_the_epoch || !is_due {
                return false;
            }
            let told = (claims != 0).then(|| claims.ilog2() as u8);
            let known = (latest != NONE).then_some(latest);
            let latest = known.max(told).unwrap_or(NONE);
            let asked = asked | 1 << replica;
            world.writers[writer] =
                Writer::Owning { epoch, nonce, acknowledged, next, asked, latest };
        }
        _ => return false,
    }
    true
}

fn send_end(protocol: &Protocol, world: &mut World, writer: usize) -> bool {
    let Writer::Resolving { epoch, nonce, target, found, asked, early } = world.writers[writer]
    else {
        return false;
    };
    if asked.count_ones() < QUORUM {
        return false;
    }
    let start = world.start_of(target);
    let stands = |chunk: u64| chunk < CHUNKS as u64 && found & row(target, chunk as u8) != 0;
    let end = run_end(start.into(), stands) as u8;
    let at_quorum = |chunk| world.count(|r| r.rows & row(target, chunk) != 0) >= QUORUM;
    if protocol.writes_back && !(start..end).all(at_quorum) {
        return false;
    }
    if world.ends[target as usize] == NONE {
        world.late_ends |= 1 << (target * 8 + end);
    }
    world.writers[writer] = Writer::Ending { epoch, nonce, target, end, early };
    true
}

fn insert(protocol: &Protocol, world: &mut World, writer: usize) -> bool {
    let Writer::Owning { epoch, acknowledged, next, .. } = &mut world.writers[writer] else {
        return false;
    };
    if *next >= protocol.chunks || *next - *acknowledged >= IN_FLIGHT {
        return false;
    }
    let row = row(*epoch, *next);
    world.sent |= row;
    if acknowledged == next {
        world.vouching |= row;
    }
    *next += 1;
    true
}

fn acknowledge(protocol: &Protocol, world: &mut World, writer: usize) -> bool {
    let Writer::Owning { epoch, nonce, acknowledged, next, asked, latest } = world.writers[writer]
    else {
        return false;
    };
    let stands = world.count(|r| r.rows & row(epoch, acknowledged) != 0) >= QUORUM;
    let read = !protocol.reads_the_epoch || asked.count_ones() >= QUORUM;
    if acknowledged >= next || !stands || !read {
        return false;
    }
    let latest = (latest != NONE).then(|| u64::from(latest));
    if protocol.reads_the_epoch && !may_acknowledge(epoch.into(), latest) {
        world.writers[writer] = Writer::Idle;
        return true;
    }
    world.tell(0, acknowledged, epoch);
    let acknowledged = acknowledged + 1;
    world.writers[writer] =
        Writer::Owning { epoch, nonce, acknowledged, next, asked: 0, latest: NONE };
    true
}

/// A follower reads at each quorum and remembers what it trusted.
pub(crate) fn follow(protocol: &Protocol, world: &mut World) {
    for without in 0..REPLICAS {
        let seen =
            (0..REPLICAS).filter(|r| *r != without).fold(0, |all, r| all | world.replicas[r].rows);
        for epoch in 0..world.decided {
            let start = world.start_of(epoch);
            let end = world.ends[epoch as usize];
            let recorded = (end != NONE).then(|| u64::from(end));
            let stands = |chunk: u64| {
                let is_there =
                    chunk < u64::from(protocol.chunks) && seen & row(epoch, chunk as u8) != 0;
                let vouches = || world.vouching & row(epoch, chunk as u8) != 0;
                is_there.then(|| if vouches() { chunk } else { chunk.saturating_sub(1) })
            };
            let trusted = trusted_end(start.into(), recorded, None, stands) as u8;
            (start..trusted).for_each(|chunk| world.tell(1, chunk, epoch));
            if end == NONE {
                break;
            }
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

    fn count(&self, holds: impl Fn(&Replica) -> bool) -> u32 {
        self.replicas.iter().filter(|replica| holds(replica)).count() as u32
    }

    fn has_acknowledged_all(&self, writer: usize) -> bool {
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

    fn start_of(&self, epoch: u8) -> u8 {
        if epoch == 0 { 0 } else { self.ends[epoch as usize - 1] }
    }

    fn resolve_next(&self, epoch: u8, nonce: u8, early: u16) -> Writer {
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

    fn tell(&mut self, whom: usize, chunk: u8, epoch: u8) {
        let told = &mut self.told[whom][chunk as usize];
        self.contradicted[whom] |= *told != NONE && *told != epoch;
        *told = epoch;
    }

    pub(crate) fn acknowledged(&self) -> [u8; CHUNKS] {
        self.told[0]
    }

    pub(crate) fn trusted(&self) -> [u8; CHUNKS] {
        self.told[1]
    }

    pub(crate) fn owners_hold_their_epochs(&self) -> bool {
        self.writers.iter().all(|writer| match writer {
            Writer::Resolving { epoch, nonce, .. }
            | Writer::Ending { epoch, nonce, .. }
            | Writer::Owning { epoch, nonce, .. } => self.owners[*epoch as usize] == *nonce,
            Writer::Idle | Writer::Claiming { .. } => true,
        })
    }

    /// Nothing that was told contradicts the recorded ends, or itself.
    fn stays(&self, whom: usize) -> bool {
        let fits = |chunk: u8, epoch: u8| {
            let begun = self.start_of(epoch);
            let end = self.ends[epoch as usize];
            begun != NONE && begun <= chunk && (end == NONE || end > chunk)
        };
        !self.contradicted[whom]
            && (0..CHUNKS as u8).all(|chunk| match self.told[whom][chunk as usize] {
                NONE => true,
                epoch => fits(chunk, epoch),
            })
    }

    pub(crate) fn acknowledged_stays(&self) -> bool {
        self.stays(0)
    }

    pub(crate) fn trusted_stays(&self) -> bool {
        let agree = |(acknowledged, trusted): (&u8, &u8)| {
            *acknowledged == NONE || *trusted == NONE || acknowledged == trusted
        };
        self.stays(1) && self.told[0].iter().zip(&self.told[1]).all(agree)
    }

    pub(crate) fn ended_stands_at_a_quorum(&self) -> bool {
        (0..self.decided).filter(|epoch| self.ends[*epoch as usize] != NONE).all(|epoch| {
            let mut chunks = self.start_of(epoch)..self.ends[epoch as usize];
            chunks.all(|chunk| self.count(|r| r.rows & row(epoch, chunk) != 0) >= QUORUM)
        })
    }

    pub(crate) fn ends_are_in_order(&self) -> bool {
        let ended = self.ends.iter().take_while(|end| **end != NONE).count();
        self.ends[ended..].iter().all(|end| *end == NONE)
            && self.ends[..ended].windows(2).all(|ends| ends[0] <= ends[1])
    }
}

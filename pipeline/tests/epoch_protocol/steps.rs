//! What a writer does: by the decisions of the real journal.

use zeitgeber::journal::cql::epoch::{is_ours, may_acknowledge, next_epoch, run_end};

use crate::world::{
    Attempt, CHUNKS, IN_FLIGHT, NONE, Protocol, QUORUM, REPLICAS, Replica, WRITERS, World, Writer,
    row,
};

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

pub(crate) fn claim(protocol: &Protocol, world: &mut World, writer: usize, without: usize) -> bool {
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

pub(crate) fn ask(protocol: &Protocol, world: &mut World, writer: usize, replica: usize) -> bool {
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

pub(crate) fn send_end(protocol: &Protocol, world: &mut World, writer: usize) -> bool {
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

pub(crate) fn insert(protocol: &Protocol, world: &mut World, writer: usize) -> bool {
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

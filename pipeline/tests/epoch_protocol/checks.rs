//! What a follower trusts in a world, and what must hold in each.

use zeitgeber::journal::cql::epoch::trusted_end;

use crate::world::{CHUNKS, NONE, Protocol, QUORUM, REPLICAS, World, Writer, row};

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

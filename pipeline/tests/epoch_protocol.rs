//! The epoch protocol under every interleaving of its messages.
//!
//! Writers claim, resolve, append, are paused (nobody needs to be scheduled) and die; three
//! replicas get what was sent to them late, more than once or never; a claim or a recorded end
//! that timed out may still be decided. The decisions are those of the real journal
//! (`zeitgeber::journal::cql::epoch`); its invariants are the properties here.
//!
//! `ZEITGEBER_MODEL=3,2,3` checks more epochs, chunks and attempts.
#![cfg(feature = "cluster")]

#[path = "epoch_protocol/checks.rs"]
mod checks;
#[path = "epoch_protocol/steps.rs"]
mod steps;
#[path = "epoch_protocol/world.rs"]
mod world;

use stateright::{Checker, HasDiscoveries, Model, Property};
use world::{Action, Protocol, World, Writer};

impl Model for Protocol {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::default()]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        world::actions(self, world, actions);
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut next = *world;
        world::act(self, &mut next, action).then(|| {
            steps::settle(self, &mut next);
            checks::follow(self, &mut next);
            next.in_order()
        })
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always("EPOCH-1", |_, world: &World| world.owners_hold_their_epochs()),
            Property::always("EPOCH-2", |_, world: &World| world.acknowledged_stays()),
            Property::always("EPOCH-3", |_, world: &World| world.trusted_stays()),
            Property::always("EPOCH-4", |_, world: &World| world.ended_stands_at_a_quorum()),
            Property::always("EPOCH-5", |_, world: &World| world.ends_are_in_order()),
        ];
        if !self.omits_anything() {
            // What the model must be able to do, or the rest says little.
            properties.extend([
                Property::sometimes("an unacknowledged chunk is taken over", |_, world: &World| {
                    world.ends[0] == 1 && world.acknowledged()[0] != 0
                }),
                Property::sometimes("a chunk beyond a recorded end arrives", |_, world: &World| {
                    world.ends[0] == 0 && world.replicas.iter().any(|r| r.rows & 1 != 0)
                }),
                Property::sometimes("a zombie still owns what another one claimed", |_, world: &World| {
                    let owns = |of| {
                        move |w: &Writer| matches!(w, Writer::Owning { epoch, .. } if *epoch == of)
                    };
                    world.writers.iter().any(owns(0)) && world.writers.iter().any(owns(1))
                }),
                Property::sometimes("a claim that was given up is decided", |_, world: &World| {
                    world.decided > 0
                        && world.writers.iter().all(|w| matches!(w, Writer::Idle))
                        && world.replicas.iter().all(|r| r.claims == 0)
                }),
                Property::sometimes("a follower trusts what no answer reached", |_, world: &World| {
                    let mut both = world.trusted().into_iter().zip(world.acknowledged());
                    both.any(|(trusted, told)| trusted != world::NONE && told == world::NONE)
                }),
            ]);
        }
        if self.chunks > 1 && !self.omits_anything() {
            let both = |_: &Self, world: &World| {
                world.acknowledged().contains(&0) && world.acknowledged().contains(&1)
            };
            properties.push(Property::sometimes("two epochs hold acknowledged chunks", both));
        }
        properties
    }
}

/// Epochs, chunks and attempts: as `ZEITGEBER_MODEL` says, or what is checked soon.
fn size(soon: [u8; 3]) -> Protocol {
    let given = std::env::var("ZEITGEBER_MODEL");
    let bounds = given.map_or(soon.to_vec(), |given| {
        given.split(',').map(|bound| bound.parse().expect("three numbers, as in 3,2,3")).collect()
    });
    let [epochs, chunks, attempts] = bounds[..] else { panic!("three numbers, not {bounds:?}") };
    Protocol::new(epochs, chunks, attempts)
}

fn is_kept_by(protocol: Protocol) {
    let checker = protocol.checker().threads(2).spawn_dfs().join();
    println!("{} states, {} of them distinct", checker.state_count(), checker.unique_state_count());
    assert!(checker.is_done(), "the whole space is visited");
    checker.assert_properties();
}

#[test]
fn two_writers_with_overlapping_appends_keep_the_invariants() {
    is_kept_by(size([2, 2, 2]));
}

#[test]
fn resolvers_that_die_and_three_epochs_keep_the_invariants() {
    is_kept_by(size([3, 1, 3]));
}

fn is_violated_without(protocol: Protocol) {
    let checker =
        protocol.checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    assert!(
        !checker.discoveries().is_empty(),
        "the model does not notice what is missing ({} states)",
        checker.unique_state_count()
    );
}

#[test]
fn without_the_epoch_read_before_acknowledging_it_breaks() {
    is_violated_without(Protocol { reads_the_epoch: false, ..size([2, 2, 2]) });
}

#[test]
fn with_the_tail_read_before_the_claim_returned_it_breaks() {
    is_violated_without(Protocol { claims_first: false, ..size([2, 2, 2]) });
}

#[test]
fn without_the_write_back_it_breaks() {
    is_violated_without(Protocol { writes_back: false, ..size([2, 2, 2]) });
}

//! Laws: the same log and the same states, whoever is in memory.

use proptest::prelude::*;
use tempfile::TempDir;
use zeitgeber::{state::Memory, store::Store};

use super::kit::*;

const PEOPLE: usize = 6;
const HOURS: i64 = 30;

/// Thirty hours of everybody, by the ten minutes' first one; who comes first is drawn.
fn shuffled(order: &[u16]) -> Vec<String> {
    let mut lines = Vec::new();
    for (step, minute) in (0..HOURS * 60).step_by(10).enumerate() {
        let mut people: Vec<usize> = (0..PEOPLE).collect();
        people.sort_by_key(|person| order[(step * PEOPLE + person) % order.len()]);
        // Some stay away for hours, and come back with all they have.
        people.retain(|person| !order[(step / 20 + person) % order.len()].is_multiple_of(4));
        lines.extend(people.into_iter().map(|person| reading(person, minute)));
    }
    lines
}

fn run(lines: &[String], memory: Memory, handful: usize) -> (TempDir, u64) {
    let dir = TempDir::new().unwrap();
    let mut session = open(dir.path(), 2, memory);
    introduce(&mut session, PEOPLE);
    session.settle().unwrap();
    play(&mut session, lines, handful);
    let written = people_bytes(dir.path());
    session.finish().unwrap();
    (dir, written)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn who_is_in_memory_changes_neither_the_log_nor_the_states(
        order in prop::collection::vec(any::<u16>(), 64..200),
        handful in 5_usize..60,
    ) {
        let lines = shuffled(&order);
        let (unbounded, kept) = run(&lines, Memory::UNBOUNDED, handful);
        let (tiny, written) = run(&lines, TINY, handful);
        let (often, _) = run(&lines, TINY_OFTEN, handful);
        prop_assert!(kept == 0 && written > 10_000, "people left memory: {kept} {written}");
        let unbounded = Store::read(unbounded.path()).unwrap();
        let (digest, told) = (digests(&unbounded), told(&unbounded, PEOPLE));
        let folded = states_by_log(&unbounded);
        for dir in [&tiny, &often] {
            let store = Store::read(dir.path()).unwrap();
            prop_assert_eq!(&digests(&store), &digest);
            prop_assert_eq!(&states(&store), &folded);
            prop_assert_eq!(&super::kit::told(&store, PEOPLE), &told);
        }
        prop_assert!(told.iter().any(|status| status.contains("\"reward\":0.")), "{told:?}");
    }
}

#[test]
fn a_tiny_budget_leaves_nobody_in_memory_and_a_large_one_everybody() {
    let lines = shuffled(&[7, 1, 5, 3, 9, 2, 8]);
    let (dir, _) = run(&lines, TINY, 40);
    let store = Store::write(dir.path(), 2, 1 << 20).unwrap();
    let (mut held, recovered) = store.hold(TINY).unwrap();
    assert_eq!((recovered.from_snapshot, recovered.folded_events), (2, 0));
    let hot = |held: &[zeitgeber::state::Partition]| -> usize {
        held.iter().map(|partition| partition.people_in_memory()).sum()
    };
    assert_eq!(hot(&held), 0);
    for partition in &mut held {
        for subject in 1..=partition.state().known() as u64 {
            partition.warm(subject).unwrap();
        }
        let known = partition.state().known();
        assert!(known > 0 && partition.people_bytes() > 1_000 * known);
        partition.end_batch();
        assert_eq!(partition.people_in_memory(), known, "what is not durable stays");
        partition.settle(partition.batch());
        partition.end_batch();
        assert_eq!((partition.people_in_memory(), partition.people_bytes()), (0, 0));
        assert_eq!(partition.reads(), known as u64);
    }
    let (mut held, _) = store.hold(Memory::UNBOUNDED).unwrap();
    held[0].warm(1).unwrap();
    held[0].settle(u64::MAX);
    held[0].end_batch();
    assert_eq!(hot(&held), 1, "nobody leaves where there is room");
}

//! A state that was kept beside its writer is the state that opening the log gives.

use proptest::prelude::*;
use tempfile::TempDir;
use zeitgeber::{
    fold::state_digest,
    journal::Tail,
    state::{Memory, Partition},
    store::{Followed, Store},
};
use zeitgeber_processors::flow::State;
use zeitgeber_schemas::PartitionId;

use super::kit::*;

const PEOPLE: usize = 6;

/// A day of everybody, as a crash leaves it, with snapshots from somewhere in between.
fn log() -> TempDir {
    let (dir, image) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let mut session = open(dir.path(), 2, TINY_OFTEN);
    introduce(&mut session, PEOPLE);
    session.settle().unwrap();
    let minutes = (0..1_440).step_by(10);
    let lines: Vec<String> =
        minutes.flat_map(|minute| (0..PEOPLE).map(move |person| reading(person, minute))).collect();
    play(&mut session, &lines, 50);
    crash_image(dir.path(), image.path());
    image
}

fn digest(held: Partition) -> [u8; 32] {
    state_digest(&held.into_whole().unwrap()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn following_the_log_and_opening_it_give_the_same_state(
        seen in 0_u64..200,
        roomy in any::<bool>(),
        snapshots in any::<bool>(),
    ) {
        let image = log();
        if !snapshots {
            std::fs::remove_dir_all(image.path().join("snapshots")).unwrap();
        }
        let store = Store::write(image.path(), 2, 1 << 20).unwrap();
        let memory = if roomy { Memory::UNBOUNDED } else { TINY };
        for (partition, expected) in store.partitions().zip(states_by_log(&store)) {
            let mut followed = store.follow(partition, memory);
            let first = followed.tail().next_chunk;
            let end = store.journal().tail(partition).next_chunk;
            let mut scan = store.scan_on([(partition, first)]).unwrap();
            let mut taken = 0;
            while taken < seen && let Some(chunk) = scan.next_chunk().unwrap() {
                followed.take(&chunk).unwrap();
                taken += 1;
            }
            prop_assert_eq!(followed.tail().next_chunk, first + taken);
            let (tail, held, recovered) =
                store.take_over(partition, memory, || Some(followed)).unwrap();
            prop_assert!(recovered.from_standby);
            prop_assert_eq!(recovered.folded_chunks, end - first - taken);
            prop_assert_eq!(tail, store.journal().tail(partition));
            prop_assert_eq!(digest(held), expected);
        }
    }
}

#[test]
fn a_state_of_another_history_is_dropped_and_the_partition_opened_anew() {
    let image = log();
    let store = Store::write(image.path(), 2, 1 << 20).unwrap();
    let partition = PartitionId(1);
    let strayed = Tail { head: [7; 32], ..store.journal().tail(partition) };
    let followed = Followed::of((strayed, State::initial(partition).into()));
    let (tail, held, recovered) = store.take_over(partition, TINY, || Some(followed)).unwrap();
    assert!(!recovered.from_standby && recovered.folded_events + tail.next_position > 0);
    assert_eq!(digest(held), states_by_log(&store)[1]);
}

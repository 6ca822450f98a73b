//! A machine that was stored and restored goes on as if nothing had been: its state and all that
//! it tells have the same bits, in the form in which people are kept on disk and as JSON.

use std::fmt::Debug;

use proptest::prelude::*;
use serde::{Serialize, de::DeserializeOwned};

use super::{
    machines::{self, Law, Machine, Told},
    person::Noise,
};

/// Steps of a stream, of which some are repeated from a restored machine.
const STEPS: i64 = 4000;
/// Times that a machine is restored on its way.
const TIMES: usize = 6;

struct Restoring {
    seed: u64,
}

impl Law for Restoring {
    fn hold<M>(
        &self,
        machine: Machine,
        new: impl Fn() -> M,
        step: impl Fn(&mut M, i64, &mut Noise, Told<'_>),
    ) where
        M: Clone + PartialEq + Debug + Serialize + DeserializeOwned,
    {
        let steps = STEPS.min(machine.long);
        let mut cuts = Noise(self.seed ^ 3);
        let cuts: Vec<i64> = (0..TIMES).map(|_| cuts.below(steps as u64) as i64).collect();
        let run = |restore: &dyn Fn(&M) -> M, told: &mut Vec<String>| {
            let (mut state, mut noise) = (new(), Noise(self.seed));
            for at in 0..steps {
                if cuts.contains(&at) {
                    state = restore(&state);
                }
                step(&mut state, at, &mut noise, &mut |value| told.push(format!("{value:?}")));
            }
            state
        };
        let (mut whole, mut on_disk, mut as_json) = (Vec::new(), Vec::new(), Vec::new());
        let through = run(&Clone::clone, &mut whole);
        let stored = run(&on_disk_and_back, &mut on_disk);
        let text = run(&as_json_and_back, &mut as_json);
        for (state, told) in [(stored, on_disk), (text, as_json)] {
            assert_eq!(format!("{state:?}"), format!("{through:?}"), "{}", machine.name);
            assert_eq!(told, whole, "{}", machine.name);
        }
    }
}

fn on_disk_and_back<M: Serialize + DeserializeOwned>(machine: &M) -> M {
    postcard::from_bytes(&postcard::to_allocvec(machine).unwrap()).unwrap()
}

fn as_json_and_back<M: Serialize + DeserializeOwned>(machine: &M) -> M {
    serde_json::from_slice(&serde_json::to_vec(machine).unwrap()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_machine_restored_at_any_point_changes_no_bit(seed in any::<u64>()) {
        machines::each(&Restoring { seed });
    }
}

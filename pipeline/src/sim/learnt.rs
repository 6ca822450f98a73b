//! What a learner should have learnt: the rewards that the events tell, one by one, and the sums of
//! them made from scratch.

use std::collections::BTreeMap;

use zeitgeber_processors::{
    flow::{Input, State},
    routing::learner::Learner,
};
use zeitgeber_schemas::{Event, FeedbackStatus};

use super::violation::{Invariant, Violation, hold};

/// Features, and the reward that came of them.
type Reward = (Vec<i32>, i32);

/// Rewards of each registration of an arm, by its name and incarnation.
#[derive(Debug, Default)]
pub(super) struct Learnt(BTreeMap<(String, u32), Vec<Reward>>);

impl Learnt {
    pub(super) fn take(&mut self, _input: &Input<'_>, event: &Event) {
        match event {
            Event::FeedbackRecorded(event) => {
                let of = (event.arm.clone(), event.incarnation);
                let rewards = self.0.entry(of).or_default();
                match (event.status, event.replaces) {
                    (FeedbackStatus::Applied, _) => {
                        rewards.push((event.features.clone(), event.reward));
                    }
                    (FeedbackStatus::Corrected, Some(old)) => {
                        let known = (event.features.clone(), old);
                        if let Some(reward) = rewards.iter_mut().find(|reward| **reward == known) {
                            reward.1 = event.reward;
                        }
                    }
                    _ => {}
                }
            }
            Event::FeedbackNoted(event) => {
                let of = (event.arm.clone(), event.incarnation);
                let rewards = self.0.entry(of).or_default();
                if let Some(old) = event.replaces {
                    let known = (event.features.clone(), old);
                    if let Some(at) = rewards.iter().position(|reward| *reward == known) {
                        rewards.swap_remove(at);
                    }
                }
                rewards.extend(event.stands.map(|reward| (event.features.clone(), reward)));
            }
            Event::OutcomeExpired(event) => {
                if let Some(reward) = event.imputed {
                    let of = (event.arm.clone(), event.incarnation);
                    self.0.entry(of).or_default().push((event.features.clone(), reward));
                }
            }
            _ => {}
        }
    }

    /// Compares with the learner of a state (SIM-4).
    pub(super) fn check(&self, state: &State) -> Result<(), Violation> {
        for arm in state.routing.learner().into_iter().flat_map(Learner::arms) {
            let of = (arm.name().to_owned(), arm.incarnation());
            let none = Vec::new();
            let rewards = self.0.get(&of).unwrap_or(&none);
            let sums = arm.sums();
            let (mut a, mut b) = (vec![0; sums.a.len()], vec![0; sums.b.len()]);
            let (mut sum, mut squares) = (0, 0);
            for (x, r) in rewards {
                let (x, r): (Vec<i64>, i64) =
                    (x.iter().map(|x| i64::from(*x)).collect(), i64::from(*r));
                let pairs = (0..x.len()).flat_map(|i| (0..=i).map(move |j| (i, j)));
                a.iter_mut().zip(pairs).for_each(|(sum, (i, j))| *sum += x[i] * x[j]);
                b.iter_mut().zip(&x).for_each(|(sum, x)| *sum += r * x);
                sum += r;
                squares += r * r;
            }
            let same = (sums.n, &sums.a, &sums.b) == (rewards.len() as u64, &a, &b)
                && (sums.reward_sum, sums.reward_sq) == (sum, squares);
            hold(Invariant::LearnerSums, same, || {
                format!("arm {} learnt something else than {} rewards", of.0, rewards.len())
            })?;
        }
        Ok(())
    }
}

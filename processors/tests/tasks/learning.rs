//! What the learner makes of outcomes, beside a policy that learns nothing.

use zeitgeber_processors::routing::rng::Draw;
use zeitgeber_schemas::{AssignmentPolicy, Event, TaskBody, TaskInput};

use crate::kit::{World, profile, result, task};

const TASKS: usize = 600;

/// How good an agent is at a task: each is at its best with one sort of tasks.
fn quality(agent: &str, sort: usize) -> f64 {
    if agent == ["a0", "a1", "a2", "a3"][sort] { 0.9 } else { 0.3 }
}

/// Runs tasks of four sorts past four agents; the mean quality of the second half.
fn run(policy: AssignmentPolicy) -> (World, f64) {
    let mut world = World::with(policy, |body| body.policy.features = 4);
    for agent in ["a0", "a1", "a2", "a3"] {
        world.register(agent, profile(4, &[]));
    }
    let (mut sum, mut count) = (0.0, 0);
    for n in 0..TASKS {
        let id = format!("t{n}");
        let sort = Draw::new(7, id.as_bytes()).index(4);
        let features = (0..4).map(|at| f64::from(u8::from(at == sort))).collect();
        world.submit(&id, TaskBody { features, ..task() });
        let (agent, lease) = world.lease(&id);
        let told = quality(&agent, sort);
        let body = result(&agent, lease, true, Some(told));
        world.take(&id, TaskInput::TaskResult(Box::new(body)));
        if n >= TASKS / 2 {
            (sum, count) = (sum + told, count + 1);
        }
    }
    (world, sum / f64::from(count))
}

#[test]
fn linucb_finds_who_is_good_at_what_and_round_robin_does_not() {
    let (learnt, linucb) = run(AssignmentPolicy::Linucb);
    let (_, in_turn) = run(AssignmentPolicy::RoundRobin);
    assert!(linucb > 0.8 && in_turn < 0.55, "linucb {linucb}, round robin {in_turn}");
    assert_eq!(learnt.pool().rewards_taken, TASKS as u64);
}

#[test]
fn every_learned_assignment_names_a_decision_whose_propensities_add_up_to_one() {
    let (world, _) = run(AssignmentPolicy::Linucb);
    let mut decided = None;
    for event in world.log.iter().flat_map(|stored| &stored.events) {
        match event {
            Event::DecisionMade(made) => {
                let total: f64 = made.eligible.iter().map(|arm| arm.propensity).sum();
                assert!((total - 1.0).abs() < 1e-12);
                decided = Some(made.clone());
            }
            Event::TaskAssigned(event) => {
                let made = decided.take().expect("a decision stands before it");
                assert_eq!(event.decision_id, Some(made.decision_id));
                assert_eq!((&event.agent, event.propensity), (&made.chosen, made.propensity));
            }
            _ => {}
        }
    }
}

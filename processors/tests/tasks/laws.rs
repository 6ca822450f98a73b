//! Laws that hold whatever comes in: one lease at a time, growing leases, one end, the same fold.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection::vec, prelude::*};
use zeitgeber_processors::{
    flow::{Body, Desk, Input, Outcome, State},
    tasks::TaskState,
};
use zeitgeber_schemas::{
    AgentCommand, AssignmentPolicy, Event, PartitionId, Priority, RetryPolicy, TaskBody, TaskInput,
};

use crate::kit::{Stored, World, content, envelope, hash, profile, task};

/// Something that happens to a pool.
#[derive(Debug, Clone)]
enum Step {
    Submit { task: u8, priority: u8, skilled: bool, brief: bool },
    Cancel(u8),
    Start(u8),
    Finish { task: u8, success: bool, old: bool },
    Agent { agent: u8, command: u8 },
    Tick(u16),
}

fn submitted() -> impl Strategy<Value = Step> {
    (0..20u8, 0..4u8, any::<bool>(), any::<bool>()).prop_map(|(task, priority, skilled, brief)| {
        Step::Submit { task, priority, skilled, brief }
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => submitted(),
        1 => (0..20u8).prop_map(Step::Cancel),
        3 => (0..20u8).prop_map(Step::Start),
        3 => (0..20u8, any::<bool>(), any::<bool>())
            .prop_map(|(task, success, old)| Step::Finish { task, success, old }),
        4 => (0..4u8, 0..6u8).prop_map(|(agent, command)| Step::Agent { agent, command }),
        2 => (0..12_000u16).prop_map(Step::Tick),
    ]
}

fn policy() -> impl Strategy<Value = AssignmentPolicy> {
    (0..AssignmentPolicy::ALL.len()).prop_map(|at| AssignmentPolicy::ALL[at])
}

fn world(policy: AssignmentPolicy) -> World {
    World::with(policy, |body| {
        (body.heartbeat_ttl_ms, body.timeout_ms) = (8_000, 5_000);
        (body.time_to_live_ms, body.escalate_after_ms) = (60_000, Some(9_000));
        body.limits.agents = 3;
    })
}

fn play(world: &mut World, step: &Step) {
    match *step {
        Step::Submit { task: id, priority, skilled, brief } => {
            let retry = brief.then_some(RetryPolicy {
                max_attempts: 2,
                backoff_ms: 100,
                backoff_max_ms: 1_000,
                jitter: 0.5,
            });
            let capabilities = if skilled { vec!["s".into()] } else { Vec::new() };
            let priority = Priority::ALL[usize::from(priority)];
            let features = vec![f64::from(id) / 20.0];
            let body = TaskBody { priority, capabilities, retry, features, ..task() };
            world.submit(&format!("t{id}"), body);
        }
        Step::Cancel(id) => drop(world.cancel(&format!("t{id}"))),
        Step::Start(id) => {
            let id = format!("t{id}");
            if world.pool().task(&id).is_some_and(|task| task.current().is_some()) {
                world.start(&id);
            }
        }
        Step::Finish { task: id, success, old } => {
            let id = format!("t{id}");
            let attempts = world.pool().task(&id).map(|task| task.attempts.clone());
            let attempts = attempts.unwrap_or_default();
            let attempt = if old { attempts.front() } else { attempts.back() };
            if let Some(attempt) = attempt {
                world.result(&id, &attempt.agent, attempt.lease, success);
            }
        }
        Step::Agent { agent, command } => {
            let id = format!("a{agent}");
            let capabilities: &[&str] = if agent % 2 == 0 { &["s"] } else { &[] };
            match command {
                0 | 1 => drop(world.register(&id, profile(1 + u32::from(agent), capabilities))),
                2 => drop(world.agent(&id, AgentCommand::Drain, None)),
                3 => drop(world.agent(&id, AgentCommand::Leave, None)),
                _ => drop(world.agent(&id, AgentCommand::Heartbeat, None)),
            }
        }
        Step::Tick(after_ms) => drop(world.tick(after_ms.into())),
    }
    assert_sound(world);
}

/// TASKS-1, TASKS-4 and the sums of a pool, after every input.
fn assert_sound(world: &World) {
    let pool = world.pool();
    let mut leases = BTreeSet::new();
    for agent in pool.agents() {
        for held in pool.assignments(&agent.id) {
            assert_eq!(held.attempt.agent, agent.id);
            assert!(leases.insert(held.attempt.lease));
        }
        assert!(pool.assignments(&agent.id).count() <= agent.profile.capacity as usize);
    }
    let held = pool.tasks().filter(|task| task.current().is_some()).count();
    assert_eq!(held, leases.len());
    for (state, count) in pool.tasks_by_state() {
        assert_eq!(pool.tasks().filter(|task| task.state == state).count() as u64, count);
    }
    let room = pool.agents().iter().filter(|agent| {
        agent.health.as_str() == "healthy"
            && pool.assignments(&agent.id).count() < agent.profile.capacity as usize
    });
    for agent in room {
        let waits = pool.tasks().find(|task| {
            let can = |name| agent.profile.capabilities.contains(name);
            task.state == TaskState::Queued && task.body.capabilities.iter().all(can)
        });
        assert!(waits.is_none(), "{} has room and {waits:?} waits", agent.id);
    }
}

/// TASKS-2 and TASKS-3, over the whole log.
fn assert_lawful(log: &[Stored]) {
    let (mut last, mut holder, mut ends) = (0, BTreeMap::new(), BTreeMap::new());
    for event in log.iter().flat_map(|stored| &stored.events) {
        let mut end = |task: &str| {
            let task = task.to_owned();
            holder.remove(&task);
            *ends.entry(task).or_insert(0) += 1;
        };
        match event {
            Event::TaskAssigned(event) => {
                assert!(event.lease > last && (0.0..=1.0).contains(&event.propensity));
                last = event.lease;
                assert_eq!(holder.insert(event.task.clone(), event.lease), None);
            }
            Event::TaskReleased(event) => {
                assert_eq!(holder.remove(&event.task), Some(event.lease));
            }
            Event::TaskFailed(event) => {
                assert_eq!(holder.remove(&event.task), Some(event.lease));
            }
            Event::TaskCompleted(event) => end(&event.task),
            Event::TaskCancelled(event) => end(&event.task),
            Event::TaskExpired(event) => end(&event.task),
            Event::TaskDeadLettered(event) => end(&event.task),
            _ => {}
        }
    }
    assert!(ends.values().all(|times| *times == 1), "{ends:?}");
}

/// Folds a log again; with `decides`, what every input causes is decided again and compared.
fn fold(log: &[Stored], decides: bool) -> State {
    let (mut state, mut desk, mut events) =
        (State::initial(PartitionId(3)), Desk::new(), Vec::new());
    for stored in log {
        let input = Input {
            envelope: envelope(&stored.id, stored.at_ms),
            body: Body::Task(&stored.body),
            content: content(&stored.body),
        };
        let raw = || hash(&stored.id, &stored.body);
        if decides {
            let subject = state.subject_of(&input);
            let outcome = state.decide(&mut desk, subject, &input, raw, &mut events);
            assert_eq!((outcome, &events), (Outcome::Stored, &stored.events));
        }
        for event in &stored.events {
            state.apply(stored.subject, &input, event, raw);
        }
    }
    state
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn leases_grow_one_agent_has_a_task_and_a_replay_folds_and_decides_the_same(
        policy in policy(),
        steps in vec(step(), 1..120),
    ) {
        let mut world = world(policy);
        steps.iter().for_each(|step| play(&mut world, step));
        assert_lawful(&world.log);
        prop_assert_eq!(&fold(&world.log, true), &world.state);
        prop_assert_eq!(&fold(&world.log, false), &world.state);
    }

    #[test]
    fn a_snapshot_in_the_middle_changes_nothing(
        policy in policy(),
        before in vec(step(), 1..60),
        after in vec(step(), 1..60),
    ) {
        let mut world = world(policy);
        before.iter().for_each(|step| play(&mut world, step));
        let bytes = serde_json::to_vec(&world.state).expect("a state can be stored");
        let mut restored = World::new();
        restored.state = serde_json::from_slice(&bytes).expect("and read back");
        restored.now_ms = world.now_ms;
        restored.log.clone_from(&world.log);
        for step in &after {
            play(&mut world, step);
            play(&mut restored, step);
        }
        prop_assert_eq!(&restored.log, &world.log);
    }

    #[test]
    fn every_task_ends_once_when_time_goes_on_and_repeats_change_nothing(
        policy in policy(),
        steps in vec(step(), 1..80),
    ) {
        let mut world = world(policy);
        steps.iter().for_each(|step| play(&mut world, step));
        for _ in 0..200 {
            world.tick(1_000);
        }
        assert_lawful(&world.log);
        prop_assert_eq!(world.pool().open_tasks(), 0);
        let (state, log) = (world.state.clone(), world.log.clone());
        let queued = |event: &Event| matches!(event, Event::TaskQueued(_));
        let is_submission = |stored: &&Stored| {
            matches!(stored.body, TaskInput::Task(_)) && stored.events.iter().any(queued)
        };
        for stored in log.iter().filter(is_submission) {
            prop_assert_eq!(world.take(&stored.id, stored.body.clone()).0, Outcome::Repeated(None));
        }
        prop_assert_eq!(&world.state, &state);
    }
}

//! Which agent each policy chooses.

use zeitgeber_schemas::{AgentProfile, AssignmentPolicy, Event, Resources, TaskBody, Tier};

use crate::kit::{World, profile, task};

fn with_agents(policy: AssignmentPolicy, profiles: &[AgentProfile]) -> World {
    let mut world = World::with(policy, |_| {});
    for (at, profile) in profiles.iter().enumerate() {
        world.register(&format!("a{at}"), profile.clone());
    }
    world
}

fn chosen(world: &mut World, tasks: usize, body: &TaskBody) -> Vec<String> {
    (0..tasks)
        .map(|at| {
            let id = format!("t{}-{at}", world.log.len());
            world.submit(&id, body.clone());
            world.lease(&id).0
        })
        .collect()
}

#[test]
fn round_robin_takes_the_agents_in_turn_and_passes_over_the_busy() {
    let agents = [profile(3, &[]), profile(1, &[]), profile(3, &[])];
    let mut world = with_agents(AssignmentPolicy::RoundRobin, &agents);
    assert_eq!(chosen(&mut world, 6, &task()), ["a0", "a1", "a2", "a0", "a2", "a0"]);
}

#[test]
fn least_loaded_takes_the_agent_with_the_least_share_of_its_capacity_in_use() {
    let agents = [profile(2, &[]), profile(4, &[])];
    let mut world = with_agents(AssignmentPolicy::LeastLoaded, &agents);
    assert_eq!(chosen(&mut world, 6, &task()), ["a0", "a1", "a1", "a0", "a1", "a1"]);
}

#[test]
fn weighted_draws_in_proportion_and_logs_the_propensity() {
    let heavy = AgentProfile { weight: 3.0, ..profile(256, &[]) };
    let mut world = with_agents(AssignmentPolicy::Weighted, &[profile(256, &[]), heavy]);
    let picks = chosen(&mut world, 200, &task());
    let heavy = picks.iter().filter(|agent| *agent == "a1").count();
    assert!((130..170).contains(&heavy), "{heavy} of 200");
    for event in world.log.iter().flat_map(|stored| &stored.events) {
        if let Event::TaskAssigned(event) = event {
            let expected = if event.agent == "a1" { 0.75 } else { 0.25 };
            assert_eq!(event.propensity.to_bits(), f64::to_bits(expected));
        }
    }
}

#[test]
fn resource_fit_leaves_the_least_over_and_never_more_than_there_is() {
    let quota = |cpu_milli| Resources { cpu_milli, memory_mib: 1_024, gpu: 0 };
    let agent = |cpu_milli| AgentProfile { resources: quota(cpu_milli), ..profile(8, &[]) };
    let mut world = with_agents(AssignmentPolicy::ResourceFit, &[agent(4_000), agent(1_000)]);
    let needs = Resources { cpu_milli: 1_000, memory_mib: 10, gpu: 0 };
    let body = TaskBody { needs, ..task() };
    assert_eq!(chosen(&mut world, 2, &body), ["a1", "a0"]);
    let needs = Resources { cpu_milli: 3_500, memory_mib: 10, gpu: 0 };
    world.submit("large", TaskBody { needs, ..task() });
    assert!(world.task("large").current().is_none());
    let first = world.pool().assignments("a0").next().expect("it has one").task.id.clone();
    world.finish(&first, true);
    assert_eq!(world.lease("large").0, "a0");
}

#[test]
fn threshold_sends_complex_tasks_and_second_tries_to_advanced_agents_and_falls_back() {
    let advanced = AgentProfile { tier: Tier::Advanced, ..profile(2, &[]) };
    let mut world = with_agents(AssignmentPolicy::Threshold, &[profile(2, &[]), advanced]);
    let complex = TaskBody { complexity: 0.9, ..task() };
    assert_eq!(chosen(&mut world, 1, &task()), ["a0"]);
    assert_eq!(chosen(&mut world, 1, &complex), ["a1"]);
    world.submit("again", task());
    assert_eq!(world.lease("again").0, "a0");
    world.finish("again", false);
    world.tick(2_000);
    assert_eq!(world.lease("again").0, "a1");
    assert_eq!(chosen(&mut world, 1, &complex), ["a0"], "the other tier where none is free");
}

#[test]
fn only_an_agent_that_can_do_all_that_is_asked_gets_a_task() {
    let mut world = with_agents(
        AssignmentPolicy::Priority,
        &[profile(9, &["ocr"]), profile(9, &["ocr", "german"])],
    );
    let body = TaskBody { capabilities: vec!["german".into(), "ocr".into()], ..task() };
    assert_eq!(chosen(&mut world, 2, &body), ["a1", "a1"]);
    let body = TaskBody { capabilities: vec!["french".into()], ..task() };
    world.submit("french", body);
    assert!(world.task("french").current().is_none());
    world.register("a2", profile(1, &["french"]));
    assert_eq!(world.lease("french").0, "a2");
}

//! The life of a task: given what happened, when an input comes, then these events.

use zeitgeber_processors::{flow::Outcome, tasks::TaskState};
use zeitgeber_schemas::{
    AgentBody, AgentCommand, AssignmentPolicy, Event, Health, Payload, Priority, Reason,
    RetryPolicy, Setback, TaskBody, TaskInput,
};

use crate::kit::{World, names, profile, refused, task};

fn world() -> World {
    World::with(AssignmentPolicy::Priority, |_| {})
}

fn retry(max_attempts: u32) -> Option<RetryPolicy> {
    Some(RetryPolicy { max_attempts, backoff_ms: 1_000, backoff_max_ms: 3_000, jitter: 0.0 })
}

#[test]
fn a_task_is_queued_assigned_started_and_completed() {
    let mut world = world();
    assert_eq!(names(&world.submit("t", task())), ["task_queued"]);
    assert_eq!(names(&world.register("a", profile(1, &[]))), ["agent_registered", "task_assigned"]);
    assert_eq!(names(&world.start("t").1), ["task_started"]);
    assert_eq!(names(&world.finish("t", true).1), ["task_completed"]);
    let done = world.task("t");
    assert_eq!((done.state, done.assignments, done.failures), (TaskState::Completed, 1, 0));
    assert_eq!(world.pool().agent("a").expect("it is known").completed, 1);
    assert_eq!(world.pool().assignments("a").count(), 0);
}

#[test]
fn an_unknown_pool_agent_or_task_is_refused_with_its_reason() {
    let mut world = World::new();
    assert_eq!(refused(&world.submit("t", task())), Some(Reason::UnknownPool));
    world.register("a", profile(1, &[]));
    assert_eq!(refused(&world.cancel("t").1), Some(Reason::UnknownTask));
    let beat = world.agent("b", AgentCommand::Heartbeat, None);
    assert_eq!(refused(&beat.1), Some(Reason::UnknownAgent));
    // The same refused bytes again are counted, not stored.
    let beat = world.agent("b", AgentCommand::Heartbeat, None);
    assert_eq!(beat.0, Outcome::Repeated(Some(Reason::UnknownAgent)));
}

#[test]
fn the_same_task_again_is_a_repeat_and_another_content_a_conflict() {
    let mut world = world();
    world.submit("t", task());
    let again = world.take("t", TaskInput::Task(Box::new(task())));
    assert_eq!(again.0, Outcome::Repeated(None));
    let other = TaskBody { complexity: 1.0, ..task() };
    assert_eq!(refused(&world.submit("t", other)), Some(Reason::Conflict));
}

#[test]
fn a_failed_task_is_tried_again_after_its_backoff_and_given_up_after_the_last_try() {
    let mut world = world();
    world.register("a", profile(1, &[]));
    world.submit("t", TaskBody { retry: retry(2), ..task() });
    let (_, events) = world.finish("t", false);
    let Some(Event::TaskFailed(failed)) = events.first() else { panic!("{events:?}") };
    assert_eq!(failed.retry_at_ms, Some(world.now_ms + 1_000));
    assert_eq!(world.state_of("t"), TaskState::Waiting);
    assert_eq!(world.tick(999), []);
    assert_eq!(names(&world.tick(1)), ["task_queued", "task_assigned"]);
    assert_eq!(names(&world.finish("t", false).1), ["task_failed", "task_dead_lettered"]);
    assert_eq!((world.state_of("t"), world.task("t").failures), (TaskState::Failed, 2));
}

#[test]
fn an_old_lease_is_refused_and_its_result_repeated_is_a_repeat() {
    let mut world = world();
    world.register("a", profile(1, &[]));
    world.submit("t", TaskBody { timeout_ms: Some(500), retry: retry(3), ..task() });
    let (agent, lease) = world.lease("t");
    assert_eq!(names(&world.tick(500)), ["task_failed"]);
    let late = world.result("t", &agent, lease, true);
    assert_eq!(refused(&late.1), Some(Reason::StaleLease));
    world.tick(1_000);
    assert!(world.lease("t").1 > lease);
    let (agent, lease) = world.lease("t");
    world.finish("t", true);
    assert_eq!(world.result("t", &agent, lease, true).0, Outcome::Repeated(None));
    assert_eq!(refused(&world.result("t", &agent, lease, false).1), Some(Reason::StaleLease));
}

#[test]
fn an_agent_not_heard_of_is_late_then_lost_and_its_tasks_go_to_another() {
    let mut world = world();
    world.register("a", profile(2, &[]));
    world.submit("started", task());
    world.submit("unstarted", task());
    world.start("started");
    let ttl_ms = world.pool().configuration.heartbeat_ttl_ms;
    assert_eq!(world.pool().due_ms(), Some(world.now_ms + ttl_ms * 3 / 4));
    assert_eq!(names(&world.tick(ttl_ms * 3 / 4)), ["agent_health_changed"]);
    world.register("b", profile(2, &[]));
    assert_eq!(
        names(&world.tick(ttl_ms / 4)),
        ["agent_health_changed", "task_failed", "task_released", "task_assigned", "task_assigned"]
    );
    for id in ["started", "unstarted"] {
        assert_eq!(world.lease(id).0, "b");
    }
    assert_eq!((world.task("started").failures, world.task("unstarted").failures), (1, 0));
    assert_eq!(world.task("started").attempts[0].setback, Some(Setback::AgentLost));
    let beat = world.agent("a", AgentCommand::Heartbeat, None);
    assert_eq!(names(&beat.1), ["agent_health_changed"]);
    let health = world.pool().agent("a").expect("it is known").history.iter();
    let health: Vec<_> = health.map(|change| change.health).collect();
    assert_eq!(health, [Health::Healthy, Health::Late, Health::Lost, Health::Healthy]);
}

#[test]
fn a_heartbeat_is_stored_only_where_it_matters() {
    let mut world = world();
    world.register("a", profile(1, &[]));
    let ttl_ms = world.pool().configuration.heartbeat_ttl_ms;
    world.now_ms += ttl_ms / 4 - 1;
    assert_eq!(world.agent("a", AgentCommand::Heartbeat, None).0, Outcome::Idle);
    world.now_ms += 1;
    assert_eq!(names(&world.agent("a", AgentCommand::Heartbeat, None).1), ["agent_seen"]);
    assert_eq!(world.tick(1), []);
}

#[test]
fn a_heartbeat_that_leaves_out_a_started_task_gives_it_back_and_one_with_an_old_lease_is_refused() {
    let mut world = world();
    world.register("a", profile(1, &[]));
    world.submit("t", task());
    world.start("t");
    let lease = world.lease("t").1;
    let beat = |leases| {
        let (command, load) = (AgentCommand::Heartbeat, Some(0.5));
        TaskInput::Agent(AgentBody { command, profile: None, load, leases: Some(leases) })
    };
    assert_eq!(world.take("a", beat(vec![lease])).0, Outcome::Idle);
    let (_, events) = world.take("a", beat(vec![]));
    assert_eq!(names(&events), ["task_failed", "task_assigned"]);
    assert_eq!(refused(&world.take("a", beat(vec![lease])).1), Some(Reason::StaleLease));
}

#[test]
fn a_draining_agent_finishes_what_it_started_and_gives_the_rest_back() {
    let mut world = world();
    world.register("a", profile(2, &[]));
    world.submit("started", task());
    world.submit("unstarted", task());
    world.start("started");
    let (_, events) = world.agent("a", AgentCommand::Drain, None);
    assert_eq!(names(&events), ["agent_health_changed", "task_released"]);
    assert_eq!(names(&world.finish("started", true).1), ["task_completed"]);
    assert_eq!(world.state_of("unstarted"), TaskState::Queued);
    assert_eq!(world.agent("a", AgentCommand::Drain, None).0, Outcome::Repeated(None));
    // Registering again takes it back to work.
    let events = world.register("a", profile(2, &[]));
    assert_eq!(names(&events), ["agent_registered", "task_assigned"]);
    let (_, events) = world.agent("a", AgentCommand::Leave, None);
    assert_eq!(names(&events), ["agent_health_changed", "task_released"]);
}

#[test]
fn a_task_is_cancelled_in_any_state_but_a_final_one() {
    let mut world = world();
    world.submit("queued", task());
    world.cancel("queued");
    world.register("a", profile(1, &[]));
    world.submit("running", task());
    world.submit("next", task());
    world.start("running");
    let (agent, lease) = world.lease("running");
    assert_eq!(names(&world.cancel("running").1), ["task_cancelled", "task_assigned"]);
    assert_eq!(world.lease("next").0, "a");
    assert_eq!(world.cancel("running").0, Outcome::Repeated(None));
    let late = world.result("running", &agent, lease, true);
    assert_eq!(refused(&late.1), Some(Reason::StaleLease));
    world.finish("next", true);
    assert_eq!(refused(&world.cancel("next").1), Some(Reason::Conflict));
}

#[test]
fn a_task_expires_at_its_deadline_queued_or_held() {
    let mut world = world();
    world.register("a", profile(1, &[]));
    let deadline_ms = Some(world.now_ms + 5_000);
    world.submit("held", TaskBody { deadline_ms, ..task() });
    world.submit("queued", TaskBody { deadline_ms, ..task() });
    assert_eq!(names(&world.tick(5_000)), ["task_expired", "task_expired"]);
    assert_eq!(world.pool().assignments("a").count(), 0);
    let past = TaskBody { deadline_ms, ..task() };
    assert_eq!(refused(&world.submit("late", past)), Some(Reason::OutOfRange));
}

#[test]
fn the_more_urgent_task_goes_first_and_a_long_wait_raises_a_priority() {
    let mut world = World::with(AssignmentPolicy::Priority, |body| {
        body.escalate_after_ms = Some(1_000);
    });
    for (id, priority) in [("low", Priority::Low), ("high", Priority::High)] {
        world.submit(id, TaskBody { priority, ..task() });
    }
    world.now_ms += 500;
    world.submit("normal", task());
    let raised = world.tick(500);
    assert_eq!(names(&raised), ["task_escalated", "task_escalated"]);
    assert_eq!(world.task("low").priority, Priority::Normal);
    assert_eq!(world.task("high").priority, Priority::Critical);
    world.register("a", profile(1, &[]));
    let mut order = Vec::new();
    for _ in 0..3 {
        let held = world.pool().assignments("a").next().expect("it has one").task.id.clone();
        world.finish(&held, true);
        order.push(held);
    }
    assert_eq!(order, ["high", "low", "normal"]);
}

#[test]
fn a_full_pool_refuses_and_inline_content_counts_against_its_bound() {
    let mut world = World::with(AssignmentPolicy::Fifo, |body| {
        (body.limits.queue, body.limits.agents) = (1, 1);
    });
    let payload = |length: usize| Payload {
        content_type: "text/plain".into(),
        reference: None,
        inline: Some("x".repeat(length)),
    };
    let long = TaskBody { payload: Some(payload(65_537)), ..task() };
    assert_eq!(refused(&world.submit("long", long)), Some(Reason::Oversized));
    world.submit("t", TaskBody { payload: Some(payload(65_536)), ..task() });
    assert_eq!(refused(&world.submit("u", task())), Some(Reason::Full));
    world.register("a", profile(1, &[]));
    assert_eq!(refused(&world.register("b", profile(1, &[]))), Some(Reason::Full));
    world.agent("a", AgentCommand::Leave, None);
    // Who left makes room, and the task waits for the newcomer.
    let events = world.register("b", profile(1, &[]));
    assert_eq!(names(&events), ["agent_registered", "task_assigned"]);
    assert!(world.pool().agent("a").is_none());
    world.finish("t", true);
    let kept = world.task("t").body.payload.as_ref().expect("its description stays");
    assert_eq!(kept.inline, None);
}

#[test]
fn finished_tasks_are_forgotten_in_the_order_of_finishing() {
    let mut world = World::with(AssignmentPolicy::Fifo, |body| body.limits.retained = 2);
    world.register("a", profile(1, &[]));
    for id in ["1", "2", "3", "4"] {
        world.submit(id, task());
        world.finish(id, true);
    }
    let known: Vec<_> = world.pool().tasks().map(|task| task.id.as_str()).collect();
    assert_eq!(known.len(), 2);
    assert!(known.contains(&"3") && known.contains(&"4"));
}

//! The demo of tasks: the same agents and tasks in two pools, one that learns and one that takes
//! turns.
//!
//! Nobody works here: answers are *simulated*. What an agent would answer to a task is a function of
//! the task's number, the agent and the attempt alone, so both pools meet the same tasks and the same
//! hidden answers, and a run can be repeated bit by bit. Which agent is good at what stands in
//! [`AGENTS`] and reaches the pools only through results. Time is virtual: inputs bring it along.

use std::sync::atomic::{AtomicBool, Ordering};

use xxhash_rust::xxh3::xxh3_64;
use zeitgeber_processors::{
    exact::FEATURE_ONE,
    tasks::{Pool, default_configuration},
};
use zeitgeber_schemas::{
    AgentBody, AgentCommand, AssignmentPolicy, DecisionId, Envelope, PartitionId, Payload,
    PoolBody, PoolPolicy, Priority, RetryPolicy, RewardWeights, TaskInput, TaskResultBody,
    TaskStartBody, TickBody,
};

use super::fleet::{self, registration, said};
use crate::{
    door::DEFAULT_TENANT,
    engine::{Handle, WaitError},
    ingest::{Intake, partition_of},
};

mod figures;

pub use figures::{AgentFigures, Figures, KindFigures, PoolFigures, Quarter, figures};

/// Kinds of tasks; each is one context feature.
pub const KINDS: [&str; 4] = ["translate", "summarise", "classify", "extract"];

/// A simulated agent and its hidden skill at each of [`KINDS`], 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Simulated {
    /// Its id.
    pub id: &'static str,
    /// Its skill at each kind.
    pub skill: [f64; KINDS.len()],
}

/// The agents of both pools.
pub const AGENTS: [Simulated; 5] = [
    Simulated { id: "ada", skill: [0.82, 0.35, 0.30, 0.40] },
    Simulated { id: "ben", skill: [0.30, 0.80, 0.45, 0.25] },
    Simulated { id: "cleo", skill: [0.40, 0.30, 0.84, 0.35] },
    Simulated { id: "dan", skill: [0.35, 0.40, 0.25, 0.80] },
    Simulated { id: "eve", skill: [0.55, 0.55, 0.55, 0.55] },
];

/// The pools and how each finds its agents.
pub const POOLS: [(&str, AssignmentPolicy); 2] =
    [("learns", AssignmentPolicy::Linucb), ("takes_turns", AssignmentPolicy::RoundRobin)];

/// Rounds in which tasks are submitted.
const ROUNDS: u32 = 120;
/// Tasks submitted to each pool in a round.
const ROUND_TASKS: u32 = 5;
/// Most rounds after the last submission, for what is tried again.
const LAST_ROUNDS: u32 = 20;
/// When the demo begins in its own time: 2026-01-01T00:00:00Z.
const START_MS: i64 = 1_767_225_600_000;
/// Virtual length of a round, ms.
const ROUND_MS: i64 = 10_000;
/// Most that an agent's quality lies off its skill.
const SPREAD: f64 = 0.15;
/// Weights of success and quality in the reward; a failure earns nothing.
const HALF: f64 = 0.5;
/// Tasks that an agent takes at a time: enough for the choice to be free.
const CAPACITY: u32 = 4;

impl Simulated {
    /// The probability that it does a task of this kind.
    pub fn success(&self, kind: usize) -> f64 {
        0.4 + 0.6 * self.skill[kind]
    }

    /// The mean quality of its attempts, failures counted as 0.
    pub fn quality(&self, kind: usize) -> f64 {
        self.success(kind) * self.skill[kind]
    }

    /// The mean reward of its attempts.
    pub fn reward(&self, kind: usize) -> f64 {
        self.success(kind) * (HALF + HALF * self.skill[kind])
    }
}

/// One attempt and its simulated answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tried {
    /// The round, from 0.
    pub round: u32,
    /// The task's kind, an index of [`KINDS`].
    pub kind: usize,
    /// The agent, an index of [`AGENTS`].
    pub agent: usize,
    /// Whether it was done.
    pub success: bool,
    /// How good it is, 0 where it was not done.
    pub quality: f64,
    /// The decision behind the assignment, where the pool learns.
    pub decision_id: Option<DecisionId>,
}

/// What became of one pool.
#[derive(Debug, Clone)]
pub struct Run {
    /// The pool.
    pub pool: &'static str,
    /// How it finds its agents.
    pub policy: AssignmentPolicy,
    /// Every attempt, in order.
    pub tried: Vec<Tried>,
    /// Tasks done.
    pub completed: u64,
    /// Tasks given up.
    pub given_up: u64,
    /// The learner's estimate of each agent's reward at each kind.
    pub learnt: Vec<[f64; KINDS.len()]>,
}

/// What was played.
#[derive(Debug, Clone)]
pub struct Played {
    /// Tasks submitted to each pool.
    pub tasks: u32,
    /// Rounds in which tasks were submitted.
    pub rounds: u32,
    /// One for each of [`POOLS`].
    pub runs: Vec<Run>,
}

/// An assignment in force.
struct Given {
    task: u32,
    agent: usize,
    attempt: u32,
    lease: u64,
    decision_id: Option<DecisionId>,
}

/// Plays the tasks into an engine whose log holds none of the pools yet.
///
/// # Errors
///
/// The engine stopped.
pub fn play(engine: &Handle, stop: &AtomicBool) -> Result<Played, WaitError> {
    let mut intake = engine.intake();
    for (pool, policy) in POOLS {
        let mut take =
            |id: &str, body| intake.take_command(0, &said(pool, id, START_MS, body), &[]);
        take("", TaskInput::Pool(Box::new(configuration(policy))));
        AGENTS.iter().for_each(|agent| take(agent.id, registration(CAPACITY)));
    }
    engine.settle(intake)?;
    let mut runs: Vec<Run> = POOLS.into_iter().map(Run::new).collect();
    let mut rounds = 0;
    for round in 0..ROUNDS + LAST_ROUNDS {
        let submits = round < ROUNDS && !stop.load(Ordering::Relaxed);
        rounds += u32::from(submits);
        let now_ms = START_MS + ROUND_MS * i64::from(round + 1);
        let mut intake = engine.intake();
        for run in &runs {
            begin(&mut intake, run.pool, now_ms);
            let new = submits.then_some(round * ROUND_TASKS..(round + 1) * ROUND_TASKS);
            new.into_iter().flatten().for_each(|task| {
                let id = format!("t{task:04}");
                intake.take_command(0, &said(run.pool, &id, now_ms, submission(task)), &[]);
            });
        }
        engine.settle(intake)?;
        let mut intake = engine.intake();
        let mut open = 0;
        for run in &mut runs {
            let given = ask(engine, run.pool, given)?;
            answer(&mut intake, run, &given, (round, now_ms));
            open += ask(engine, run.pool, Pool::open_tasks)?;
        }
        engine.settle(intake)?;
        if !submits && open == 0 {
            break;
        }
    }
    for run in &mut runs {
        (run.completed, run.given_up, run.learnt) = ask(engine, run.pool, end)?;
    }
    Ok(Played { tasks: rounds * ROUND_TASKS, rounds, runs })
}

impl Run {
    fn new((pool, policy): (&'static str, AssignmentPolicy)) -> Self {
        let (tried, learnt) = (Vec::new(), Vec::new());
        Self { pool, policy, tried, completed: 0, given_up: 0, learnt }
    }
}

fn configuration(kind: AssignmentPolicy) -> PoolBody {
    let usual = default_configuration();
    PoolBody {
        version: "demo".into(),
        policy: PoolPolicy { kind, features: KINDS.len() as u32, ..usual.policy },
        heartbeat_ttl_ms: 6 * ROUND_MS,
        retry: RetryPolicy { max_attempts: 3, backoff_ms: 1_000, ..usual.retry },
        reward: RewardWeights { success: HALF, quality: HALF, latency: 0.0, cost: 0.0 },
        ..usual
    }
}

/// The time goes on, and every agent says that it is alive.
fn begin(intake: &mut Intake, pool: &str, now_ms: i64) {
    for agent in &AGENTS {
        let command = AgentCommand::Heartbeat;
        let beat = AgentBody { command, profile: None, load: None, leases: None };
        intake.take_command(0, &said(pool, agent.id, now_ms, TaskInput::Agent(beat)), &[]);
    }
    let tick = TaskInput::Tick(TickBody { at_ms: now_ms });
    intake.take_command(0, &said(pool, "", now_ms, tick), &[]);
}

fn submission(task: u32) -> TaskInput {
    let kind = kind_of(task);
    let payload = Payload {
        content_type: "text/plain".into(),
        reference: None,
        inline: Some(format!("{} document {task}", KINDS[kind])),
    };
    fleet::submission(Priority::Normal, kind, KINDS.len(), Some(payload))
}

/// The kind of a task by its number.
fn kind_of(task: u32) -> usize {
    (draw(&format!("kind/{task}")) * KINDS.len() as f64) as usize
}

/// A number from 0 to below 1 that `of` alone determines.
fn draw(of: &str) -> f64 {
    (xxh3_64(of.as_bytes()) >> 11) as f64 / (1u64 << 53) as f64
}

/// What the agents of a pool have.
fn given(pool: &Pool) -> Vec<Given> {
    let held = AGENTS.iter().enumerate().flat_map(|(agent, simulated)| {
        pool.assignments(simulated.id).filter_map(move |held| {
            let task = held.task.id.strip_prefix('t')?.parse().ok()?;
            let (attempt, lease) = (held.attempt.attempt, held.attempt.lease);
            Some(Given { task, agent, attempt, lease, decision_id: held.attempt.decision_id })
        })
    });
    held.collect()
}

/// Counts at the end, and what was learnt.
fn end(pool: &Pool) -> (u64, u64, Vec<[f64; KINDS.len()]>) {
    let count = |name: &str| {
        let mut states = pool.tasks_by_state();
        states.find(|(state, _)| state.as_str() == name).map_or(0, |(_, count)| count)
    };
    let learnt = pool.learner.arms().iter().map(|arm| {
        std::array::from_fn(|kind| {
            let mut x = vec![0; KINDS.len() + 1];
            (x[0], x[kind + 1]) = (FEATURE_ONE as i32, FEATURE_ONE as i32);
            arm.score(&x).mean
        })
    });
    (count("completed"), count("failed"), learnt.collect())
}

fn ask<T: Send + Default + 'static>(
    engine: &Handle,
    pool: &'static str,
    question: impl FnOnce(&Pool) -> T + Send + 'static,
) -> Result<T, WaitError> {
    engine.answer(partition(engine, pool), move |state, _| {
        state.pool(DEFAULT_TENANT, pool).map(question).unwrap_or_default()
    })
}

fn partition(engine: &Handle, pool: &str) -> PartitionId {
    let envelope = Envelope { tenant: DEFAULT_TENANT, user_id: pool, id: "", ts: 0, recv_ts: None };
    partition_of(&envelope, engine.layout().partitions)
}

/// Has every agent answer what it was given, in the order in which they finish.
fn answer(intake: &mut Intake, run: &mut Run, given: &[Given], (round, now_ms): (u32, i64)) {
    let mut results = Vec::new();
    for given in given {
        let (task, simulated, kind) = (given.task, &AGENTS[given.agent], kind_of(given.task));
        let coin = |what: &str| draw(&format!("{what}/{task}/{}/{}", simulated.id, given.attempt));
        let success = coin("success") < simulated.success(kind);
        let off = SPREAD * (2.0 * coin("quality") - 1.0);
        let quality = if success { simulated.skill[kind] + off } else { 0.0 };
        let (agent, decision_id) = (given.agent, given.decision_id);
        run.tried.push(Tried { round, kind, agent, success, quality, decision_id });
        let lasts_ms = 1_000 + (coin("latency") * 7_000.0) as i64;
        results.push((now_ms + lasts_ms, given, success.then_some(quality)));
    }
    results.sort_by_key(|(at_ms, given, _)| (*at_ms, given.lease));
    for (_, given, _) in &results {
        let (agent, lease) = (AGENTS[given.agent].id.into(), given.lease);
        let body = TaskInput::TaskStart(TaskStartBody { agent, lease });
        let id = format!("t{:04}", given.task);
        intake.take_command(0, &said(run.pool, &id, now_ms, body), &[]);
    }
    for (at_ms, given, quality) in results {
        let body = TaskInput::TaskResult(Box::new(TaskResultBody {
            agent: AGENTS[given.agent].id.into(),
            lease: given.lease,
            success: quality.is_some(),
            error: quality.is_none().then(|| "simulated: it did not succeed".into()),
            latency_ms: Some(at_ms - now_ms),
            cost: None,
            quality,
            output: None,
        }));
        let id = format!("t{:04}", given.task);
        intake.take_command(0, &said(run.pool, &id, at_ms, body), &[]);
    }
}

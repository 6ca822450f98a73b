//! Measures the second flow: tasks submitted, assigned and completed, all of it durable.
//!
//! In process, through the engine that `serve` runs on: no HTTP and no JSON are in the figures. One
//! pool of many agents stands in one partition, so one core thread decides all of it. A fleet is
//! played by one thread that submits in requests, reads the assignments of all agents once they are
//! durable, and hands in a result for each (no `start` comes between).

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use serde::Serialize;
use zeitgeber_processors::{flow::State, tasks::default_configuration};
use zeitgeber_schemas::{
    AssignmentPolicy, ConfigurationBody, Envelope, PartitionId, PoolBody, PoolLimits, PoolPolicy,
    Priority, TaskInput, TaskResultBody,
};

use super::{Latency, cpu_seconds, peak_rss_mib};
use crate::{
    cycle::{Counts, Told, Unsettled},
    demo::fleet,
    door::{DEFAULT_TENANT, tasks::PoolInput},
    engine::{Engine, EngineSettings, Handle, NotTaken, WaitError},
    ingest::{Configure, SessionError, SessionSettings, now_ms, partition_of},
    state::Partition,
};

/// The pool.
const POOL: &str = "bench";
/// Tasks that an agent takes at a time.
const CAPACITY: u32 = 8;
/// Tasks of one request in the throughput run.
const REQUEST_TASKS: usize = 500;
/// Requests of the throughput run whose tasks are not done yet.
const WINDOW: usize = 8;
/// Tasks of one request in the paced run.
const PACED_TASKS: usize = 25;
/// Tasks a second in the paced run.
const PACED_PER_S: f64 = 5_000.0;
/// Context features of a task.
const FEATURES: usize = 4;
/// How long nothing may become durable before the measurement gives up.
const SILENCE: Duration = Duration::from_secs(60);
/// Inputs that may wait to become durable, bytes.
const PENDING_BYTES: usize = 256 << 20;
/// Requests that may wait.
const PENDING_REQUESTS: usize = 4_096;

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Agents of the pool.
    pub agents: usize,
    /// Tasks of the throughput run.
    pub tasks: usize,
    /// Tasks of the paced run.
    pub paced: usize,
    /// How a task finds its agent.
    pub policy: AssignmentPolicy,
}

/// The figures.
#[derive(Debug, Clone, Serialize)]
pub struct TaskFigures {
    /// Agents of the pool.
    pub agents: usize,
    /// How a task finds its agent.
    pub policy: AssignmentPolicy,
    /// Tasks a second submitted, assigned and completed, in requests of 500.
    pub tasks_per_s: f64,
    /// Processor time of the whole process for one of them, the fleet included, us.
    pub cpu_us_per_task: f64,
    /// From a task handed over in the throughput run until its assignment was read.
    pub assignment_at_full_rate: Latency,
    /// Tasks a second that the paced run was to submit.
    pub paced_tasks_per_s: f64,
    /// From a task handed over in the paced run until its assignment was read.
    pub assignment: Latency,
    /// What became durable in the throughput run.
    pub counts: Counts,
    /// Greatest resident memory of this process, MiB.
    pub rss_mib: f64,
    /// Whether `verify` passed on the directory.
    pub verified: bool,
}

/// Why the measurement stopped.
#[derive(Debug, thiserror::Error)]
pub enum TaskBenchError {
    /// The log.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The engine took no more.
    #[error("the engine did not go on: {0}")]
    Wait(#[from] WaitError),
    /// Nothing became durable for long.
    #[error("no task moved for 60 s")]
    Silent,
}

impl From<NotTaken> for TaskBenchError {
    fn from(error: NotTaken) -> Self {
        WaitError::from(error).into()
    }
}

/// Runs everything on a new log in `dir`. `say` hears what is going on; `verify` checks it.
///
/// # Errors
///
/// The log cannot be written, or stops.
pub fn run(
    dir: &Path,
    plan: Plan,
    settings: &SessionSettings,
    configuration: &ConfigurationBody,
    verify: impl FnOnce(&Path) -> bool,
    mut say: impl FnMut(&str),
) -> Result<TaskFigures, TaskBenchError> {
    let bounds =
        EngineSettings { pending_bytes: PENDING_BYTES, pending_requests: PENDING_REQUESTS };
    let engine = Engine::open(dir, settings, bounds, configuration, Configure::Keep, ())?;
    say("the agents register");
    let mut fleet = Fleet::new(engine.handle());
    fleet.register(&plan)?;
    say("tasks, as fast as they go");
    let (before, cpu, started) = (engine.handle().counts(), cpu_seconds(), Instant::now());
    let bulk = fleet.work(plan.tasks, REQUEST_TASKS, None)?;
    let (seconds, cpu) = (started.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    let counts = settled(&engine.handle(), before, plan.tasks as u64);
    say("tasks, 5,000 a second");
    let pace = Duration::from_secs_f64(PACED_TASKS as f64 / PACED_PER_S);
    let paced = fleet.work(plan.paced, PACED_TASKS, Some(pace))?;
    engine.close()?;
    say("verify");
    Ok(TaskFigures {
        agents: plan.agents,
        policy: plan.policy,
        tasks_per_s: plan.tasks as f64 / seconds,
        cpu_us_per_task: cpu * 1e6 / plan.tasks as f64,
        assignment_at_full_rate: Latency::of(bulk),
        paced_tasks_per_s: PACED_PER_S,
        assignment: Latency::of(paced),
        counts,
        rss_mib: peak_rss_mib(),
        verified: verify(dir),
    })
}

/// What became durable since `before`: counts are told a little after the answers.
fn settled(engine: &Handle, before: Counts, completions: u64) -> Counts {
    let waits_until = Instant::now() + Duration::from_secs(1);
    loop {
        let counts = engine.counts().since(before);
        if counts.completions >= completions || Instant::now() >= waits_until {
            return counts;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// An assignment as the fleet reads it: the task's number, the agent, the lease.
type Given = (usize, String, u64);

/// What the fleet hears.
enum Heard {
    /// Assignments, durable, and when they were read.
    Given(Vec<Given>, Instant),
    /// As many results are durable.
    Done(usize),
    /// The engine stopped.
    Stopped(WaitError),
}

/// Everybody who submits and works.
struct Fleet {
    engine: Handle,
    partition: PartitionId,
    /// The greatest lease read so far.
    read: Arc<AtomicU64>,
    tell: Sender<Heard>,
    heard: Receiver<Heard>,
    /// Tasks submitted so far.
    submitted: usize,
    /// When each task was handed over, by number.
    sent: Vec<Instant>,
}

impl Fleet {
    fn new(engine: Handle) -> Self {
        let envelope =
            Envelope { tenant: DEFAULT_TENANT, user_id: POOL, id: "", ts: 0, recv_ts: None };
        let partition = partition_of(&envelope, engine.layout().partitions);
        let (tell, heard) = unbounded();
        let (read, sent) = (Arc::default(), Vec::new());
        Self { engine, partition, read, tell, heard, submitted: 0, sent }
    }

    fn register(&self, plan: &Plan) -> Result<(), WaitError> {
        let mut intake = self.engine.intake();
        let configured = TaskInput::Pool(Box::new(configuration(plan.policy)));
        intake.take_command(0, &said(String::new(), configured), &[]);
        for agent in 0..plan.agents {
            intake.take_command(
                0,
                &said(format!("agent-{agent:05}"), fleet::registration(CAPACITY)),
                &[],
            );
        }
        self.engine.settle(intake).map(drop)
    }

    /// Has `tasks` done in requests of `size`: at most [`WINDOW`] of them at a time, or one every
    /// `pace`. Gives the time from each task's submission to its assignment read.
    fn work(
        &mut self,
        tasks: usize,
        size: usize,
        pace: Option<Duration>,
    ) -> Result<Vec<Duration>, TaskBenchError> {
        let (mut times, mut done, mut asked) = (Vec::with_capacity(tasks), 0, 0);
        let first = self.submitted;
        let started = Instant::now();
        while done < tasks {
            let due = match pace {
                _ if asked == tasks => None,
                Some(pace) => Some(started + pace * (asked / size) as u32),
                None => (asked - done < WINDOW * size).then(Instant::now),
            };
            if due.is_some_and(|due| due <= Instant::now()) {
                let count = size.min(tasks - asked);
                self.submit(count)?;
                asked += count;
            }
            let wait = due.map_or(SILENCE, |due| due.saturating_duration_since(Instant::now()));
            match self.heard.recv_timeout(wait) {
                Ok(Heard::Given(given, at)) => {
                    let sent = |given: &Given| at.saturating_duration_since(self.sent[given.0]);
                    times.extend(given.iter().map(sent));
                    self.finish(given)?;
                }
                Ok(Heard::Done(count)) => done += count,
                Ok(Heard::Stopped(error)) => return Err(error.into()),
                Err(RecvTimeoutError::Timeout) if due.is_some() => {}
                Err(_) => return Err(TaskBenchError::Silent),
            }
        }
        debug_assert_eq!(self.submitted - first, tasks);
        Ok(times)
    }

    /// Submits tasks; once they are durable, what agents were given since is read.
    fn submit(&mut self, count: usize) -> Result<(), NotTaken> {
        let mut intake = self.engine.intake();
        for number in self.submitted..self.submitted + count {
            intake.take_command(0, &said(format!("task-{number:08}"), task(number)), &[]);
        }
        self.submitted += count;
        self.sent.resize(self.submitted, Instant::now());
        let (engine, partition) = (self.engine.clone(), self.partition);
        let (read, tell) = (Arc::clone(&self.read), self.tell.clone());
        self.engine.submit(intake, move |told: Result<Told, Unsettled>| {
            let answer = {
                let tell = tell.clone();
                move |given| drop(tell.send(Heard::Given(given, Instant::now())))
            };
            let asked = told.map_err(WaitError::from).and_then(|_| {
                let question = move |held: &mut Partition, _| assignments(held.state(), &read);
                Ok(engine.ask(partition, question, answer)?)
            });
            if let Err(error) = asked {
                drop(tell.send(Heard::Stopped(error)));
            }
        })
    }

    /// Hands in a result for each assignment.
    fn finish(&self, given: Vec<Given>) -> Result<(), NotTaken> {
        if given.is_empty() {
            return Ok(());
        }
        let (mut intake, count) = (self.engine.intake(), given.len());
        for (number, agent, lease) in given {
            let body = result(number, agent, lease);
            intake.take_command(0, &said(format!("task-{number:08}"), body), &[]);
        }
        let tell = self.tell.clone();
        self.engine.submit(intake, move |told| {
            drop(tell.send(match told {
                Ok(_) => Heard::Done(count),
                Err(error) => Heard::Stopped(error.into()),
            }));
        })
    }
}

/// The assignments of every agent whose leases are newer than what was read before.
fn assignments(state: &State, read: &AtomicU64) -> Vec<Given> {
    let Some(pool) = state.pool(DEFAULT_TENANT, POOL) else { return Vec::new() };
    let before = read.load(Ordering::Relaxed);
    let mut found = Vec::new();
    for agent in pool.agents() {
        let new = pool.assignments(&agent.id).filter(|held| held.attempt.lease > before);
        found.extend(new.filter_map(|held| {
            let number = held.task.id.strip_prefix("task-")?.parse().ok()?;
            Some((number, agent.id.clone(), held.attempt.lease))
        }));
    }
    let newest = found.iter().map(|given| given.2).max().unwrap_or(before);
    read.fetch_max(newest, Ordering::Relaxed);
    found
}

fn said(id: String, body: TaskInput) -> PoolInput {
    fleet::said(POOL, id, now_ms(), body)
}

fn configuration(kind: AssignmentPolicy) -> PoolBody {
    let usual = default_configuration();
    PoolBody {
        version: "bench".into(),
        policy: PoolPolicy { kind, features: FEATURES as u32, ..usual.policy },
        limits: PoolLimits { queue: 1_000_000, agents: 1_000_000, ..usual.limits },
        ..usual
    }
}

fn task(number: usize) -> TaskInput {
    let priority = Priority::ALL[number % Priority::ALL.len()];
    fleet::submission(priority, number % FEATURES, FEATURES, None)
}

fn result(number: usize, agent: String, lease: u64) -> TaskInput {
    TaskInput::TaskResult(Box::new(TaskResultBody {
        agent,
        lease,
        success: true,
        error: None,
        latency_ms: None,
        cost: None,
        quality: Some((number % 100) as f64 / 100.0),
        output: None,
    }))
}

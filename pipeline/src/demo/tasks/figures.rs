//! What the demo of tasks came to, in figures: how each pool did, and what one learnt.

use serde::Serialize;
use zeitgeber_schemas::{AssignmentPolicy, DecisionId};

use super::{AGENTS, KINDS, Played, Run, Tried};

/// Parts of the run that are told apart.
const QUARTERS: usize = 4;
/// Steps of the run in which quality is drawn.
const STEPS: usize = 24;

/// Both pools beside each other.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// Always true: nobody worked.
    pub simulated: bool,
    /// Tasks submitted to each pool.
    pub tasks: u32,
    /// Rounds in which tasks were submitted.
    pub rounds: u32,
    /// The pools.
    pub pools: Vec<PoolFigures>,
    /// Quality that the pool that takes turns lost and the one that learns did not.
    pub regret_saved: f64,
    /// The last assignment that a learner decided.
    pub last_decision: Option<DecisionId>,
}

/// How a pool did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PoolFigures {
    /// The pool.
    pub pool: &'static str,
    /// How it finds its agents.
    pub policy: AssignmentPolicy,
    /// Tasks done.
    pub completed: u64,
    /// Tasks given up.
    pub given_up: u64,
    /// Assignments, those after a failure included.
    pub attempts: usize,
    /// The run in quarters.
    pub quarters: Vec<Quarter>,
    /// Mean quality in steps of the run.
    pub quality: Vec<f64>,
    /// Quality lost against giving every task to the best agent for it, in expectation.
    pub regret: f64,
    /// Each agent.
    pub agents: Vec<AgentFigures>,
}

/// A quarter of the run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Quarter {
    /// Assignments.
    pub attempts: usize,
    /// Share of them that succeeded.
    pub success: f64,
    /// Their mean quality, failures counted as 0.
    pub quality: f64,
}

/// An agent of a pool.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AgentFigures {
    /// The agent.
    pub agent: &'static str,
    /// Each kind of task.
    pub kinds: Vec<KindFigures>,
}

/// An agent and a kind of task.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct KindFigures {
    /// The kind.
    pub kind: &'static str,
    /// Share of the kind's assignments that the agent got.
    pub share: f64,
    /// The mean reward that it really earns, which no pool is told.
    pub hidden_reward: f64,
    /// The mean reward that the learner expects at the end; none where the pool does not learn.
    pub learnt_reward: Option<f64>,
}

/// The figures of what was played.
pub fn figures(played: &Played) -> Figures {
    let pools: Vec<PoolFigures> = played.runs.iter().map(|run| pool(run, played.rounds)).collect();
    let regret = |learns: bool| {
        let of = |pool: &&PoolFigures| (pool.policy == AssignmentPolicy::Linucb) == learns;
        pools.iter().filter(of).map(|pool| pool.regret).sum::<f64>()
    };
    let decided = played.runs.iter().flat_map(|run| &run.tried);
    Figures {
        simulated: true,
        tasks: played.tasks,
        rounds: played.rounds,
        regret_saved: regret(false) - regret(true),
        last_decision: decided.filter_map(|tried| tried.decision_id).next_back(),
        pools,
    }
}

fn pool(run: &Run, rounds: u32) -> PoolFigures {
    let learns = run.policy == AssignmentPolicy::Linucb;
    let best = |kind: usize| AGENTS.iter().map(|a| a.quality(kind)).fold(0.0, f64::max);
    let lost = |tried: &Tried| best(tried.kind) - AGENTS[tried.agent].quality(tried.kind);
    let agents = AGENTS.iter().enumerate().map(|(agent, simulated)| {
        let kinds = KINDS.iter().enumerate().map(|(kind, name)| {
            let of_kind = run.tried.iter().filter(|tried| tried.kind == kind);
            let got = of_kind.clone().filter(|tried| tried.agent == agent).count();
            let learnt = run.learnt.get(agent).filter(|_| learns);
            KindFigures {
                kind: name,
                share: got as f64 / of_kind.count().max(1) as f64,
                hidden_reward: simulated.reward(kind),
                learnt_reward: learnt.map(|kinds| kinds[kind]),
            }
        });
        AgentFigures { agent: simulated.id, kinds: kinds.collect() }
    });
    PoolFigures {
        pool: run.pool,
        policy: run.policy,
        completed: run.completed,
        given_up: run.given_up,
        attempts: run.tried.len(),
        quarters: parts(&run.tried, rounds, QUARTERS),
        quality: parts(&run.tried, rounds, STEPS).iter().map(|part| part.quality).collect(),
        regret: run.tried.iter().map(lost).sum(),
        agents: agents.collect(),
    }
}

/// The run in equal parts; what is tried again after the last round counts to the last part.
fn parts(tried: &[Tried], rounds: u32, count: usize) -> Vec<Quarter> {
    let part_of = |tried: &Tried| {
        let part = tried.round as usize * count / rounds.max(1) as usize;
        part.min(count - 1)
    };
    let part = |part: usize| {
        let of: Vec<&Tried> = tried.iter().filter(|tried| part_of(tried) == part).collect();
        let attempts = of.len().max(1) as f64;
        Quarter {
            attempts: of.len(),
            success: of.iter().filter(|tried| tried.success).count() as f64 / attempts,
            quality: of.iter().map(|tried| tried.quality).sum::<f64>() / attempts,
        }
    };
    (0..count).map(part).collect()
}

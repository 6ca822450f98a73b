//! Routing of tasks: which agent gets one, and with which probability.
//!
//! Every policy is a pure function of the agents' rows, the task and the counter RNG. An agent is
//! eligible when its health lets it take tasks, it has room, it can do what the task asks, and
//! under resource fit its free quotas hold the task's needs. Of equals the first slot wins.

use alloc::vec::Vec;

use zeitgeber_schemas::{AssignmentPolicy, PoolPolicy, Resources, Tier};

use super::{agent::Row, draft::Draft, pool::Pool};
use crate::routing::{
    choice::{Candidate, Choice, Occasion, Policy, Rule, choose},
    rng::Draw,
};

/// Most agents that one decision of the learner weighs; a larger pool is looked at in turn, from
/// the agent after the one chosen last, so that each gets its turn and an event stays small.
pub const CANDIDATES_MAX: usize = 32;

/// What of a task matters to the choice.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) mask: u128,
    pub(super) needs: &'a Resources,
    pub(super) complexity: f64,
    /// Attempts that failed before.
    pub(super) failures: u32,
    /// Names the draw: the task and the attempt.
    pub(super) key: &'a [u8],
    /// Features for the learner; empty under the other policies.
    pub(super) x: &'a [i32],
}

/// An agent chosen.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) slot: u32,
    pub(super) propensity: f64,
    /// The learner's choice and the slots of its candidates.
    pub(super) choice: Option<(Choice, Vec<u32>)>,
}

impl Chosen {
    const fn certain(slot: u32) -> Self {
        Self { slot, propensity: 1.0, choice: None }
    }
}

/// Chooses an agent for a task; none where no agent is eligible.
pub(super) fn agent(pool: &Pool, draft: &Draft, wanted: &Wanted<'_>) -> Option<Chosen> {
    let policy = &pool.configuration.policy;
    let fits = policy.kind == AssignmentPolicy::ResourceFit;
    let rows = (0..draft.agents(pool)).filter_map(|slot| Some((slot, draft.row(pool, slot)?)));
    let eligible = rows.filter(|(_, row)| is_eligible(row, wanted, fits));
    match policy.kind {
        AssignmentPolicy::Fifo | AssignmentPolicy::Priority | AssignmentPolicy::LeastLoaded => {
            least_loaded(eligible).map(Chosen::certain)
        }
        AssignmentPolicy::RoundRobin => {
            let last = draft.cursor.unwrap_or(pool.cursor);
            let slots = eligible.map(|(slot, _)| slot);
            slots.min_by_key(|slot| (last != u32::MAX && *slot <= last, *slot)).map(Chosen::certain)
        }
        AssignmentPolicy::Weighted => weighted(eligible, policy, wanted.key),
        AssignmentPolicy::ResourceFit => {
            let left = eligible.map(|(slot, row)| (slot, left(&row, wanted.needs)));
            let best = left.min_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
            best.map(|(slot, _)| Chosen::certain(slot))
        }
        AssignmentPolicy::Threshold => {
            let advanced = wanted.failures > 0 || wanted.complexity >= policy.threshold;
            let tier = if advanced { Tier::Advanced } else { Tier::Basic };
            let fitting = least_loaded(eligible.clone().filter(|(_, row)| row.tier == tier));
            fitting.or_else(|| least_loaded(eligible)).map(Chosen::certain)
        }
        AssignmentPolicy::Linucb => learned(pool, draft, wanted),
    }
}

pub(super) fn is_eligible(row: &Row, wanted: &Wanted<'_>, fits: bool) -> bool {
    row.has_room() && wanted.mask & !row.mask == 0 && (!fits || row.fits(wanted.needs))
}

fn least_loaded(eligible: impl Iterator<Item = (u32, Row)>) -> Option<u32> {
    let mut best: Option<(u32, Row)> = None;
    for (slot, row) in eligible {
        let less = |best: &Row| {
            u64::from(row.held) * u64::from(best.capacity)
                < u64::from(best.held) * u64::from(row.capacity)
        };
        if best.as_ref().is_none_or(|(_, best)| less(best)) {
            best = Some((slot, row));
        }
    }
    best.map(|(slot, _)| slot)
}

/// A draw in proportion to the weights, summed in the order of slots.
fn weighted(
    eligible: impl Iterator<Item = (u32, Row)> + Clone,
    policy: &PoolPolicy,
    key: &[u8],
) -> Option<Chosen> {
    let total = eligible.clone().fold(0.0, |sum, (_, row)| sum + row.weight);
    let aim = Draw::new(policy.seed, key).coin * total;
    let (mut sum, mut chosen) = (0.0, None);
    for (slot, row) in eligible {
        sum += row.weight;
        chosen = Some(Chosen { slot, propensity: row.weight / total, choice: None });
        if aim < sum {
            break;
        }
    }
    chosen
}

/// What the task would leave of the quotas, as shares of each, added up.
fn left(row: &Row, needs: &Resources) -> f64 {
    let share = |quota: u64, used: u64, need: u32| {
        let left = quota.saturating_sub(used).saturating_sub(u64::from(need));
        if quota == 0 { 0.0 } else { left as f64 / quota as f64 }
    };
    share(row.quota.cpu_milli, row.used.cpu_milli, needs.cpu_milli)
        + share(row.quota.memory_mib, row.used.memory_mib, needs.memory_mib)
        + share(row.quota.gpu, row.used.gpu, needs.gpu)
}

fn learned(pool: &Pool, draft: &Draft, wanted: &Wanted<'_>) -> Option<Chosen> {
    let policy = &pool.configuration.policy;
    let agents = draft.agents(pool);
    let first = match draft.cursor.unwrap_or(pool.cursor) {
        last if last >= agents => 0,
        _ if agents as usize <= CANDIDATES_MAX => 0,
        last => last + 1,
    };
    let turn = (first..agents).chain(0..first.min(agents));
    let is_eligible =
        |slot: &u32| draft.row(pool, *slot).is_some_and(|row| is_eligible(&row, wanted, false));
    let slots: Vec<u32> = turn.filter(is_eligible).take(CANDIDATES_MAX).collect();
    let candidates: Vec<Candidate<'_>> = slots
        .iter()
        .filter_map(|slot| Some(Candidate::new(draft.arm(pool, *slot)?, wanted.x)))
        .collect();
    let rule = Rule::Linucb { alpha: policy.alpha };
    let policy = Policy { rule, epsilon: policy.epsilon, seed: policy.seed };
    let choice = choose(&candidates, &policy, &Occasion::new(wanted.key))?;
    let (slot, propensity) = (slots[choice.chosen], choice.propensity);
    Some(Chosen { slot, propensity, choice: Some((choice, slots)) })
}

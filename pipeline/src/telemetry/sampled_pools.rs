//! What the states tell of pools: tasks by state, agents by health, slots, rewards.

use std::collections::BTreeMap;

use zeitgeber_processors::tasks::{Pool, TaskState};
use zeitgeber_schemas::Health;

use super::{Bounded, Registry, catalogue, sampler::ONE};

/// What one pool tells.
pub(super) struct ToldPool {
    key: String,
    sums: Sums,
}

/// What pools of one label add up to.
#[derive(Clone, Default)]
struct Sums {
    tasks: BTreeMap<&'static str, u64>,
    agents: BTreeMap<&'static str, u64>,
    busy: u64,
    free: u64,
    rewards: u64,
    reward_sum: i64,
}

impl ToldPool {
    pub(super) fn of(pool: &Pool) -> Self {
        let mut sums = Sums::default();
        for (state, count) in pool.tasks_by_state() {
            sums.tasks.insert(state.as_str(), count);
            if matches!(state, TaskState::Assigned | TaskState::Started) {
                sums.busy += count;
            }
        }
        sums.agents.extend(pool.agents_by_health().map(|(health, n)| (health.as_str(), n)));
        for agent in pool.agents().iter().filter(|agent| agent.health == Health::Healthy) {
            let holds = pool.assignments(&agent.id).count() as u64;
            sums.free += u64::from(agent.profile.capacity).saturating_sub(holds);
        }
        for arm in pool.learner.arms() {
            sums.rewards += arm.sums().n;
            sums.reward_sum += arm.sums().reward_sum;
        }
        Self { key: pool.key.clone(), sums }
    }
}

/// Fills in the gauges of pools.
pub(super) fn show<'a>(
    registry: &Registry,
    bounded: &Bounded,
    pools: impl Iterator<Item = &'a ToldPool>,
) {
    let mut by_label: BTreeMap<&str, Sums> = BTreeMap::new();
    for ToldPool { key, sums } in pools {
        let all = by_label.entry(bounded.label(key)).or_default();
        sums.tasks.iter().for_each(|(state, n)| *all.tasks.entry(state).or_default() += n);
        sums.agents.iter().for_each(|(health, n)| *all.agents.entry(health).or_default() += n);
        all.busy += sums.busy;
        all.free += sums.free;
        all.rewards += sums.rewards;
        all.reward_sum += sums.reward_sum;
    }
    for (pool, sums) in by_label {
        for (state, count) in sums.tasks {
            registry.gauge(&catalogue::TASKS, &[pool, state]).set(count as f64);
        }
        for (health, count) in sums.agents {
            registry.gauge(&catalogue::AGENTS, &[pool, health]).set(count as f64);
        }
        for (state, count) in catalogue::SLOTS.iter().zip([sums.busy, sums.free]) {
            registry.gauge(&catalogue::AGENT_SLOTS, &[pool, state]).set(count as f64);
        }
        if sums.rewards > 0 {
            let mean = sums.reward_sum as f64 / ONE / sums.rewards as f64;
            registry.gauge(&catalogue::TASK_REWARD, &[pool]).set(mean);
        }
    }
}

//! One agent, and the compact rows that choosing among many scans.

use alloc::{collections::VecDeque, string::String, vec::Vec};

use zeitgeber_schemas::{AgentProfile, Health, Resources, Tier};

use super::store::Index;

/// Changes of health remembered of one agent, the newest.
pub const HEALTH_HISTORY_MAX: usize = 16;

/// A change of an agent's health.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct HealthChange {
    /// When, ms UTC.
    pub at_ms: i64,
    /// What it is from then on.
    pub health: Health,
}

/// An agent of a pool.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Agent {
    /// Its id within the pool.
    pub id: String,
    /// What it says of itself.
    pub profile: AgentProfile,
    /// How it is.
    pub health: Health,
    /// How busy it feels, where it said so.
    pub load: Option<f64>,
    /// When it joined, ms UTC.
    pub joined_ms: i64,
    /// When it was last heard of, as far as that was stored, ms UTC.
    pub seen_ms: i64,
    /// Tasks done.
    pub completed: u64,
    /// Attempts failed, those lost with it included.
    pub failed: u64,
    /// The newest changes of its health.
    pub history: VecDeque<HealthChange>,
    /// Which registration of the pool it is; names it to the learner.
    pub(super) incarnation: u32,
    pub(super) drains: bool,
    pub(super) mask: u128,
    /// Slots of the tasks that it has, in order of assignment.
    pub(super) held: Vec<u32>,
    pub(super) used: Used,
}

/// What the tasks of an agent take of its quotas.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Used {
    pub(super) cpu_milli: u64,
    pub(super) memory_mib: u64,
    pub(super) gpu: u64,
}

impl Used {
    pub(super) fn add(&mut self, needs: &Resources) {
        self.cpu_milli += u64::from(needs.cpu_milli);
        self.memory_mib += u64::from(needs.memory_mib);
        self.gpu += u64::from(needs.gpu);
    }

    pub(super) fn sub(&mut self, needs: &Resources) {
        self.cpu_milli = self.cpu_milli.saturating_sub(u64::from(needs.cpu_milli));
        self.memory_mib = self.memory_mib.saturating_sub(u64::from(needs.memory_mib));
        self.gpu = self.gpu.saturating_sub(u64::from(needs.gpu));
    }
}

/// What choosing needs of an agent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Row {
    pub(super) mask: u128,
    /// Whether its health lets it take tasks.
    pub(super) open: bool,
    pub(super) tier: Tier,
    pub(super) capacity: u32,
    pub(super) held: u32,
    pub(super) weight: f64,
    pub(super) quota: Used,
    pub(super) used: Used,
}

impl Row {
    /// Whether it takes one more task.
    pub(super) const fn has_room(&self) -> bool {
        self.open && self.held < self.capacity
    }

    /// Whether what is left of its quotas holds `needs`.
    pub(super) fn fits(&self, needs: &Resources) -> bool {
        self.used.cpu_milli + u64::from(needs.cpu_milli) <= self.quota.cpu_milli
            && self.used.memory_mib + u64::from(needs.memory_mib) <= self.quota.memory_mib
            && self.used.gpu + u64::from(needs.gpu) <= self.quota.gpu
    }
}

impl Agent {
    /// An agent that has nothing yet.
    pub(super) fn new(id: &str, profile: &AgentProfile, now_ms: i64, incarnation: u32) -> Self {
        Self {
            id: id.into(),
            profile: profile.clone(),
            health: Health::Healthy,
            load: None,
            joined_ms: now_ms,
            seen_ms: now_ms,
            completed: 0,
            failed: 0,
            history: VecDeque::new(),
            incarnation,
            drains: false,
            mask: 0,
            held: Vec::new(),
            used: Used::default(),
        }
    }

    pub(super) fn row(&self) -> Row {
        let quota = &self.profile.resources;
        Row {
            mask: self.mask,
            open: self.health == Health::Healthy,
            tier: self.profile.tier,
            capacity: self.profile.capacity,
            held: self.held.len() as u32,
            weight: self.profile.weight,
            quota: Used {
                cpu_milli: u64::from(quota.cpu_milli),
                memory_mib: u64::from(quota.memory_mib),
                gpu: u64::from(quota.gpu),
            },
            used: self.used,
        }
    }

    pub(super) fn change_health(&mut self, health: Health, at_ms: i64) {
        if self.health == health && !self.history.is_empty() {
            return;
        }
        self.health = health;
        if self.history.len() == HEALTH_HISTORY_MAX {
            self.history.pop_front();
        }
        self.history.push_back(HealthChange { at_ms, health });
    }

    /// When silence next changes its health, ms UTC.
    pub(super) fn due_ms(&self, ttl_ms: i64) -> Option<i64> {
        match self.health {
            Health::Healthy => Some(self.seen_ms.saturating_add(late_after_ms(ttl_ms))),
            Health::Late | Health::Draining => Some(self.seen_ms.saturating_add(ttl_ms)),
            Health::Lost | Health::Left => None,
        }
    }
}

/// Silence after which an agent is late, ms.
pub(super) const fn late_after_ms(ttl_ms: i64) -> i64 {
    ttl_ms - ttl_ms / 4
}

/// The agents of a pool in their slots.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Agents {
    pub(super) slots: Vec<Agent>,
    #[serde(skip)]
    rows: Vec<Row>,
    /// Agents with room.
    #[serde(skip)]
    free: u32,
    #[serde(skip)]
    index: Index,
}

impl Agents {
    pub(super) fn slot(&self, id: &str) -> Option<u32> {
        self.index.find(id, |slot| &self.slots[slot as usize].id)
    }

    pub(super) fn by_id(&self, id: &str) -> Option<(u32, &Agent)> {
        let slot = self.slot(id)?;
        Some((slot, &self.slots[slot as usize]))
    }

    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub(super) const fn free(&self) -> u32 {
        self.free
    }

    /// The slot of the agent that left first.
    pub(super) fn left_first(&self) -> Option<u32> {
        let left = self.slots.iter().zip(0..).filter(|(agent, _)| agent.health == Health::Left);
        let when = |agent: &Agent| agent.history.back().map_or(i64::MIN, |change| change.at_ms);
        left.min_by_key(|(agent, slot)| (when(agent), *slot)).map(|(_, slot)| slot)
    }

    pub(super) fn push(&mut self, agent: Agent) -> u32 {
        let slot = self.slots.len() as u32;
        self.rows.push(agent.row());
        self.free += u32::from(agent.row().has_room());
        self.slots.push(agent);
        let slots = &self.slots;
        self.index.insert(slot, |slot| &slots[slot as usize].id);
        slot
    }

    pub(super) fn replace(&mut self, slot: u32, agent: Agent) {
        let slots = &self.slots;
        self.index.remove(&slots[slot as usize].id, |slot| &slots[slot as usize].id);
        self.slots[slot as usize] = agent;
        let slots = &self.slots;
        self.index.insert(slot, |slot| &slots[slot as usize].id);
        self.refresh(slot);
    }

    /// Changes an agent and its row.
    pub(super) fn change(&mut self, slot: u32, change: impl FnOnce(&mut Agent)) {
        if let Some(agent) = self.slots.get_mut(slot as usize) {
            change(agent);
            self.refresh(slot);
        }
    }

    fn refresh(&mut self, slot: u32) {
        let row = self.slots[slot as usize].row();
        let before = core::mem::replace(&mut self.rows[slot as usize], row);
        self.free = self.free - u32::from(before.has_room()) + u32::from(row.has_room());
    }

    pub(super) fn reindex(&mut self) {
        self.rows = self.slots.iter().map(Agent::row).collect();
        self.free = self.rows.iter().filter(|row| row.has_room()).count() as u32;
        let slots = &self.slots;
        self.index.rebuild(0..slots.len() as u32, |slot| &slots[slot as usize].id);
    }
}

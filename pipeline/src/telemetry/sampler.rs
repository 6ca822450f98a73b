//! What is a state rather than an event: read from the engine when somebody asks, at most once a
//! second.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, unbounded};
use zeitgeber_processors::routing::learner::{ArmStatus, Learner};
use zeitgeber_schemas::PartitionId;

use super::{
    Bounded, Registry, catalogue,
    sampled_people::{self, Growth, SnapshotAges, ToldPeople},
    sampled_pools::{self, ToldPool},
};
use crate::{
    engine::Handle,
    ingest::now_ms,
    state::{Memory, Partition},
};

/// Longest wait for the partitions' answers. Whoever has not answered keeps the value of before.
const ANSWERS_WITHIN: Duration = Duration::from_millis(250);
/// One on the grid that rewards stand on.
pub(super) const ONE: f64 = 4_096.0;

/// What one partition tells.
struct Told {
    partition: PartitionId,
    newest_ms: Option<i64>,
    waiting_decisions: usize,
    arms: Vec<ToldArm>,
    /// Stops of everything, of versions, of arms and of people.
    stops: [usize; 4],
    pools: Vec<ToldPool>,
    people: ToldPeople,
}

struct ToldArm {
    name: String,
    status: ArmStatus,
    rewards: u64,
    reward_sum: i64,
}

/// Keeps what partitions told last, and fills in the gauges.
pub(super) struct Sampler {
    told: BTreeMap<PartitionId, Told>,
    ages: SnapshotAges,
}

impl Sampler {
    /// Of an engine that was just opened.
    pub(super) fn new(memory: Memory, growth: Arc<Growth>) -> Self {
        Self { told: BTreeMap::new(), ages: SnapshotAges::new(memory, growth) }
    }

    /// Fills in every gauge of an engine.
    pub(super) fn sample(
        &mut self,
        registry: &Registry,
        (arms, pools): (&Bounded, &Bounded),
        engine: &Handle,
    ) {
        let ready = if engine.takes() { 1.0 } else { 0.0 };
        registry.gauge(&catalogue::READY, &[]).set(ready);
        let answers = ask(engine);
        queues(registry, engine);
        journal(registry, engine);
        let deadline = Instant::now() + ANSWERS_WITHIN;
        while let Ok(told) = answers.recv_deadline(deadline) {
            self.told.insert(told.partition, told);
        }
        self.learner(registry, arms);
        sampled_pools::show(registry, pools, self.told.values().flat_map(|told| &told.pools));
        let people = self.told.values().map(|told| &told.people);
        sampled_people::show(registry, people.clone());
        self.ages.show(registry, engine, people);
        let now_ms = now_ms();
        for told in self.told.values() {
            if let Some(newest_ms) = told.newest_ms {
                let lag_s = now_ms.saturating_sub(newest_ms) as f64 / 1_000.0;
                let partition = told.partition.0.to_string();
                registry.gauge(&catalogue::WATERMARK_LAG, &[&partition]).set(lag_s);
            }
        }
    }

    fn learner(&self, registry: &Registry, bounded: &Bounded) {
        let mut rewards: BTreeMap<&str, (u64, i64)> = BTreeMap::new();
        for arm in self.told.values().flat_map(|told| &told.arms) {
            let sums = rewards.entry(bounded.label(&arm.name)).or_default();
            *sums = (sums.0 + arm.rewards, sums.1 + arm.reward_sum);
        }
        for (arm, (count, sum)) in &rewards {
            if *count > 0 {
                let mean = *sum as f64 / ONE / *count as f64;
                registry.gauge(&catalogue::REWARD, &[arm]).set(mean);
            }
        }
        let statuses = [
            (ArmStatus::Active, "active"),
            (ArmStatus::Suspended, "suspended"),
            (ArmStatus::Removed, "removed"),
        ];
        for (status, name) in statuses {
            let count = |told: &Told| told.arms.iter().filter(|arm| arm.status == status).count();
            let most = self.told.values().map(count).max().unwrap_or(0);
            registry.gauge(&catalogue::LEARNER_ARMS, &[name]).set(most as f64);
        }
        let waiting: usize = self.told.values().map(|told| told.waiting_decisions).sum();
        registry.gauge(&catalogue::OPEN_DECISIONS, &[]).set(waiting as f64);
        // A person is in one partition, and what else is stopped is stopped in each.
        for (place, scope) in ["all", "version", "arm", "person"].into_iter().enumerate() {
            let counts = self.told.values().map(|told| told.stops[place]);
            let count = if scope == "person" { counts.sum() } else { counts.max().unwrap_or(0) };
            registry.gauge(&catalogue::STOPS, &[scope]).set(count as f64);
        }
    }
}

fn ask(engine: &Handle) -> Receiver<Told> {
    let (sender, answers) = unbounded();
    for partition in (0..engine.layout().partitions).map(PartitionId) {
        let sender = sender.clone();
        // A partition that is too busy to be asked keeps the values of before.
        let _ = engine.ask(partition, tell, move |told| drop(sender.send(told)));
    }
    answers
}

fn tell(held: &mut Partition, _: u64) -> Told {
    let people = ToldPeople::of(held);
    let state = held.state();
    let stops = &state.routing.stops;
    let stops = [
        usize::from(stops.all()),
        stops.versions().len(),
        stops.arms().len(),
        stops.people().len(),
    ];
    let arms = state.routing.learner().into_iter().flat_map(Learner::arms).map(|arm| ToldArm {
        name: arm.name().into(),
        status: arm.status(),
        rewards: arm.sums().n,
        reward_sum: arm.sums().reward_sum,
    });
    Told {
        partition: state.partition(),
        newest_ms: state.newest_ms(),
        waiting_decisions: state.feedback.waiting_decisions(),
        arms: arms.collect(),
        stops,
        pools: state.pools().iter().map(ToldPool::of).collect(),
        people,
    }
}

fn queues(registry: &Registry, engine: &Handle) {
    let (bytes, requests) = engine.pending();
    registry.gauge(&catalogue::PENDING_BYTES, &[]).set(bytes as f64);
    registry.gauge(&catalogue::PENDING_REQUESTS, &[]).set(requests as f64);
    for (number, load) in engine.cores().into_iter().enumerate() {
        let number = number.to_string();
        registry.gauge(&catalogue::CORE_QUEUE, &[&number]).set(load.queued as f64);
        registry.seconds(&catalogue::CORE_BUSY, &[&number]).set(load.busy.as_secs_f64());
    }
}

fn journal(registry: &Registry, engine: &Handle) {
    let journal = engine.journal();
    for partition in 0..engine.layout().partitions {
        let position = journal.tail(PartitionId(partition)).next_position as f64;
        registry.gauge(&catalogue::JOURNAL_POSITION, &[&partition.to_string()]).set(position);
    }
    let (chunks, bytes) = engine.store().meter().written();
    registry.counter(&catalogue::JOURNAL_CHUNKS, &[]).absolute(chunks);
    registry.counter(&catalogue::JOURNAL_WRITTEN, &[]).absolute(bytes);
    if let Ok((segments, bytes)) = engine.store().disk_use() {
        registry.gauge(&catalogue::JOURNAL_SEGMENTS, &[]).set(segments as f64);
        registry.gauge(&catalogue::JOURNAL_SIZE, &[]).set(bytes as f64);
    }
}

//! What a running service tells about itself: metrics, logs, traces.
//!
//! The writer's hot path knows nothing of this: it counts in plain numbers
//! ([`crate::cycle::tally`], [`crate::measure`]), and they are poured into cached handles once per
//! batch. Whatever is a state rather than an event is read when somebody asks for it.

pub mod access;
mod bounded;
pub mod catalogue;
mod document;
pub mod logs;
mod process;
mod recording;
mod registry;
#[cfg(feature = "cluster")]
mod sampled_bus;
mod sampled_people;
mod sampled_pools;
mod sampler;
mod serving;
mod snapshots;
pub(crate) mod traces;

use std::{
    io,
    sync::{Arc, Mutex, OnceLock},
    time::{Duration, Instant},
};

pub use bounded::Bounded;
use crossbeam_channel::Receiver;
pub use document::document;
pub use recording::Recording;
pub use registry::{Registry, Seconds};
use sampled_people::Growth;
use sampler::Sampler;
pub use serving::{Counted, Serving, Transport, UNMATCHED};
use snapshots::Snapshots;
pub use traces::TracesError;

use crate::{
    engine::Handle,
    state::{Memory, SnapshotError, Written},
};

/// Most arms that are told apart.
const ARMS_MAX: usize = 64;
/// Most pools that are told apart.
const POOLS_MAX: usize = 32;
/// Shortest time between two samples.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);

/// The metrics of a service.
#[derive(Debug)]
pub struct Metrics {
    registry: Arc<Registry>,
    arms: Arc<Bounded>,
    pools: Arc<Bounded>,
    serving: Serving,
    snapshots: Snapshots,
    growth: Arc<Growth>,
    watched: Mutex<Watched>,
}

/// The engine whose state is read, and when it was last.
#[derive(Default)]
struct Watched {
    engine: Option<(Handle, Sampler)>,
    sampled: Option<Instant>,
    #[cfg(feature = "cluster")]
    bus: Option<Arc<crate::bus::kafka::Meter>>,
    #[cfg(feature = "cluster")]
    cluster: Option<Arc<crate::cluster::Figures>>,
}

impl std::fmt::Debug for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watched").field("sampled", &self.sampled).finish_non_exhaustive()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Fresh metrics of a service that has done nothing yet.
    pub fn new() -> Self {
        let registry = Arc::new(Registry::new());
        registry.gauge(&catalogue::BUILD_INFO, &[env!("CARGO_PKG_VERSION")]).set(1.0);
        registry.gauge(&catalogue::READY, &[]).set(0.0);
        Self {
            serving: Serving::new(&registry),
            snapshots: Snapshots::new(&registry),
            arms: Arc::new(Bounded::new(ARMS_MAX)),
            pools: Arc::new(Bounded::new(POOLS_MAX)),
            growth: Arc::default(),
            watched: Mutex::default(),
            registry,
        }
    }

    /// What an engine is to be opened with, so that its work is counted.
    pub fn recording(&self) -> Recording {
        let (arms, pools) = (Arc::clone(&self.arms), Arc::clone(&self.pools));
        Recording::new(Arc::clone(&self.registry), arms, pools, Arc::clone(&self.growth))
    }

    /// Where values are kept.
    pub const fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// Handles for the doors.
    pub const fn serving(&self) -> &Serving {
        &self.serving
    }

    /// From here on the state of this engine, which was opened with this `memory`, is read, too.
    /// Its handle is held until [`Self::unwatch`].
    pub fn watch(&self, engine: Handle, memory: Memory) {
        self.registry.show(&catalogue::ACKNOWLEDGE, &[], engine.acknowledge());
        let meter = engine.store().meter();
        self.registry.show(&catalogue::SYNC, &[], Arc::clone(&meter.syncs));
        self.registry.show(&catalogue::FRAME_CHUNKS, &[], Arc::clone(&meter.frame_chunks));
        let mut watched = self.watched();
        let sampler = Sampler::new(memory, Arc::clone(&self.growth));
        *watched = Watched { engine: Some((engine, sampler)), ..Watched::default() };
    }

    /// From here on the bus is read, too.
    #[cfg(feature = "cluster")]
    pub fn watch_bus(
        &self,
        meter: Option<Arc<crate::bus::kafka::Meter>>,
        figures: Option<Arc<crate::cluster::Figures>>,
    ) {
        if let Some(figures) = &figures {
            for basis in crate::cluster::Basis::ALL {
                let takeovers = figures.takeovers(basis);
                self.registry.show(&catalogue::CLUSTER_TAKEOVERS, &[basis.as_str()], takeovers);
            }
        }
        let mut watched = self.watched();
        watched.bus = meter;
        watched.cluster = figures;
    }

    /// From here on the snapshots of this engine are counted, and those that fail are logged, on a
    /// thread that ends with the engine.
    ///
    /// # Errors
    ///
    /// Where there is no room for a thread.
    pub fn watch_snapshots(
        &self,
        reports: &Receiver<Result<Written, SnapshotError>>,
    ) -> io::Result<()> {
        self.snapshots.follow(reports)
    }

    /// Lets go of the engine, which takes no more; what else was read last stays.
    pub fn unwatch(&self) {
        self.watched().engine = None;
        self.registry.gauge(&catalogue::READY, &[]).set(0.0);
    }

    /// Everything, in Prometheus' text format. Reads the states first, at most once a second; that
    /// waits for the cores, so it is not to be called where nothing may wait.
    pub fn render(&self) -> String {
        self.sample();
        self.registry.render()
    }

    fn sample(&self) {
        let mut watched = self.watched();
        if watched.sampled.is_some_and(|sampled| sampled.elapsed() < SAMPLE_EVERY) {
            return;
        }
        watched.sampled = Some(Instant::now());
        process::sample(&self.registry);
        #[cfg(feature = "cluster")]
        if let Some(bus) = &watched.bus {
            sampled_bus::show(&self.registry, bus);
        }
        #[cfg(feature = "cluster")]
        if let Some(figures) = &watched.cluster {
            sampled_bus::show_cluster(&self.registry, figures);
        }
        if let Some((engine, sampler)) = &mut watched.engine {
            let bounded = (&*self.arms, &*self.pools);
            sampler.sample(&self.registry, bounded, engine);
        }
    }

    fn watched(&self) -> std::sync::MutexGuard<'_, Watched> {
        self.watched.lock().expect("nothing panics while the engine is held")
    }
}

/// The metrics of this process.
pub fn metrics() -> &'static Metrics {
    static METRICS: OnceLock<Metrics> = OnceLock::new();
    METRICS.get_or_init(Metrics::new)
}

/// Everything that this process tells, in Prometheus' text format; see [`Metrics::render`].
pub fn render() -> String {
    metrics().render()
}

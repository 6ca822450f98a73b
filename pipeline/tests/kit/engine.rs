//! An engine over a directory, with what tests have in common.

use zeitgeber::{
    config::Config,
    cycle::OutcomeDetail,
    engine::{Engine, EngineSettings, Listener},
    ingest::{Configure, SessionSettings},
    state::Memory,
    store::LogPlace,
};

/// Room for whatever a test sends.
pub(crate) const AMPLE: EngineSettings =
    EngineSettings { pending_bytes: 64 << 20, pending_requests: 64 };

/// Few partitions and small files; nobody leaves memory.
pub(crate) const SETTINGS: SessionSettings = SessionSettings {
    partitions: 4,
    segment_bytes: 1 << 20,
    threads: 2,
    chunk_bytes: 64 << 10,
    outcomes: OutcomeDetail::Counts,
    announce: false,
    memory: Memory::UNBOUNDED,
};

/// Opens an engine with the default configuration.
pub(crate) fn open(
    place: impl Into<LogPlace>,
    settings: &SessionSettings,
    bounds: EngineSettings,
    listener: impl Listener + 'static,
) -> Engine {
    let configuration = Config::layered(None, [], &[]).expect("the defaults fit").configuration();
    Engine::open(place, settings, bounds, &configuration, Configure::Keep, listener)
        .expect("an empty log opens")
}

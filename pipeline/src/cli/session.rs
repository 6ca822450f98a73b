//! What the writing commands share: a session under the configuration, stopped by signals.

use std::sync::{Arc, atomic::AtomicBool};

use signal_hook::consts::{SIGINT, SIGTERM};
use zeitgeber::{
    config::{Config, Origin, Setting},
    cycle::OutcomeDetail,
    ingest::{Configure, Session, SessionSettings},
    store::LogPlace,
};

use super::{Failure, Layers, say};

/// The effective configuration.
pub(super) fn config(layers: &Layers) -> Result<Config, Failure> {
    Ok(Config::load(layers.config.as_deref(), &layers.set)?)
}

/// How a session works under this configuration.
pub(super) fn settings(config: &Config, outcomes: OutcomeDetail) -> SessionSettings {
    SessionSettings {
        partitions: config.log.partitions,
        segment_bytes: u64::from(config.log.segment_mib) << 20,
        threads: usize::from(config.runtime.threads),
        chunk_bytes: (config.log.chunk_kib as usize) << 10,
        outcomes,
        announce: false,
        memory: config.memory(),
    }
}

/// Opens a log for writing and tells what a crash left behind.
pub(super) fn open(
    place: impl Into<LogPlace>,
    config: &Config,
    outcomes: OutcomeDetail,
    configure: Configure,
) -> Result<Session, Failure> {
    let session =
        Session::open(place, &settings(config, outcomes), &config.configuration(), configure)?;
    if let Some(cut) = session.store().cut() {
        say::note(&format!(
            "recovered: cut {} bytes that were never acknowledged from byte {} of {}",
            cut.bytes,
            cut.offset,
            cut.file.display()
        ));
    }
    let recovered = session.recovered();
    for why in &recovered.ignored_snapshots {
        say::note(&format!("passed over a snapshot, and folded the log instead: {why}"));
    }
    Ok(session)
}

/// Puts the configured pools in force and says of how many that is new.
pub(super) fn set_pools(session: &mut Session, config: &Config) -> Result<(), Failure> {
    tell_pools(session.set_pools(&config.pools)?);
    Ok(())
}

/// Says how many pools work otherwise from here on.
pub(super) fn tell_pools(changed: usize) {
    if changed > 0 {
        say::note(&format!("{changed} pool(s) work as configured from here on"));
    }
}

/// Decisions of a log stay as they were configured, unless this command line, file or environment
/// says something about them.
pub(super) fn configure(config: &Config) -> Configure {
    let says = |setting: &&Setting| {
        setting.key.starts_with("decisions.") && setting.origin != Origin::Default
    };
    match config.effective().iter().find(says) {
        Some(_) => Configure::Replace,
        None => Configure::Keep,
    }
}

/// A flag that SIGINT or SIGTERM raises; a second signal ends the process at once.
pub(super) fn stop_flag() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop))?;
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    Ok(stop)
}

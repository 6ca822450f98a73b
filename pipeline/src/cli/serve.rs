//! `zeitgeber serve`.

use std::{
    io,
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use tokio::signal::unix::{Signal, SignalKind, signal};
use zeitgeber::{
    config::{ClockMode, Config, Service},
    cycle::OutcomeDetail,
    engine::{Engine, EngineSettings, Listener},
    http::{App, Listening, Parts, Tokens, Waiters, raise_open_files, tls},
    stream::{Bell, Hub, StreamSettings},
    telemetry::{self, logs},
};

use super::{Failure, Layers, database::log_at, session};

/// What a process that was told twice to end exits with, as one that a signal ended.
const INTERRUPTED: i32 = 130;

/// Run as a service: take inputs and answer questions over HTTP
///
/// Listens on 127.0.0.1:8787 unless configured otherwise (`service.listen`). Any address that
/// others can reach needs a file of tokens (`service.tokens_file`) or --insecure. SIGTERM or SIGINT
/// ends it cleanly; a second one at once.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  zeitgeber serve --data-dir DIR
  zeitgeber serve --journal scylla://127.0.0.1:9042/zeitgeber
  zeitgeber serve --data-dir DIR --listen 127.0.0.1:9000
  zeitgeber serve --data-dir DIR --listen 0.0.0.0:8787 --set service.tokens_file=tokens.txt")]
pub(super) struct Args {
    /// Data directory: the log under `journal/`, and what is derived from it
    #[arg(long = "data-dir", value_name = "DIR", required_unless_present = "journal")]
    dir: Option<PathBuf>,
    /// A log in a database, `scylla://HOST:PORT[,HOST:PORT…]/KEYSPACE`, instead
    #[arg(long, value_name = "URL", conflicts_with = "dir")]
    journal: Option<String>,
    /// Address and port; port 0 takes a free one [default: 127.0.0.1:8787]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Serve everybody who can reach the address, without tokens
    #[arg(long)]
    insecure: bool,
}

pub(super) fn run(args: &Args, layers: &Layers) -> Result<ExitCode, Failure> {
    let mut config = session::config(layers)?;
    if let Some(listen) = &args.listen {
        config.service.listen.clone_from(listen);
    }
    let tokens = Service::path(&config.service.tokens_file).map(Tokens::read).transpose()?;
    let tls = tls(&config.service)?;
    // Held until the end, when what is left of traces is sent.
    let _traces = logs::init(&config.logs, &config.traces)?;
    raise_open_files();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // A signal that comes while the log is opened waits until it is.
    let signals = runtime.block_on(async { Signals::new() })?;
    // The address comes first: who cannot listen must not open the log.
    let listening = runtime.block_on(async { Listening::start(&config.service, args.insecure) })?;
    let bell = Bell::new();
    let waiters = Waiters::new();
    let listener = (bell.clone(), waiters.clone());
    let mut engine = open(args, &config, &listening, tls.is_some(), listener)?;
    if config.clock.mode == ClockMode::Service {
        engine.tick_every(Duration::from_millis(config.clock.tick_ms.into()))?;
    }
    telemetry::metrics().watch(engine.handle());
    telemetry::metrics().watch_snapshots(engine.snapshots())?;
    let streams = streams(&engine, bell, &config.service)?;
    let app = App::new(Parts {
        engine: engine.handle(),
        service: config.service.clone(),
        clock: config.clock.mode,
        line_bytes_max: config.line_bytes_max(),
        tokens,
        streams: streams.clone(),
        waiters,
        observer: Box::new(telemetry::metrics()),
    });
    let ended = runtime.block_on(async {
        tokio::spawn(signals.stop(app.clone()));
        tokio::spawn(end_streams(app.clone()));
        listening.serve(app, tls).await
    });
    if ended.cut_off > 0 {
        tracing::warn!(connections = ended.cut_off, "cut off: they did not end in time");
    }
    telemetry::metrics().unwatch();
    // It reads the log that the engine closes.
    streams.stop();
    let counts = engine.close()?;
    runtime.shutdown_background();
    tracing::info!(inputs = counts.inputs(), events = counts.events, "stopped");
    Ok(ExitCode::SUCCESS)
}

/// Opens the log and says what was found.
fn open(
    args: &Args,
    config: &Config,
    listening: &Listening,
    has_tls: bool,
    listener: impl Listener + 'static,
) -> Result<Engine, Failure> {
    let started = Instant::now();
    let place = match (&args.dir, &args.journal) {
        (Some(dir), _) => dir.into(),
        (None, url) => log_at(url.as_deref().unwrap_or_default())?,
    };
    let bounds = EngineSettings {
        pending_bytes: Service::bytes(config.service.pending_mib),
        pending_requests: config.service.pending_requests as usize,
    };
    let settings = session::settings(config, OutcomeDetail::Counts);
    let (body, configure) = (config.configuration(), session::configure(config));
    let recording = telemetry::metrics().recording().enabled(config.metrics.enabled);
    let listener = (recording, listener);
    let engine = Engine::open(&place, &settings, bounds, &body, configure, listener)?;
    let handle = engine.handle();
    let pools = handle.set_pools(&config.pools)?;
    if pools > 0 {
        tracing::info!(pools, "pools work as configured from here on");
    }
    let store = handle.store();
    let events: u64 = store.tails().iter().map(|tail| tail.next_position).sum();
    let recovered = engine.recovered();
    for why in &recovered.ignored_snapshots {
        tracing::warn!(%why, "passed over a snapshot, and folded the log instead");
    }
    tracing::info!(
        url = format!("{}://{}", if has_tls { "https" } else { "http" }, listening.address()),
        data = %place,
        events,
        // What a crash left half written, and nobody had been told of.
        cut_bytes = store.cut().map_or(0, |cut| cut.bytes),
        partitions_from_snapshot = recovered.from_snapshot,
        folded_events = recovered.folded_events,
        ready_s = started.elapsed().as_secs_f64(),
        "listening"
    );
    Ok(engine)
}

/// Serves streams from the engine's log, which rings the bell.
fn streams(engine: &Engine, bell: Bell, service: &Service) -> Result<Hub, Failure> {
    let settings = StreamSettings {
        streams: service.streams_max as usize,
        slow_client: Service::seconds(service.slow_client_s),
    };
    Ok(Hub::start(engine.handle().journal(), bell, settings)?)
}

/// Ends the streams as soon as the service is to stop: requests under way may still take a while.
async fn end_streams(app: App) {
    app.stopping().await;
    // It waits for the hub's threads, which may be reading.
    tokio::task::spawn_blocking(move || app.streams().stop());
}

/// SIGTERM and SIGINT.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { terminate, interrupt: signal(SignalKind::interrupt())? })
    }

    /// The first one ends the service cleanly, the second one at once.
    async fn stop(mut self, app: App) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => {}
                _ = self.interrupt.recv() => {}
            }
            if app.is_stopping() {
                std::process::exit(INTERRUPTED);
            }
            tracing::info!("stopping: no new requests; those under way end first");
            app.stop();
        }
    }
}

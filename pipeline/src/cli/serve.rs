//! `zeitgeber serve`.

use std::{io, path::PathBuf, process::ExitCode, time::Duration};

use tokio::signal::unix::{Signal, SignalKind, signal};
use zeitgeber::{
    config::{ClockMode, Config, Service},
    cycle::OutcomeDetail,
    engine::{Engine, EngineSettings, Listener},
    http::{App, Listening, Parts, Tokens, Waiters, raise_open_files, tls},
    store::{LogPlace, Store},
    stream::{Bell, Hub, StreamSettings},
    telemetry::{self, logs},
};

use super::{Failure, Layers, database::log_at, session};

#[cfg(feature = "cluster")]
mod bus;
#[cfg(not(feature = "cluster"))]
#[path = "serve/no_bus.rs"]
mod bus;

use bus::Bus;

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
    /// What this node does of what several share: `door` hands inputs over HTTP on to Kafka, `worker`
    /// writes the partitions that the group gives it, `query` answers for partitions that others
    /// write. A node does everything unless something is named
    #[arg(long, value_name = "ROLES", value_delimiter = ',', value_enum)]
    roles: Vec<Role>,
}

/// What a node does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Role {
    /// Hands inputs over HTTP on to Kafka.
    Door,
    /// Writes partitions.
    Worker,
    /// Answers for partitions that others write.
    Query,
}

/// What this node does; everything unless something is named.
#[derive(Debug, Clone, Copy)]
struct Roles {
    door: bool,
    worker: bool,
    query: bool,
}

impl Roles {
    fn of(named: &[Role]) -> Self {
        let has = |role| named.is_empty() || named.contains(&role);
        Self { door: has(Role::Door), worker: has(Role::Worker), query: has(Role::Query) }
    }
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
    let roles = Roles::of(&args.roles);
    let bell = Bell::new();
    let waiters = Waiters::new();
    let mut bus = Bus::prepare(&config)?;
    let listener = ((bell.clone(), waiters.clone()), bus.listener());
    let place = place(args)?;
    let shares = bus.is_there() && place.is_database();
    if !args.roles.is_empty() && !shares {
        let why =
            "--roles is for nodes that share a log: give --journal and kafka.brokers, or leave it";
        return Err(why.into());
    }
    let mut engine = match shares {
        true => start(&place, &config, listener)?,
        false => open(&place, &config, listener)?,
    };
    say_where(&engine, &place, &listening, tls.is_some());
    if config.clock.mode == ClockMode::Service {
        engine.tick_every(Duration::from_millis(config.clock.tick_ms.into()))?;
    }
    telemetry::metrics().watch(engine.handle(), config.memory());
    telemetry::metrics().watch_snapshots(engine.snapshots())?;
    let onward = match shares {
        true => bus.join(&engine, &config, roles)?,
        false => bus.start(&engine).map(|()| None)?,
    };
    bus.watch();
    let streams = streams(&engine, bell, &config.service)?;
    let app = App::new(Parts {
        engine: engine.handle(),
        service: config.service.clone(),
        clock: config.clock.mode,
        line_bytes_max: config.line_bytes_max(),
        tokens,
        streams: streams.clone(),
        waiters,
        onward,
        answers_for_others: roles.query,
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
    bus.stop_inputs();
    telemetry::metrics().unwatch();
    // It reads the log that the engine closes.
    streams.stop();
    let counts = engine.close()?;
    bus.stop();
    runtime.shutdown_background();
    tracing::info!(inputs = counts.inputs(), events = counts.events, "stopped");
    Ok(ExitCode::SUCCESS)
}

fn place(args: &Args) -> Result<LogPlace, Failure> {
    match (&args.dir, &args.journal) {
        (Some(dir), _) => Ok(dir.into()),
        (None, url) => log_at(url.as_deref().unwrap_or_default()),
    }
}

fn bounds(config: &Config) -> EngineSettings {
    EngineSettings {
        pending_bytes: Service::bytes(config.service.pending_mib),
        pending_requests: config.service.pending_requests as usize,
    }
}

/// Starts on a log that others share: partitions come and go.
fn start(
    place: &LogPlace,
    config: &Config,
    listener: impl Listener + 'static,
) -> Result<Engine, Failure> {
    let settings = session::settings(config, OutcomeDetail::Counts);
    let recording = telemetry::metrics().recording().enabled(config.metrics.enabled);
    let store = Store::write_at(place, settings.partitions, settings.segment_bytes)?;
    Ok(Engine::start(store, &settings, bounds(config), (recording, listener))?)
}

/// Opens a log with all its partitions.
fn open(
    place: &LogPlace,
    config: &Config,
    listener: impl Listener + 'static,
) -> Result<Engine, Failure> {
    let settings = session::settings(config, OutcomeDetail::Counts);
    let (body, configure) = (config.configuration(), session::configure(config));
    let recording = telemetry::metrics().recording().enabled(config.metrics.enabled);
    let listener = (recording, listener);
    let engine = Engine::open(place, &settings, bounds(config), &body, configure, listener)?;
    let pools = engine.handle().set_pools(&config.pools)?;
    if pools > 0 {
        tracing::info!(pools, "pools work as configured from here on");
    }
    Ok(engine)
}

/// Says where it listens, and what was found.
fn say_where(engine: &Engine, place: &LogPlace, listening: &Listening, has_tls: bool) {
    let handle = engine.handle();
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
        ready_s = recovered.seconds,
        "listening"
    );
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

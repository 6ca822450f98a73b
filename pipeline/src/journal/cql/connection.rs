//! The way to the database: a session that is replaced when it stays dead, and how long to try.
//!
//! The driver reconnects with a growing pause of up to 10 s; a new session connects in 50 ms. So
//! whoever failed for [`DEAD_AFTER`] asks for a new one, and gets one each second at most. The
//! driver itself repeats nothing: every statement here is either idempotent or settled by being
//! made again with the same bytes, and this is the one place that does so.

use std::{
    future::Future,
    path::PathBuf,
    sync::{Arc, RwLock, mpsc},
    time::{Duration, Instant},
};

use openssl::ssl::{SslConnector, SslMethod};
use scylla::{
    client::{
        Compression, execution_profile::ExecutionProfile, session::Session,
        session_builder::SessionBuilder,
    },
    errors::{DbError, ExecutionError, RequestAttemptError},
    policies::{load_balancing::DefaultPolicy, retry::FallthroughRetryPolicy},
    statement::{Consistency, SerialConsistency},
};
use tokio::runtime::{Handle, Runtime};

use super::{schema, statements::Statements};

/// Any failure of the driver.
pub(crate) type Fault = Box<dyn std::error::Error + Send + Sync>;

/// A request without an answer for this long is made again.
const REQUEST: Duration = Duration::from_secs(3);
/// Connecting takes at most this.
const CONNECT: Duration = Duration::from_secs(3);
/// A session that failed for this long is replaced.
const DEAD_AFTER: Duration = Duration::from_secs(1);
/// Pause before a failed request is made again.
const AGAIN: Duration = Duration::from_millis(50);
/// Threads that speak to the database, encode and decode.
const THREADS: usize = 2;

/// Where the database is and how it is spoken to.
#[derive(Debug, Clone)]
pub struct Connect {
    /// Contact points, `host:port`.
    pub nodes: Vec<String>,
    /// The keyspace that holds the log.
    pub keyspace: String,
    /// User and password.
    pub login: Option<(String, String)>,
    /// Speak TLS.
    pub tls: bool,
    /// Trust these authorities (PEM) instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// The data centre whose nodes are asked; none: any.
    pub datacenter: Option<String>,
    /// Reach over data centres: `QUORUM` and `SERIAL` instead of `LOCAL_QUORUM` and
    /// `LOCAL_SERIAL`. Every process that writes a log must say the same.
    pub global: bool,
}

impl Connect {
    /// The log's address, for people.
    pub fn address(&self) -> String {
        format!("scylla://{}/{}", self.nodes.join(","), self.keyspace)
    }

    pub(super) const fn consistency(&self) -> Consistency {
        if self.global { Consistency::Quorum } else { Consistency::LocalQuorum }
    }

    const fn serial(&self) -> SerialConsistency {
        if self.global { SerialConsistency::Serial } else { SerialConsistency::LocalSerial }
    }

    /// A session without a keyspace, whose requests may take so long.
    pub(super) async fn session(&self, patience: Duration) -> Result<Session, Fault> {
        let policy = DefaultPolicy::builder();
        let policy = match &self.datacenter {
            Some(name) => policy.prefer_datacenter(name.clone()).permit_dc_failover(self.global),
            None => policy,
        };
        let profile = ExecutionProfile::builder()
            .consistency(self.consistency())
            .serial_consistency(Some(self.serial()))
            .request_timeout(Some(patience))
            .retry_policy(Arc::new(FallthroughRetryPolicy::new()))
            .load_balancing_policy(policy.build())
            .build();
        let mut builder = SessionBuilder::new()
            .known_nodes(&self.nodes)
            .connection_timeout(CONNECT)
            .default_execution_profile_handle(profile.into_handle())
            .keyspaces_to_fetch([&self.keyspace])
            .compression(None::<Compression>);
        if let Some((user, password)) = &self.login {
            builder = builder.user(user, password);
        }
        if self.tls {
            let mut tls = SslConnector::builder(SslMethod::tls_client())?;
            if let Some(file) = &self.ca_file {
                tls.set_ca_file(file)?;
            }
            builder = builder.tls_context(Some(tls));
        }
        Ok(builder.build().await?)
    }
}

/// A session with everything prepared.
pub(super) struct Ready {
    pub(super) session: Session,
    pub(super) statements: Statements,
    since: Instant,
}

/// How long something is tried.
#[derive(Debug, Clone, Copy)]
pub(super) enum Patience {
    /// Until it succeeds.
    Endless,
    /// For about this long.
    Until(Instant),
}

impl Patience {
    /// What somebody waits for.
    pub(super) fn asked() -> Self {
        Self::Until(Instant::now() + Duration::from_secs(30))
    }

    /// What is worth an attempt or two.
    pub(super) fn brief() -> Self {
        Self::Until(Instant::now() + Duration::from_secs(2))
    }

    fn is_over(self) -> bool {
        matches!(self, Self::Until(end) if Instant::now() >= end)
    }
}

/// The database, over however many sessions.
pub(super) struct Database {
    pub(super) connect: Connect,
    current: RwLock<Arc<Ready>>,
    /// Held by whoever connects anew: when that was last tried.
    connecting: tokio::sync::Mutex<Option<Instant>>,
    runtime: Option<Runtime>,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("connect", &self.connect).finish_non_exhaustive()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // It may be dropped on a thread of another runtime, which must not wait.
            runtime.shutdown_background();
        }
    }
}

impl Database {
    pub(super) fn open(connect: Connect) -> Result<Self, Fault> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("journal-cql")
            .enable_all()
            .build()?;
        let dial = dial(connect.clone());
        let ready = wait_on(runtime.handle(), dial)?;
        let current = RwLock::new(Arc::new(ready));
        Ok(Self {
            connect,
            current,
            connecting: tokio::sync::Mutex::default(),
            runtime: Some(runtime),
        })
    }

    fn handle(&self) -> &Handle {
        self.runtime.as_ref().expect("the runtime goes with the database").handle()
    }

    /// Runs something beside.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.handle().spawn(work);
    }

    /// Waits for something, from any thread but the database's own.
    pub(super) fn wait<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> T {
        wait_on(self.handle(), work)
    }

    fn ready(&self) -> Arc<Ready> {
        Arc::clone(&self.current.read().expect("nothing panics while it is held"))
    }

    /// Does something until it succeeds, or patience ends, or trying again is of no use.
    pub(super) async fn repeat<T, F, W>(&self, patience: Patience, mut work: F) -> Result<T, Fault>
    where
        F: FnMut(Arc<Ready>) -> W,
        W: Future<Output = Result<T, Fault>>,
    {
        let began = Instant::now();
        loop {
            let ready = self.ready();
            let fault = match work(Arc::clone(&ready)).await {
                Ok(done) => return Ok(done),
                Err(fault) => fault,
            };
            if patience.is_over() || is_settled(&*fault) {
                return Err(fault);
            }
            if began.elapsed() >= DEAD_AFTER && ready.since.elapsed() >= DEAD_AFTER {
                self.replace(&ready, &*fault).await;
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Swaps a new session in, unless somebody has done so, or has just tried.
    async fn replace(&self, dead: &Arc<Ready>, fault: &(dyn std::error::Error + Send + Sync)) {
        let mut tried = self.connecting.lock().await;
        let is_early = tried.is_some_and(|at| at.elapsed() < DEAD_AFTER);
        if is_early || !Arc::ptr_eq(dead, &self.ready()) {
            return;
        }
        *tried = Some(Instant::now());
        let log = self.connect.address();
        tracing::warn!(%log, %fault, "the database does not answer: connecting anew");
        match tokio::time::timeout(CONNECT, dial(self.connect.clone())).await {
            Ok(Ok(ready)) => {
                *self.current.write().expect("nothing panics while it is held") = Arc::new(ready);
            }
            Ok(Err(fault)) => tracing::debug!(%fault, "no connection yet"),
            Err(_) => tracing::debug!("no connection in time"),
        }
    }
}

async fn dial(connect: Connect) -> Result<Ready, Fault> {
    let session = connect.session(REQUEST).await?;
    schema::require(&connect, &session).await?;
    let statements = Statements::prepare(&session, &connect.keyspace).await?;
    Ok(Ready { session, statements, since: Instant::now() })
}

pub(super) fn wait_on<T: Send + 'static>(
    handle: &Handle,
    work: impl Future<Output = T> + Send + 'static,
) -> T {
    let (to, from) = mpsc::sync_channel(1);
    handle.spawn(async move {
        // Whoever waits is there as long as its thread is.
        drop(to.send(work.await));
    });
    from.recv().expect("the work neither panics nor outlives its runtime")
}

/// Whether the database understood the request and will refuse it again.
fn is_settled(fault: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    let attempt = match fault.downcast_ref::<ExecutionError>() {
        Some(ExecutionError::LastAttemptError(attempt)) => Some(attempt),
        _ => fault.downcast_ref::<RequestAttemptError>(),
    };
    matches!(
        attempt,
        Some(RequestAttemptError::DbError(
            DbError::Invalid | DbError::SyntaxError | DbError::Unauthorized | DbError::ConfigError,
            _
        ))
    ) || fault.is::<Settled>()
}

/// A fault that trying again does not change.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Settled(pub(super) String);

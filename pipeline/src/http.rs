//! The service: the same doors and queries as the command line, over HTTP/1.1 and HTTP/2.
//!
//! Design, in the order of a request's way:
//!
//! - `server` accepts connections within bounds, over TLS where configured, and ends them
//!   on a stop; `connection` watches one of them: slow senders, slow readers and idle ones are cut
//!   off.
//! - `answer` is the outermost layer of every request: it names it, survives its panics, writes
//!   [`Problem`]s, and tells the [`Observer`]. `auth` asks for a token with the path's [`Scope`].
//! - Handlers stand by subject: `readings`, `people`, `data`, `log`, `audits`, `health`. Each of these
//!   modules has `routes(&App) -> Router<App>` with the scope that its paths need, and a
//!   `#[derive(OpenApi)] struct Api` of the same paths. A new module is merged in [`router`] and in
//!   `openapi::document`, and nowhere else.
//! - An ingesting request fills an [`Intake`](crate::ingest::Intake) on the worker that read it,
//!   hands it to the engine and is answered when all of it is durable: never before, and never
//!   with another request's outcomes. Nothing here queues: what the engine has no room for is
//!   refused (429).
//! - A question about one person is asked of the partition's own core ([`App::ask`]). A read of the
//!   log runs on a thread of its own, within a bound, and ends when the client goes away
//!   ([`App::long_read`]).
//!
//! - HTTP-1: an input is acknowledged only when it is durable.
//! - HTTP-2: whatever arrives, memory is bounded by the `service` settings, and the process lives.
//! - HTTP-3: every answer but those of the connection itself is documented in `/openapi.json`.

mod agents;
mod answer;
mod asking;
mod assignments;
mod audits;
mod auth;
mod body;
mod carried;
mod commands;
mod connection;
mod data;
mod event_ids;
mod extract;
mod health;
mod items;
mod letter_counts;
mod listed;
mod log;
mod metrics;
mod onward;
mod openapi;
mod outcomes;
mod people;
mod policy;
mod pools;
mod problem;
mod reading_off;
mod readings;
#[cfg(feature = "cluster")]
mod registry;
mod server;
mod stream;
mod task_views;
mod tasks;
mod tls;
mod waiters;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, middleware::from_fn_with_state};
use http::Method;
use tokio::sync::{Semaphore, watch};
use zeitgeber_schemas::{PartitionId, Reason, murmur2_partition, partition_key};

pub use auth::{Fresh, ParseScopeError, Scope, Tokens, TokensError};
pub use body::{Media, Received};
pub use extract::{Id, Params, RequestId, Tenant};
pub use onward::{HandedOn, Onward, Sort};
pub use openapi::document as openapi;
pub use problem::{Kind, Problem, ProblemBody};
pub use reading_off::Cancel;
pub use server::{Ended, Listening, ServeError, raise_open_files};
pub use tls::{TlsError, tls};
pub use waiters::Waiters;

use crate::{
    config::{ClockMode, Service},
    door::Options,
    engine::Handle,
    ingest::now_ms,
    stream::Hub,
};

/// Containers that are unpacked at the same time; the next ones wait.
const UNPACKING: usize = 2;

/// How often it is looked why the writer gave up.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// How long it may take to say so.
const GAVE_UP_WAIT: Duration = Duration::from_secs(2);

/// What hears of requests and connections, for metrics. It must not hold anybody up.
pub trait Observer: Send + Sync {
    /// A request was answered (a stream: was begun).
    fn answered(&self, answered: &Answered<'_>);
    /// So many connections are open.
    fn connections(&self, open: usize);
}

/// An answered request.
#[derive(Debug, Clone, Copy)]
pub struct Answered<'a> {
    /// The method.
    pub method: &'a Method,
    /// The path's template, such as `/v1/users/{id}/status`; none where no path is meant.
    pub route: Option<&'a str>,
    /// The status.
    pub status: u16,
    /// From the head's arrival to the answer's head.
    pub took: Duration,
    /// The request's id.
    pub request_id: &'a str,
}

/// Nobody listens.
impl Observer for () {
    fn answered(&self, _: &Answered<'_>) {}
    fn connections(&self, _: usize) {}
}

/// What a service is made of.
pub struct Parts {
    /// The engine.
    pub engine: Handle,
    /// The settings.
    pub service: Service,
    /// What moves people's clocks on.
    pub clock: ClockMode,
    /// Longest line or list item that is read, bytes.
    pub line_bytes_max: usize,
    /// Who may do what; none: everybody may do everything.
    pub tokens: Option<Tokens>,
    /// Live streams of events.
    pub streams: Hub,
    /// Who waits for a task; it listens to the engine.
    pub waiters: Waiters,
    /// Where inputs are handed on to; none: the engine writes them.
    pub onward: Option<Arc<dyn Onward>>,
    /// Whether questions about partitions that others write are answered from the log.
    pub answers_for_others: bool,
    /// What hears of requests.
    pub observer: Box<dyn Observer>,
}

/// What every handler shares.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    parts: Parts,
    long_reads: Arc<Semaphore>,
    audits: Arc<Semaphore>,
    unpacking: Arc<Semaphore>,
    /// The places for comparing an id that nobody has with those that there are.
    asks_for_nobody: Semaphore,
    /// Bytes of bodies that are held now.
    bodies: AtomicUsize,
    stop: watch::Sender<bool>,
    /// What made ids begin with, so that those of two runs differ.
    run: u64,
    requests: AtomicU64,
}

impl App {
    /// The service of these parts.
    pub fn new(parts: Parts) -> Self {
        let long_reads = Arc::new(Semaphore::new(parts.service.long_reads as usize));
        Self(Arc::new(Inner {
            parts,
            long_reads,
            audits: Arc::new(Semaphore::new(1)),
            unpacking: Arc::new(Semaphore::new(UNPACKING)),
            asks_for_nobody: Semaphore::new(1),
            bodies: AtomicUsize::new(0),
            stop: watch::Sender::new(false),
            run: now_ms() as u64,
            requests: AtomicU64::new(0),
        }))
    }

    /// The engine.
    pub fn engine(&self) -> &Handle {
        &self.0.parts.engine
    }

    /// The settings.
    pub fn service(&self) -> &Service {
        &self.0.parts.service
    }

    /// Live streams of events.
    pub fn streams(&self) -> &Hub {
        &self.0.parts.streams
    }

    /// Agents that wait for tasks.
    pub fn waiters(&self) -> &Waiters {
        &self.0.parts.waiters
    }

    /// Where inputs are handed on to, where the engine does not write them.
    pub fn onward(&self) -> Option<&dyn Onward> {
        self.0.parts.onward.as_deref()
    }

    /// Tells everything that goes on to end.
    pub fn stop(&self) {
        self.0.stop.send_replace(true);
    }

    /// Whether it is ending.
    pub fn is_stopping(&self) -> bool {
        *self.0.stop.borrow()
    }

    /// Comes back when it is to end: streams end themselves then.
    pub async fn stopping(&self) {
        let mut stop = self.0.stop.subscribe();
        // The sender lives in the application that this borrows.
        drop(stop.wait_for(|stop| *stop).await);
    }

    /// Longest line or list item that is read, bytes.
    pub fn line_bytes_max(&self) -> usize {
        self.0.parts.line_bytes_max
    }

    /// Refuses an input that is longer than a line may be, by whichever door it comes.
    pub(crate) fn check_line(&self, line: &str) -> Result<(), Problem> {
        let most = self.line_bytes_max();
        if line.len() <= most {
            return Ok(());
        }
        let detail = format!("the input has {} bytes; at most {most} are read", line.len());
        Err(Problem::new(Kind::TooLarge, detail).because(Reason::Oversized.as_str()))
    }

    /// The places for containers that are unpacked.
    pub(crate) fn unpacking(&self) -> Arc<Semaphore> {
        Arc::clone(&self.0.unpacking)
    }

    /// How a door of this service takes readings in now.
    pub fn options(&self, backfill: bool) -> Options {
        Options { backfill, door_now_ms: now_ms(), stamp_ms: self.stamp_ms() }
    }

    /// The arrival time of what brings none: the wall clock where that is what moves people's
    /// clocks on.
    pub fn stamp_ms(&self) -> Option<i64> {
        (self.0.parts.clock == ClockMode::Service).then(now_ms)
    }

    /// The partition of a person.
    pub fn partition_of(&self, tenant: &str, user_id: &str) -> PartitionId {
        let key = partition_key(tenant, user_id);
        murmur2_partition(key.as_bytes(), self.engine().layout().partitions)
    }

    /// Why the writer gave up what it had taken. It says so moments after it did.
    pub(crate) async fn gave_up(&self) -> Problem {
        let told = async {
            while self.engine().failure().is_none() && !self.is_stopping() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        drop(tokio::time::timeout(GAVE_UP_WAIT, told).await);
        self.stopped()
    }

    /// Waits for an answer as long as a request may take.
    pub(crate) async fn within<T>(&self, answer: impl Future<Output = T>) -> Result<T, Problem> {
        let limit_s = self.service().request_s;
        tokio::time::timeout(Service::seconds(limit_s), answer).await.map_err(|_| {
            let detail = format!(
                "no answer within {limit_s} s; whether inputs are in the log is not known: send \
                 them again, repeats count once"
            );
            Problem::new(Kind::TimedOut, detail)
        })
    }

    /// Why nothing is taken any more.
    pub fn stopped(&self) -> Problem {
        match self.engine().failure() {
            Some(failure) => Problem::new(Kind::JournalFailed, failure),
            None => Problem::new(Kind::Stopping, "the service is stopping; try again elsewhere"),
        }
    }

    /// The problem of inputs, or a question, that the engine did not take.
    pub fn not_taken(&self, error: crate::engine::NotTaken) -> Problem {
        match error {
            crate::engine::NotTaken::Stopped => self.stopped(),
            busy => busy.into(),
        }
    }

    /// Refuses where the writer has stopped, before work is spent on a body.
    pub fn check_running(&self) -> Result<(), Problem> {
        let runs = self.engine().failure().is_none() && !self.is_stopping();
        if runs { Ok(()) } else { Err(self.stopped()) }
    }

    /// Paths that need a token with this scope, where tokens are asked for.
    pub fn scoped(&self, scope: Scope, routes: Router<Self>) -> Router<Self> {
        routes.route_layer(from_fn_with_state((self.clone(), scope), answer::authorise))
    }

    fn next_request_id(&self) -> String {
        let n = self.0.requests.fetch_add(1, Ordering::Relaxed);
        format!("{:x}-{n:x}", self.0.run)
    }
}

/// Every path, ready to serve.
pub fn router(app: App) -> Router {
    let routes = Router::new()
        .merge(health::routes(&app))
        .merge(metrics::routes(&app))
        .merge(readings::routes(&app))
        .merge(people::routes(&app))
        .merge(data::routes(&app))
        .merge(log::routes(&app))
        .merge(letter_counts::routes(&app))
        .merge(audits::routes(&app))
        .merge(stream::routes(&app))
        .merge(tasks::routes(&app))
        .merge(task_views::routes(&app))
        .merge(agents::routes(&app))
        .merge(assignments::routes(&app))
        .merge(pools::routes(&app))
        .merge(policy::routes(&app));
    #[cfg(feature = "cluster")]
    let routes = routes.merge(registry::routes(&app));
    routes
        .fallback(answer::not_found)
        .method_not_allowed_fallback(answer::method_not_allowed)
        .layer(from_fn_with_state(app.clone(), answer::answer))
        .with_state(app)
}

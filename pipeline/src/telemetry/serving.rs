//! Cached handles for the doors: HTTP requests, connections, streams.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock, RwLock},
    time::Duration,
};

use metrics::{Counter, Gauge};

use super::{
    Registry,
    catalogue::{self, CUTOFFS, HTTP_REFUSALS, METHODS, OTHER, TRANSPORTS},
};
use crate::measure::Histogram;

/// Statuses that are told apart; any other is `other`.
const STATUSES: [u16; 27] = [
    101, 200, 201, 202, 204, 206, 304, 400, 401, 403, 404, 405, 406, 408, 409, 410, 411, 413, 415,
    422, 426, 429, 431, 500, 501, 503, 504,
];
/// What a request is called that no route takes.
pub const UNMATCHED: &str = "unmatched";
/// Most routes: far above what a router has, so that a mistake cannot grow without bound.
const ROUTES_MAX: usize = 128;

/// How a stream is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Server-sent events.
    Sse,
    /// A WebSocket.
    WebSocket,
}

/// Handles of the doors' metrics.
pub struct Serving {
    registry: Arc<Registry>,
    routes: RwLock<HashMap<String, Arc<Route>>>,
    connections: Gauge,
    refusals: Vec<Counter>,
    subscribers: [Gauge; TRANSPORTS.len()],
    events: [Counter; TRANSPORTS.len()],
    cutoffs: Vec<Counter>,
    lag: Arc<Histogram>,
}

/// Handles of one route.
struct Route {
    name: String,
    seconds: Arc<Histogram>,
    /// By method and status, the last of each being `other`; made when first needed.
    requests: [[OnceLock<Counter>; STATUSES.len() + 1]; METHODS.len() + 1],
}

impl std::fmt::Debug for Serving {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Serving").finish_non_exhaustive()
    }
}

impl Serving {
    pub(super) fn new(registry: &Arc<Registry>) -> Self {
        let subscribers = |i| registry.gauge(&catalogue::STREAM_SUBSCRIBERS, &[TRANSPORTS[i]]);
        let events = |i| registry.counter(&catalogue::STREAM_EVENTS, &[TRANSPORTS[i]]);
        let refusals = HTTP_REFUSALS.iter();
        let cutoffs = CUTOFFS.iter();
        Self {
            routes: RwLock::default(),
            connections: registry.gauge(&catalogue::HTTP_CONNECTIONS, &[]),
            refusals: refusals.map(|r| registry.counter(&catalogue::HTTP_REFUSED, &[r])).collect(),
            subscribers: std::array::from_fn(subscribers),
            events: std::array::from_fn(events),
            cutoffs: cutoffs.map(|r| registry.counter(&catalogue::STREAM_CUTOFFS, &[r])).collect(),
            lag: registry.histogram(&catalogue::STREAM_LAG, &[]),
            registry: Arc::clone(registry),
        }
    }

    /// A request was answered. `route` is the template that took it, or [`UNMATCHED`].
    pub fn request(&self, route: &str, method: &str, status: u16, took: Duration) {
        let route = self.route(route);
        route.seconds.record_duration(took);
        let method_at = METHODS.iter().position(|known| *known == method).unwrap_or(METHODS.len());
        let status_at = STATUSES.binary_search(&status).unwrap_or(STATUSES.len());
        let counter = route.requests[method_at][status_at].get_or_init(|| {
            let method = METHODS.get(method_at).copied().unwrap_or(OTHER);
            let status = STATUSES.get(status_at).map_or(OTHER.into(), u16::to_string);
            self.registry.counter(&catalogue::HTTP_REQUESTS, &[&route.name, method, &status])
        });
        counter.increment(1);
    }

    fn route(&self, name: &str) -> Arc<Route> {
        let routes = self.routes.read().expect("nothing panics while the routes are held");
        if let Some(route) = routes.get(name) {
            return Arc::clone(route);
        }
        let name = if routes.len() < ROUTES_MAX { name } else { UNMATCHED };
        drop(routes);
        let mut routes = self.routes.write().expect("nothing panics while the routes are held");
        let new = || {
            let seconds = self.registry.histogram(&catalogue::HTTP_REQUEST, &[name]);
            let requests = std::array::from_fn(|_| std::array::from_fn(|_| OnceLock::new()));
            Arc::new(Route { name: name.into(), seconds, requests })
        };
        Arc::clone(routes.entry(name.into()).or_insert_with(new))
    }

    /// So many connections are open.
    pub fn connections(&self, open: usize) {
        self.connections.set(open as f64);
    }

    /// A request or connection was turned away; `reason` is one of [`HTTP_REFUSALS`].
    pub fn refused(&self, reason: &str) {
        count(&self.refusals, HTTP_REFUSALS, reason);
    }

    /// Somebody subscribed; it counts until the guard is dropped.
    #[must_use]
    pub fn subscriber(&self, transport: Transport) -> Counted {
        Counted::new(&self.subscribers[transport as usize])
    }

    /// The counter of events written to subscribers, for a writer to keep.
    pub fn stream_events(&self, transport: Transport) -> Counter {
        self.events[transport as usize].clone()
    }

    /// The service ended a stream; `reason` is one of [`CUTOFFS`].
    pub fn cut_off(&self, reason: &str) {
        count(&self.cutoffs, CUTOFFS, reason);
    }

    /// The histogram of times from durable to written, for a writer to keep.
    pub fn stream_lag(&self) -> Arc<Histogram> {
        Arc::clone(&self.lag)
    }
}

fn count(counters: &[Counter], reasons: &[&str], reason: &str) {
    let index = reasons.iter().position(|known| *known == reason);
    debug_assert!(index.is_some(), "`{reason}` is not in the catalogue");
    if let Some(counter) = index.and_then(|index| counters.get(index)) {
        counter.increment(1);
    }
}

/// Counts in a gauge until it is dropped.
pub struct Counted(Gauge);

impl Counted {
    fn new(gauge: &Gauge) -> Self {
        gauge.increment(1.0);
        Self(gauge.clone())
    }
}

impl std::fmt::Debug for Counted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Counted")
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

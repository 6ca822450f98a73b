//! The load: subscribers that resume whatever happens, and posters that send until acknowledged.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde::Deserialize;
use tokio::{
    sync::Notify,
    time::{Instant, interval, sleep},
};

use crate::wire::{Connection, events};

/// Readings that all posters together send each second.
pub(crate) const READINGS_PER_S: u64 = 5_000;
/// Pause before a connection is tried again.
const AGAIN: Duration = Duration::from_millis(100);
/// First time of a reading, ms UTC.
const FIRST_MS: u64 = 1_740_960_000_000;
/// Time between two readings of a person: an hour is sealed every few of them.
const STEP_MS: u64 = 15 * 60_000;

/// The people's ids.
pub(crate) fn person(n: usize) -> String {
    format!("p{n}")
}

/// What is looked at of a row.
#[derive(Debug, Deserialize)]
pub(crate) struct Row {
    #[serde(rename = "type")]
    pub(crate) schema: String,
    pub(crate) input_id: String,
    pub(crate) user_id: Option<String>,
    pub(crate) position: Position,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Position {
    partition: u16,
    n: u64,
}

impl Position {
    pub(crate) fn text(&self) -> String {
        format!("{}:{}", self.partition, self.n)
    }
}

/// What came of the posts.
#[derive(Debug, Default)]
pub(crate) struct Posted {
    pub(crate) acknowledged: u64,
    pub(crate) repeated: u64,
    pub(crate) refused: u64,
}

/// Everything that posters and subscribers share.
pub(crate) struct Load {
    address: SocketAddr,
    posters: usize,
    /// Where every stream begins.
    after: String,
    /// The ids of the events that came, by subscriber.
    came: Vec<Mutex<Vec<String>>>,
    sent: Mutex<Vec<String>>,
    open: AtomicUsize,
    opened: Notify,
    resumed: AtomicU64,
    repeated: AtomicU64,
    refused: AtomicU64,
}

fn held<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().expect("nothing panics while it is held")
}

impl Load {
    pub(crate) fn new(
        address: SocketAddr,
        subscribers: usize,
        posters: usize,
        after: &str,
    ) -> Arc<Self> {
        Arc::new(Self {
            address,
            posters,
            after: after.into(),
            came: (0..subscribers).map(|_| Mutex::default()).collect(),
            sent: Mutex::default(),
            open: AtomicUsize::new(0),
            opened: Notify::new(),
            resumed: AtomicU64::new(0),
            repeated: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        })
    }

    /// Opens every stream; comes back when all are.
    pub(crate) async fn subscribe(self: &Arc<Self>) {
        for n in 0..self.came.len() {
            tokio::spawn(Arc::clone(self).follow(n));
        }
        while self.open.load(Ordering::Acquire) < self.came.len() {
            self.opened.notified().await;
        }
    }

    /// Follows one person for ever.
    async fn follow(self: Arc<Self>, n: usize) {
        let mut first = true;
        loop {
            // Whatever ended the stream, it goes on behind the last event that came.
            drop(self.stream(n, &mut first).await);
            sleep(AGAIN).await;
        }
    }

    async fn stream(&self, n: usize, first: &mut bool) -> io::Result<()> {
        let last = held(&self.came[n]).last().cloned();
        let after = last.as_deref().unwrap_or(&self.after);
        let user = person(n);
        let request = format!(
            "GET /v1/stream?user={user} HTTP/1.1\r\nhost: soak\r\nlast-event-id: {after}\r\n\r\n"
        );
        let mut connection = Connection::open(self.address).await?;
        let (status, _) = connection.ask(request.as_bytes()).await?;
        assert!(status == 200 || status == 429 || status == 503, "{user}: {status}");
        if status != 200 {
            return Ok(());
        }
        if std::mem::take(first) {
            self.open.fetch_add(1, Ordering::AcqRel);
            self.opened.notify_one();
        } else {
            self.resumed.fetch_add(1, Ordering::Relaxed);
        }
        let mut text = String::new();
        loop {
            let chunk = connection.chunk().await?;
            if chunk.is_empty() {
                return Ok(());
            }
            text.push_str(std::str::from_utf8(&chunk).expect("a chunk is whole text"));
            let events = events(&mut text);
            for event in &events {
                assert!(event.data.contains(&format!("\"user_id\":\"{user}\"")), "{}", event.data);
            }
            held(&self.came[n]).extend(events.into_iter().map(|event| event.id));
        }
    }

    /// Posts for so long.
    pub(crate) async fn post(self: Arc<Self>, length: Duration) -> Posted {
        let end = Instant::now() + length;
        let posters: Vec<_> =
            (0..self.posters).map(|n| tokio::spawn(Arc::clone(&self).poster(n, end))).collect();
        for poster in posters {
            poster.await.expect("a poster repeats what fails");
        }
        Posted {
            acknowledged: held(&self.sent).len() as u64,
            repeated: self.repeated.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }

    /// Sends a reading of each of its people, again and again.
    async fn poster(self: Arc<Self>, n: usize, end: Instant) {
        let people: Vec<String> = (n..self.came.len()).step_by(self.posters).map(person).collect();
        let per_s = READINGS_PER_S as f64 / self.posters as f64;
        // The posters are spread over their period.
        let period = Duration::from_secs_f64(people.len() as f64 / per_s);
        sleep(period.mul_f64(n as f64 / self.posters as f64)).await;
        let mut ticks = interval(period);
        let mut connection = None;
        let mut seq = 0;
        while Instant::now() < end {
            ticks.tick().await;
            let ids: Vec<String> = people.iter().map(|user| format!("{user}-{seq}")).collect();
            let body: String =
                people.iter().zip(&ids).map(|(user, id)| reading(user, id, seq)).collect();
            let request = format!(
                "POST /v1/readings HTTP/1.1\r\nhost: soak\r\ncontent-type: application/x-ndjson\r\n\
                 content-length: {}\r\n\r\n{body}",
                body.len()
            );
            while !self.try_post(&mut connection, &request, ids.len()).await {
                sleep(AGAIN).await;
            }
            held(&self.sent).extend(ids);
            seq += 1;
        }
    }

    /// Whether a post was acknowledged; it is sent again where that is not known.
    async fn try_post(
        &self,
        connection: &mut Option<Connection>,
        request: &str,
        readings: usize,
    ) -> bool {
        match self.post_once(connection, request).await {
            Err(_) => {
                *connection = None;
                self.repeated.fetch_add(1, Ordering::Relaxed);
                false
            }
            Ok((200, answer)) => {
                let count = |key: &str| answer[key].as_u64().unwrap_or(0) as usize;
                assert_eq!(count("accepted") + count("duplicate"), readings, "{answer}");
                true
            }
            Ok((429 | 503, _)) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                false
            }
            Ok((status, answer)) => panic!("a post was answered {status}: {answer}"),
        }
    }

    async fn post_once(
        &self,
        connection: &mut Option<Connection>,
        request: &str,
    ) -> io::Result<(u16, serde_json::Value)> {
        let connection = match connection {
            Some(connection) => connection,
            None => connection.insert(Connection::open(self.address).await?),
        };
        let (status, length) = connection.ask(request.as_bytes()).await?;
        let body = connection.body(length.unwrap_or(0)).await?;
        Ok((status, serde_json::from_slice(&body)?))
    }

    pub(crate) fn resumed(&self) -> u64 {
        self.resumed.load(Ordering::Relaxed)
    }

    /// The ids of the readings that were acknowledged.
    pub(crate) fn sent(&self) -> Vec<String> {
        held(&self.sent).clone()
    }

    /// Whether every stream brought as many events as the log holds.
    pub(crate) fn has_all(&self, log: &HashMap<String, Vec<String>>) -> bool {
        self.by_person(log).all(|(_, came, wanted)| came >= wanted)
    }

    /// The first stream that brought too few.
    pub(crate) fn missing(&self, log: &HashMap<String, Vec<String>>) -> String {
        let short: Vec<_> = self.by_person(log).filter(|(_, came, wanted)| came < wanted).collect();
        format!("{} streams, first {:?}", short.len(), short.first())
    }

    fn by_person<'a>(
        &'a self,
        log: &'a HashMap<String, Vec<String>>,
    ) -> impl Iterator<Item = (usize, usize, usize)> + 'a {
        let wanted = |n: usize| log.get(&person(n)).map_or(0, Vec::len);
        self.came.iter().enumerate().map(move |(n, came)| (n, held(came).len(), wanted(n)))
    }

    /// Compares every stream with the log.
    pub(crate) fn check(&self, log: &HashMap<String, Vec<String>>) {
        for (n, came) in self.came.iter().enumerate() {
            let wanted = log.get(&person(n)).map(Vec::as_slice).unwrap_or_default();
            assert_eq!(*held(came), wanted, "the stream of {}", person(n));
        }
    }
}

fn reading(user: &str, id: &str, seq: u64) -> String {
    let ts = FIRST_MS + seq * STEP_MS;
    format!(
        "{{\"id\":\"{id}\",\"user_id\":\"{user}\",\"device_id\":\"d\",\"kind\":\"imu\",\"ts\":{ts},\
         \"recv_ts\":{ts},\"values\":{{\"activity_counts\":{},\"epoch_s\":60}}}}\n",
        seq % 300
    )
}

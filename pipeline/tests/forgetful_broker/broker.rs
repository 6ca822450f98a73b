//! A broker that speaks as much of Kafka's protocol as a producer needs, and that for a while after it
//! was told so knows topics and no brokers, as one does that has just started.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::spawn,
    time::{Duration, Instant},
};

use super::wire::{Request, Response};

const PRODUCE: i16 = 0;
const METADATA: i16 = 3;
const API_VERSIONS: i16 = 18;
const INIT_PRODUCER_ID: i16 = 22;
/// What it speaks: an API's key and its first and last version.
const SPOKEN: [(i16, i16, i16); 4] =
    [(PRODUCE, 3, 3), (METADATA, 0, 4), (API_VERSIONS, 0, 0), (INIT_PRODUCER_ID, 0, 0)];
const UNSUPPORTED_VERSION: i16 = 35;
const LEADER_NOT_AVAILABLE: i16 = 5;
const NOT_LEADER: i16 = 6;
/// How long it knows no brokers, from its first answer that says so.
const FORGETFUL: Duration = Duration::from_millis(1500);

/// A broker on a port of its own, for the life of the process.
#[derive(Clone)]
pub(crate) struct Broker(Arc<Known>);

struct Known {
    address: SocketAddr,
    forgets: AtomicBool,
    /// Since when it answers that it knows no brokers.
    since: Mutex<Option<Instant>>,
    connections: Mutex<Vec<TcpStream>>,
    records: AtomicU64,
}

impl Broker {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let broker = Self(Arc::new(Known {
            address: listener.local_addr().expect("it is bound"),
            forgets: AtomicBool::new(false),
            since: Mutex::default(),
            connections: Mutex::default(),
            records: AtomicU64::new(0),
        }));
        let serving = broker.clone();
        spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let copy = stream.try_clone().expect("a socket can be shared");
                serving.0.connections.lock().expect("nobody panics").push(copy);
                let connection = serving.clone();
                // Its end is the client's.
                spawn(move || drop(connection.serve(stream)));
            }
        });
        broker
    }

    pub(crate) fn address(&self) -> String {
        self.0.address.to_string()
    }

    /// Requests to produce that it took.
    pub(crate) fn produced(&self) -> u64 {
        self.0.records.load(Ordering::SeqCst)
    }

    /// Closes its connections, as at a restart, and knows no brokers for a while.
    pub(crate) fn restart(&self) {
        self.0.forgets.store(true, Ordering::SeqCst);
        for connection in self.0.connections.lock().expect("nobody panics").drain(..) {
            drop(connection.shutdown(Shutdown::Both));
        }
    }

    /// Whether anybody was told that there are no brokers.
    pub(crate) fn has_told_of_none(&self) -> bool {
        self.0.since.lock().expect("nobody panics").is_some()
    }

    fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        loop {
            let mut size = [0; 4];
            stream.read_exact(&mut size)?;
            let mut bytes = vec![0; u32::from_be_bytes(size) as usize];
            stream.read_exact(&mut bytes)?;
            let mut request = Request::new(&bytes);
            let mut response = Response::to(request.correlation);
            match request.key {
                API_VERSIONS => api_versions(&request, &mut response),
                METADATA => self.metadata(&mut request, &mut response),
                INIT_PRODUCER_ID => {
                    response.int32(0).int16(0).int64(1).int16(0);
                }
                PRODUCE => self.produce(&mut request, &mut response),
                other => panic!("nobody said that it speaks {other}"),
            }
            stream.write_all(&response.framed())?;
        }
    }

    /// Whether it knows no brokers now.
    fn is_forgetful(&self) -> bool {
        let told = *self.0.since.lock().expect("nobody panics");
        self.0.forgets.load(Ordering::SeqCst) && told.is_none_or(|at| at.elapsed() < FORGETFUL)
    }

    fn metadata(&self, request: &mut Request<'_>, response: &mut Response) {
        let topics = request.strings();
        let knows = !self.is_forgetful();
        if !knows {
            self.0.since.lock().expect("nobody panics").get_or_insert_with(Instant::now);
        }
        response.int32(0).int32(knows.into());
        if knows {
            let port = self.0.address.port().into();
            response.int32(1).string("127.0.0.1").int32(port).null();
        }
        response.null().int32(if knows { 1 } else { -1 }).int32(topics.len() as i32);
        for topic in topics {
            let (error, leader) = if knows { (0, 1) } else { (LEADER_NOT_AVAILABLE, -1) };
            response.int16(0).string(&topic).int8(0).int32(1);
            response.int16(error).int32(0).int32(leader).int32(1).int32(1).int32(1).int32(1);
        }
    }

    fn produce(&self, request: &mut Request<'_>, response: &mut Response) {
        let topics = request.produced();
        let (error, offset) = if self.is_forgetful() {
            (NOT_LEADER, -1)
        } else {
            (0, self.0.records.fetch_add(1, Ordering::SeqCst) as i64)
        };
        response.int32(topics.len() as i32);
        for (topic, partitions) in topics {
            response.string(&topic).int32(partitions.len() as i32);
            for partition in partitions {
                response.int32(partition).int16(error).int64(offset).int64(-1);
            }
        }
        response.int32(0);
    }
}

fn api_versions(request: &Request<'_>, response: &mut Response) {
    response.int16(if request.version == 0 { 0 } else { UNSUPPORTED_VERSION });
    response.int32(SPOKEN.len() as i32);
    for (key, first, last) in SPOKEN {
        response.int16(key).int16(first).int16(last);
    }
}

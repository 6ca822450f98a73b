//! Streams on a log whose partitions have no common order, at the process that writes them and at
//! one that only reads, between which subscribers go to and fro.

use std::{
    collections::BTreeMap,
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use zeitgeber::{
    journal::cql::{Connect, TableOptions, apply},
    query::Position,
    store::{LogPlace, Store},
    stream::{Begin, Bell, Filter, Hub, SubscribeError, Token},
};
use zeitgeber_schemas::PartitionId;
use zeitgeber_test_services::{cql, unique};

use super::{
    PEOPLE,
    kit::{AMPLE, Random, Service, block_on, take_all, within},
};

const ROUNDS: u64 = 60;
/// How long an event is waited for before it is looked whether all have come.
const LOOK: Duration = Duration::from_millis(200);

/// A log in a database: its writer with a hub, and the hub of a process that reads.
fn shared() -> (Service, Store, Hub) {
    let connect = Connect {
        nodes: cql().split(',').map(str::to_owned).collect(),
        keyspace: unique("streams"),
        login: None,
        tls: false,
        ca_file: None,
        datacenter: None,
        global: false,
    };
    let options = TableOptions { replication: 1, keyspace: String::new(), table: String::new() };
    apply(&connect, &options).expect("tables");
    let dir = TempDir::new().expect("there is room for a directory");
    let place = LogPlace::Database { connect, cache: dir.path().into() };
    let service = Service::open_at(&place, dir, AMPLE);
    let store = Store::read_at(&place).expect("the log is there");
    let hub = Hub::start(store.journal(), Bell::new(), AMPLE).expect("the log can be read");
    (service, store, hub)
}

/// Waits until the reader is told of all that was written.
fn until_told(service: &Service, store: &Store) {
    let began = Instant::now();
    while store.tails() != service.tails() {
        assert!(began.elapsed() < Duration::from_secs(60), "the reader is told in time");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Takes so many events, going from hub to hub; `begun` is told once nothing can be missed.
fn hop(
    hubs: [&Hub; 2],
    filter: &Filter,
    random: &mut Random,
    begun: impl FnOnce(),
    expected: &OnceLock<usize>,
) -> Vec<Position> {
    let (mut got, mut begun) = (Vec::new(), Some(begun));
    let (mut from, mut token): (_, Option<Token>) = (Begin::Now, None);
    loop {
        let hub = hubs[random.below(2) as usize];
        let stream = hub.subscribe(filter.clone(), from.clone()).expect("there is room");
        block_on(stream.joined());
        if let Some(begun) = begun.take() {
            token = stream.token();
            begun();
        }
        let few = 1 + random.below(40) as usize;
        let mut taken = 0;
        while taken < few && expected.get().is_none_or(|expected| got.len() < *expected) {
            // Whether everything came is known once everything was written.
            let Some(frames) = within(LOOK, stream.take(2_000)) else { continue };
            for frame in frames.expect("the stream goes on") {
                taken += 1;
                got.push(frame.id());
                if let Some(token) = &mut token {
                    token.pass(frame.id());
                }
            }
        }
        if expected.get().is_some_and(|expected| got.len() >= *expected) {
            return got;
        }
        from = match (&token, got.last()) {
            (Some(token), _) => Begin::Behind(token.to_string().parse().expect("it is a token")),
            (None, Some(last)) => Begin::After(*last),
            (None, None) => Begin::Now,
        };
    }
}

fn by_partition(positions: &[Position]) -> BTreeMap<u16, Vec<u64>> {
    let mut of: BTreeMap<u16, Vec<u64>> = BTreeMap::new();
    positions.iter().for_each(|at| of.entry(at.partition.0).or_default().push(at.n));
    of
}

#[test]
fn subscribers_that_go_from_process_to_process_get_every_event_once_and_in_its_partitions_order() {
    let (service, store, reader) = shared();
    service.open_people(&PEOPLE);
    until_told(&service, &store);
    let person = |name: &str| Filter { person: Some(name.into()), ..Filter::default() };
    let wanted: Vec<Filter> = (0..8)
        .map(|n| if n % 4 == 3 { person(PEOPLE[n / 4]) } else { Filter::default() })
        .collect();
    let before: Vec<usize> = wanted.iter().map(|filter| service.log(filter).len()).collect();
    let expected: Vec<OnceLock<usize>> = wanted.iter().map(|_| OnceLock::new()).collect();
    let (begun, all_begun) = std::sync::mpsc::channel();
    let got: Vec<Vec<Position>> = thread::scope(|scope| {
        let subscribers: Vec<_> = wanted
            .iter()
            .zip(&expected)
            .zip(1..)
            .map(|((filter, expected), seed)| {
                let (hubs, begun) = ([&service.hub, &reader], begun.clone());
                let begun = move || begun.send(()).expect("it is waited for");
                scope.spawn(move || hop(hubs, filter, &mut Random(seed), begun, expected))
            })
            .collect();
        wanted.iter().for_each(|_| all_begun.recv().expect("everybody begins"));
        for round in 0..ROUNDS {
            service.readings(&PEOPLE, round..round + 1);
        }
        for ((filter, before), expected) in wanted.iter().zip(&before).zip(&expected) {
            expected.set(service.log(filter).len() - before).expect("it is set once");
        }
        subscribers.into_iter().map(|one| one.join().expect("the subscriber held")).collect()
    });
    for ((filter, before), got) in wanted.iter().zip(&before).zip(&got) {
        let all = service.log(filter);
        assert!(got.len() >= ROUNDS as usize, "{filter:?}: {}", got.len());
        let mut came = by_partition(got);
        for (partition, stored) in by_partition(&all) {
            let came = came.remove(&partition).unwrap_or_default();
            assert_eq!(came, stored[stored.len() - came.len()..], "{filter:?} {partition}");
        }
        assert_eq!((came.len(), got.len()), (0, all.len() - before), "{filter:?}");
    }
    reader.stop();
}

#[test]
fn one_position_resumes_no_stream_of_several_partitions_and_tokens_are_of_their_log() {
    let (service, store, reader) = shared();
    service.open_people(&["ada"]);
    until_told(&service, &store);
    let at = |partition, n| Begin::After(Position { partition: PartitionId(partition), n });
    for hub in [&service.hub, &reader] {
        let one = hub.subscribe(Filter::default(), at(0, 0)).expect_err("it is one of several");
        assert!(matches!(one, SubscribeError::OneOfMany), "{one}");
        let other = Token::new(&[7; 16], vec![0; 4]);
        let other = hub.subscribe(Filter::default(), Begin::Behind(other)).expect_err("it is not");
        assert!(matches!(other, SubscribeError::OtherLog), "{other}");
        let stream = hub.subscribe(Filter::default(), Begin::Now).expect("there is room");
        block_on(stream.joined());
        let token = stream.token().expect("it is of several partitions");
        let everything = Token::new(&service.log_id(), vec![0; token.next().len()]);
        let all = hub.subscribe(Filter::default(), Begin::Behind(everything));
        let expected = service.log(&Filter::default());
        let came = take_all(&all.expect("there is room"), expected.len());
        assert_eq!(by_partition(&came), by_partition(&expected));
        assert_eq!(token.next().iter().sum::<u64>(), expected.len() as u64);
    }
    reader.stop();
}

//! Ownership at the level of the library: the group, opening and closing, fencing.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use zeitgeber::{
    bus::kafka::{InputSettings, Inputs, Members, Membership, Meter, Publisher, PublisherEvent},
    config::Config,
    cycle::OutcomeDetail,
    engine::{Engine, EngineSettings, Listener},
    ingest::{Configure, SessionSettings},
    state::Memory,
};
use zeitgeber_schemas::PartitionId;
use zeitgeber_tests::{dir, sample_dir};

use super::kit::{Bus, LIMIT, PARTITIONS, header};

fn config(bus: &Bus, more: &[&str]) -> Config {
    let own = [
        format!("kafka.brokers={}", bus.brokers),
        format!("kafka.prefix={}", bus.prefix),
        format!("kafka.group={}group", bus.prefix),
        format!("log.partitions={PARTITIONS}"),
        "clock.mode=inputs".to_owned(),
        "kafka.session_ms=6000".to_owned(),
        "kafka.heartbeat_ms=500".to_owned(),
    ];
    let more = more.iter().map(ToString::to_string);
    let set: Vec<String> = own.into_iter().chain(more).collect();
    Config::layered(None, [], &set).expect("the settings are sound")
}

fn open(dir: &std::path::Path, config: &Config, listener: impl Listener + 'static) -> Engine {
    let settings = SessionSettings {
        partitions: PARTITIONS,
        segment_bytes: 1 << 20,
        threads: 1,
        chunk_bytes: 64 << 10,
        outcomes: OutcomeDetail::Counts,
        announce: false,
        memory: Memory::UNBOUNDED,
    };
    let bounds = EngineSettings { pending_bytes: 1 << 20, pending_requests: 8 };
    Engine::open(dir, &settings, bounds, &config.configuration(), Configure::Keep, listener)
        .expect("a new log opens")
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < LIMIT, "{what}: not in time");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What a member was told, added up; and what it lost on the way.
fn owned(member: &Members, owns: &mut BTreeSet<PartitionId>) -> BTreeSet<PartitionId> {
    let mut lost = BTreeSet::new();
    for event in member.events().try_iter() {
        match event {
            Membership::Owned(partitions) => owns.extend(partitions),
            Membership::Lost(partitions) => {
                owns.retain(|one| !partitions.contains(one));
                lost.extend(partitions);
            }
        }
    }
    lost
}

#[test]
fn members_share_all_partitions_and_are_told_only_what_moves() {
    let bus = Bus::new("members", &[]);
    let (config, meter) = (config(&bus, &[]), Arc::new(Meter::default()));
    let all: BTreeSet<PartitionId> = (0..PARTITIONS).map(PartitionId).collect();
    let join = || Members::join(&config.kafka, &meter).expect("it joins");
    let (one, mut ones) = (join(), BTreeSet::new());
    until("the first owns everything", || {
        owned(&one, &mut ones);
        ones == all
    });
    let (two, mut twos) = (join(), BTreeSet::new());
    let mut lost = BTreeSet::new();
    until("the second has its share", || {
        lost.extend(owned(&one, &mut ones));
        owned(&two, &mut twos);
        twos.len() == usize::from(PARTITIONS) / 2 && ones.len() == twos.len()
    });
    assert_eq!(ones.union(&twos).copied().collect::<BTreeSet<_>>(), all);
    assert_eq!(lost, twos, "what stays is never taken away");
    drop(two);
    let mut lost = BTreeSet::new();
    until("the first owns everything again", || {
        lost.extend(owned(&one, &mut ones));
        ones == all
    });
    assert_eq!(lost, BTreeSet::new());
}

#[test]
fn a_partition_that_is_closed_and_opened_again_goes_on_where_its_journal_ends() {
    let bus = Bus::new("reopened", &[]);
    let dir = dir();
    let config = config(&bus, &[]);
    let engine = open(dir.path(), &config, ());
    let handle = engine.handle();
    let settings = InputSettings {
        kafka: config.kafka.clone(),
        bytes_max: config.line_bytes_max(),
        clock: config.clock.mode,
    };
    let meter = Arc::new(Meter::default());
    let inputs = Inputs::start(&settings, engine.handle(), &meter).expect("it starts");
    let open = |partition| inputs.open(partition, &handle.journal().tail(partition));
    (0..PARTITIONS).map(PartitionId).for_each(open);
    let lines: Vec<String> = (0..90).map(|n| format!("{{\"poison\":{n}}}")).collect();
    let send = |range: std::ops::Range<usize>| {
        for partition in 0..PARTITIONS {
            let own = lines[range.clone()].iter().map(|line| format!("{line} {partition}"));
            let own: Vec<String> = own.collect();
            let records: Vec<_> =
                own.iter().map(|line| (partition, Some(line.as_bytes()), None)).collect();
            bus.produce("sensor.readings", &records);
        }
    };
    let taken = || handle.counts().refused;
    send(0..30);
    until("the first", || taken() == 30 * u64::from(PARTITIONS));
    inputs.close(PartitionId(2));
    // Orders are taken before the next record is looked for.
    std::thread::sleep(Duration::from_millis(200));
    send(30..60);
    until("all but one", || taken() == 60 * u64::from(PARTITIONS) - 30);
    open(PartitionId(2));
    send(60..90);
    until("everything", || taken() == 90 * u64::from(PARTITIONS));
    inputs.stop();
    assert_eq!(handle.counts().repeats, 0, "nothing was read twice");
    engine.close().expect("it stops cleanly");
}

#[test]
fn who_publishes_a_partition_after_another_fences_it_and_repeats_nothing() {
    let bus = Bus::new("fenced", &["kafka.publish=transactional"]);
    let dir = dir();
    let config = config(&bus, &["kafka.publish=transactional"]);
    let meter = Arc::new(Meter::default());
    let publisher = || Publisher::new(&config.kafka, &meter).expect("it can be made");
    let (zombie, heir) = (publisher(), publisher());
    let engine = open(dir.path(), &config, (zombie.listener(), heir.listener()));
    let journal = engine.handle().journal();
    let people = zeitgeber::ingest::read_profiles(&sample_dir().join("users.json"));
    let people = people.expect("the sample is sound");
    let settle = |number: u64| {
        let mut intake = engine.handle().intake();
        people.iter().for_each(|(_, profile)| {
            let mut profile = profile.clone();
            profile.id = format!("{}-{number}", profile.id);
            // The same profile again would be a repeat, of which there is nothing to publish.
            profile.body.sleep_start_min = 1 + number as u32 % 400;
            intake.take_profile(number, &profile);
        });
        engine.handle().settle(intake).expect("it becomes durable");
    };
    let partitions = || (0..PARTITIONS).map(PartitionId);
    partitions().for_each(|one| zombie.open(one, &journal).expect("it opens"));
    settle(1);
    let published = || bus.read("inputs.configured").len() as u64;
    let events = || partitions().map(|one| journal.tail(one).next_position).sum::<u64>();
    until("the first publishes", || published() == events());
    partitions().for_each(|one| heir.open(one, &journal).expect("it opens"));
    until("the second takes over", || meter.transactions() > 0);
    settle(2);
    until("everything is published", || published() == events());
    let (mut fenced, mut number) = (BTreeSet::new(), 2);
    until("the first is fenced", || {
        number += 1;
        settle(number);
        fenced.extend(zombie.events().try_iter().map(|event| match event {
            PublisherEvent::Fenced(partition) => partition,
            PublisherEvent::Failed(partition, why) => panic!("{partition}: {why}"),
        }));
        fenced.len() == usize::from(PARTITIONS)
    });
    engine.close().expect("it stops cleanly");
    zombie.stop();
    heir.stop();
    let records = bus.read("inputs.configured");
    let ids: BTreeSet<String> =
        records.iter().map(|record| header(record, "zeitgeber-id")).collect();
    assert_eq!((ids.len(), ids.len() as u64), (records.len(), events()), "each once");
}

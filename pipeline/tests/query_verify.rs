//! Verification of logs that no writer of ours wrote like that.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::mpsc;

use zeitgeber::{
    journal::{Append, ChunkBuilder, Journal, Layout, MemoryJournal},
    query::{self, Until},
    record::{EntryParts, Place},
};
use zeitgeber_processors::flow::DECIDE_VERSION;
use zeitgeber_schemas::{
    Envelope, Event, PartitionId, ProfileBody, Scale, SchemaId, SubjectOpened, wire::to_bytes,
};

const PARTITION: PartitionId = PartitionId(0);

/// A log of one partition and one profile input, which caused these events.
fn journal(decide_version: u32, events: &[Event]) -> MemoryJournal {
    let journal = MemoryJournal::new(Layout { log_id: [1; 16], partitions: 1 });
    let profile = ProfileBody {
        zone: None,
        tzdb: None,
        offset_min: 0,
        offsets: Vec::new(),
        sleep_start_min: 1_380,
        sleep_end_min: 420,
        quiet_start_min: None,
        quiet_end_min: None,
        device_scale: Scale::Unknown,
        primary_device: None,
        channel: None,
    };
    let payload = to_bytes(&profile);
    let envelope = Envelope { tenant: "default", user_id: "u1", id: "p1", ts: 0, recv_ts: None };
    let parts = EntryParts {
        subject: 1,
        envelope,
        schema: SchemaId::Profile,
        place: Place::default(),
        raw: None,
        payload: &payload,
        events,
    };
    let mut builder = ChunkBuilder::new(PARTITION, decide_version);
    builder.entry(0, events.len() as u32, |out| parts.put(&mut Vec::new(), out));
    let chunk = builder.seal(0, 0, [0; 32]);
    let (done, completions) = mpsc::channel();
    let append = Append { partition: PARTITION, expected_chunk: 0, chunk };
    journal.submit(append, Box::new(move |appended| done.send(appended.result).unwrap()));
    completions.recv().unwrap().unwrap();
    journal
}

fn honest() -> Vec<Event> {
    vec![Event::SubjectOpened(SubjectOpened { user_id: "u1".into() }), Event::ProfileSet]
}

#[test]
fn an_honest_log_verifies() {
    let verified = query::verify(&journal(DECIDE_VERSION, &honest())).unwrap();
    assert_eq!((verified.error, verified.rerun, verified.events), (None, 1, 2));
}

#[test]
fn an_event_that_its_input_does_not_cause_is_named_by_position() {
    let mut events = honest();
    events.push(Event::ProfileSet);
    let verified = query::verify(&journal(DECIDE_VERSION, &events)).unwrap();
    assert!(!verified.ok && verified.digest.is_none());
    let error = verified.error.unwrap();
    assert!(error.contains("partition 0 position 2"), "{error}");
}

#[test]
fn a_chunk_of_another_deciding_version_is_folded_and_not_decided_again() {
    let mut events = honest();
    events.push(Event::ProfileSet);
    let journal = journal(DECIDE_VERSION + 1, &events);
    let verified = query::verify(&journal).unwrap();
    assert_eq!((verified.ok, verified.rerun, verified.not_rerun), (true, 0, 1));
    let replayed = query::replay(&journal, &Until::End).unwrap();
    assert_eq!(verified.digest, Some(replayed.digest));
    assert_eq!((replayed.people, replayed.events), (1, 3));
}

//! Pages, the index and resuming.

use std::ops::ControlFlow;

use zeitgeber::{
    journal::{Journal, Key, Scan, ScanFrom},
    query::{
        self, DeadLetterFilter, EventFilter, EventRow, Explanation, Names, QueryError, Scope, Topic,
    },
    store::Store,
};

use super::kit::*;

/// The rows of all pages, forwards or back.
fn pages(journal: &dyn Journal, filter: &EventFilter, limit: usize, back: Back) -> Vec<EventRow> {
    let scope = Scope::of(journal, filter).unwrap();
    let (mut all, mut filter) = (Vec::new(), filter.clone());
    loop {
        let page = match back {
            Back::No => scope.page(journal, &filter, limit).unwrap(),
            Back::Yes => scope.newest(journal, &filter, limit).unwrap(),
        };
        assert!(page.rows.len() <= limit && (page.rows.len() == limit) == page.next.is_some());
        let next = page.next;
        match back {
            Back::No => (all.extend(page.rows), filter.after = next).0,
            Back::Yes => (all.splice(0..0, page.rows).for_each(drop), filter.before = next).0,
        }
        if next.is_none() {
            return all;
        }
    }
}

#[derive(Clone, Copy)]
enum Back {
    No,
    Yes,
}

#[test]
fn pages_forwards_and_back_make_up_all_events_with_and_without_an_index() {
    let log = log_of_segments(64 << 10);
    let (indexed, user) = (log.store(), Some("u1".to_owned()));
    let topic = Some(Topic::RoutingDecisions);
    let filters = [
        EventFilter::default(),
        EventFilter { user: user.clone(), ..EventFilter::default() },
        EventFilter { user: Some("stranger".into()), ..EventFilter::default() },
        EventFilter { user, topic, ..EventFilter::default() },
    ];
    let check = |store: &Store| {
        let journal = store.journal();
        assert!(journal.segments() > 4);
        for filter in &filters {
            let all = log.rows(filter);
            assert!(!all.is_empty());
            for (limit, back) in [(1_000, Back::No), (97, Back::No), (97, Back::Yes)] {
                assert_eq!(pages(&*journal, filter, limit, back), all, "{filter:?} by {limit}");
            }
        }
    };
    // A clean stop builds as much of it as is done soon, which on a slow machine is not all.
    indexed.indexer().build_missing(&|| false).unwrap();
    assert!(log.dir.path().join("index/00000000.idx").exists());
    check(&indexed);
    std::fs::remove_dir_all(log.dir.path().join("index")).unwrap();
    check(&log.store());
    assert!(!log.dir.path().join("index").exists(), "reading builds nothing");
}

#[test]
fn an_index_changes_what_is_read_and_nothing_that_is_answered() {
    let log = log_of_segments(64 << 10);
    let id = log.answered.to_string();
    let answers = || {
        let store = log.store();
        let journal = store.journal();
        let filter = DeadLetterFilter { user: Some("u1".into()), ..DeadLetterFilter::default() };
        let mut letters = Vec::new();
        let counts = query::dead_letters(&*journal, &filter, |letter| {
            letters.push(letter);
            Ok(ControlFlow::Continue(()))
        });
        let told = query::explain(&*journal, &id).unwrap();
        let by_prefix = query::explain(&*journal, &id[..12]).unwrap();
        assert_eq!(told, by_prefix);
        let Explanation::Person(told) = told else { panic!("it is about a person") };
        assert_eq!(told.user_id.as_deref(), Some("u1"));
        assert_eq!((told.trigger["user_id"].as_str(), told.learnt), (Some("u1"), Some(0.75)));
        assert_eq!((letters.len(), told.policy.is_some()), (1, true));
        (told, letters, counts.unwrap(), query::status(&store, "default", "u1").unwrap())
    };
    let with = answers();
    std::fs::remove_dir_all(log.dir.path().join("index")).unwrap();
    assert_eq!(answers(), with);
}

#[test]
fn an_index_spares_reading_what_does_not_concern_the_question() {
    let log = log_of_segments(64 << 10);
    let store = log.store();
    store.indexer().build_missing(&|| false).unwrap();
    let journal = store.journal();
    let read = |scan: Result<Box<dyn Scan + Send>, _>| {
        let (mut scan, mut bytes) = (scan.unwrap(), 0);
        while let Some(chunk) = scan.next_chunk().unwrap() {
            bytes += chunk.bytes.len();
        }
        bytes
    };
    let all = read(journal.scan(ScanFrom::default()));
    let by_decision = read(journal.find(&[Key::decision(log.answered)], ScanFrom::default()));
    let nobody = read(journal.find(&[Key::person("nobody")], ScanFrom::default()));
    println!("log {all} bytes, one decision {by_decision}, nobody {nobody}");
    assert!(by_decision > 0 && by_decision * 5 < all, "{by_decision} of {all}");
    assert_eq!(nobody, 0);
}

#[test]
fn a_stream_resumes_behind_every_event_with_the_names_of_all() {
    let log = log_of_segments(64 << 10);
    let store = log.store();
    let journal = store.journal();
    let all = log.rows(&EventFilter::default());
    let scope = Scope::everybody(Names::read(&*journal).unwrap());
    for (index, row) in all.iter().enumerate().step_by(131) {
        let filter = EventFilter { after: Some(row.position), ..EventFilter::default() };
        let mut rest = Vec::new();
        let mut walk = scope.walk_after(&*journal, row.position).unwrap();
        query::events(&mut walk, &filter, |row| {
            rest.push(row);
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
        assert_eq!(rest, all[index + 1..], "{}", row.position);
    }
    let beyond = "0:99999999".parse().unwrap();
    assert!(matches!(scope.walk_after(&*journal, beyond), Err(QueryError::Seek(_))));
}

#[test]
fn a_row_of_an_event_is_read_back_from_its_json() {
    let log = log();
    let rows = log.rows(&EventFilter { inputs: true, ..EventFilter::default() });
    for row in rows.iter().rev().take(200) {
        let text = serde_json::to_string(row).unwrap();
        assert_eq!(serde_json::from_str::<EventRow>(&text).unwrap(), *row);
    }
    let nobody = Scope::person(&*log.store().journal(), "u11").unwrap_err();
    assert!(nobody.to_string().contains("did you mean u1?"), "{nobody}");
}

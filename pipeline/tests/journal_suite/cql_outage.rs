//! The database is killed under load and comes back.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use zeitgeber::journal::{
    Journal,
    cql::{Connect, apply, check},
};
use zeitgeber_test_services::{Node, Servers, Size};

use crate::{
    cql::{OPTIONS, at, claimed, made, open},
    kit::{Hand, append_ok, checked, done, stored},
};

/// From the database answering again to the first append.
const BACK_WITHIN: Duration = Duration::from_secs(10);

#[test]
fn appends_go_on_by_themselves_when_the_database_was_killed_and_is_back() {
    let servers = Servers::start(Size { brokers: 0, cassandras: 1 });
    let connect = made(&servers.cql());
    let journal = claimed(&connect);
    let node = servers.node("cassandra-1");
    let mut hand = Hand::new(0);
    (0..20).for_each(|_| append_ok(&journal, &mut hand, 2));
    let (to, from) = mpsc::channel();
    node.kill();
    (0..5).for_each(|_| journal.submit(hand.next(3), done(&to)));
    assert!(from.recv_timeout(Duration::from_secs(2)).is_err(), "nothing can be acknowledged");
    node.start();
    let answering = Instant::now();
    for _ in 0..5 {
        let appended = from.recv_timeout(Duration::from_secs(60)).expect("completed");
        appended.result.expect("appended once the database was back");
    }
    assert!(answering.elapsed() < BACK_WITHIN, "it took {:?}", answering.elapsed());
    append_ok(&journal, &mut hand, 1);
    drop(journal);
    // What was acknowledged before and after is there, once.
    let next = open(&connect);
    assert_eq!(next.claim(zeitgeber_schemas::PartitionId(0)).expect("claimed"), hand.tail);
    assert_eq!(stored(&next, checked()).expect("scanned").len(), 26);
}

/// Sets a key of the database's configuration, or adds it.
fn set(node: &Node, key: &str, value: &str) {
    let file = find(node.dir(), "cassandra.yaml").expect("the database's configuration");
    let text = fs::read_to_string(&file).expect("readable");
    let others = text.lines().filter(|line| !line.starts_with(&format!("{key}:")));
    let text: Vec<String> = others.map(str::to_owned).chain([format!("{key}: {value}")]).collect();
    fs::write(&file, text.join("\n") + "\n").expect("written");
}

fn find(dir: &Path, name: &str) -> Option<PathBuf> {
    let entries = fs::read_dir(dir).ok()?.filter_map(Result::ok);
    entries.into_iter().find_map(|entry| match entry.path() {
        path if path.is_dir() => find(&path, name),
        path => (path.file_name()? == name).then_some(path),
    })
}

#[test]
fn a_wrong_password_is_refused_with_what_the_database_said() {
    let servers = Servers::start(Size { brokers: 0, cassandras: 1 });
    let node = servers.node("cassandra-1");
    node.stop();
    set(&node, "authenticator", "PasswordAuthenticator");
    node.start();
    let with = |password: &str| Connect {
        login: Some(("cassandra".into(), password.into())),
        ..at(&servers.cql())
    };
    // The first user is made a moment after the start.
    let until = Instant::now() + Duration::from_secs(60);
    let right = with("cassandra");
    while let Err(error) = apply(&right, &OPTIONS) {
        assert!(Instant::now() < until, "{error}: {:?}", std::error::Error::source(&error));
        thread::sleep(Duration::from_millis(500));
    }
    let error = check(&with("wrong")).expect_err("a wrong password");
    let mut said = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        said = format!("{said}: {error}");
        cause = error.source();
    }
    assert!(
        said.contains("could not connect") && said.to_lowercase().contains("password"),
        "{said}"
    );
}

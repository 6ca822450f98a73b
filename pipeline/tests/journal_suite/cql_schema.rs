//! The tables and their versions.

use zeitgeber::journal::{
    Journal,
    cql::{Connect, OpenError, SchemaError, apply, check, doubts},
};
use zeitgeber_test_services::cql;

use crate::{
    cql::{OPTIONS, claimed, connect, made, open, reader, run},
    kit::LAYOUT,
};

#[test]
fn tables_are_made_once_and_applying_again_changes_nothing() {
    let connect = connect(&cql());
    assert!(check(&connect).expect("asked").iter().all(|migration| !migration.is_applied));
    let error = reader(&connect).expect_err("no tables");
    assert!(matches!(error, OpenError::Schema(SchemaError::Missing { .. })), "{error}");
    let applied = apply(&connect, &OPTIONS).expect("applied");
    assert!(applied.iter().all(|migration| migration.is_applied));
    assert!(matches!(reader(&connect), Err(OpenError::NoLog { .. })));
    let journal = claimed(&connect);
    assert_eq!(apply(&connect, &OPTIONS).expect("applied again"), applied);
    assert_eq!((journal.layout(), open(&connect).layout()), (LAYOUT, LAYOUT));
}

#[test]
fn tables_of_a_later_program_or_of_another_text_are_refused() {
    let later = made(&cql());
    run(&later, "INSERT INTO {k}.migrations (version, name) VALUES (99, 'later')");
    let error = reader(&later).expect_err("too new");
    assert!(matches!(error, OpenError::Schema(SchemaError::TooNew { found: 99, .. })), "{error}");
    let other = made(&cql());
    run(&other, "UPDATE {k}.migrations SET hash = 0x00 WHERE version = 1");
    let error = check(&other).expect_err("another text");
    assert!(matches!(error, SchemaError::Other { version: 1, .. }), "{error}");
}

#[test]
fn options_of_tables_are_put_in_and_a_wrong_name_is_refused() {
    let connect = connect(&cql());
    let mut options = OPTIONS;
    options.table = "comment = 'of the tests'".into();
    options.keyspace = "AND durable_writes = true".into();
    assert!(apply(&connect, &options).expect("applied").iter().all(|m| m.is_applied));
    let wrong = Connect { keyspace: "a; DROP".into(), ..connect.clone() };
    assert!(matches!(apply(&wrong, &options), Err(SchemaError::Name { .. })));
}

#[test]
fn a_database_that_syncs_before_it_answers_raises_no_doubt() {
    assert_eq!(doubts(&connect(&cql())).expect("asked"), Vec::<String>::new());
}

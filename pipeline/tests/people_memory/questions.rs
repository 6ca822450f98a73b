//! Questions about one person: what they wait for, and what they are told.

use std::sync::mpsc::{Receiver, TryRecvError, channel};

use tempfile::TempDir;
use zeitgeber::{
    config::Config,
    cycle::{About, Action, Answer, Ask, Batch, Cycle, OutcomeDetail},
    door::profile::profile,
    ingest::Intake,
    journal::Appended,
    state::{Memory, Partition},
    store::Store,
};
use zeitgeber_schemas::PartitionId;

use super::kit::*;

const PARTITION: PartitionId = PartitionId(0);

/// A cycle with two people, everything durable.
fn cycle(dir: &TempDir) -> Cycle {
    let mut session = open(dir.path(), 1, Memory::UNBOUNDED);
    introduce(&mut session, 2);
    session.finish().unwrap();
    let store = Store::write(dir.path(), 1, 1 << 20).unwrap();
    let (held, _) = store.hold(Memory::UNBOUNDED).unwrap();
    let tail = store.tails().remove(0);
    Cycle::resume(held.into_iter().next().unwrap(), tail, 1 << 20, OutcomeDetail::Counts)
}

/// Asks at which position and at what time somebody is.
fn ask(cycle: &mut Cycle, about: About) -> Receiver<(u64, Option<i64>)> {
    let (sender, receiver) = channel();
    let wanted = match &about {
        About::Person { user_id, .. } => user_id.clone(),
        About::Everything => "u0".into(),
    };
    let question = Box::new(move |held: &mut Partition, position| {
        let subject = held.state().subject("default", &wanted);
        let person = held.person_or_rebuild(subject).unwrap();
        let clock = person.and_then(|person| held.clock_ms(subject, &person));
        Box::new(move || sender.send((position, clock)).unwrap()) as Answer
    });
    cycle.ask(Ask { about, question });
    receiver
}

fn person(user_id: &str) -> About {
    About::Person { tenant: "default".into(), user_id: user_id.into() }
}

fn sealed(cycle: &mut Cycle) -> Appended {
    let mut actions = Vec::new();
    cycle.flush(&mut actions);
    let Some(Action::Append(chunk)) = actions.pop() else { panic!("{actions:?}") };
    let number = chunk.header().number;
    Appended { partition: PARTITION, chunk: number, result: Ok(()), buffer: chunk.into_buffer() }
}

/// Takes a completion in and tells whoever waited for it.
fn complete(cycle: &mut Cycle, appended: Appended) {
    let mut actions = Vec::new();
    cycle.appended(appended, &mut actions);
    let Action::Acknowledge(mut ack) = actions.remove(0) else { panic!("{actions:?}") };
    ack.outgoing.release(PARTITION);
}

#[test]
fn cycle_2_a_person_of_whom_nothing_is_in_flight_is_told_at_once_as_of_the_durable_position() {
    let dir = TempDir::new().unwrap();
    let mut cycle = cycle(&dir);
    let durable = cycle.next_position();
    cycle.take(&batch(&reading(0, 1)), &mut Vec::new());
    assert!(cycle.next_position() > durable);
    let (position, clock) = ask(&mut cycle, person("u1")).try_recv().unwrap();
    assert_eq!((position, clock), (durable, None));
    let nobody = ask(&mut cycle, person("nobody")).try_recv().unwrap();
    assert_eq!(nobody, (durable, None));
    let moved = ask(&mut cycle, person("u0")).try_recv().unwrap();
    assert_eq!(moved, (durable, None), "a reading that only moves the clock holds nobody up");
    let waits = [ask(&mut cycle, About::Everything)];
    let reached = cycle.next_position();
    let in_flight = sealed(&mut cycle);
    // What is decided of somebody else behind it changes nothing for those who wait.
    cycle.take(&batch(&reading(1, 2)), &mut Vec::new());
    for wait in &waits {
        assert_eq!(wait.try_recv(), Err(TryRecvError::Empty));
    }
    complete(&mut cycle, in_flight);
    for wait in &waits {
        let (position, clock) = wait.try_recv().unwrap();
        assert_eq!(position, reached);
        assert!(clock.is_some(), "the reading is told of once it is durable");
    }
    assert_eq!(ask(&mut cycle, person("u0")).try_recv().unwrap().0, reached);
    let (position, clock) = ask(&mut cycle, person("u1")).try_recv().unwrap();
    assert_eq!((position, clock), (reached, None), "nor does one that came while others waited");
    let in_flight = sealed(&mut cycle);
    complete(&mut cycle, in_flight);
    let (position, clock) = ask(&mut cycle, person("u1")).try_recv().unwrap();
    assert_eq!(position, cycle.next_position());
    assert!(clock.is_some());
}

#[test]
fn cycle_2_what_a_person_is_told_never_runs_behind_what_is_durable() {
    let dir = TempDir::new().unwrap();
    let mut cycle = cycle(&dir);
    cycle.take(&batch(&reading(0, 1)), &mut Vec::new());
    let first = sealed(&mut cycle);
    let reached = cycle.next_position();
    cycle.take(&batch(&reading(0, 2)), &mut Vec::new());
    complete(&mut cycle, first);
    let (position, clock) = ask(&mut cycle, person("u0")).try_recv().unwrap();
    assert_eq!(position, reached);
    let of_the_first = clock.expect("the first reading is durable");
    let second = sealed(&mut cycle);
    complete(&mut cycle, second);
    let (_, clock) = ask(&mut cycle, person("u0")).try_recv().unwrap();
    assert!(clock.unwrap() > of_the_first, "the second one moved the clock on");
}

#[test]
fn cycle_2_a_profile_in_flight_holds_its_person_up() {
    let dir = TempDir::new().unwrap();
    let mut cycle = cycle(&dir);
    let mut intake = Intake::new(1);
    let given = br#"{"user_id":"u0","tz_offset_min":0,"device_scale":"actiwatch"}"#;
    intake.take_profile(0, &profile(given).unwrap());
    for (_, batch) in intake.take_batches(Batch::default) {
        cycle.take(&batch, &mut Vec::new());
    }
    let waits = ask(&mut cycle, person("u0"));
    assert_eq!(waits.try_recv(), Err(TryRecvError::Empty));
    assert!(ask(&mut cycle, person("u1")).try_recv().is_ok());
    let in_flight = sealed(&mut cycle);
    complete(&mut cycle, in_flight);
    assert_eq!(waits.try_recv().unwrap().0, cycle.next_position());
}

#[test]
fn cycle_2_a_configuration_in_flight_concerns_everybody() {
    let dir = TempDir::new().unwrap();
    let mut cycle = cycle(&dir);
    let mut configuration = Config::layered(None, [], &[]).unwrap().configuration();
    configuration.limits.daily_budget += 1;
    let mut intake = Intake::new(1);
    intake.configuration(PARTITION, &configuration);
    for (_, batch) in intake.take_batches(Batch::default) {
        cycle.take(&batch, &mut Vec::new());
    }
    let waits = ask(&mut cycle, person("u1"));
    assert_eq!(waits.try_recv(), Err(TryRecvError::Empty));
    let in_flight = sealed(&mut cycle);
    complete(&mut cycle, in_flight);
    assert_eq!(waits.try_recv().unwrap().0, cycle.next_position());
}

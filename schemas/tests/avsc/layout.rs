//! The hand-written codec against `apache-avro`: the same bytes, and no other bytes taken.

use std::fmt::Debug;

use apache_avro::{reader::datum::GenericDatumReader, writer::datum::GenericDatumWriter};
use proptest::{collection::vec, prelude::*, sample::Index};
use zeitgeber_schemas::{
    wire::{Malformed, Wire, from_bytes, get_bytes, get_long, put_long, to_bytes},
    *,
};

use crate::{
    draw::{Dice, Drawn},
    texts::{directory, files, schema},
};

/// Draws a value and writes it.
pub(crate) type Draw = fn(&mut Dice<'_>) -> Vec<u8>;

/// Reads bytes and writes what was read.
pub(crate) type Recode = fn(&[u8]) -> Result<Vec<u8>, Malformed>;

/// The bytes of a drawn value, which reading gives back.
fn one<T: Wire + Drawn + PartialEq + Debug>(dice: &mut Dice<'_>) -> Vec<u8> {
    let value = T::drawn(dice);
    let bytes = to_bytes(&value);
    assert_eq!(from_bytes(&bytes), Ok(value));
    bytes
}

fn one_again<T: Wire>(bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
    from_bytes::<T>(bytes).map(|value| to_bytes(&value))
}

fn envelope(dice: &mut Dice<'_>) -> Vec<u8> {
    let value = dice.envelope();
    let mut bytes = Vec::new();
    value.put(&mut bytes);
    let mut rest = &bytes[..];
    assert_eq!(Envelope::get(&mut rest), Ok(value));
    assert!(rest.is_empty());
    bytes
}

fn envelope_again(bytes: &mut &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut out = Vec::new();
    Envelope::get(bytes)?.put(&mut out);
    Ok(out)
}

fn input<T: Wire + Drawn + PartialEq + Debug>(dice: &mut Dice<'_>) -> Vec<u8> {
    [envelope(dice), one::<T>(dice)].concat()
}

fn input_again<T: Wire>(mut bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
    Ok([envelope_again(&mut bytes)?, one_again::<T>(bytes)?].concat())
}

fn one_reading_body(dice: &mut Dice<'_>) -> Vec<u8> {
    let value = dice.reading();
    let mut bytes = Vec::new();
    value.put(&mut bytes);
    let mut rest = &bytes[..];
    assert_eq!(ReadingBody::get(&mut rest), Ok(value));
    assert!(rest.is_empty());
    bytes
}

fn reading_body_again(mut bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
    let value = ReadingBody::get(&mut bytes)?;
    if !bytes.is_empty() {
        return Err(Malformed::Range);
    }
    let mut out = Vec::new();
    value.put(&mut out);
    Ok(out)
}

fn one_reading(dice: &mut Dice<'_>) -> Vec<u8> {
    [envelope(dice), one_reading_body(dice)].concat()
}

fn reading_again(mut bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
    Ok([envelope_again(&mut bytes)?, reading_body_again(bytes)?].concat())
}

fn one_chunk(dice: &mut Dice<'_>) -> Vec<u8> {
    [one::<ChunkHeader>(dice), one::<Vec<Entry>>(dice)].concat()
}

fn chunk_again(mut bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
    let header = to_bytes(&ChunkHeader::get(&mut bytes)?);
    Ok([header, one_again::<Vec<Entry>>(bytes)?].concat())
}

/// Another library reads the bytes whole with the schema's text, and writes the same bytes.
fn follows(name: &str, bytes: &[u8]) {
    let mut rest = bytes;
    let reader = GenericDatumReader::builder(schema(name)).build().unwrap();
    let value = reader.read_value(&mut rest).unwrap();
    assert!(rest.is_empty(), "{name} leaves bytes unread");
    let writer = GenericDatumWriter::builder(schema(name)).build().unwrap();
    assert_eq!(writer.write_value_to_vec(value).unwrap(), bytes);
}

/// Cut and lengthened bytes are refused, but where an earlier version's bytes end: those are read,
/// and written again with the defaults of what was added since.
fn takes_no_other_length(recode: Recode, bytes: &[u8]) {
    for cut in 0..bytes.len() {
        match recode(&bytes[..cut]) {
            Err(fault) => assert_eq!(fault, Malformed::Cut, "cut at {cut}"),
            Ok(again) => assert!(again.len() > cut && again.starts_with(&bytes[..cut]), "at {cut}"),
        }
    }
    recode(&[bytes, &[0]].concat()).unwrap_err();
}

/// Any bytes are read or refused; what was read, written and read again is the same.
fn is_total(recode: Recode, bytes: &[u8]) {
    if let Ok(canonical) = recode(bytes) {
        assert_eq!(recode(&canonical), Ok(canonical));
    }
}

macro_rules! laws {
    ($($schema:ident: $draw:expr, $recode:expr;)*) => {
        /// Every schema that says something: its name, its bytes drawn, its bytes recoded.
        pub(crate) const LAWS: &[(&str, Draw, Recode)] =
            &[$((stringify!($schema), $draw, $recode)),*];

        mod every_value_follows_its_schema_and_comes_back {
            use super::*;
            proptest! {$(
                #[test]
                fn $schema(entropy in vec(any::<u8>(), 0..600)) {
                    let bytes = $draw(&mut Dice(&entropy));
                    follows(stringify!($schema), &bytes);
                    assert_eq!($recode(&bytes).as_ref(), Ok(&bytes));
                }
            )*}
        }

        mod cut_and_foreign_bytes_are_refused_without_panic {
            use super::*;
            proptest! {$(
                #[test]
                fn $schema(
                    entropy in vec(any::<u8>(), 0..300),
                    at in any::<Index>(),
                    flip in 1..=u8::MAX,
                ) {
                    is_total($recode, &entropy);
                    let mut bytes = $draw(&mut Dice(&entropy));
                    takes_no_other_length($recode, &bytes);
                    *at.get_mut(&mut bytes) ^= flip;
                    is_total($recode, &bytes);
                }
            )*}
        }
    };
}

laws! {
    agent: input::<AgentBody>, input_again::<AgentBody>;
    agent_body: one::<AgentBody>, one_again::<AgentBody>;
    agent_health_changed: one::<AgentHealthChanged>, one_again::<AgentHealthChanged>;
    agent_registered: one::<AgentRegistered>, one_again::<AgentRegistered>;
    agent_seen: one::<AgentSeen>, one_again::<AgentSeen>;
    chunk: one_chunk, chunk_again;
    configuration: input::<ConfigurationBody>, input_again::<ConfigurationBody>;
    configuration_body: one::<ConfigurationBody>, one_again::<ConfigurationBody>;
    control: input::<ControlBody>, input_again::<ControlBody>;
    control_body: one::<ControlBody>, one_again::<ControlBody>;
    decision_withheld: one::<DecisionWithheld>, one_again::<DecisionWithheld>;
    shadow_decided: one::<ShadowDecided>, one_again::<ShadowDecided>;
    day_analysed: one::<DayAnalysed>, one_again::<DayAnalysed>;
    dead_lettered: one::<DeadLettered>, one_again::<DeadLettered>;
    decision_made: one::<DecisionMade>, one_again::<DecisionMade>;
    feedback: input::<FeedbackBody>, input_again::<FeedbackBody>;
    feedback_body: one::<FeedbackBody>, one_again::<FeedbackBody>;
    feedback_noted: one::<FeedbackNoted>, one_again::<FeedbackNoted>;
    feedback_orphaned: one::<FeedbackOrphaned>, one_again::<FeedbackOrphaned>;
    feedback_parked: one::<FeedbackParked>, one_again::<FeedbackParked>;
    feedback_recorded: one::<FeedbackRecorded>, one_again::<FeedbackRecorded>;
    intervention_issued: one::<InterventionIssued>, one_again::<InterventionIssued>;
    intervention_suppressed: one::<InterventionSuppressed>, one_again::<InterventionSuppressed>;
    outcome_expired: one::<OutcomeExpired>, one_again::<OutcomeExpired>;
    pool: input::<PoolBody>, input_again::<PoolBody>;
    pool_body: one::<PoolBody>, one_again::<PoolBody>;
    pool_opened: one::<PoolOpened>, one_again::<PoolOpened>;
    profile: input::<ProfileBody>, input_again::<ProfileBody>;
    profile_body: one::<ProfileBody>, one_again::<ProfileBody>;
    reading: one_reading, reading_again;
    reading_accepted: one::<ReadingAccepted>, one_again::<ReadingAccepted>;
    reading_body: one_reading_body, reading_body_again;
    rhythm_analysed: one::<RhythmAnalysed>, one_again::<RhythmAnalysed>;
    subject_opened: one::<SubjectOpened>, one_again::<SubjectOpened>;
    task: input::<TaskBody>, input_again::<TaskBody>;
    task_assigned: one::<TaskAssigned>, one_again::<TaskAssigned>;
    task_body: one::<TaskBody>, one_again::<TaskBody>;
    task_cancel: input::<TaskCancelBody>, input_again::<TaskCancelBody>;
    task_cancel_body: one::<TaskCancelBody>, one_again::<TaskCancelBody>;
    task_cancelled: one::<TaskCancelled>, one_again::<TaskCancelled>;
    task_completed: one::<TaskCompleted>, one_again::<TaskCompleted>;
    task_dead_lettered: one::<TaskDeadLettered>, one_again::<TaskDeadLettered>;
    task_escalated: one::<TaskEscalated>, one_again::<TaskEscalated>;
    task_expired: one::<TaskExpired>, one_again::<TaskExpired>;
    task_failed: one::<TaskFailed>, one_again::<TaskFailed>;
    task_queued: one::<TaskQueued>, one_again::<TaskQueued>;
    task_released: one::<TaskReleased>, one_again::<TaskReleased>;
    task_result: input::<TaskResultBody>, input_again::<TaskResultBody>;
    task_result_body: one::<TaskResultBody>, one_again::<TaskResultBody>;
    task_start: input::<TaskStartBody>, input_again::<TaskStartBody>;
    task_start_body: one::<TaskStartBody>, one_again::<TaskStartBody>;
    task_started: one::<TaskStarted>, one_again::<TaskStarted>;
    person_tick: input::<PersonTickBody>, input_again::<PersonTickBody>;
    person_tick_body: one::<PersonTickBody>, one_again::<PersonTickBody>;
    tick: input::<TickBody>, input_again::<TickBody>;
    tick_body: one::<TickBody>, one_again::<TickBody>;
    unreadable: one::<Unreadable>, one_again::<Unreadable>;
}

#[test]
fn every_schema_has_its_laws_or_is_empty() {
    let empty = ["configuration_set", "control_set", "pool_configured", "profile_set"];
    for name in empty {
        follows(name, &[]);
    }
    let mut names: Vec<_> = LAWS.iter().map(|law| law.0).chain(empty).collect();
    names.sort_unstable();
    assert_eq!(names, files(&directory()).keys().collect::<Vec<_>>());
}

#[test]
fn a_double_keeps_its_bits_even_as_not_a_number() {
    for bits in [0x7ff8_0000_0000_0001_u64, 0xfff0_0000_0000_0001, 1 << 63, 1] {
        let bytes = to_bytes(&Response::Reward(f64::from_bits(bits)));
        let Ok(Response::Reward(read)) = from_bytes(&bytes) else { panic!("{bytes:?}") };
        assert_eq!(read.to_bits(), bits);
    }
}

#[test]
fn an_unsigned_integer_above_the_greatest_long_is_written_as_that_and_none_is_negative() {
    let greatest = to_bytes(&u64::MAX);
    assert_eq!(greatest, to_bytes(&i64::MAX));
    assert_eq!(from_bytes::<u64>(&greatest), Ok(i64::MAX as u64));
    for negative in [-1, i64::MIN] {
        assert_eq!(from_bytes::<u64>(&to_bytes(&negative)), Err(Malformed::Range));
        assert_eq!(from_bytes::<u16>(&to_bytes(&negative)), Err(Malformed::Range));
    }
    assert_eq!(from_bytes::<i64>(&to_bytes(&i64::MIN)), Ok(i64::MIN));
}

#[test]
fn an_integer_of_more_than_64_bits_is_refused() {
    let mut longest = [0xff; 10];
    longest[9] = 1;
    assert_eq!(get_long(&mut &longest[..]), Ok(i64::MIN));
    longest[9] = 2;
    assert_eq!(get_long(&mut &longest[..]), Err(Malformed::Varint));
    assert_eq!(get_long(&mut &[0xff; 11][..]), Err(Malformed::Varint));
    assert_eq!(get_long(&mut &[0xff; 9][..]), Err(Malformed::Cut));
}

#[test]
fn an_array_may_come_in_several_blocks_with_their_sizes() {
    let mut bytes = Vec::new();
    for part in [1, 7, -2, 2, 8, 9, 0] {
        put_long(part, &mut bytes);
    }
    assert_eq!(from_bytes::<Vec<u32>>(&bytes), Ok(vec![7, 8, 9]));
}

#[test]
fn a_false_length_reserves_nothing_and_ends_at_once() {
    for length in [i64::MAX, i64::MIN, 1 << 61, -(1 << 61), -1] {
        let mut bytes = to_bytes(&length);
        assert!(get_bytes(&mut &bytes[..]).is_err());
        bytes.extend(to_bytes(&16i64));
        bytes.extend([0; 32]);
        assert!(from_bytes::<Vec<Entry>>(&bytes).is_err());
        assert!(from_bytes::<Vec<f64>>(&bytes).is_err());
        let reading = [&[0, 0, 0, 2], &bytes[..]].concat();
        assert!(reading_body_again(&reading).is_err());
    }
}

#[test]
fn a_false_count_of_empty_items_ends_at_once() {
    #[derive(Debug, PartialEq)]
    struct Empty;
    impl Wire for Empty {
        fn put(&self, _: &mut Vec<u8>) {}
        fn get(_: &mut &[u8]) -> Result<Self, Malformed> {
            Ok(Self)
        }
    }
    assert_eq!(from_bytes::<Vec<Empty>>(&to_bytes(&i64::MAX)), Err(Malformed::Cut));
}

#[test]
fn a_block_size_outside_the_bytes_is_refused() {
    for size in [-1, 3, i64::MAX] {
        let mut bytes = Vec::new();
        for part in [-1, size, 7, 0] {
            put_long(part, &mut bytes);
        }
        assert!(from_bytes::<Vec<u32>>(&bytes).is_err(), "{size}");
    }
}

proptest! {
    #[test]
    fn an_event_or_a_pools_input_is_read_or_refused_by_any_schema(
        at in 0..SchemaId::ALL.len(),
        payload in vec(any::<u8>(), 0..200),
    ) {
        let schema = SchemaId::ALL[at];
        if let Ok(event) = Event::from_payload(schema, &payload) {
            assert_eq!((event.schema(), schema.is_input()), (schema, false));
        }
        if let Ok(input) = TaskInput::from_payload(schema, &payload) {
            assert_eq!((input.schema(), schema.is_task_input()), (schema, true));
            let mut again = Vec::new();
            input.put_payload(&mut again);
            assert_eq!(TaskInput::from_payload(schema, &again), Ok(input));
        }
    }
}

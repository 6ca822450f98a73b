//! What watching costs: the same readings through one core with and without a tally.
//!
//! Both ways are measured in turns in one run, and the least time of each is compared, so that the
//! ratio stands whatever else the machine does. `cargo bench -p zeitgeber --bench tally`

use std::time::{Duration, Instant};

use zeitgeber::{
    bench::{Load, Plan},
    config::Config,
    cycle::{Action, Batch, Cycle, OutcomeDetail, Wants},
    door::Options,
    engine::Listener,
    ingest::Intake,
    journal::{Appended, Tail},
    telemetry::{Metrics, Recording},
};
use zeitgeber_processors::flow::State;
use zeitgeber_schemas::PartitionId;

/// Rounds of each way.
const ROUNDS: usize = 15;
/// Readings of a batch.
const BATCH: usize = 1_000;
/// Entry bytes at which a chunk is sealed.
const CHUNK_BYTES: usize = 256 << 10;
/// Acknowledgements that are poured together, as a core under load makes them.
const ACKS: usize = 4;

fn batches(load: &Load) -> Vec<Batch> {
    let options = Options { backfill: false, door_now_ms: i64::MAX, stamp_ms: None };
    let config = Config::layered(None, [], &[]).expect("the defaults fit together");
    let mut intake = Intake::new(1);
    intake.configuration(PartitionId(0), &config.configuration());
    load.profiles().for_each(|profile| intake.take_profile(1, &profile));
    let mut all = Vec::new();
    let datums: Vec<&[u8]> = load.avro().collect();
    for datums in datums.chunks(BATCH) {
        for (datum, number) in datums.iter().zip(1..) {
            intake.reading_datum(number, datum, &options);
        }
        all.extend(intake.take_batches(Batch::default).into_iter().map(|(_, batch)| batch));
    }
    all
}

/// Decides, applies and seals everything; with a recording, adds up and pours, too.
fn run(batches: &[Batch], mut recording: Option<&mut Recording>) -> Duration {
    let state = State::initial(PartitionId(0));
    let cycle = Cycle::resume(state, Tail::default(), CHUNK_BYTES, OutcomeDetail::Counts);
    let mut cycle = cycle.telling(Wants { tally: recording.is_some(), ..Wants::default() });
    let (mut actions, mut acks) = (Vec::new(), Vec::new());
    let begun = Instant::now();
    for batch in batches {
        cycle.take(batch, &mut actions);
        cycle.flush(&mut actions);
        let mut more = Vec::new();
        for action in actions.drain(..) {
            let Action::Append(chunk) = action else { continue };
            let (partition, number) = (PartitionId(0), chunk.header().number);
            let buffer = chunk.into_buffer();
            let appended = Appended { partition, chunk: number, result: Ok(()), buffer };
            cycle.appended(appended, &mut more);
        }
        for action in more {
            let Action::Acknowledge(mut ack) = action else { continue };
            ack.commit = recording.is_some().then_some(Duration::from_millis(1));
            acks.push(ack);
        }
        if acks.len() >= ACKS {
            if let Some(recording) = &mut recording {
                recording.durable(&acks);
            }
            acks.clear();
        }
    }
    begun.elapsed()
}

fn main() {
    let load = Load::new(Plan { people: 500, readings: 100_000 }).expect("the sample is there");
    let batches = batches(&load);
    let metrics = Metrics::new();
    let mut recording = metrics.recording();
    let (mut without, mut with) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        without = without.min(run(&batches, None));
        with = with.min(run(&batches, Some(&mut recording)));
    }
    let each = |took: Duration| took.as_secs_f64() * 1e9 / load.len() as f64;
    println!("a reading decided, applied and sealed: {:.0} ns", each(without));
    println!("the same, watched:                     {:.0} ns", each(with));
    println!("ratio: {:.4}", with.as_secs_f64() / without.as_secs_f64());
    let render = Instant::now();
    let bytes = metrics.render().len();
    println!("a scrape: {:?}, {} KB", render.elapsed(), bytes / 1_000);
}

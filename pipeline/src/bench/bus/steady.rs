//! Readings at a steady rate, and how long their interventions take to reach their topic.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use rdkafka::{Message, producer::BaseProducer};
use zeitgeber_schemas::Envelope;

use super::{
    BusBenchError, LOOK,
    clients::{self, Records},
};
use crate::{
    bus::kafka::{self, Input},
    config::Kafka,
    query::Topic,
};

/// Readings/s.
pub(super) const PER_S: usize = 10_000;
/// Readings before those that are measured: clients connect, caches fill.
const WARM_UP: usize = 3 * PER_S;
/// How long interventions of the last readings may take.
const STRAGGLERS: Duration = Duration::from_secs(1);

/// Times from a reading's production to its intervention on the topic, for the readings from the
/// one numbered `from`.
pub(super) fn visible(
    kafka: &Kafka,
    partitions: u16,
    records: &Records,
    from: usize,
    producer: &BaseProducer,
) -> Result<Vec<Duration>, BusBenchError> {
    let seen = clients::consumer(kafka, &kafka.output(Topic::Interventions), partitions)?;
    let stop = AtomicBool::new(false);
    let readings = kafka.topic(Input::Readings.as_str());
    std::thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let mut came = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                if let Some(Ok(message)) = seen.poll(LOOK) {
                    let input = message.payload().and_then(kafka::input_id_of);
                    came.extend(input.map(|id| (id, Instant::now())));
                }
            }
            came
        });
        let warm_up = WARM_UP.min((records.0.len() - from) / 2);
        let mut sent = HashMap::new();
        let began = Instant::now();
        for (number, (partition, key, value)) in records.0[from..].iter().enumerate() {
            let due = Duration::from_secs_f64(number as f64 / PER_S as f64);
            while let Some(early) = due.checked_sub(began.elapsed()) {
                // Slept, not polled: librdkafka counts in milliseconds, and would spin.
                std::thread::sleep(early);
                producer.poll(Duration::ZERO);
            }
            if number >= warm_up
                && let Ok(envelope) = Envelope::get(&mut &value[5..])
            {
                sent.insert(envelope.id.to_owned(), Instant::now());
            }
            clients::send(producer, &readings, i32::from(partition.0), key, value)?;
        }
        clients::flush(producer)?;
        std::thread::sleep(STRAGGLERS);
        stop.store(true, Ordering::Relaxed);
        let came = watching.join().unwrap_or_default();
        let took =
            |(id, at): &(String, Instant)| Some(at.saturating_duration_since(*sent.get(id)?));
        Ok(came.iter().filter_map(took).collect())
    })
}

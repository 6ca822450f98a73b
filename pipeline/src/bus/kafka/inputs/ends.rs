//! Offsets that are not there: taken by a topic's retention, or not reached by a topic made anew.
//!
//! The client tells that some offset cannot be had, not which; the topics' ends tell the rest.

use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;

use super::reader::{Open, Place, Reader};
use crate::bus::kafka::{forgotten, number};

/// How long a broker may take to tell the ends of a topic.
const ENDS_TIME_OUT: Duration = Duration::from_secs(5);
/// Pause before topics that end before their cursor are looked at again.
const STUCK_PAUSE: Duration = Duration::from_secs(10);
/// Pause before a broker that did not answer is asked again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

impl Reader {
    /// Some offset is not there (any more); which, the topics' ends tell.
    pub(super) fn find_ends(&mut self) {
        let places: Vec<Place> = self.open.keys().copied().collect();
        for place in places {
            let Some(open) = self.open.get(&place) else { continue };
            if open.stuck.is_some() {
                continue;
            }
            self.find_end(place);
        }
    }

    fn find_end(&mut self, place: Place) {
        let topic = &self.names[place.0 as usize];
        let ends = self.consumer.fetch_watermarks(topic, number(place.1), ENDS_TIME_OUT);
        let Some(open) = self.open.get_mut(&place) else { return };
        let (next, partition) = (open.next, place.1.0);
        let (low, high) = match ends {
            Ok((low, high)) => (low.max(0) as u64, high.max(0) as u64),
            Err(error) => {
                tracing::warn!(%error, topic, partition, "could not ask where the topic ends");
                open.stuck = Some(Instant::now() + AGAIN_AFTER);
                return;
            }
        };
        let was_stuck = open.stuck.take().is_some();
        if next < low {
            let lost = low - next;
            tracing::error!(
                topic,
                partition,
                lost,
                from = next,
                to = low,
                "the topic's retention took records before they were read: they are lost"
            );
            self.meter.lost(lost);
            open.next = low;
        } else if next > high {
            if !was_stuck {
                tracing::error!(
                    topic,
                    partition,
                    cursor = next,
                    end = high,
                    "the topic ends before what the log covers: was it made anew? Nothing of it \
                     is read until it reaches the cursor; raise kafka.incarnation to read it from \
                     its beginning"
                );
            }
            open.stuck = Some(Instant::now() + STUCK_PAUSE);
            return;
        }
        // Also where the offset is there: it may have been missing for a moment only, and the
        // client reads nothing more of what it could not find.
        let next = open.next;
        let list = self.list(place, None);
        // It may have been dropped from the assignment by the failure itself.
        drop(self.consumer.incremental_unassign(&list));
        self.assign(place, next);
    }

    /// Looks after the clients, and now and then at what the ends of topics tell.
    pub(super) fn look_around(&mut self) {
        self.forward.idle();
        let consumer = &self.consumer;
        forgotten::look_after(consumer.client(), consumer.context(), &self.kafka.brokers);
        let partitions = self.handle.layout().partitions;
        for (topic, found) in self.meter.unread(&self.names, partitions) {
            tracing::error!(
                topic,
                found,
                partitions,
                "the topic has more partitions than the log: nobody reads the others. Send what is \
                 on them again to the first, and make the topic anew with as many as the log has"
            );
        }
        let now = Instant::now();
        let due = |open: &Open| open.stuck.is_some_and(|at| at <= now);
        let due: Vec<Place> =
            self.open.iter().filter(|(_, open)| due(open)).map(|(place, _)| *place).collect();
        due.into_iter().for_each(|place| self.find_end(place));
    }
}

//! What was decided and is not durable yet, as far as it concerns what people are told.
//!
//! A reading that causes nothing else only moves its person's clock on. So while nothing but such
//! readings of a person waits for the disk, where they stood at the last durable position is known:
//! as they are now, with the clock of then.

use std::collections::VecDeque;

use zeitgeber_processors::flow::{Body, Input, State};
use zeitgeber_schemas::Event;

/// An input that waits for the disk.
#[derive(Debug, Clone, Copy)]
struct Flying {
    /// Of its first event.
    position: u64,
    /// Whom it concerns; 0: everybody.
    subject: u64,
    /// The person's clock before it, where it does nothing but move that.
    clock_ms: Option<Option<i64>>,
}

/// The inputs that wait, oldest first.
#[derive(Debug, Default)]
pub(super) struct Flight(VecDeque<Flying>);

/// How a person can be told of at the last durable position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    /// As they are.
    Now,
    /// As they are, but for their clock.
    Clock(Option<i64>),
    /// Not yet.
    Later,
}

impl Flight {
    /// Notes an input with its events, before they are folded.
    pub(super) fn note(
        &mut self,
        position: u64,
        subject: u64,
        input: &Input<'_>,
        events: &[Event],
        state: &State,
    ) {
        let (subject, clock_ms) = match input.body {
            // Pools are numbered apart from people.
            Body::Task(_) => return,
            Body::Configuration(_) => (0, None),
            _ if matches!(events, [Event::ReadingAccepted(_)]) => {
                (subject, Some(state.person(subject).and_then(|person| person.rhythm.clock_ms())))
            }
            _ => (subject, None),
        };
        self.0.push_back(Flying { position, subject, clock_ms });
    }

    /// Everything before this position is durable.
    pub(super) fn landed(&mut self, durable: u64) {
        while self.0.front().is_some_and(|first| first.position < durable) {
            self.0.pop_front();
        }
    }

    /// How a person can be told of.
    pub(super) fn view(&self, subject: u64) -> View {
        let mut view = View::Now;
        for flying in self.0.iter().filter(|known| known.subject == subject || known.subject == 0) {
            view = match (view, flying.clock_ms) {
                (_, None) => return View::Later,
                (View::Now, Some(clock_ms)) => View::Clock(clock_ms),
                (earlier, Some(_)) => earlier,
            };
        }
        view
    }
}

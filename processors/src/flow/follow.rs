//! What the stages after validation make of a reading, or of a clock that moved on without one.

use alloc::{boxed::Box, vec::Vec};

use zeitgeber_schemas::{Event, ReadingAccepted, Span};

use super::{Desk, Outcome, Person, State};
use crate::{
    feedback, intervention, rhythm,
    routing::{self, Decided},
    validation::Arrival,
};

impl State {
    /// What the stages after validation make of an accepted reading.
    pub(super) fn follow(
        &self,
        desk: &mut Desk,
        person: &Person,
        arrival: &Arrival<'_>,
        accepted: &ReadingAccepted,
        out: &mut Vec<Event>,
    ) {
        let reading = rhythm::Accepted { envelope: arrival.envelope, body: arrival.body, accepted };
        desk.analyses.clear();
        rhythm::decide(&desk.tables, &person.rhythm, &person.profile, &reading, &mut desk.analyses);
        self.act(desk, person, arrival.envelope.received(), arrival.body.backfill, out);
    }

    /// What the stages make of a person's clock that reaches an instant without a reading.
    pub(super) fn decide_tick(
        &self,
        desk: &mut Desk,
        subject: u64,
        at_ms: i64,
        out: &mut Vec<Event>,
    ) -> Outcome {
        let Some(person) = self.person(subject) else { return Outcome::Idle };
        let (rhythm, profile) = (&person.rhythm, &person.profile);
        desk.analyses.clear();
        rhythm::decide_tick(&desk.tables, rhythm, profile, at_ms, &mut desk.analyses);
        self.act(desk, person, at_ms, false, out);
        if out.is_empty() { Outcome::Idle } else { Outcome::Stored }
    }

    /// What the stages after rhythm make of the analyses on the desk.
    fn act(
        &self,
        desk: &mut Desk,
        person: &Person,
        received_ms: i64,
        backfill: bool,
        out: &mut Vec<Event>,
    ) {
        if desk.analyses.is_empty() {
            return;
        }
        let clock_ms = received_ms.max(person.rhythm.clock_ms().unwrap_or(i64::MIN));
        desk.expired.clear();
        let windows = &desk.analyses.windows;
        let seals_hour = windows.iter().any(|analysed| analysed.span == Span::Hour);
        if seals_hour {
            feedback::decide_expiry(&self.feedback, &person.feedback, clock_ms, &mut desk.expired);
        }
        let context = routing::Context {
            partition: self.partition,
            key: &person.key,
            profile: &person.profile,
            clock_ms,
            backfill,
        };
        let analyses = &desk.analyses.windows;
        let decided = routing::decide(&self.routing, &person.routing, &context, analyses);
        let (days, windows) = (desk.analyses.days.drain(..), desk.analyses.windows.drain(..));
        out.extend(days.map(|event| Event::DayAnalysed(Box::new(event))));
        out.extend(windows.map(|event| Event::RhythmAnalysed(Box::new(event))));
        out.extend(desk.expired.drain(..).map(Event::OutcomeExpired));
        if seals_hour {
            let made = match &decided {
                Some(Decided::Made(decision, _)) => Some(decision.decision_id),
                _ => None,
            };
            feedback::decide_orphans(&self.feedback, clock_ms, made, out);
        }
        match decided {
            None => {}
            Some(Decided::Withheld(withheld)) => out.push(Event::DecisionWithheld(withheld)),
            Some(Decided::Made(decision, shadow)) => {
                let (shared, known) = (&self.intervention, &person.intervention);
                let outcome = intervention::decide(shared, known, &person.profile, &decision);
                let suppressed = match &outcome {
                    intervention::Outcome::Issued(_) => None,
                    intervention::Outcome::Suppressed(event) => Some(event),
                };
                desk.arrived.clear();
                let (whose, arrived) = ((&*person.tenant, &*person.user_id), &mut desk.arrived);
                feedback::decide_arrivals(&self.feedback, whose, &decision, suppressed, arrived);
                out.push(Event::DecisionMade(decision));
                out.extend(shadow.map(Event::ShadowDecided));
                out.push(match outcome {
                    intervention::Outcome::Issued(issued) => Event::InterventionIssued(issued),
                    intervention::Outcome::Suppressed(event) => {
                        Event::InterventionSuppressed(event)
                    }
                });
                out.append(&mut desk.arrived);
            }
        }
    }
}

//! The fold: one event into the state of every stage that remembers it.

use zeitgeber_schemas::{Event, ProfileBody, RhythmAnalysed, Span, person_key};

use super::{Body, Input, Person, Recent, State, command};
use crate::{
    feedback, intervention, rhythm, routing,
    validation::{self, Arrival},
};

impl State {
    /// Folds one event of an input of `subject`. Total: it cannot fail.
    pub fn apply(
        &mut self,
        subject: u64,
        input: &Input<'_>,
        what: &Event,
        raw_hash: impl FnOnce() -> [u8; 16],
    ) {
        if let (Body::Task(body), false) = (input.body, matches!(what, Event::DeadLettered(_))) {
            let command = command(input, body);
            self.refused.advance(command.at_ms());
            return self.pools_mut().apply(subject, &command, what);
        }
        match (what, input.body) {
            (Event::SubjectOpened(event), Body::Profile(profile)) => {
                self.open(input.envelope.tenant, &event.user_id, profile);
            }
            (Event::ConfigurationSet, Body::Configuration(body)) => {
                routing::apply_configuration(&mut self.routing, body);
                intervention::apply_configuration(&mut self.intervention, body);
                feedback::apply_configuration(&mut self.feedback, body);
            }
            (Event::ControlSet, Body::Control(order)) => {
                let key = person_key(input.envelope.tenant, input.envelope.user_id);
                routing::apply_control(&mut self.routing, &key, order);
                intervention::apply_control(&mut self.intervention, order);
                feedback::apply_control(&mut self.feedback, order);
            }
            (Event::DeadLettered(_), _) => self.refused.insert(raw_hash()),
            (Event::FeedbackRecorded(event), _) => {
                routing::apply_feedback(&mut self.routing, event);
                feedback::apply_recorded(&mut self.feedback, event);
                self.apply_to_person(subject, input, what);
            }
            (Event::FeedbackNoted(event), _) => {
                routing::apply_noted(&mut self.routing, event);
                feedback::apply_noted(&mut self.feedback, event);
                self.apply_to_person(subject, input, what);
            }
            (Event::FeedbackParked(event), Body::Feedback(body)) => {
                feedback::apply_parked(&mut self.feedback, &input.envelope, body, event);
            }
            (Event::FeedbackOrphaned(event), _) => {
                feedback::apply_orphaned(&mut self.feedback, event);
            }
            (Event::OutcomeExpired(event), _) => {
                routing::apply_expired(&mut self.routing, event);
                feedback::apply_expired(&mut self.feedback, event);
                self.apply_to_person(subject, input, what);
            }
            _ => self.apply_to_person(subject, input, what),
        }
        self.people.note_due(subject);
    }

    fn apply_to_person(&mut self, subject: u64, input: &Input<'_>, event: &Event) {
        let Some(person) = self.people.get_mut(subject) else { return };
        match (event, input.body) {
            (Event::ReadingAccepted(accepted), Body::Reading(body)) => {
                let envelope = input.envelope;
                let arrival = Arrival { envelope, body, content: input.content };
                validation::apply(&mut person.validation, &arrival, accepted);
                let reading = rhythm::Accepted { envelope, body, accepted };
                rhythm::apply_reading(&mut person.rhythm, &person.profile, &reading);
                self.refused.advance(envelope.received());
            }
            (Event::ProfileSet, Body::Profile(profile)) => person.profile = profile.clone(),
            (Event::RhythmAnalysed(event), body) => {
                if let Body::Tick(tick) = body {
                    rhythm::apply_tick(&mut person.rhythm, &person.profile, tick.at_ms);
                }
                rhythm::apply_analysed(&mut person.rhythm, event);
                routing::apply_analysed(&mut person.routing, event);
                if event.span == Span::Hour {
                    let clock_ms = person.rhythm.clock_ms().unwrap_or(i64::MIN);
                    feedback::apply_clock(&mut self.feedback, &mut person.feedback, clock_ms);
                    let newer = |old: &RhythmAnalysed| event.window_end_ms >= old.window_end_ms;
                    if person.latest.as_deref().is_none_or(newer) {
                        person.latest = Some(event.clone());
                    }
                }
            }
            (Event::DayAnalysed(event), body) => {
                if let Body::Tick(tick) = body {
                    rhythm::apply_tick(&mut person.rhythm, &person.profile, tick.at_ms);
                }
                rhythm::apply_day(&mut person.rhythm, event);
            }
            (Event::DecisionMade(event), _) => {
                routing::apply_decision(&mut self.routing, &mut person.routing, event);
                feedback::apply_decision(&mut self.feedback, &mut person.feedback, subject, event);
                person.recent.apply_decision(event);
            }
            (Event::InterventionIssued(event), _) => {
                routing::apply_issued(&mut person.routing, &person.profile, event);
                intervention::apply_issued(&mut person.intervention, &person.profile, event);
                person.recent.apply_issued(event);
            }
            (Event::InterventionSuppressed(event), _) => {
                feedback::apply_suppressed(&mut self.feedback, event);
                person.recent.apply_suppressed(event);
            }
            (Event::FeedbackRecorded(event), _) => person.recent.apply_recorded(event),
            (Event::FeedbackNoted(event), _) => person.recent.apply_noted(event),
            (Event::OutcomeExpired(event), _) => person.recent.apply_expired(event),
            _ => {}
        }
    }

    fn open(&mut self, tenant: &str, user_id: &str, profile: &ProfileBody) {
        let key = person_key(tenant, user_id).into_owned();
        self.people.push(Person {
            tenant: tenant.into(),
            user_id: user_id.into(),
            key,
            profile: profile.clone(),
            latest: None,
            recent: Recent::initial(),
            validation: validation::Person::initial(),
            rhythm: rhythm::Person::initial(),
            routing: routing::Person::initial(),
            intervention: intervention::Person::initial(),
            feedback: feedback::Person::initial(),
        });
    }
}

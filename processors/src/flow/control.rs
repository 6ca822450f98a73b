//! Orders about decisions, and configurations: what stands, what stands already, what cannot.

use alloc::vec::Vec;

use zeitgeber_schemas::{
    ControlBody, ControlScope, DeadLettered, Envelope, Event, Reason, person_key,
};

use super::{Outcome, State};
use crate::{routing, versions::Verdict};

impl State {
    pub(super) fn decide_control(
        &self,
        subject: u64,
        envelope: &Envelope<'_>,
        order: &ControlBody,
        raw_hash: impl FnOnce() -> [u8; 16],
        out: &mut Vec<Event>,
    ) -> Outcome {
        if order.scope == ControlScope::Person && subject == 0 {
            let detail = "nobody is known by this id".into();
            let refusal = DeadLettered { reason: Reason::UnknownUser, detail };
            return self.refuse(refusal, raw_hash, out);
        }
        let key = person_key(envelope.tenant, envelope.user_id);
        let verdict = routing::decide_control(&self.routing, &key, order);
        self.stand(verdict, Event::ControlSet, raw_hash, out)
    }

    /// What a verdict about an input that is all its event says comes to.
    pub(super) fn stand(
        &self,
        verdict: Verdict,
        event: Event,
        raw_hash: impl FnOnce() -> [u8; 16],
        out: &mut Vec<Event>,
    ) -> Outcome {
        match verdict {
            Verdict::Repeated => Outcome::Repeated(None),
            Verdict::Refused(detail) => {
                self.refuse(DeadLettered { reason: Reason::Conflict, detail }, raw_hash, out)
            }
            Verdict::Taken => {
                out.push(event);
                Outcome::Stored
            }
        }
    }
}

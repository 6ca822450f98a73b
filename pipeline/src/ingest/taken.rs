//! A session's own intake: one input at a time, handed over whenever enough are pending.

use zeitgeber_schemas::Envelope;

use super::{Session, SessionError};
use crate::{
    cycle::Raw,
    door::{Options, Refusal, feedback::Feedback, profile::Profile, tasks::PoolInput},
};

/// Bytes of pending batches at which they are handed over.
const HAND_OVER_BYTES: usize = 1 << 20;
/// Inputs of pending batches at which they are handed over.
const HAND_OVER_ITEMS: usize = 4_096;

impl Session {
    /// Takes one NDJSON line.
    pub fn reading_line(
        &mut self,
        number: u64,
        line: &[u8],
        options: &Options,
    ) -> Result<(), SessionError> {
        self.intake.reading_line(number, line, options);
        self.taken()
    }

    /// Takes one reading as envelope and body in Avro, as a producer in process has it. The bytes
    /// were checked by the Avro door.
    pub fn reading_avro(
        &mut self,
        number: u64,
        envelope: &Envelope<'_>,
        bytes: &[u8],
    ) -> Result<(), SessionError> {
        self.intake.reading_avro(number, envelope, bytes);
        self.taken()
    }

    /// Takes an input that the door refused.
    pub fn refused_bytes(
        &mut self,
        number: u64,
        refusal: &Refusal,
        raw: &[u8],
    ) -> Result<(), SessionError> {
        self.intake.refused_bytes(number, refusal, raw);
        self.taken()
    }

    /// Takes an input that the door refused, of which only the head is at hand.
    pub fn refused(
        &mut self,
        number: u64,
        refusal: &Refusal,
        head: &[u8],
        raw: Raw,
    ) -> Result<(), SessionError> {
        self.intake.refused(number, refusal, head, raw);
        self.taken()
    }

    /// Takes one profile as the door read it.
    pub fn take_profile(&mut self, number: u64, profile: &Profile) -> Result<(), SessionError> {
        self.intake.take_profile(number, profile);
        self.taken()
    }

    /// Takes one piece of feedback as the door read it from `raw`; none where it came as no bytes.
    pub fn take_feedback(
        &mut self,
        number: u64,
        feedback: &Feedback,
        raw: &[u8],
    ) -> Result<(), SessionError> {
        self.intake.take_feedback(number, feedback, raw);
        self.taken()
    }

    /// Takes an input of a pool of agents as the door read it from `raw`; none where it came as no
    /// bytes.
    pub fn take_command(
        &mut self,
        number: u64,
        command: &PoolInput,
        raw: &[u8],
    ) -> Result<(), SessionError> {
        self.intake.take_command(number, command, raw);
        self.taken()
    }

    /// Lends the session's encoding buffer, emptied, to a caller that encodes for it.
    pub fn borrow_scratch(&mut self) -> Vec<u8> {
        self.intake.borrow_scratch()
    }

    /// Takes the lent buffer back.
    pub fn return_scratch(&mut self, buffer: Vec<u8>) {
        self.intake.return_scratch(buffer);
    }

    fn taken(&mut self) -> Result<(), SessionError> {
        if self.intake.bytes() >= HAND_OVER_BYTES || self.intake.items() >= HAND_OVER_ITEMS {
            self.hand_over()?;
        }
        Ok(())
    }
}

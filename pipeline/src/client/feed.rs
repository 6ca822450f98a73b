//! Batches on their way to a service, one after the other, while the next one is being read.
//!
//! One request at a time keeps each person's inputs in their order. A batch whose answer was lost
//! is sent again as it is: what had become durable is then told as a repeat.

use std::{io, thread::JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use http::Method;
use serde::Deserialize;
use zeitgeber_schemas::{FieldSet, FlagSet, Reason};

use super::{
    ANSWER, Batch, Call, Client, ClientError, Who,
    batch::{command_who, feedback_who, reading_who},
};
use crate::{
    cycle::{Counts, LineOutcome},
    door::json,
};

/// Batches that wait behind the one that is being sent.
const WAITING: usize = 1;

/// Where batches go in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// Readings as they arrived.
    Readings,
    /// Readings loaded after the fact.
    Backfill,
    /// Feedback.
    Feedback,
    /// Inputs of pools of agents.
    Tasks,
}

/// What a service says of the inputs of one request.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
pub struct Answer {
    /// Inputs that count.
    pub accepted: u64,
    /// Inputs refused.
    pub rejected: u64,
    /// Exact repeats.
    pub duplicate: u64,
    /// What became of each input, in order.
    #[serde(default)]
    outcomes: Vec<Told>,
    /// How many of what they caused.
    #[serde(default)]
    pub counts: Option<Counts>,
}

/// What a service says to a request, whether it writes the log or hands inputs on.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Answered {
    /// All of it is durable.
    Told(Answer),
    /// A bus keeps it; what becomes of it is told by the log.
    Queued {
        /// How many inputs.
        queued: u64,
    },
}

/// What a service says of one input.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Told {
    line: u64,
    #[serde(default)]
    reason: Option<Reason>,
    #[serde(default)]
    dropped_fields: Vec<String>,
    #[serde(default)]
    dropped_intervals: u32,
    #[serde(default)]
    flags: Vec<String>,
}

/// What became of one batch.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sent {
    /// How many inputs it carried.
    pub inputs: u64,
    /// How many of what.
    pub counts: Counts,
    /// What became of each line, by its number in the file, where that was asked for.
    pub lines: Vec<LineOutcome>,
    /// Whether it was sent again though the service may have taken it before.
    pub again: bool,
    /// Inputs larger than the service takes.
    pub unsent: u64,
    /// Inputs that the service handed on to a bus.
    pub queued: u64,
}

/// A thread that sends batches.
#[derive(Debug)]
pub struct Feed {
    batches: Sender<Batch>,
    sent: Receiver<Result<Sent, ClientError>>,
    thread: JoinHandle<()>,
}

impl Door {
    /// Reads whom a line is about.
    pub fn who(self) -> fn(&[u8], &mut json::Scratch) -> Who {
        match self {
            Self::Readings | Self::Backfill => reading_who,
            Self::Feedback => feedback_who,
            Self::Tasks => command_who,
        }
    }

    const fn path(self) -> [&'static str; 2] {
        match self {
            Self::Readings | Self::Backfill => ["v1", "readings"],
            Self::Feedback => ["v1", "feedback"],
            Self::Tasks => ["v1", "tasks"],
        }
    }

    fn query(self) -> Vec<(&'static str, String)> {
        match self {
            Self::Backfill => vec![("backfill", "true".into())],
            Self::Tasks => vec![("as_sent", "true".into())],
            Self::Readings | Self::Feedback => Vec::new(),
        }
    }
}

impl Feed {
    /// Starts sending to one door of a service.
    pub fn start(client: &Client, door: Door) -> io::Result<Self> {
        let (batches, waiting) = bounded::<Batch>(WAITING);
        let (told, sent) = unbounded();
        let client = client.clone();
        let send = move || {
            for batch in waiting {
                let result = deliver(&client, door, batch);
                let failed = result.is_err();
                if told.send(result).is_err() || failed {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("feed".into()).spawn(send)?;
        Ok(Self { batches, sent, thread })
    }

    /// Hands a batch over, waiting while enough are on their way. `false` once sending failed,
    /// which [`Self::finish`] explains.
    pub fn give(&self, batch: Batch) -> bool {
        self.batches.send(batch).is_ok()
    }

    /// What was answered since the last call.
    pub fn answered(&self) -> impl Iterator<Item = Result<Sent, ClientError>> {
        self.sent.try_iter()
    }

    /// Waits for what is on its way; the last answers.
    pub fn finish(self) -> Vec<Result<Sent, ClientError>> {
        drop(self.batches);
        if let Err(panic) = self.thread.join() {
            std::panic::resume_unwind(panic);
        }
        self.sent.try_iter().collect()
    }
}

/// Sends one batch until it is answered; in halves where it is too large for the service.
fn deliver(client: &Client, door: Door, batch: Batch) -> Result<Sent, ClientError> {
    let mut again = false;
    let answer = {
        let body = batch.body();
        let query = door.query();
        let call = Call {
            method: Method::POST,
            path: &door.path(),
            query: &query,
            body: Some((batch.format().media_type(), &body)),
            wait: ANSWER,
        };
        client.persist_noting(&call, &mut again)
    };
    let inputs = batch.inputs();
    match answer.or_else(|error| Answered::of_refusal(error, inputs)) {
        Ok(Answered::Told(answer)) => Ok(answer.told(&batch, again)),
        Ok(Answered::Queued { queued }) => {
            Ok(Sent { inputs: inputs as u64, again, queued, ..Sent::default() })
        }
        Err(error) if error.problem().is_some_and(|problem| problem.status == 413) => {
            match batch.clone().halves() {
                Some((first, second)) => {
                    let mut sent = deliver(client, door, first)?;
                    sent.add(deliver(client, door, second)?);
                    Ok(sent)
                }
                None => Ok(Answer::too_large().unsent(&batch)),
            }
        }
        Err(error) => Err(error),
    }
}

impl Client {
    /// Asks as [`Client::ask`] does, and notes whether an attempt that failed may have been taken.
    fn persist_noting(&self, call: &Call<'_>, taken: &mut bool) -> Result<Answered, ClientError> {
        self.patience.persist(&self.stop, || {
            let answer = self.ask_once(call);
            *taken |= answer.as_ref().is_err_and(ClientError::may_have_been_taken);
            answer
        })
    }
}

impl Answered {
    /// The refusal of a single input by a stage comes as a problem.
    pub(super) fn of_refusal(error: ClientError, inputs: usize) -> Result<Self, ClientError> {
        let reason = match &error {
            ClientError::Refused { problem } if inputs == 1 => problem.reason,
            _ => None,
        };
        let Some(reason) = reason else { return Err(error) };
        let outcomes = vec![Told::refused(reason)];
        Ok(Self::Told(Answer { rejected: 1, outcomes, ..Answer::default() }))
    }
}

impl Answer {
    fn too_large() -> Self {
        let outcomes = vec![Told::refused(Reason::Oversized)];
        Self { rejected: 1, outcomes, ..Self::default() }
    }

    /// The counts as a directory's writer tells them, as far as the service says.
    pub fn counts(&self) -> Counts {
        self.counts.unwrap_or(Counts {
            accepted: self.accepted,
            refused: self.rejected,
            repeats: self.duplicate,
            ..Counts::default()
        })
    }

    fn told(self, batch: &Batch, again: bool) -> Sent {
        let counts = self.counts();
        let tells = !batch.who.is_empty();
        let lines = self.outcomes.iter().filter(|_| tells).map(|told| told.outcome(batch));
        let (inputs, lines) = (batch.inputs() as u64, lines.collect());
        Sent { inputs, counts, lines, again, ..Sent::default() }
    }

    fn unsent(self, batch: &Batch) -> Sent {
        Sent { unsent: 1, ..self.told(batch, false) }
    }
}

impl Told {
    fn refused(reason: Reason) -> Self {
        let reason = Some(reason);
        Self { line: 1, reason, dropped_fields: vec![], dropped_intervals: 0, flags: vec![] }
    }

    /// The outcome as a directory's writer tells it: with the line's number in the file, and whom
    /// it is about, which the service takes for known.
    fn outcome(&self, batch: &Batch) -> LineOutcome {
        let index = self.line.saturating_sub(1);
        let who = usize::try_from(index).ok().and_then(|index| batch.who.get(index)).cloned();
        let Who { user_id, kind } = who.unwrap_or_default();
        let line = batch.first + index;
        match self.reason {
            Some(reason) => LineOutcome::refused(line, user_id, kind, reason),
            None => LineOutcome {
                dropped_fields: known(&FieldSet::NAMES, &self.dropped_fields),
                dropped_intervals: self.dropped_intervals,
                flags: known(&FlagSet::NAMES, &self.flags),
                ..LineOutcome::of_events(line, user_id, kind, &[])
            },
        }
    }
}

/// Those of the names that this version knows.
fn known(names: &[&'static str], said: &[String]) -> Vec<&'static str> {
    names.iter().copied().filter(|name| said.iter().any(|said| said == name)).collect()
}

impl Sent {
    /// A line that is too long to be sent at all.
    pub fn too_long(line: u64) -> Self {
        let counts = Counts { refused: 1, ..Counts::default() };
        let lines = vec![LineOutcome::refused(line, None, None, Reason::Oversized)];
        Self { inputs: 1, counts, lines, unsent: 1, ..Self::default() }
    }

    fn add(&mut self, other: Self) {
        self.inputs += other.inputs;
        self.counts += other.counts;
        self.lines.extend(other.lines);
        self.again |= other.again;
        self.unsent += other.unsent;
        self.queued += other.queued;
    }
}

//! Who sends: people's devices, a file that is read in pieces, a pool of agents, an operator.
//!
//! Inputs come in parcels. A parcel that was not acknowledged is sent again, as a client does.

use std::{collections::VecDeque, sync::Arc};

use zeitgeber_schemas::{
    ConfigurationBody, DecisionId, FeedbackBody, FeedbackClaim, PartitionId, Response,
};

use super::rng::Rng;
use crate::{
    cycle::{Announced, Source},
    door::{
        Options,
        feedback::Feedback,
        profile::{self, Profile},
        tasks::{self, PoolInput},
    },
    ingest::Intake,
};

const OPTIONS: Options = Options { backfill: false, door_now_ms: i64::MAX, stamp_ms: None };
const ARRIVAL: tasks::Arrival = tasks::Arrival { stamp_ms: None, door_now_ms: i64::MAX };
/// 2024-05-01T00:00:00Z.
const START_MS: i64 = 1_714_521_600_000;
const MINUTE_MS: i64 = 60_000;
/// People who send; one more has no profile.
const PEOPLE: u64 = 6;
/// Lines that may be sent again.
const REMEMBERED: usize = 40;

/// One input as its sender has it.
#[derive(Debug, Clone)]
enum Sent {
    Line(Vec<u8>),
    Profile(Box<Profile>),
    Feedback(Box<Feedback>),
    Command(Box<PoolInput>),
    Configuration(PartitionId, Box<ConfigurationBody>),
}

/// Inputs that are acknowledged together.
#[derive(Debug, Clone)]
pub(super) struct Parcel {
    pub(super) number: u64,
    pub(super) source: Option<Arc<Source>>,
    inputs: Vec<Sent>,
    /// How often it was sent before.
    pub(super) attempts: u32,
}

impl Parcel {
    pub(super) const fn len(&self) -> usize {
        self.inputs.len()
    }

    /// Puts the inputs into an intake, as a door does.
    pub(super) fn fill(&self, intake: &mut Intake) {
        intake.set_source(self.source.clone());
        for (sent, number) in self.inputs.iter().zip(1..) {
            match sent {
                Sent::Line(line) => intake.reading_line(number, line, &OPTIONS),
                Sent::Profile(profile) => intake.take_profile(number, profile),
                Sent::Feedback(feedback) => intake.take_feedback(number, feedback, b"an answer"),
                Sent::Command(command) => intake.take_command(number, command, &[]),
                Sent::Configuration(partition, body) => intake.configuration(*partition, body),
            }
        }
    }
}

/// Makes parcels.
#[derive(Debug)]
pub(super) struct Producer {
    rng: Rng,
    partitions: u16,
    configuration: ConfigurationBody,
    pub(super) now_ms: i64,
    /// Time that passed by sending, ms.
    pub(super) busy_ms: u64,
    parcels: u64,
    /// Readings of each person so far.
    readings: Vec<u64>,
    recent: VecDeque<Vec<u8>>,
    decisions: VecDeque<Announced>,
    tasks: u64,
    versions: u64,
}

impl Producer {
    pub(super) fn new(rng: Rng, partitions: u16, configuration: ConfigurationBody) -> Self {
        Self {
            rng,
            partitions,
            configuration,
            now_ms: START_MS,
            busy_ms: 0,
            parcels: 0,
            readings: vec![0; PEOPLE as usize + 1],
            recent: VecDeque::new(),
            decisions: VecDeque::new(),
            tasks: 0,
            versions: 0,
        }
    }

    /// Learns of a decision, to answer it.
    pub(super) fn hear(&mut self, decision: Announced) {
        if self.decisions.len() < REMEMBERED {
            self.decisions.push_back(decision);
        }
    }

    /// What comes first: the configuration of every partition, and everybody's profile.
    pub(super) fn opening(&mut self) -> Parcel {
        let body = &self.configuration;
        let partitions = (0..self.partitions).map(PartitionId);
        let mut inputs: Vec<Sent> =
            partitions.map(|of| Sent::Configuration(of, Box::new(body.clone()))).collect();
        inputs.extend((0..PEOPLE).map(|person| introduce(person, person)));
        self.parcel(None, inputs)
    }

    /// The next parcel.
    pub(super) fn next(&mut self) -> Parcel {
        let steps = self.rng.within(1, 5) as i64;
        self.now_ms += steps * MINUTE_MS;
        self.busy_ms += (steps * MINUTE_MS) as u64;
        let most = if self.rng.chance(50_000) { 120 } else { 12 };
        let length = self.rng.within(1, most);
        let mut inputs: Vec<Sent> = (0..length).filter_map(|_| self.input()).collect();
        if inputs.is_empty() {
            inputs.push(self.reading());
        }
        // A configuration has no line.
        let has_lines = !inputs.iter().any(|sent| matches!(sent, Sent::Configuration(..)));
        let is_file = self.rng.chance(300_000) && has_lines;
        let source = is_file.then(|| {
            let mut id = [0x5A; 16];
            id[..8].copy_from_slice(&self.rng.next().to_le_bytes());
            Arc::new(Source { id, name: "part.jsonl".into() })
        });
        self.parcel(source, inputs)
    }

    fn parcel(&mut self, source: Option<Arc<Source>>, inputs: Vec<Sent>) -> Parcel {
        self.parcels += 1;
        Parcel { number: self.parcels, source, inputs, attempts: 0 }
    }

    fn input(&mut self) -> Option<Sent> {
        match self.rng.weighted(&[600, 90, 50, 50, 20, 40, 3, 90]) {
            0 => Some(self.reading()),
            1 => self.rng.pick(self.recent.make_contiguous()).cloned().map(Sent::Line),
            2 => Some(self.garbage()),
            3 => Some(self.impossible()),
            4 => {
                let (person, version) = (self.rng.below(PEOPLE), self.rng.below(4));
                Some(introduce(person, version))
            }
            5 => self.answer(),
            6 => {
                self.versions += 1;
                let mut body = self.configuration.clone();
                body.version = format!("v{}", self.versions);
                let partition = PartitionId(self.rng.below(u64::from(self.partitions)) as u16);
                Some(Sent::Configuration(partition, Box::new(body)))
            }
            _ => self.command(),
        }
    }

    fn reading(&mut self) -> Sent {
        let person = self.rng.below(PEOPLE + 1);
        let number = self.readings[person as usize];
        self.readings[person as usize] += 1;
        let late = if self.rng.chance(100_000) { self.rng.below(50 * 60) as i64 } else { 0 };
        let (recv_ts, ts) = (self.now_ms, self.now_ms - (late + 1) * MINUTE_MS);
        let (kind, values) = if self.rng.chance(300_000) {
            let beats: Vec<String> =
                (0..4).map(|_| self.rng.within(700, 1_100).to_string()).collect();
            ("hrv", format!(r#"{{"rr_ms":[{}]}}"#, beats.join(",")))
        } else {
            let counts = self.rng.below(400);
            ("imu", format!(r#"{{"activity_counts":{counts},"epoch_s":60}}"#))
        };
        let line = format!(
            r#"{{"id":"u{person}-{number}","user_id":"u{person}","device_id":"d","kind":"{kind}","ts":{ts},"recv_ts":{recv_ts},"values":{values}}}"#
        );
        self.recent.push_back(line.clone().into_bytes());
        if self.recent.len() > REMEMBERED {
            self.recent.pop_front();
        }
        Sent::Line(line.into_bytes())
    }

    /// Something that no door can read, sometimes the same as before.
    fn garbage(&mut self) -> Sent {
        let which = self.rng.below(5);
        let number = if self.rng.chance(300_000) { 0 } else { self.rng.below(1 << 40) };
        let text = match which {
            0 => format!("{{ not json {number}"),
            1 => format!(r#"{{"id":"g{number}","user_id":"u1"}}"#),
            2 => format!(
                r#"{{"id":"g{number}","user_id":"u2","kind":"teeth","ts":1,"values":{{}}}}"#
            ),
            3 => format!("\u{FFFD}{number}"),
            _ => format!(r#"{{"id":7,"number":{number}}}"#),
        };
        Sent::Line(text.into_bytes())
    }

    /// A reading that validation refuses, or an accepted id with another content.
    fn impossible(&mut self) -> Sent {
        let (person, ts) = (self.rng.below(PEOPLE), self.now_ms);
        let number = self.rng.below(self.readings[person as usize] + 1);
        let (id, counts) = if self.rng.chance(500_000) {
            (format!("u{person}-{number}"), 7)
        } else {
            (format!("x{person}-{}", self.rng.below(1 << 40)), -1)
        };
        let line = format!(
            r#"{{"id":"{id}","user_id":"u{person}","kind":"imu","ts":{ts},"recv_ts":{ts},"values":{{"activity_counts":{counts}}}}}"#
        );
        Sent::Line(line.into_bytes())
    }

    fn answer(&mut self) -> Option<Sent> {
        let Announced { user_id, tenant, decision, .. } = if self.rng.chance(800_000) {
            self.decisions.pop_front()?
        } else {
            self.decisions.front()?.clone()
        };
        let rating = self.rng.within(1, 5);
        let (id, ts) = (format!("f-{}-{rating}", decision.decision_id), self.now_ms);
        let body = report(decision.decision_id, rating);
        let recv_ts = Some(ts);
        Some(Sent::Feedback(Box::new(Feedback {
            tenant,
            user_id: Some(user_id),
            id,
            ts,
            recv_ts,
            body,
        })))
    }

    fn command(&mut self) -> Option<Sent> {
        let pool = ["learns", "turns"][self.rng.below(2) as usize];
        let agent = ["a", "b", "c"][self.rng.below(3) as usize];
        let task = self.rng.below(self.tasks + 1);
        let lease = self.rng.within(1, 1 + self.tasks / 2);
        let (kind, rest) = match self.rng.below(8) {
            0 => ("pool", r#","policy":"linucb","heartbeat_ttl_ms":600000"#.to_owned()),
            1 => ("register", format!(r#","agent":"{agent}","capacity":2"#)),
            2 | 3 => {
                self.tasks += 1;
                let features = format!("[{},{}]", self.tasks % 2, self.tasks % 3);
                ("submit", format!(r#","task":"t{}","features":{features}"#, self.tasks))
            }
            4 => ("start", format!(r#","task":"t{task}","agent":"{agent}","lease":{lease}"#)),
            5 => {
                let success = self.rng.chance(700_000);
                let given = format!(r#","task":"t{task}","agent":"{agent}","lease":{lease}"#);
                ("result", format!(r#"{given},"success":{success}"#))
            }
            6 => ("cancel", format!(r#","task":"t{task}""#)),
            _ => ("heartbeat", format!(r#","agent":"{agent}""#)),
        };
        let at = self.now_ms;
        let text = format!(r#"{{"type":"{kind}","pool":"{pool}","ts":{at},"recv_ts":{at}{rest}}}"#);
        tasks::command(text.as_bytes(), ARRIVAL).ok().map(|command| Sent::Command(command.into()))
    }
}

/// What is said of a decision: mostly a rating, at times a word about an earlier report or about a
/// decision that nobody makes.
fn report(decision_id: DecisionId, rating: u64) -> FeedbackBody {
    let earlier = |rating: u64| Some(format!("f-{decision_id}-{rating}"));
    let (claim, corrects, decision_id) = match (decision_id.0 % 4, rating) {
        (0, 5) => (FeedbackClaim::Retracted, earlier(3), decision_id),
        (1, 1) => (FeedbackClaim::NotShown, None, decision_id),
        (1, 2) => (FeedbackClaim::Shown, None, decision_id),
        (2, 5) => (FeedbackClaim::Outcome, earlier(2), decision_id),
        (3, 1) => (FeedbackClaim::Outcome, None, DecisionId(decision_id.0 ^ 1)),
        _ => (FeedbackClaim::Outcome, None, decision_id),
    };
    let response = Response::Rating(rating as f64);
    FeedbackBody { decision_id, response, corrects, simulated: true, user_id: None, claim }
}

/// A person's profile, in one of its versions.
fn introduce(person: u64, version: u64) -> Sent {
    let offset = 60 * (version % 5);
    let text =
        format!(r#"{{"user_id":"u{person}","tz_offset_min":{offset},"device_scale":"actigraph"}}"#);
    let profile = profile::profile(text.as_bytes());
    Sent::Profile(Box::new(profile.expect("a profile that is written here is readable")))
}

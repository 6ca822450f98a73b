//! Measures what-if on a made-up log: many people's decisions with all arms eligible, and answers.
//!
//! The log's decisions are routing's own, each from a made-up analysis; its readings are left out,
//! so it is no log that `verify` would pass. People answer by a taste that depends on the arm and
//! on how sleepy they are.

use std::{path::Path, sync::mpsc, time::Instant};

use serde::Serialize;
use zeitgeber_processors::{
    evaluation::Settings as Weighed,
    exact,
    flow::DECIDE_VERSION,
    intervention,
    ledger::NO_INTERVENTION,
    routing::{self, Context, Decided, rng::mix},
};
use zeitgeber_schemas::{
    Composite, ConfigurationBody, Daypart, DecisionMade, Envelope, Event, FeedbackBody,
    FeedbackClaim, FeedbackRecorded, FeedbackStatus, PartitionId, PersonTickBody, ProfileBody,
    Response, RhythmAnalysed, Scale, SchemaId, Span, SubjectOpened, catalogue, wire::to_bytes,
};

use super::peak_rss_mib;
use crate::{
    door::profile::plain_profile,
    journal::{
        Append, AppendError, ChunkBuilder, FileJournal, Hash, Journal, Layout, Mode, OpenError,
        Settings,
    },
    query::Range,
    record::{EntryParts, Place},
    whatif::{Question, WhatIfError, what_if},
};

/// A chunk is sealed from this size on, bytes.
const CHUNK_BYTES: usize = 256 << 10;
const HOUR_MS: i64 = 3_600_000;
/// 2024-05-01, midnight UTC.
const START_MS: i64 = 1_714_521_600_000;
/// People decide in these hours of a day, when all are awake.
const WAKING: std::ops::Range<i64> = 9..21;
/// How long an answer takes.
const ANSWER_MS: i64 = 20 * 60_000;

/// How much is made up.
#[derive(Debug, Clone, Copy)]
pub struct DecisionsPlan {
    /// People.
    pub people: u64,
    /// Decisions, at least one for each of them.
    pub decisions: u64,
}

/// The figures.
#[derive(Debug, Clone, Serialize)]
pub struct WhatIfFigures {
    /// Decisions compared and valued.
    pub decisions: u64,
    /// The log's size, bytes.
    pub log_bytes: u64,
    /// Time of the answer, s.
    pub seconds: f64,
    /// Peak resident memory of the process, MiB.
    pub rss_mib: f64,
    /// Of those, decisions that turn.
    pub flips: u64,
    /// The verdict.
    pub verdict: &'static str,
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum DecisionsError {
    /// The log could not be made or opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It could not be written.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// What-if failed.
    #[error(transparent)]
    WhatIf(#[from] WhatIfError),
    /// Its size is not known.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Makes a log in `dir` and asks what a less curious candidate would have done.
pub fn run(
    dir: &Path,
    plan: DecisionsPlan,
    configuration: &ConfigurationBody,
    mut say: impl FnMut(&str),
) -> Result<WhatIfFigures, DecisionsError> {
    say("a log of decisions is made up");
    let configuration = with_all_arms(configuration.clone());
    let layout = Layout { log_id: [7; 16], partitions: 16 };
    let journal = FileJournal::create(dir, layout, Settings::new(catalogue::table_json()))?;
    write(&journal, &configuration, plan)?;
    journal.close()?;
    drop(journal);
    let (journal, _) = FileJournal::open(dir, Mode::Read)?;
    let mut candidate = configuration;
    candidate.policy.alpha *= 0.2;
    let question = Question {
        candidate,
        range: Range::default(),
        person: None,
        settings: Weighed::default(),
        missing: None,
    };
    say("what if");
    let started = Instant::now();
    let report = what_if(&journal, &question, &|_| true)?;
    let seconds = started.elapsed().as_secs_f64();
    Ok(WhatIfFigures {
        decisions: report.flips.decisions,
        log_bytes: bytes_in(&dir.join("journal"))?,
        seconds,
        rss_mib: peak_rss_mib(),
        flips: report.flips.flips,
        verdict: report.value.verdict.name(),
    })
}

impl WhatIfFigures {
    /// The figures in words.
    pub fn table(&self) -> String {
        let Self { decisions, log_bytes, seconds, rss_mib, flips, verdict } = self;
        format!(
            "{decisions} decisions, a log of {:.0} MB, {flips} turn, verdict {verdict}\n\n\
             {seconds:>12.1} s          what if, in all\n\
             {:>12.0} decisions/s\n\
             {rss_mib:>12.0} MiB        peak resident memory\n",
            *log_bytes as f64 / 1e6,
            *decisions as f64 / seconds,
        )
    }
}

fn bytes_in(dir: &Path) -> std::io::Result<u64> {
    std::fs::read_dir(dir)?.try_fold(0, |sum, file| Ok(sum + file?.metadata()?.len()))
}

/// Nothing masks an arm while people are awake.
pub fn with_all_arms(mut configuration: ConfigurationBody) -> ConfigurationBody {
    configuration.limits.cooldown_min = 0;
    configuration.limits.daily_budget = u32::MAX;
    for arm in &mut configuration.arms {
        arm.daypart = Daypart::Any;
        arm.min_kss = None;
        arm.dose_cap = u32::MAX;
        arm.suspended = false;
    }
    configuration
}

/// Writes a made-up log into an empty journal, which must take chunks of every partition.
///
/// # Errors
///
/// The journal refused a chunk.
pub fn write(
    journal: &dyn Journal,
    configuration: &ConfigurationBody,
    plan: DecisionsPlan,
) -> Result<(), AppendError> {
    let partitions = u64::from(journal.layout().partitions);
    for partition in 0..journal.layout().partitions {
        let of_partition =
            |all: u64| all / partitions + u64::from(u64::from(partition) < all % partitions);
        let mut world = World::new(journal, PartitionId(partition), configuration);
        world.open(of_partition(plan.people), configuration)?;
        world.live(of_partition(plan.decisions))?;
    }
    Ok(())
}

/// One partition being lived through.
struct World<'a> {
    journal: &'a dyn Journal,
    partition: PartitionId,
    builder: ChunkBuilder,
    scratch: Vec<u8>,
    chunk: u64,
    position: u64,
    previous: Hash,
    profile: ProfileBody,
    routing: routing::Shared,
    intervention: intervention::Shared,
    people: Vec<(String, routing::Person, intervention::Person)>,
}

impl<'a> World<'a> {
    fn new(
        journal: &'a dyn Journal,
        partition: PartitionId,
        configuration: &ConfigurationBody,
    ) -> Self {
        let (mut routing, mut intervention) =
            (routing::Shared::initial(), intervention::Shared::initial());
        routing::apply_configuration(&mut routing, configuration);
        intervention::apply_configuration(&mut intervention, configuration);
        let mut profile = plain_profile(Scale::Unknown);
        (profile.sleep_start_min, profile.sleep_end_min) = (23 * 60, 7 * 60);
        profile.channel = Some("app".into());
        Self {
            journal,
            partition,
            builder: ChunkBuilder::new(partition, DECIDE_VERSION),
            scratch: Vec::new(),
            chunk: 0,
            position: 0,
            previous: [0; 32],
            profile,
            routing,
            intervention,
            people: Vec::new(),
        }
    }

    /// The configuration and everybody's profile.
    fn open(&mut self, people: u64, configuration: &ConfigurationBody) -> Result<(), AppendError> {
        let body = to_bytes(configuration);
        self.put(0, SchemaId::Configuration, "", START_MS, &body, &[Event::ConfigurationSet])?;
        let body = to_bytes(&self.profile);
        for n in 0..people {
            let user_id = format!("p{}-{n}", self.partition);
            self.people.push((
                user_id.clone(),
                routing::Person::initial(),
                intervention::Person::initial(),
            ));
            let events = [Event::SubjectOpened(SubjectOpened { user_id }), Event::ProfileSet];
            self.put(n + 1, SchemaId::Profile, "", START_MS, &body, &events)?;
        }
        Ok(())
    }

    /// Hour after hour, everybody in turn.
    fn live(&mut self, decisions: u64) -> Result<(), AppendError> {
        let (mut hour, mut made) = (0, 0);
        while made < decisions && !self.people.is_empty() {
            if WAKING.contains(&(hour % 24)) {
                for index in 0..self.people.len().min((decisions - made) as usize) {
                    self.decide(index, START_MS + hour * HOUR_MS)?;
                    made += 1;
                }
            }
            hour += 1;
        }
        self.seal()
    }

    fn decide(&mut self, index: usize, end_ms: i64) -> Result<(), AppendError> {
        let (key, routing, intervention) = &mut self.people[index];
        let at_ms = end_ms + 60_000 + index as i64;
        let context = Context {
            partition: self.partition,
            key,
            profile: &self.profile,
            clock_ms: at_ms,
            backfill: false,
        };
        let draw = draws(self.partition, index, end_ms);
        let analysed = analysis(end_ms, &draw);
        let analyses = std::slice::from_ref(&analysed);
        let decided = routing::decide(&self.routing, routing, &context, analyses);
        let Some(Decided::Made(decision, _)) = decided else { return Ok(()) };
        let issued =
            intervention::decide(&self.intervention, intervention, &self.profile, &decision);
        routing::apply_analysed(routing, &analysed);
        routing::apply_decision(&mut self.routing, routing, &decision);
        let became = match issued {
            intervention::Outcome::Issued(event) => {
                routing::apply_issued(routing, &self.profile, &event);
                intervention::apply_issued(intervention, &self.profile, &event);
                Event::InterventionIssued(event)
            }
            intervention::Outcome::Suppressed(event) => Event::InterventionSuppressed(event),
        };
        let answer = answer(&decision, analysed.kss, &draw);
        let events =
            [Event::RhythmAnalysed(Box::new(analysed)), Event::DecisionMade(decision), became];
        let (subject, tick) = (index as u64 + 1, to_bytes(&PersonTickBody { at_ms }));
        self.put(subject, SchemaId::PersonTick, "", at_ms, &tick, &events)?;
        let Some(answer) = answer else { return Ok(()) };
        routing::apply_feedback(&mut self.routing, &answer);
        let body = to_bytes(&FeedbackBody {
            decision_id: answer.decision_id,
            response: Response::Reward(f64::from(answer.reward) / exact::FEATURE_ONE),
            corrects: None,
            simulated: true,
            user_id: None,
            claim: FeedbackClaim::Outcome,
        });
        let (id, at_ms) = (answer.feedback_id.clone(), at_ms + ANSWER_MS);
        let events = [Event::FeedbackRecorded(answer)];
        self.put(subject, SchemaId::Feedback, &id, at_ms, &body, &events)
    }

    fn put(
        &mut self,
        subject: u64,
        schema: SchemaId,
        id: &str,
        ts: i64,
        payload: &[u8],
        events: &[Event],
    ) -> Result<(), AppendError> {
        let envelope = Envelope { tenant: "default", user_id: "", id, ts, recv_ts: Some(ts) };
        let place = Place::default();
        let parts = EntryParts { subject, envelope, schema, place, raw: None, payload, events };
        let scratch = &mut self.scratch;
        self.builder.entry(ts, events.len() as u32, |out| parts.put(scratch, out));
        if self.builder.len() < CHUNK_BYTES { Ok(()) } else { self.seal() }
    }

    fn seal(&mut self) -> Result<(), AppendError> {
        let events = u64::from(self.builder.events());
        let chunk = self.builder.seal(self.chunk, self.position, self.previous);
        self.previous = chunk.hash();
        let append = Append { partition: self.partition, expected_chunk: self.chunk, chunk };
        let (done, appended) = mpsc::channel();
        // Whoever waits for it below is there.
        self.journal.submit(append, Box::new(move |one| drop(done.send(one.result))));
        self.chunk += 1;
        self.position += events;
        appended.recv().unwrap_or(Err(AppendError::Closed))
    }
}

/// Uniform values in 0..1 of a decision, by number.
fn draws(partition: PartitionId, index: usize, end_ms: i64) -> impl Fn(u64) -> f64 {
    let seed = mix(end_ms as u64 ^ mix(index as u64 ^ u64::from(partition.0) << 40));
    move |n| (mix(seed ^ mix(n)) >> 11) as f64 / (1u64 << 53) as f64
}

fn analysis(end_ms: i64, draw: &impl Fn(u64) -> f64) -> RhythmAnalysed {
    RhythmAnalysed {
        span: Span::Hour,
        window_start_ms: end_ms - 7 * 24 * HOUR_MS,
        window_end_ms: end_ms,
        offset_min: 0,
        revision: 0,
        algorithm: 1,
        signal: None,
        all_minutes: None,
        wear_minutes: None,
        nonwear_minutes: 0,
        hourly: None,
        heart: None,
        light: None,
        coverage: 1.0,
        recent_activity: None,
        recent_light: Some(4.0 * draw(1)),
        kss: 1.0 + 8.0 * draw(2),
        kss_forecast: Vec::new(),
        composite: Composite {
            vitality: Some(draw(3)),
            confidence: 1.0,
            parts: Vec::new(),
            energy: None,
            risks: Vec::new(),
        },
    }
}

/// How a person answers; one in ten never does.
fn answer(
    decision: &DecisionMade,
    kss: f64,
    draw: &impl Fn(u64) -> f64,
) -> Option<FeedbackRecorded> {
    let sleepy = (kss - 5.0) / 4.0;
    let arm = decision.eligible.iter().position(|one| one.arm == decision.chosen)? as f64;
    let liking = match decision.chosen.as_str() {
        NO_INTERVENTION => 0.35,
        _ => 0.3 + 0.05 * arm + 0.2 * sleepy * (arm - 2.5) / 2.5,
    };
    (draw(4) > 0.1).then(|| FeedbackRecorded {
        decision_id: decision.decision_id,
        feedback_id: format!("f-{}", decision.decision_id),
        status: FeedbackStatus::Applied,
        arm: decision.chosen.clone(),
        incarnation: decision.incarnation,
        features: decision.features.clone(),
        reward: exact::feature(if draw(5) < liking { 1.0 } else { 0.0 }),
        replaces: None,
        decided_ms: Some(decision.at_ms),
        corrects: None,
        given_ms: Some(decision.at_ms + ANSWER_MS),
        shows: false,
    })
}

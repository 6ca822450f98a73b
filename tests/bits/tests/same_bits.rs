//! The same bits on every CPU: what the learner derives and what the rhythm stage says have hashes
//! that are written down here, and `infra/same_bits.sh` builds this test for several generations of
//! x86-64. A hash changes where an output changes on purpose, for all of them alike.

use std::fmt::Write as _;

use xxhash_rust::xxh3::xxh3_64;
use zeitgeber_processors::{
    exact,
    flow::{Body, Desk, Input, Outcome, State, content_fingerprint},
    routing::{
        forgetting::Forgetting,
        lanes::Lanes,
        learner::{Layout, Learner, LearnerArm, Model, Observation},
        linucb::Score,
        sums::Change,
    },
};
use zeitgeber_schemas::{
    Doubles, Envelope, Environment, Event, Imu, PartitionId, ProfileBody, ReadingBody, Scale,
    Values,
};

const LEARNER: u64 = 1_330_510_482_519_827_911;
const RHYTHM: u64 = 372_427_984_096_782_463;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Outcomes of each learner; four of them make 100,000.
const OUTCOMES: usize = 25_000;
/// Outcomes that are absorbed at once.
const BATCH: usize = 500;
/// Days of readings: circadian phase needs five of light.
const DAYS: i64 = 7;

/// A small generator, so that the inputs are a seed.
struct Noise(u64);

impl Noise {
    /// From 0 to 1.
    fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn grid(&mut self, d: usize) -> Vec<i32> {
        (0..d).map(|_| exact::feature(4.0 * self.share() - 2.0)).collect()
    }
}

/// Every kind of learner: disjoint, hybrid, with a window, discounted by two matrices.
fn models() -> [(Layout, Model); 4] {
    let forgets = |forgetting| Model { forgetting: Some(forgetting), ..Model::plain(0.5) };
    [
        (Layout { own: 10, shared: 0 }, Model::plain(1.0)),
        (Layout { own: 7, shared: 5 }, Model::plain(2.0)),
        (Layout { own: 32, shared: 0 }, forgets(Forgetting::window(6 * HOUR_MS, 4))),
        (Layout { own: 10, shared: 0 }, forgets(Forgetting::discounted(HOUR_MS, 0.9, 20, true))),
    ]
}

fn learnt(layout: Layout, model: Model) -> Learner {
    const ARMS: [&str; 3] = ["walk", "light", "nap"];
    let (d, lambda, mut noise) = (layout.dimension(), model.lambda, Noise(11));
    let mut learner = Learner::of(layout, model);
    learner.configure(lambda, ARMS.iter().map(|arm| (*arm, false)));
    let outcomes: Vec<(usize, i64, Vec<i32>, i32)> = (0..OUTCOMES)
        .map(|n| (n % ARMS.len(), n as i64 * 5000, noise.grid(d), exact::feature(noise.share())))
        .collect();
    for batch in outcomes.chunks(BATCH) {
        learner.absorb(batch.iter().map(|(arm, at_ms, x, r)| Observation {
            arm: ARMS[*arm],
            incarnation: 0,
            at_ms: *at_ms,
            x,
            change: Change::Learn(*r),
        }));
    }
    learner
}

#[test]
fn sums_and_scores_of_100_000_outcomes_have_the_bits_that_they_have_everywhere() {
    let (mut said, mut noise) = (String::new(), Noise(5));
    for (layout, model) in models() {
        let learner = learnt(layout, model);
        let lanes = Lanes::of(learner.arms().iter().map(LearnerArm::derived), learner.dimension());
        for arm in learner.arms() {
            writeln!(said, "{} {:?}", arm.name(), arm.sums()).expect("a text takes it");
        }
        let (mut values, mut scores) = (Vec::new(), Vec::new());
        for _ in 0..100 {
            lanes.score(&noise.grid(learner.dimension()), &mut values, &mut scores);
            for Score { mean, width } in &scores {
                writeln!(said, "{:x} {:x}", mean.to_bits(), width.to_bits())
                    .expect("a text takes it");
            }
        }
    }
    assert_eq!(xxh3_64(said.as_bytes()), LEARNER);
}

/// A partition with one person, and the bytes of everything that it said.
struct Run {
    state: State,
    desk: Desk,
    said: Vec<u8>,
}

impl Run {
    fn take(&mut self, id: &str, ts: i64, body: Body<'_>, content: u64) {
        let recv_ts = Some(ts + 5000);
        let envelope = Envelope { tenant: "default", user_id: "ada", id, ts, recv_ts };
        let input = Input { envelope, body, content };
        let (mut out, raw) = (Vec::new(), || [0; 16]);
        let subject = self.state.subject_of(&input);
        let outcome = self.state.decide(&mut self.desk, subject, &input, raw, &mut out);
        assert_eq!(outcome, Outcome::Stored, "{id}");
        for event in &out {
            assert!(!matches!(event, Event::DeadLettered(_)), "{id}: {event:?}");
            self.state.apply(1, &input, event, raw);
            event.put_payload(&mut self.said);
        }
    }

    fn reading(&mut self, kind: &str, ts: i64, values: Values<'_>) {
        let body =
            ReadingBody { device_id: "watch", backfill: false, unknown_fields: false, values };
        let mut datum = Vec::new();
        body.put(&mut datum);
        let content = content_fingerprint(ts, &datum);
        self.take(&format!("{kind}-{}", ts / MINUTE_MS), ts, Body::Reading(body), content);
    }
}

fn profile() -> ProfileBody {
    ProfileBody {
        zone: None,
        tzdb: None,
        offset_min: 60,
        offsets: Vec::new(),
        sleep_start_min: 23 * 60,
        sleep_end_min: 7 * 60,
        quiet_start_min: None,
        quiet_end_min: None,
        device_scale: Scale::Actigraph,
        primary_device: Some("watch".into()),
        channel: None,
    }
}

#[test]
fn a_week_of_movement_light_noise_and_beats_leads_to_the_same_bytes_everywhere() {
    let (state, desk) = (State::initial(PartitionId(0)), Desk::new());
    let mut run = Run { state, desk, said: Vec::new() };
    let (start, mut noise) = (20_002 * DAY_MS, Noise(3));
    run.take("profile", start, Body::Profile(&profile()), 0);
    for minute in 1..=DAYS * 1440 + 180 {
        let ts = start + minute * MINUTE_MS;
        let asleep = !(420..1380).contains(&(minute % 1440));
        let counts = if asleep { 3.0 } else { 100.0 + libm::rint(400.0 * noise.share()) };
        let imu = Imu { activity_counts: Some(counts), epoch_s: Some(60.0), ..Imu::default() };
        run.reading("imu", ts, Values::Imu(imu));
        if minute % 5 == 0 {
            let lux = Some(if asleep { 0.5 } else { 300.0 + 200.0 * noise.share() });
            let noise_db = Some(40.0 + noise.share());
            let room = Environment { lux, noise_db, ..Environment::default() };
            run.reading("room", ts, Values::Environment(room));
        }
        if minute % 180 == 0 {
            let beats: Vec<u8> =
                (0..380).flat_map(|_| (850.0 + 60.0 * noise.share()).to_le_bytes()).collect();
            run.reading("beats", ts, Values::Hrv(Doubles::from_le_bytes(&beats)));
        }
    }
    assert!(run.said.len() > 100_000, "hours and days were analysed: {}", run.said.len());
    assert_eq!(xxh3_64(&run.said), RHYTHM);
}

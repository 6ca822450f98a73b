//! Worlds whose truth is known: arms with a mean reward in each segment, and loggers of all kinds.

use zeitgeber_processors::{
    evaluation::{Evaluation, Missing, Outcomes, Row, Settings, Terms, Weighing, fold_of},
    routing::rng::{GAMMA, mix},
};

pub(crate) const ARMS: u32 = 3;
const SEGMENTS: u32 = 2;
const FOLDS: u32 = 5;
/// Mean reward by segment and arm.
const MEANS: [[f64; 3]; 2] = [[0.2, 0.35, 0.5], [0.6, 0.4, 0.3]];
/// Where nearly every reward is 1.
const HIGH_MEANS: [[f64; 3]; 2] = [[0.97, 0.98, 0.96], [0.97, 0.96, 0.98]];
/// How much persons differ in mean reward, either way.
const PERSON_EFFECT: f64 = 0.15;

/// Who chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Logger {
    Uniform,
    /// Prefers arm 0, explores 3 of 10.
    EpsilonGreedy,
    /// The same, and never explores.
    Greedy,
    /// 0.8, 0.15, 0.05.
    Skewed,
}

/// Who would choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// The logger.
    Same,
    /// Mostly arm 1.
    Other,
    /// The best arm of each segment, always.
    Best,
    /// The worst arm of each segment, always.
    Worst,
    /// Half of its mass on no eligible arm.
    Outside,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct World {
    pub(crate) logger: Logger,
    pub(crate) n: usize,
    pub(crate) rows_per_person: usize,
    pub(crate) high: bool,
}

/// A logged decision.
#[derive(Debug, Clone)]
pub(crate) struct Logged {
    pub(crate) id: String,
    pub(crate) person: String,
    at_ms: i64,
    segment: u32,
    chosen: u32,
    propensities: Vec<f64>,
    pub(crate) reward: Option<f64>,
}

#[derive(Debug, Clone)]
pub(crate) struct Log {
    world: World,
    pub(crate) rows: Vec<Logged>,
}

/// Numbers on [0, 1) by a seed and a count.
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(GAMMA);
        (mix(self.0) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

impl World {
    pub(crate) fn plain(logger: Logger) -> Self {
        Self { logger, n: 1_000, rows_per_person: 1, high: false }
    }

    fn mean(&self, segment: u32, arm: u32) -> f64 {
        let means = if self.high { HIGH_MEANS } else { MEANS };
        means[segment as usize][arm as usize]
    }

    /// What a candidate earns on average; segments are as likely as each other.
    pub(crate) fn truth(&self, target: Target) -> f64 {
        let of_segment = |segment| {
            let target = self.target(target, segment);
            let arms = target.iter().zip(0..ARMS);
            arms.map(|(p, arm)| p * self.mean(segment, arm)).sum::<f64>()
        };
        (0..SEGMENTS).map(of_segment).sum::<f64>() / f64::from(SEGMENTS)
    }

    fn logged(&self) -> Vec<f64> {
        match self.logger {
            Logger::Uniform => vec![1.0 / f64::from(ARMS); ARMS as usize],
            Logger::EpsilonGreedy => vec![0.8, 0.1, 0.1],
            Logger::Greedy => vec![1.0, 0.0, 0.0],
            Logger::Skewed => vec![0.8, 0.15, 0.05],
        }
    }

    fn target(&self, target: Target, segment: u32) -> Vec<f64> {
        let means: Vec<f64> = (0..ARMS).map(|arm| self.mean(segment, arm)).collect();
        let one = |wanted: fn(f64, f64) -> f64| {
            let found = means.iter().copied().reduce(wanted).unwrap_or_default();
            means.iter().map(|mean| f64::from(u8::from(*mean == found))).collect()
        };
        match target {
            Target::Same => self.logged(),
            Target::Other => vec![0.2, 0.6, 0.2],
            Target::Best => one(f64::max),
            Target::Worst => one(f64::min),
            Target::Outside => vec![0.2, 0.2, 0.1],
        }
    }

    pub(crate) fn log(&self, seed: u64) -> Log {
        let mut draws = Draws(mix(seed.wrapping_add(1)));
        let mut effect = 0.0;
        let row = |at: usize| {
            if at.is_multiple_of(self.rows_per_person) {
                let side = if draws.next() < 0.5 { -PERSON_EFFECT } else { PERSON_EFFECT };
                effect = if self.rows_per_person > 1 { side } else { 0.0 };
            }
            let segment = u32::from(draws.next() < 0.5);
            let (propensities, coin) = (self.logged(), draws.next());
            let mut chosen = 0;
            let mut below = propensities[0];
            while coin >= below && chosen + 1 < ARMS {
                chosen += 1;
                below += propensities[chosen as usize];
            }
            let is_won = draws.next() < self.mean(segment, chosen) + effect;
            Logged {
                id: format!("d{at:06}"),
                person: format!("p{}", at / self.rows_per_person),
                at_ms: at as i64 * 60_000,
                segment,
                chosen,
                propensities,
                reward: Some(f64::from(u8::from(is_won))),
            }
        };
        Log { world: *self, rows: (0..self.n).map(row).collect() }
    }
}

impl Logged {
    /// Logs half of the propensities.
    pub(crate) fn halve(&mut self) {
        let rest: f64 = self.propensities.iter().map(|p| p / 2.0).sum();
        self.propensities.iter_mut().for_each(|p| *p /= 2.0);
        let other = (self.chosen as usize + 1) % self.propensities.len();
        self.propensities[other] += rest;
    }

    /// Logs the propensities of the next arm.
    pub(crate) fn turn(&mut self) {
        self.propensities.rotate_left(1);
    }

    /// Forgets most feedback of arm 1.
    pub(crate) fn forget(&mut self, at: usize) {
        if self.chosen == 1 && !at.is_multiple_of(10) {
            self.reward = None;
        }
    }
}

impl Log {
    fn each(&self, target: Target, mut what: impl FnMut(&Row<'_>)) {
        let eligible: Vec<u32> = (0..ARMS).collect();
        for row in &self.rows {
            let target = self.world.target(target, row.segment);
            what(&Row {
                id: &row.id,
                person: &row.person,
                at_ms: row.at_ms,
                segment: row.segment,
                eligible: &eligible,
                chosen: row.chosen,
                propensity: row.propensities[row.chosen as usize],
                propensities: Some(&row.propensities),
                reward: row.reward,
                x: &[],
                fold: fold_of(&row.person, FOLDS),
                target: &target,
            });
        }
    }

    pub(crate) fn weighing(&self, target: Target, settings: &Settings) -> Weighing {
        let missing = settings.missing;
        let mut outcomes = Outcomes::table(ARMS as usize, SEGMENTS as usize, FOLDS, missing);
        self.each(target, |row| outcomes.learn(row).expect("the row is sound"));
        let mut weighing = Weighing::new(&outcomes, *settings);
        self.each(target, |row| weighing.feed(row).expect("the row is sound"));
        weighing
    }

    pub(crate) fn evaluate(&self, target: Target, settings: &Settings) -> Evaluation {
        self.weighing(target, settings).finish().expect("each decision is logged once")
    }

    pub(crate) fn terms(&self, target: Target) -> Terms {
        let settings = Settings { missing: Missing::Drop, ..Settings::default() };
        self.weighing(target, &settings).terms().expect("each decision is logged once")
    }

    /// The first rows.
    pub(crate) fn first(&self, n: usize) -> Self {
        Self { world: self.world, rows: self.rows[..n].to_vec() }
    }

    /// The same rows in another order.
    pub(crate) fn shuffled(&self, by: u64) -> Self {
        let mut rows = self.rows.clone();
        rows.sort_by_cached_key(|row| {
            row.id.bytes().fold(by, |key, byte| mix(key ^ u64::from(byte)))
        });
        Self { world: self.world, rows }
    }
}

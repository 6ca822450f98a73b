//! How often intervals hold the truth, measured over simulated logs, as `docs/ope.md` quotes it.
//!
//! `ZEITGEBER_COVERAGE_LOGS` sets how many logs a row of the table takes.

use zeitgeber_processors::evaluation::{
    Answer, Settings, Told, estimators::Estimator, intervals::Interval,
};

use super::world::{Logger, Target, World};

const LOGS: u64 = 200;

/// How often the truth was held, of how many intervals.
#[derive(Default)]
struct Share {
    held: u32,
    of: u32,
    width: f64,
}

impl Share {
    fn count(&mut self, interval: Option<Interval>, truth: f64) {
        let Some(interval) = interval else { return };
        self.of += 1;
        self.held += u32::from(interval.contains(truth));
        self.width += interval.high - interval.low;
    }

    fn percent(&self) -> f64 {
        f64::from(self.held) / f64::from(self.of) * 100.0
    }
}

#[test]
fn intervals_hold_the_truth_as_often_as_they_say() {
    let logs = std::env::var("ZEITGEBER_COVERAGE_LOGS").ok().and_then(|text| text.parse().ok());
    let logs = logs.unwrap_or(LOGS);
    let settings = Settings { replicates: 300, ..Settings::default() };
    let cases = [
        ("epsilon-greedy 0.3", World::plain(Logger::EpsilonGreedy), Target::Other),
        ("uniform, decided candidate", World::plain(Logger::Uniform), Target::Best),
        ("skewed 0.8 to 0.05", World::plain(Logger::Skewed), Target::Other),
        ("rewards of 0.97", World { high: true, ..World::plain(Logger::Skewed) }, Target::Other),
        (
            "10 decisions a person",
            World { rows_per_person: 10, ..World::plain(Logger::EpsilonGreedy) },
            Target::Other,
        ),
    ];
    println!("| log of 1,000 decisions | refused | interval | held, % | mean width |");
    println!("|---|---|---|---|---|");
    for (name, world, target) in cases {
        // A thousand logs show whether 92 to 98 % hold the truth; fewer, whether it is far off.
        let chance = 5.0 * (0.05 * 0.95 / logs as f64).sqrt() * 100.0;
        let slack = if logs < 1_000 { chance } else { 3.0 };
        let (refused, shares) = measure(&world, target, logs, &settings);
        for (interval, share, is_exact) in shares {
            let (percent, width) = (share.percent(), share.width / f64::from(share.of));
            println!("| {name} | {refused} | {interval} | {percent:.1} | {width:.3} |");
            assert!(percent >= 95.0 - slack, "{name}: {interval}: {percent}");
            assert!(!is_exact || percent <= 95.0 + slack, "{name}: {interval}: {percent}");
        }
        assert!(u64::from(refused) * 5 < logs, "{name}: most logs are told");
    }
}

fn measure(
    world: &World,
    target: Target,
    logs: u64,
    settings: &Settings,
) -> (u32, Vec<(String, Share, bool)>) {
    let (truth, incumbent) = (world.truth(target), world.truth(Target::Same));
    let mut refused = 0;
    let deciding = [Estimator::Dr, Estimator::Snips, Estimator::Ips];
    let mut shares: Vec<(String, Share, bool)> = Vec::new();
    for estimator in deciding {
        for interval in ["normal", "bootstrap", "difference"] {
            shares.push((format!("{} {interval}", estimator.name()), Share::default(), true));
        }
    }
    shares.push(("empirical Bernstein".into(), Share::default(), false));
    shares.push(("confidence sequence".into(), Share::default(), false));
    for seed in 0..logs {
        let found = world.log(seed + 1_000).evaluate(target, settings);
        let Answer::Told(told) = &found.answer else {
            refused += 1;
            continue;
        };
        let Told { estimates, bounds, anytime, .. } = told;
        for (at, estimator) in deciding.into_iter().enumerate() {
            let Some(one) = estimates.iter().find(|one| one.estimator == estimator) else {
                continue;
            };
            shares[3 * at].1.count(Some(one.normal), truth);
            shares[3 * at + 1].1.count(one.bootstrap, truth);
            shares[3 * at + 2].1.count(Some(one.difference.normal), truth - incumbent);
        }
        shares[9].1.count(*bounds, truth);
        shares[10].1.count(*anytime, truth);
    }
    (refused, shares)
}

//! What the demo shows: vitality, a drawn actogram, what was learned, the last decisions.

use zeitgeber::demo::{Days, Decided};
use zeitgeber_processors::{exact::FEATURE_ONE, flow::State, routing::learner::Learner};
use zeitgeber_schemas::PartName;

use crate::cli::output::{self, number, right};

/// Columns of a drawn day: half hours.
const COLUMNS: usize = 48;
const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Everybody's last vitality and its parts.
pub(super) fn vitality(states: &[State]) -> String {
    let parts = PartName::ALL.iter().map(|name| name.as_str());
    let headings: Vec<&str> = ["person", "vitality", "confidence"]
        .into_iter()
        .chain(parts)
        .chain(["KSS", "energy"])
        .collect();
    let mut table = output::table(&headings);
    let mut people: Vec<_> = states.iter().flat_map(State::people).collect();
    people.sort_by(|a, b| a.key.cmp(&b.key));
    for person in people {
        let Some(latest) = &person.latest else { continue };
        let composite = &latest.composite;
        let mut row = vec![
            right(&person.key),
            right(number(composite.vitality, 2)),
            right(number(Some(composite.confidence), 2)),
        ];
        for name in PartName::ALL {
            let part = composite.parts.iter().find(|part| part.name == *name);
            row.push(right(number(part.and_then(|part| part.value), 2)));
        }
        row.push(right(number(Some(latest.kss), 1)));
        row.push(right(composite.energy.map_or("-", |energy| energy.as_str())));
        table.add_row(row);
    }
    format!("{table}\n\n")
}

/// A person's days, two a line so that a night stands in one piece: mean movement by half hour.
pub(super) fn actogram(user: &str, days: &Days) -> String {
    let most = high(days);
    let mut text = format!(
        "Movement of {user} (two days a line, half hours; · is no data, full is {most:.0})\n{:11}",
        ""
    );
    for hour in [0, 6, 12, 18].iter().cycle().take(8) {
        text.push_str(&format!("{hour:<12}"));
    }
    text.push('\n');
    for pair in days.windows(2) {
        text.push_str(&format!("{:<11}", pair[0].0));
        for (_, halves) in pair {
            text.extend(halves.iter().take(COLUMNS).map(|half| bar(*half, most)));
        }
        text.push('\n');
    }
    text.push('\n');
    text
}

/// The value below which 98 % of the half hours lie, so that one burst does not flatten the rest.
fn high(days: &Days) -> f64 {
    let mut all: Vec<f64> = days.iter().flat_map(|(_, halves)| halves).copied().flatten().collect();
    all.sort_by(f64::total_cmp);
    all.get(all.len() * 98 / 100).or(all.last()).copied().unwrap_or(1.0).max(1e-9)
}

fn bar(half: Option<f64>, most: f64) -> char {
    half.map_or('·', |value| {
        let step = (value / most * 8.0).ceil().clamp(0.0, 8.0);
        BARS[step as usize]
    })
}

/// Rewards by arm, all partitions together.
pub(super) fn learned(states: &[State]) -> String {
    let mut arms: Vec<(String, u64, i64)> = Vec::new();
    for arm in states.iter().filter_map(|state| state.routing.learner()).flat_map(Learner::arms) {
        let (n, sum) = (arm.sums().n, arm.sums().reward_sum);
        match arms.iter_mut().find(|(name, ..)| name == arm.name()) {
            Some(known) => {
                known.1 += n;
                known.2 += sum;
            }
            None => arms.push((arm.name().to_owned(), n, sum)),
        }
    }
    arms.sort_by(|a, b| mean(b).total_cmp(&mean(a)));
    let mut table = output::table(&["arm", "rewards", "mean reward"]);
    for arm in &arms {
        table.add_row([right(&arm.0), right(arm.1), right(format!("{:.2}", mean(arm)))]);
    }
    format!("What the learner took in (from simulated answers)\n{table}\n\n")
}

fn mean(arm: &(String, u64, i64)) -> f64 {
    if arm.1 == 0 { 0.0 } else { arm.2 as f64 / FEATURE_ONE / arm.1 as f64 }
}

/// The last decisions, each with its runner-up and what was masked.
pub(super) fn decisions(decisions: &[Decided]) -> String {
    let mut text = String::from("The last decisions that reached somebody\n");
    for decided in decisions {
        let decision = &decided.decision;
        text.push_str(&format!(
            "  {} {}: {} (propensity {:.2}{})\n",
            decided.when,
            decided.user,
            decision.chosen,
            decision.propensity,
            if decision.explore { ", explored" } else { "" },
        ));
        let mut scored: Vec<_> = decision.eligible.iter().collect();
        scored.sort_by(|a, b| b.ucb.total_cmp(&a.ucb));
        let best: Vec<String> = scored
            .iter()
            .take(3)
            .map(|e| format!("{} {:.2} = {:.2} + {:.2}", e.arm, e.ucb, e.mean, e.ucb - e.mean))
            .collect();
        text.push_str(&format!("    bound = mean + uncertainty: {}\n", best.join("; ")));
        let masked: Vec<String> =
            decision.masked.iter().map(|m| format!("{} ({})", m.arm, m.reason)).collect();
        if !masked.is_empty() {
            text.push_str(&format!("    masked: {}\n", masked.join(", ")));
        }
        if let Some(reward) = decided.reward {
            text.push_str(&format!("    reward {reward:.2} (simulated answer)\n"));
        }
    }
    text.push('\n');
    text
}

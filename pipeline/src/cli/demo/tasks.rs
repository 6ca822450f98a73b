//! `zeitgeber demo tasks`: a pool that learns who is good at what, beside one that takes turns.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::atomic::Ordering,
    time::Instant,
};

use serde::Serialize;
use zeitgeber::{
    cycle::OutcomeDetail,
    demo::tasks::{self, Figures, KINDS, PoolFigures},
    engine::{Engine, EngineSettings},
    ingest::Configure,
};

use super::fresh_dir;
use crate::cli::{
    Failure, Layers,
    output::{self, right},
    say, session,
};

/// Inputs that may wait to become durable, bytes.
const PENDING_BYTES: usize = 64 << 20;
/// Requests that may wait.
const PENDING_REQUESTS: usize = 64;

/// Show a pool of agents that learns from results, beside one that takes turns
///
/// Five simulated agents, each good at another kind of task, work in two pools on the same tasks.
/// Which agent is good at what is told to nobody; results alone reveal it. The policy `linucb`
/// finds it out, `round_robin` does not. Every answer is SIMULATED, and time is virtual.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  zeitgeber demo tasks\n  \
    zeitgeber demo tasks --data-dir demo-tasks\n  zeitgeber demo tasks --json")]
pub(super) struct Args {
    /// Data directory without a log [default: a new one under the system's temporary directory]
    #[arg(long = "data-dir", value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Print the figures as JSON instead of the tour
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Summary<'a> {
    data_dir: &'a Path,
    seconds: f64,
    #[serde(flatten)]
    figures: &'a Figures,
}

pub(super) fn run(args: &Args, layers: &Layers) -> Result<ExitCode, Failure> {
    let config = session::config(layers)?;
    let stop = session::stop_flag()?;
    let dir = match &args.dir {
        Some(dir) if dir.join("journal").exists() => {
            return Err(format!(
                "{} holds a log already, and the same tasks again would change nothing; name \
                 another directory",
                dir.display()
            )
            .into());
        }
        Some(dir) => dir.clone(),
        None => fresh_dir()?,
    };
    let started = Instant::now();
    let settings = session::settings(&config, OutcomeDetail::Counts);
    let bounds =
        EngineSettings { pending_bytes: PENDING_BYTES, pending_requests: PENDING_REQUESTS };
    let body = config.configuration();
    let engine = Engine::open(&dir, &settings, bounds, &body, Configure::Keep, ())?;
    let played = tasks::play(&engine.handle(), &stop);
    // Where the log failed, closing says why.
    engine.close()?;
    let figures = tasks::figures(&played?);
    let seconds = started.elapsed().as_secs_f64();
    if args.json {
        say::json(&Summary { data_dir: &dir, seconds, figures: &figures })?;
    } else {
        say::text(&tour(&dir, seconds, &figures))?;
    }
    let interrupted = stop.load(Ordering::Relaxed);
    Ok(if interrupted { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn tour(dir: &Path, seconds: f64, figures: &Figures) -> String {
    let mut text = format!(
        "Played {} tasks of {} kinds, five agents, two pools in {seconds:.1} s. Answers are \
         SIMULATED: nobody\nworked. Both pools met the same tasks and the same hidden answers, \
         and time is virtual.\n\n",
        figures.tasks,
        KINDS.len(),
    );
    text.push_str("Quality of the answers by quarter of the run (a failure counts as 0)\n");
    text.push_str(&quarters(&figures.pools));
    for pool in &figures.pools {
        let learns = pool.agents.iter().any(|agent| agent.kinds[0].learnt_reward.is_some());
        if learns {
            text.push_str(&learnt(pool));
        }
    }
    text.push_str("Share of each kind's tasks that an agent got\n");
    text.push_str(&shares(&figures.pools));
    text.push_str("Quality lost against always choosing the best agent, in tasks of quality 1\n");
    for pool in &figures.pools {
        text.push_str(&format!("  {:<12} {:>6.1}\n", pool.pool, pool.regret));
    }
    text.push_str(&format!("  {:<12} {:>6.1}\n\n", "saved", figures.regret_saved));
    text.push_str(&next(dir, figures));
    text
}

fn quarters(pools: &[PoolFigures]) -> String {
    let headings = ["pool", "policy", "1st", "2nd", "3rd", "4th", "success, 4th", "over time"];
    let mut table = output::table(&headings);
    for pool in pools {
        let mut row = vec![right(pool.pool), right(pool.policy.as_str())];
        row.extend(pool.quarters.iter().map(|part| right(format!("{:.2}", part.quality))));
        let last = pool.quarters.last().map_or(0.0, |part| part.success);
        row.push(right(format!("{:.0} %", last * 100.0)));
        row.push(right(output::sparkline(&pool.quality, 0.0, 1.0)));
        table.add_row(row);
    }
    format!("{table}\n\n")
}

fn learnt(pool: &PoolFigures) -> String {
    let headings: Vec<&str> = ["agent"].into_iter().chain(KINDS).collect();
    let mut table = output::table(&headings);
    for agent in &pool.agents {
        let mut row = vec![right(agent.agent)];
        row.extend(agent.kinds.iter().map(|kind| {
            let learnt = output::number(kind.learnt_reward, 2);
            right(format!("{learnt} / {:.2}", kind.hidden_reward))
        }));
        table.add_row(row);
    }
    format!(
        "What {} learnt of each agent: expected reward / hidden mean reward\n(what was seldom \
         tried stays near 0)\n{table}\n\n",
        pool.pool
    )
}

fn shares(pools: &[PoolFigures]) -> String {
    let headings: Vec<&str> = ["pool", "agent"].into_iter().chain(KINDS).collect();
    let mut table = output::table(&headings);
    for pool in pools {
        for agent in &pool.agents {
            let mut row = vec![right(pool.pool), right(agent.agent)];
            row.extend(
                agent.kinds.iter().map(|kind| right(format!("{:.0} %", kind.share * 100.0))),
            );
            table.add_row(row);
        }
    }
    format!("{table}\n\n")
}

fn next(dir: &Path, figures: &Figures) -> String {
    let dir = dir.display();
    let mut text = String::from("Try next\n");
    if let Some(id) = figures.last_decision {
        text.push_str(&format!("  zeitgeber explain {id} --data-dir {dir}\n"));
    }
    let pool = figures.pools.first().map_or("default", |pool| pool.pool);
    text.push_str(&format!(
        "  zeitgeber tasks list --pool {pool} --limit 10 --data-dir {dir}\n  \
         zeitgeber agents list --pool {pool} --data-dir {dir}\n  \
         zeitgeber pools show {pool} --data-dir {dir}\n  zeitgeber verify --data-dir {dir}\n"
    ));
    text
}

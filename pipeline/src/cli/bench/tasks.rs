//! `zeitgeber bench --tasks`: how fast tasks find agents and get done.

use std::{path::Path, process::ExitCode};

use clap::builder::PossibleValuesParser;
use zeitgeber::{
    bench::tasks::{self, Plan, TaskFigures},
    config::Config,
    cycle::OutcomeDetail,
};
use zeitgeber_schemas::AssignmentPolicy;

use super::{head, passes, row};
use crate::cli::{Failure, say, session};

/// The fleet of `--tasks`.
#[derive(Debug, clap::Args)]
pub(super) struct Fleet {
    /// Agents of the pool, with --tasks
    #[arg(long, default_value_t = 1_000, requires = "tasks", value_name = "N")]
    agents: usize,
    /// Tasks that are done as fast as they go, with --tasks
    #[arg(long, default_value_t = 300_000, requires = "tasks", value_name = "N")]
    count: usize,
    /// Seconds of the run at 5,000 tasks a second, with --tasks
    #[arg(long, default_value_t = 5, requires = "tasks", value_name = "S")]
    paced_s: usize,
    /// How a task finds its agent, with --tasks
    #[arg(long, default_value = "priority", requires = "tasks", value_name = "POLICY",
          value_parser = policies())]
    policy: String,
}

fn policies() -> PossibleValuesParser {
    PossibleValuesParser::new(AssignmentPolicy::ALL.iter().map(|policy| policy.as_str()))
}

pub(super) fn measure(fleet: &Fleet, config: &Config, dir: &Path) -> Result<TaskFigures, Failure> {
    let plan = Plan {
        agents: fleet.agents.max(1),
        tasks: fleet.count.max(1),
        paced: (fleet.paced_s * 5_000).max(1),
        policy: AssignmentPolicy::from_symbol(&fleet.policy).ok_or("no such policy")?,
    };
    let settings = session::settings(config, OutcomeDetail::Counts);
    Ok(tasks::run(dir, plan, &settings, &config.configuration(), passes, say::note)?)
}

pub(super) fn show(figures: &TaskFigures, json: bool) -> Result<ExitCode, Failure> {
    if json {
        say::json(figures)?;
    } else {
        let counts = &figures.counts;
        say::text(&format!(
            "One pool of {} agents, policy {}, in process (no HTTP, no JSON), fleet and engine on \
             the same cores\n  {} inputs, {} assignments, {} completions, {} events, {:.1} MB \
             synced\n\n\
             {:>12.0} tasks/s     submitted, assigned, completed, durable, in requests of 500 \
             ({:.2} us of processor each)\n\
             {:>12.0} MiB         peak resident memory, the fleet included\n\n\
             {}{}{}verify: {}\n",
            figures.agents,
            figures.policy,
            counts.inputs(),
            counts.assignments,
            counts.completions,
            counts.events,
            counts.bytes as f64 / 1e6,
            figures.tasks_per_s,
            figures.cpu_us_per_task,
            figures.rss_mib,
            head("ms"),
            row("task to assignment read, at full rate", &figures.assignment_at_full_rate),
            row("task to assignment read, 5,000/s", &figures.assignment),
            if figures.verified { "passed" } else { "FAILED" },
        ))?;
    }
    Ok(if figures.verified { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

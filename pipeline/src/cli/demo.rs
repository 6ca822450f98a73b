//! `zeitgeber demo`: the whole pipeline on the compiled-in sample, and what came of it.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::atomic::Ordering,
    time::Instant,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use zeitgeber::{
    cycle::{Counts, OutcomeDetail},
    demo::{self, Played},
    ingest::{Session, SessionSettings},
    store::Store,
};
use zeitgeber_processors::flow::State;

use super::{Failure, Layers, say, session};

mod show;
mod tasks;

/// Play the compiled-in sample through everything and show what came of it
///
/// A few days of 20 people's real recordings, with labelled dirt, become validated readings,
/// rhythm analyses, decisions and interventions. No recording says how people answered, so
/// answers are simulated (and marked so in the log); the learner takes its rewards from them.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  zeitgeber demo\n  zeitgeber demo --data-dir demo-data\n  zeitgeber \
                  demo tasks",
    args_conflicts_with_subcommands = true
)]
pub(super) struct Args {
    #[command(subcommand)]
    what: Option<What>,
    /// Data directory [default: a new one under the system's temporary directory]
    #[arg(long = "data-dir", value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Person whose days are drawn
    #[arg(long, default_value = "u09", value_name = "USER")]
    user: String,
    /// Print a summary as JSON instead of the tour
    #[arg(long)]
    json: bool,
}

/// Another demo than that of people.
#[derive(Debug, clap::Subcommand)]
enum What {
    Tasks(tasks::Args),
}

#[derive(Serialize)]
struct Summary<'a> {
    data_dir: &'a Path,
    seconds: f64,
    lines: u64,
    simulated_answers: u64,
    #[serde(flatten)]
    counts: Counts,
}

pub(super) fn run(args: &Args, layers: &Layers) -> Result<ExitCode, Failure> {
    if let Some(What::Tasks(args)) = &args.what {
        return tasks::run(args, layers);
    }
    let config = session::config(layers)?;
    let stop = session::stop_flag()?;
    let dir = match &args.dir {
        Some(dir) => dir.clone(),
        None => fresh_dir()?,
    };
    let started = Instant::now();
    let settings = session::settings(&config, OutcomeDetail::Counts);
    let settings = SessionSettings { announce: true, ..settings };
    let configure = session::configure(&config);
    let mut writer = Session::open(&dir, &settings, &config.configuration(), configure)?;
    let bar = progress_bar();
    let played = demo::play(&mut writer, &stop, |lines, total, counts| {
        bar.set_length(total);
        bar.set_position(lines);
        bar.set_message(format!("{} analyses, {} decisions", counts.analyses, counts.decisions));
    });
    bar.finish_and_clear();
    let summary = writer.finish();
    let (played, summary) = (played?, summary?);
    let seconds = started.elapsed().as_secs_f64();
    if args.json {
        let printed = Summary {
            data_dir: &dir,
            seconds,
            lines: played.lines,
            simulated_answers: played.answers,
            counts: summary.counts,
        };
        say::json(&printed)?;
    } else {
        tour(args, &dir, seconds, played, &summary.counts)?;
    }
    let interrupted = stop.load(Ordering::Relaxed);
    Ok(if interrupted { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn fresh_dir() -> std::io::Result<PathBuf> {
    let base = std::env::temp_dir();
    for n in 1.. {
        let dir = base.join(format!("zeitgeber-demo-{n}"));
        match std::fs::create_dir(&dir) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            made => return made.map(|()| dir),
        }
    }
    unreachable!("the numbers do not end")
}

fn progress_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{pos}/{len} lines {wide_bar} {msg} {elapsed}");
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

fn tour(
    args: &Args,
    dir: &Path,
    seconds: f64,
    played: Played,
    counts: &Counts,
) -> Result<(), Failure> {
    let store = Store::read(dir)?;
    let states = store.states()?;
    let mut text = format!(
        "Played {} lines of 20 people's recordings in {seconds:.1} s: {} accepted, {} refused (kept \
         as dead letters), {} exact repeats.\n{} analyses, {} decisions, {} interventions issued. \
         {} answers are SIMULATED: nobody was asked.\n\n",
        played.lines,
        counts.accepted,
        counts.refused,
        counts.repeats,
        counts.analyses,
        counts.decisions,
        counts.interventions,
        played.answers,
    );
    text.push_str(
        "Vitality (a transparent composite, not a diagnosis; - is a part not computed)\n",
    );
    text.push_str(&show::vitality(&states));
    let journal = store.journal();
    let person = states.iter().flat_map(State::people).find(|person| person.key == args.user);
    let offset = |at| person.map_or(0, |person| person.profile.offset_at(at));
    if let Some(days) = demo::movement_by_half_hour(&*journal, &args.user, &offset)? {
        text.push_str(&show::actogram(&args.user, &days));
    }
    text.push_str(&show::learned(&states));
    let decisions = demo::last_decisions(&*journal, 3)?;
    text.push_str(&show::decisions(&decisions));
    let dir = dir.display();
    text.push_str("Try next\n");
    if let Some(decision) = decisions.last() {
        let id = decision.decision.decision_id;
        text.push_str(&format!("  zeitgeber explain {id} --data-dir {dir}\n"));
    }
    text.push_str(&format!(
        "  zeitgeber status {} --data-dir {dir}\n  zeitgeber report --data-dir {dir}\n  \
         zeitgeber deadletters --data-dir {dir}\n  zeitgeber verify --data-dir {dir}\n",
        args.user
    ));
    say::text(&text)
}

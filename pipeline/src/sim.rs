//! The deterministic simulator: the production journal, cycles, cores, snapshots and stages on a
//! disk that breaks and under a scheduler that one seed decides.
//!
//! `docs/simulator.md` says what the model disk may do, what is checked and how a failure is
//! repeated. Nothing here runs in a service.

mod disk;
mod forge;
mod image;
mod learnt;
mod ledger;
mod misfold;
mod mutation;
mod oracle;
mod producer;
mod relay;
mod rng;
mod rules;
mod violation;
mod world;

pub use image::Image;
pub use ledger::Ledger;
pub use mutation::Mutation;
pub use violation::{Invariant, Violation};
use world::World;

/// What a simulation is run with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Decides everything.
    pub seed: u64,
    /// Steps of actors before everything is let drain.
    pub steps: u64,
    /// A deliberate bug.
    pub mutation: Option<Mutation>,
    /// What is left out, of [`PARTS`].
    pub without: Vec<String>,
    /// Whether the outcome has what each crash left of the disk.
    pub keeps_images: bool,
}

impl Settings {
    /// A seed and so many steps, with every fault and no bug.
    pub const fn new(seed: u64, steps: u64) -> Self {
        Self { seed, steps, mutation: None, without: Vec::new(), keeps_images: false }
    }
}

/// What can be left out of a simulation, to find what a failure needs.
pub const PARTS: [&str; 9] = [
    "kills",
    "power-cuts",
    "io-errors",
    "stops",
    "rot",
    "ticks",
    "questions",
    "snapshots",
    "jumps",
];

/// What came of a simulation.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What it met and did.
    pub ledger: Ledger,
    /// The hash of everything that was done, in order.
    pub trace: [u8; 32],
    /// The invariant that did not hold, and at which step.
    pub violation: Option<(u64, Violation)>,
    /// The last things that were done.
    pub script: Vec<String>,
    /// What each crash left of the disk, in order, where that was asked for.
    pub images: Vec<Image>,
}

/// Runs one seed.
pub fn run(settings: &Settings) -> Outcome {
    World::new(settings).run(settings.steps)
}

/// Makes a failing simulation smaller: parts that it fails without are left out, then the steps
/// behind the failure. The failure may be another one in the end; it is one all the same.
pub fn shrink(settings: &Settings) -> (Settings, Outcome) {
    let mut least = settings.clone();
    let mut outcome = run(&least);
    for part in PARTS {
        let Some((step, _)) = outcome.violation else { break };
        least.steps = least.steps.min(step + 1);
        let mut fewer = least.clone();
        fewer.without.push(part.into());
        let tried = run(&fewer);
        if tried.violation.is_some() {
            (least, outcome) = (fewer, tried);
        }
    }
    (least, outcome)
}

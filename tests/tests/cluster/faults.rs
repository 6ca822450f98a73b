//! What befalls workers and servers while they work, drawn at random.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use zeitgeber_test_services::{Node, Servers};
use zeitgeber_tests::Service;

use super::{
    bus::PARTITIONS,
    kit::{Cluster, SESSION_MS, owners},
};

/// What may be asked for instead of the few that every run of the tests has.
const ASKED: &str = "ZEITGEBER_CLUSTER_FAULTS";
/// Longest pause before a fault, ms.
const PAUSE_MS: u64 = 1_500;
/// Longest time that a server is away besides what its start takes, ms.
const AWAY_MS: u64 = 3_000;

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A worker is killed, and started again.
    Kill,
    /// A worker is frozen until the group has given its partitions away, and wakes up.
    Zombie,
    /// A worker comes, or goes as asked.
    Rebalance,
    /// The broker is stopped or killed, and started again.
    Broker,
    /// So is the database.
    Database,
}

/// The faults of one run.
pub(crate) struct Plan {
    seed: u64,
    counts: [(&'static str, Fault, usize); 5],
    pub(crate) faults: Vec<Fault>,
    draws: Draws,
}

impl Plan {
    /// As `ZEITGEBER_CLUSTER_FAULTS` says (`kills=100,zombies=10,rebalances=20,brokers=5,databases=5`,
    /// and `seed=N` to draw the same again), or a few of each.
    pub(crate) fn asked() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
        let mut seed = now.as_secs();
        let mut counts = [
            ("kills", Fault::Kill, 2),
            ("zombies", Fault::Zombie, 1),
            ("rebalances", Fault::Rebalance, 1),
            ("brokers", Fault::Broker, 1),
            ("databases", Fault::Database, 1),
        ];
        let asked = std::env::var(ASKED).unwrap_or_default();
        for part in asked.split(',').filter(|part| !part.is_empty()) {
            let (name, number) = part.split_once('=').expect("NAME=NUMBER");
            let number = number.parse().expect("a number");
            match counts.iter_mut().find(|(known, ..)| *known == name) {
                Some((_, _, count)) => *count = number,
                None if name == "seed" => seed = number as u64,
                None => panic!("{ASKED} names {name}, which is none of {counts:?}"),
            }
        }
        let all = counts.iter().flat_map(|(_, fault, count)| std::iter::repeat_n(*fault, *count));
        let mut faults: Vec<Fault> = all.collect();
        let mut draws = Draws(seed);
        for place in (1..faults.len()).rev() {
            faults.swap(place, draws.next(place as u64 + 1) as usize);
        }
        Self { seed, counts, faults, draws }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}", self.seed)?;
        self.counts.iter().try_for_each(|(name, _, count)| write!(f, ", {count} {name}"))
    }
}

/// Numbers that are the same for the same seed.
struct Draws(u64);

impl Draws {
    fn next(&mut self, below: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    fn pause(&mut self, most_ms: u64) {
        std::thread::sleep(Duration::from_millis(self.next(most_ms)));
    }
}

/// Workers that share a log, and the servers under them.
pub(crate) struct Crew<'a> {
    cluster: &'a Cluster,
    broker: Node,
    database: Node,
    workers: Vec<Service>,
}

impl<'a> Crew<'a> {
    /// Two workers.
    pub(crate) fn start(cluster: &'a Cluster, servers: &Servers) -> Self {
        Self {
            cluster,
            broker: servers.node("kafka-1"),
            database: servers.node("cassandra-1"),
            workers: (0..2).map(|_| cluster.worker(&[])).collect(),
        }
    }

    /// Lets everything happen that was drawn.
    pub(crate) fn suffer(&mut self, plan: &mut Plan) {
        for (number, fault) in plan.faults.clone().into_iter().enumerate() {
            // Half of them meet workers that have just settled, the others whatever is.
            if plan.draws.next(2) == 0 {
                let all = usize::from(PARTITIONS);
                self.cluster.until("all is owned", |status| owners(status).1 == all);
            }
            plan.draws.pause(PAUSE_MS);
            println!("{number}: {fault:?}");
            self.befall(fault, &mut plan.draws);
            self.revive();
        }
    }

    /// Starts those again that ended by themselves, as whoever keeps services running does: one
    /// that starts while the broker is away says so and ends.
    fn revive(&mut self) {
        let workers = std::mem::take(&mut self.workers).into_iter();
        let revive = |mut worker: Service| match worker.has_ended() {
            true => worker.kill_and_restart(),
            false => worker,
        };
        self.workers = workers.map(revive).collect();
    }

    fn befall(&mut self, fault: Fault, draws: &mut Draws) {
        let whom = draws.next(self.workers.len() as u64) as usize;
        match fault {
            Fault::Kill => {
                let worker = self.workers.swap_remove(whom);
                self.workers.push(worker.kill_and_restart());
            }
            Fault::Zombie => {
                self.workers[whom].freeze();
                std::thread::sleep(Duration::from_millis(u64::from(SESSION_MS) + PAUSE_MS));
                self.workers[whom].thaw();
            }
            Fault::Rebalance if self.workers.len() < 3 => {
                self.workers.push(self.cluster.worker(&[]));
            }
            Fault::Rebalance => {
                self.workers.swap_remove(whom).stop();
            }
            Fault::Broker => restart(&self.broker, draws),
            Fault::Database => restart(&self.database, draws),
        }
    }

    /// Stops all workers, as asked.
    pub(crate) fn stop(mut self) {
        self.workers.drain(..).for_each(|worker| drop(worker.stop()));
    }
}

impl Drop for Crew<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for worker in &self.workers {
                println!("worker {} said:\n{}", worker.pid(), worker.said());
            }
        }
    }
}

fn restart(node: &Node, draws: &mut Draws) {
    if draws.next(2) == 0 {
        node.kill()
    } else {
        node.stop()
    }
    draws.pause(AWAY_MS);
    node.start();
}

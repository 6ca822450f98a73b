//! Who is served by one reader of the log, found by person and topic.
//!
//! Most subscribers want one person, so an event costs a look-up whatever their number.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Instant,
};

use super::{
    filter::{About, TOPICS_MAX, Topics},
    frame::{Frame, Spot},
    outbox::{Lane, Offered, Outbox},
};

type ByKey = HashMap<Box<str>, Vec<Arc<Outbox>>>;

/// The subscribers of one reader.
#[derive(Debug)]
pub(super) struct Registry {
    lane: Lane,
    /// Nobody wants anything from before here.
    start: Spot,
    /// When what is offered was told to be durable; none where it has been for a while.
    pub(super) told: Option<Instant>,
    /// Those who want one person, by person key.
    people: ByKey,
    /// Those who want one pool.
    pools: ByKey,
    /// All others.
    broad: BTreeMap<u64, Arc<Outbox>>,
    /// How many want each topic.
    wanted: [u32; TOPICS_MAX],
    broad_wanted: [u32; TOPICS_MAX],
    topics: Topics,
    broad_topics: Topics,
}

impl Registry {
    /// Nobody, served on `lane` from `start` on.
    pub(super) fn new(lane: Lane, start: Spot) -> Self {
        Self {
            lane,
            start,
            told: None,
            people: ByKey::new(),
            pools: ByKey::new(),
            broad: BTreeMap::new(),
            wanted: [0; TOPICS_MAX],
            broad_wanted: [0; TOPICS_MAX],
            topics: Topics::default(),
            broad_topics: Topics::default(),
        }
    }

    pub(super) const fn lane(&self) -> Lane {
        self.lane
    }

    pub(super) fn is_empty(&self) -> bool {
        self.broad.is_empty() && self.people.is_empty() && self.pools.is_empty()
    }

    /// What anybody wants.
    pub(super) const fn topics(&self) -> Topics {
        self.topics
    }

    pub(super) fn add(&mut self, outbox: Arc<Outbox>) {
        self.count(&outbox, |wanted| *wanted += 1);
        let (by_key, key) = match outbox.filter.about() {
            About::Nobody => {
                self.broad.insert(outbox.number, outbox);
                return;
            }
            About::Person(key) => (&mut self.people, key),
            About::Pool(key) => (&mut self.pools, key),
        };
        match by_key.get_mut(key) {
            Some(same) => same.push(outbox),
            None => drop(by_key.insert(key.into(), vec![outbox])),
        }
    }

    /// Takes one out; nothing where it is not in.
    pub(super) fn remove(&mut self, outbox: &Outbox) {
        let removed = match outbox.filter.about() {
            About::Nobody => self.broad.remove(&outbox.number).is_some(),
            About::Person(key) => remove(&mut self.people, key, outbox),
            About::Pool(key) => remove(&mut self.pools, key, outbox),
        };
        if removed {
            self.count(outbox, |wanted| *wanted -= 1);
        }
    }

    fn count(&mut self, outbox: &Outbox, change: impl Fn(&mut u32)) {
        let broad = outbox.filter.about() == About::Nobody;
        for bit in (0..TOPICS_MAX).filter(|bit| outbox.topics.meets(Topics::bit(*bit))) {
            change(&mut self.wanted[bit]);
            if broad {
                change(&mut self.broad_wanted[bit]);
            }
        }
        self.topics = set(&self.wanted);
        self.broad_topics = set(&self.broad_wanted);
    }

    fn named(&self, about: About<'_>) -> &[Arc<Outbox>] {
        let named = match about {
            About::Nobody => None,
            About::Person(key) => self.people.get(key),
            About::Pool(key) => self.pools.get(key),
        };
        named.map(Vec::as_slice).unwrap_or_default()
    }

    /// Which topics anybody wants of events about them.
    pub(super) fn wanted(&self, about: About<'_>) -> Topics {
        let topics = self.named(about).iter().map(|outbox| outbox.topics);
        topics.fold(self.broad_topics, Topics::and)
    }

    /// Whether anybody can want an event as late as this one.
    pub(super) fn reaches(&self, last: Spot) -> bool {
        self.start <= last
    }

    /// Lets one in who goes on at `from`, which may stand before everybody else.
    pub(super) fn add_from(&mut self, from: Spot, outbox: Arc<Outbox>) {
        self.start = self.start.min(from);
        self.add(outbox);
    }

    /// Whether anybody wants one person only.
    pub(super) fn by_person(&self) -> bool {
        !self.people.is_empty()
    }

    /// Offers a frame to all who want it; how many it reached.
    pub(super) fn offer(&mut self, about: About<'_>, topics: Topics, frame: &Arc<Frame>) -> u64 {
        let broad = self.broad.values().filter(|_| self.broad_topics.meets(topics));
        let mut reached = 0;
        let mut lost = Vec::new();
        for outbox in self.named(about).iter().chain(broad) {
            let agent = outbox.filter.agent.as_deref();
            if !outbox.topics.meets(topics) || agent.is_some_and(|agent| !frame.names(agent)) {
                continue;
            }
            match outbox.offer(self.lane, frame) {
                Offered::Taken => reached += 1,
                Offered::Past => {}
                Offered::Lost => lost.push(Arc::clone(outbox)),
            }
        }
        for lost in lost {
            self.remove(&lost);
        }
        reached
    }

    /// Lets everybody go who can change to another lane, going on at `from`.
    pub(super) fn move_to(&mut self, lane: Lane, from: Spot) -> Vec<Arc<Outbox>> {
        let own = self.lane;
        let all = std::mem::replace(self, Self::new(own, from));
        let named = all.people.into_values().chain(all.pools.into_values()).flatten();
        let all = named.chain(all.broad.into_values());
        all.filter(|outbox| outbox.change(own, lane, Some(from))).collect()
    }
}

fn set(wanted: &[u32; TOPICS_MAX]) -> Topics {
    let bits = (0..TOPICS_MAX).filter(|bit| wanted[*bit] > 0);
    bits.fold(Topics::default(), |set, bit| set.and(Topics::bit(bit)))
}

/// Whether one stood under this key, and is out now.
fn remove(by_key: &mut ByKey, key: &str, outbox: &Outbox) -> bool {
    let Some(same) = by_key.get_mut(key) else {
        return false;
    };
    let before = same.len();
    same.retain(|other| other.number != outbox.number);
    let removed = same.len() < before;
    if same.is_empty() {
        by_key.remove(key);
    }
    removed
}

//! Who is served by one reader of the log, found by person and topic.
//!
//! Most subscribers want one person, so an event costs a look-up whatever their number.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{
    filter::{TOPICS_MAX, Topics},
    frame::{Frame, Spot},
    outbox::{Lane, Offered, Outbox},
};

/// The subscribers of one reader.
#[derive(Debug)]
pub(super) struct Registry {
    lane: Lane,
    /// Those who want one person, by person key.
    people: HashMap<Box<str>, Vec<Arc<Outbox>>>,
    /// All others.
    broad: BTreeMap<u64, Arc<Outbox>>,
    /// How many want each topic.
    wanted: [u32; TOPICS_MAX],
    broad_wanted: [u32; TOPICS_MAX],
    topics: Topics,
    broad_topics: Topics,
    lost: Vec<Arc<Outbox>>,
}

impl Registry {
    /// Nobody, served on `lane`.
    pub(super) fn new(lane: Lane) -> Self {
        Self {
            lane,
            people: HashMap::new(),
            broad: BTreeMap::new(),
            wanted: [0; TOPICS_MAX],
            broad_wanted: [0; TOPICS_MAX],
            topics: Topics::default(),
            broad_topics: Topics::default(),
            lost: Vec::new(),
        }
    }

    pub(super) const fn lane(&self) -> Lane {
        self.lane
    }

    pub(super) fn is_empty(&self) -> bool {
        self.broad.is_empty() && self.people.is_empty()
    }

    /// What anybody wants.
    pub(super) const fn topics(&self) -> Topics {
        self.topics
    }

    pub(super) fn add(&mut self, outbox: Arc<Outbox>) {
        self.count(&outbox, |wanted| *wanted += 1);
        match outbox.filter.person.as_deref() {
            Some(person) => match self.people.get_mut(person) {
                Some(same) => same.push(outbox),
                None => drop(self.people.insert(person.into(), vec![outbox])),
            },
            None => drop(self.broad.insert(outbox.number, outbox)),
        }
    }

    /// Takes one out; nothing where it is not in.
    pub(super) fn remove(&mut self, outbox: &Outbox) {
        let removed = match outbox.filter.person.as_deref() {
            None => self.broad.remove(&outbox.number).is_some(),
            Some(person) => {
                let Some(same) = self.people.get_mut(person) else {
                    return;
                };
                let before = same.len();
                same.retain(|other| other.number != outbox.number);
                let removed = same.len() < before;
                if same.is_empty() {
                    self.people.remove(person);
                }
                removed
            }
        };
        if removed {
            self.count(outbox, |wanted| *wanted -= 1);
        }
    }

    fn count(&mut self, outbox: &Outbox, change: impl Fn(&mut u32)) {
        let broad = outbox.filter.person.is_none();
        for bit in (0..TOPICS_MAX).filter(|bit| outbox.topics.meets(Topics::bit(*bit))) {
            change(&mut self.wanted[bit]);
            if broad {
                change(&mut self.broad_wanted[bit]);
            }
        }
        self.topics = set(&self.wanted);
        self.broad_topics = set(&self.broad_wanted);
    }

    /// Which of an entry's topics anybody wants of this person.
    pub(super) fn wanted(&self, person: Option<&str>) -> Topics {
        let people = person.and_then(|person| self.people.get(person));
        let topics = people.into_iter().flatten().map(|outbox| outbox.topics);
        topics.fold(self.broad_topics, Topics::and)
    }

    /// Whether anybody wants one person only.
    pub(super) fn by_person(&self) -> bool {
        !self.people.is_empty()
    }

    /// Offers a frame to all who want it; how many it reached.
    pub(super) fn offer(
        &mut self,
        person: Option<&str>,
        topics: Topics,
        frame: &Arc<Frame>,
    ) -> u64 {
        let people = person.and_then(|person| self.people.get(person));
        let broad = self.broad.values().filter(|_| self.broad_topics.meets(topics));
        let mut reached = 0;
        for outbox in people.into_iter().flatten().chain(broad) {
            if !outbox.topics.meets(topics) {
                continue;
            }
            match outbox.offer(self.lane, frame) {
                Offered::Taken => reached += 1,
                Offered::Past => {}
                Offered::Lost => self.lost.push(Arc::clone(outbox)),
            }
        }
        for lost in std::mem::take(&mut self.lost) {
            self.remove(&lost);
        }
        reached
    }

    /// Lets everybody go who can change to another lane, going on at `from`.
    pub(super) fn move_to(&mut self, lane: Lane, from: Spot) -> Vec<Arc<Outbox>> {
        let own = self.lane;
        let all = std::mem::replace(self, Self::new(own));
        let people = all.people.into_values().flatten();
        let all = people.chain(all.broad.into_values());
        all.filter(|outbox| outbox.change(own, lane, Some(from))).collect()
    }
}

fn set(wanted: &[u32; TOPICS_MAX]) -> Topics {
    let bits = (0..TOPICS_MAX).filter(|bit| wanted[*bit] > 0);
    bits.fold(Topics::default(), |set, bit| set.and(Topics::bit(bit)))
}

//! The group of workers as the brokers describe it: who is in it, who has what, who comes next.
//!
//! Its assignor is librdkafka's `range`: members in the order of their ids share the partitions out
//! in even blocks. So everybody who knows the members knows, too, whom a partition goes to when its
//! owner goes, and whom when that one goes with it. These heirs stand by.

use std::{collections::BTreeSet, time::Duration};

use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::{
    bus::kafka::{BusError, PARTITIONS},
    config::Kafka,
};

/// How long brokers may take to answer.
pub(super) const TIME_OUT: Duration = Duration::from_secs(10);

/// The group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    /// Its state as the brokers name it.
    pub(super) state: String,
    /// In the order in which partitions are shared out.
    members: Vec<Member>,
    partitions: u16,
}

/// A worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    /// What the brokers call it.
    id: String,
    /// What it calls itself.
    pub(super) name: String,
    host: String,
    given: BTreeSet<u16>,
}

impl Member {
    /// What people call it.
    pub(super) fn title(&self) -> String {
        format!("{} {}", self.name, self.host)
    }
}

impl Group {
    /// Asks the brokers for the group of a log with so many partitions.
    pub(super) fn ask(
        settings: &Kafka,
        consumer: &BaseConsumer,
        partitions: u16,
    ) -> Result<Self, BusError> {
        let name = settings.members();
        let list = consumer.client().fetch_group_list(Some(&name), TIME_OUT);
        let list = list.map_err(settings.fault(format!("ask for the group {name}")))?;
        let Some(group) = list.groups().iter().find(|group| group.name() == name) else {
            return Ok(Self::of("Empty", Vec::new(), partitions));
        };
        let topic = settings.topic(PARTITIONS);
        let members = group.members().iter().map(|member| Member {
            id: member.id().into(),
            name: member.client_id().into(),
            host: member.client_host().into(),
            given: member
                .assignment()
                .and_then(|bytes| assigned(bytes, &topic))
                .unwrap_or_default(),
        });
        Ok(Self::of(group.state(), members.collect(), partitions))
    }

    fn of(state: &str, mut members: Vec<Member>, partitions: u16) -> Self {
        members.sort_by(|a, b| a.id.cmp(&b.id));
        Self { state: state.into(), members, partitions }
    }

    /// Whether everybody has what the group gave them.
    pub(super) fn is_settled(&self) -> bool {
        let given: usize = self.members.iter().map(|member| member.given.len()).sum();
        given == usize::from(self.partitions)
    }

    /// How many members have something.
    pub(super) fn owners(&self) -> usize {
        self.members.iter().filter(|member| !member.given.is_empty()).count()
    }

    /// To whom the group gave a partition.
    pub(super) fn owner(&self, partition: u16) -> Option<&Member> {
        self.members.iter().find(|member| member.given.contains(&partition))
    }

    /// To whom a partition goes when its owner goes, to whom when that one goes, too, and so on; at
    /// most so many. Nobody, where nobody has it.
    pub(super) fn heirs(&self, partition: u16, most: usize) -> Vec<&Member> {
        let Some(owner) = self.owner(partition) else { return Vec::new() };
        let mut left: Vec<&Member> =
            self.members.iter().filter(|member| member.id != owner.id).collect();
        let mut heirs = Vec::new();
        while heirs.len() < most && !left.is_empty() {
            heirs.push(left.remove(range(partition, self.partitions, left.len())));
        }
        heirs
    }
}

/// Who of so many members has a partition: blocks of even length, the first ones longer by one where
/// it does not come out even.
fn range(partition: u16, partitions: u16, members: usize) -> usize {
    let (partition, partitions) = (usize::from(partition), usize::from(partitions));
    let (each, longer) = (partitions / members, partitions % members);
    let in_longer = longer * (each + 1);
    if partition < in_longer {
        partition / (each + 1)
    } else {
        longer + (partition - in_longer) / each.max(1)
    }
}

/// The partitions of a topic in an assignment as consumers write it: a version, then for each topic
/// its name and its partitions, integers big-endian.
fn assigned(bytes: &[u8], wanted: &str) -> Option<BTreeSet<u16>> {
    let (mut rest, mut found) = (bytes, BTreeSet::new());
    take::<2>(&mut rest)?;
    for _ in 0..i32::from_be_bytes(take(&mut rest)?) {
        let name = usize::from(u16::from_be_bytes(take(&mut rest)?));
        let (topic, after) = rest.split_at_checked(name)?;
        rest = after;
        for _ in 0..i32::from_be_bytes(take(&mut rest)?) {
            let number = i32::from_be_bytes(take(&mut rest)?);
            if topic == wanted.as_bytes() {
                found.insert(u16::try_from(number).ok()?);
            }
        }
    }
    Some(found)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_tells_the_partitions_of_the_topic_and_damage_tells_nothing() {
        let mut bytes = vec![0, 1, 0, 0, 0, 2];
        for (topic, partitions) in [("other", vec![9]), ("zg.partitions", vec![0, 3, 258])] {
            bytes.extend((topic.len() as u16).to_be_bytes());
            bytes.extend(topic.as_bytes());
            bytes.extend((partitions.len() as i32).to_be_bytes());
            partitions.iter().for_each(|n: &i32| bytes.extend(n.to_be_bytes()));
        }
        bytes.extend([0, 0, 0, 0]);
        assert_eq!(assigned(&bytes, "zg.partitions"), Some(BTreeSet::from([0, 3, 258])));
        assert_eq!(assigned(&bytes, "absent"), Some(BTreeSet::new()));
        assert_eq!(assigned(&bytes[..bytes.len() - 8], "zg.partitions"), None);
    }

    /// A group as the assignor leaves it.
    fn group(names: &[&str], partitions: u16) -> Group {
        let members = names.iter().map(|name| Member {
            id: format!("{name}-id"),
            name: (*name).into(),
            host: String::new(),
            given: BTreeSet::new(),
        });
        let mut group = Group::of("Stable", members.collect(), partitions);
        for partition in 0..partitions {
            let index = range(partition, partitions, names.len());
            group.members[index].given.insert(partition);
        }
        group
    }

    #[test]
    fn the_first_heir_is_who_has_the_partition_once_the_owner_is_gone() {
        for (workers, partitions) in [(2, 4), (3, 16), (5, 64), (7, 3)] {
            let names: Vec<String> = (0..workers).map(|n| format!("worker-{n}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let before = group(&names, partitions);
            assert!(before.is_settled());
            for partition in 0..partitions {
                let owner = &before.owner(partition).expect("everything is given").name;
                let left: Vec<&str> = names.iter().copied().filter(|name| name != owner).collect();
                let after = group(&left, partitions);
                let heirs = before.heirs(partition, 2);
                assert_eq!(heirs[0].name, after.owner(partition).expect("it is given").name);
                assert_eq!(heirs.len(), 2.min(left.len()));
                assert!(heirs.iter().all(|heir| heir.name != *owner));
            }
        }
    }

    #[test]
    fn blocks_are_as_the_assignor_cuts_them() {
        let cut = |partitions, members| -> Vec<usize> {
            (0..partitions).map(|partition| range(partition, partitions, members)).collect()
        };
        assert_eq!(cut(7, 3), [0, 0, 0, 1, 1, 2, 2]);
        assert_eq!(cut(4, 2), [0, 0, 1, 1]);
        assert_eq!(cut(2, 5), [0, 1]);
    }
}

//! What a group has assigned to a member: the partitions of all inputs, and the shards that they make.

use std::collections::{BTreeSet, VecDeque};

use super::InputPartition;

/// The partitions that a member has, and the revocations that it has not acknowledged.
#[derive(Debug)]
pub(super) struct Assigned {
    inputs: usize,
    partitions: BTreeSet<InputPartition>,
    revoked: VecDeque<Vec<InputPartition>>,
}

impl Assigned {
    pub(super) fn new(inputs: usize) -> Self {
        Self { inputs, partitions: BTreeSet::new(), revoked: VecDeque::new() }
    }

    fn is_whole(&self, shard: i32) -> bool {
        (0..self.inputs).all(|input| self.partitions.contains(&(input, shard)))
    }

    /// Partitions were assigned; the shards that are whole now and were not before.
    pub(super) fn add(&mut self, partitions: &[InputPartition]) -> BTreeSet<i32> {
        let shards: BTreeSet<i32> = partitions.iter().map(|(_, shard)| *shard).collect();
        let new: BTreeSet<i32> = shards.into_iter().filter(|shard| !self.is_whole(*shard)).collect();
        self.partitions.extend(partitions);
        new.into_iter().filter(|shard| self.is_whole(*shard)).collect()
    }

    /// Partitions are to be released; the shards that were whole and are not any more.
    pub(super) fn remove(&mut self, partitions: Vec<InputPartition>) -> BTreeSet<i32> {
        let shards = partitions.iter().map(|(_, shard)| *shard).filter(|shard| self.is_whole(*shard)).collect();
        self.partitions.retain(|partition| !partitions.contains(partition));
        self.revoked.push_back(partitions);
        shards
    }

    /// The partitions of the latest revocation, if the member need not release anything for it: it is acknowledged at once,
    /// before earlier ones that wait for commits.
    pub(super) fn acknowledged_at_once(&mut self) -> Vec<InputPartition> {
        self.revoked.pop_back().unwrap_or_default()
    }

    /// The partitions of the earliest revocation, which is acknowledged now.
    pub(super) fn acknowledged(&mut self) -> Vec<InputPartition> {
        self.revoked.pop_front().unwrap_or_default()
    }

    /// The partitions that are left of shards that are not whole any more.
    pub(super) fn left_of(&self, shards: &[i32]) -> impl Iterator<Item = InputPartition> {
        self.partitions.iter().filter(|(_, shard)| shards.contains(shard)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_whole_with_the_partitions_of_all_inputs() {
        let mut assigned = Assigned::new(2);
        assert_eq!(assigned.add(&[(0, 0), (0, 1), (1, 0)]), BTreeSet::from([0]));
        assert_eq!(assigned.add(&[(1, 1)]), BTreeSet::from([1]));
        assert_eq!(assigned.remove(vec![(1, 0)]), BTreeSet::from([0]));
        assert_eq!(assigned.left_of(&[0]).collect::<Vec<_>>(), [(0, 0)]);
        assert_eq!(assigned.remove(vec![(0, 0)]), BTreeSet::new());
        // The second one has nothing to commit, and does not acknowledge the first.
        assert_eq!((assigned.acknowledged_at_once(), assigned.acknowledged()), (vec![(0, 0)], vec![(1, 0)]));
        assert_eq!(assigned.add(&[(0, 0), (1, 0)]), BTreeSet::from([0]));
    }
}

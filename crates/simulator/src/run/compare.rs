//! What a simulation leaves beside what one uninterrupted fold would have left.

use std::sync::Arc;

use gristmill::protocol::Run;
use gristmill::rows::{Partition, RawRecord, RawRows};
use gristmill::shard::{Outbox, Shard};
use gristmill::spec::Guarantee;
use gristmill_io::codec::Decoder;
use gristmill_io::dead_letters::DeadLetter;

use super::Simulation;
use crate::cluster::{DEAD, INPUT, TRANSACTION};
use crate::world::{World, lock};

/// What one uninterrupted fold leaves.
struct Expected {
    /// By output, then the dead letters.
    answers: Vec<Vec<Vec<u8>>>,
    state: Vec<u8>,
    rows: usize,
}

impl Simulation {
    /// The same of answers alone: partitions that moved while a bounded run ended need not have a snapshot at their end.
    pub(super) fn compare_answers(&mut self) -> Result<(), String> {
        self.pass(2 * TRANSACTION.as_millis() as u64);
        let world = lock(&self.world);
        (0..world.cluster.partitions()).try_for_each(|partition| {
            let expected = self.uninterrupted(&world, partition)?;
            self.same_answers(&world, partition, &expected)
        })
    }

    /// What is there must be what one uninterrupted fold would have left.
    pub fn compare(&self) -> Result<(), String> {
        let partitions = lock(&self.world).cluster.partitions();
        (0..partitions).try_for_each(|partition| self.compare_partition(partition))
    }

    fn compare_partition(&self, partition: i32) -> Result<(), String> {
        let world = lock(&self.world);
        let expected = self.uninterrupted(&world, partition)?;
        self.same_answers(&world, partition, &expected)?;
        let once = self.plan.guarantee == Guarantee::ExactlyOnce;
        if !self.plan.journals() {
            return Ok(());
        }
        let saved = world.cluster.slots(partition).newest(None);
        match saved {
            Some(saved) if saved.state == expected.state => {}
            Some(_) => return Err(format!("partition {partition}: the state is another")),
            None if expected.rows == 0 => {}
            None => return Err(format!("partition {partition}: a clean stop has left no snapshot")),
        }
        let tail = world.cluster.entries(partition).last().and_then(|(_, entry)| entry.next());
        if once && tail.is_some() && tail != world.cluster.offset(partition).0 {
            return Err(format!("partition {partition}: the journal ends elsewhere than the group's offset"));
        }
        Ok(())
    }

    fn same_answers(&self, world: &World, partition: i32, expected: &Expected) -> Result<(), String> {
        let once = self.plan.guarantee == Guarantee::ExactlyOnce;
        let topics = self.plan.outputs.iter().map(|output| format!("out-{}", output.name)).chain([DEAD.to_string()]);
        for (topic, expected) in topics.zip(&expected.answers) {
            let found = world.cluster.values(&topic, partition).into_iter().map(|(_, value)| value.unwrap_or_default());
            let found: Vec<Vec<u8>> = found.collect();
            let there = |one: &Vec<u8>| found.contains(one);
            let extra = found.iter().any(|one| !expected.contains(one));
            if once && found != *expected || !once && (extra || !expected.iter().all(there)) {
                let texts = |all: &[Vec<u8>]| {
                    let id = |value: &Vec<u8>| String::from_utf8_lossy(value).chars().take(60).collect::<String>();
                    all.iter().map(id).collect::<Vec<_>>().join("\n  ")
                };
                return Err(format!(
                    "partition {partition} of {topic}: found {}\n  {}\nexpected {}\n  {}",
                    found.len(),
                    texts(&found),
                    expected.len(),
                    texts(expected)
                ));
            }
        }
        Ok(())
    }

    fn uninterrupted(&self, world: &World, number: i32) -> Result<Expected, String> {
        let partition = Partition::new(INPUT, number);
        let mut shard = Shard::open(Arc::clone(&self.plan), partition.clone(), None).map_err(|e| e.to_string())?;
        let mut decoder = Decoder::new(&self.plan, None)?;
        let mut raw = RawRows::new(partition.clone());
        let whole = world.cluster.log(INPUT, number).cloned().unwrap_or_default();
        // Retention has taken nothing from the fold that never stopped.
        for (offset, record) in whole.remembered(world.cluster.transactions()) {
            let (key, value) = (record.key.as_deref(), record.value.as_deref());
            raw.push(RawRecord { offset, timestamp: Some(offset), key, value, headers: &[] });
        }
        let (mut outbox, mut letters, total) = (Outbox::default(), Vec::new(), raw.len());
        // Bounded runs that had read everything took what waited, and versions of a model took over: the journal says where.
        let entries = world.cluster.remembered_entries(number);
        let runs: Vec<&Run> = entries.iter().flat_map(|entry| &entry.runs).collect();
        let mut rest = raw;
        let mut step = |raw: RawRows, shard: &mut Shard, flush: bool| -> Result<Vec<DeadLetter>, String> {
            let mut refusals = Vec::new();
            let rows = decoder.decode(&raw, &mut refusals);
            let waited = shard.step(&raw, &rows, &mut refusals, &mut outbox).map_err(|error| error.to_string())?;
            let mut letters = DeadLetter::of(&raw, &refusals, &waited);
            if flush {
                let waited = shard.flush(&mut outbox).map_err(|error| error.to_string())?;
                letters.extend(DeadLetter::of(&raw, &[], &waited));
            }
            Ok(letters)
        };
        for (place, run) in runs.iter().enumerate() {
            let changes = runs.get(place + 1).is_some_and(|next| next.version != run.version);
            if shard.version() != run.version && !shard.take_version(run.version) {
                return Err(format!("partition {number}: there is no version {}", run.version));
            }
            if run.flushed || changes {
                let count = rest.before(run.consumed.next);
                let (before, behind) = rest.split(count);
                letters.extend(step(before, &mut shard, run.flushed)?);
                rest = behind;
            }
        }
        letters.extend(step(rest, &mut shard, false)?);
        let mut answers = vec![Vec::new(); self.plan.outputs.len()];
        for decision in outbox.decisions() {
            if let Some(answers) = answers.get_mut(decision.output) {
                answers.push(decision.value.to_vec());
            }
        }
        answers.push(letters.iter().map(|letter| letter.to_json().to_string().into_bytes()).collect());
        Ok(Expected { answers, state: shard.snapshot(), rows: total })
    }
}

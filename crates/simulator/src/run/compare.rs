//! Compares the result of a simulation with that of one uninterrupted fold.

use gristmill::protocol::Run;
use gristmill::rows::{Partition, Position, RawRows};
use gristmill::shard::{Outbox, Shard};
use gristmill::spec::Guarantee;
use gristmill_connect::dead_letter::DeadLetter;
use gristmill_formats::Decoders;

use super::Simulation;
use crate::cluster::{DEAD, INPUT, TRANSACTION};
use crate::log::Record;
use crate::source::raw;
use crate::world::{World, lock};

/// The result of one uninterrupted fold.
struct Expected {
    /// By output, then the dead letters.
    answers: Vec<Vec<Vec<u8>>>,
    state: Vec<u8>,
    rows: usize,
}

impl Simulation {
    /// Compares answers alone: partitions that moved while a bounded run ended need not have a snapshot at their end.
    pub(super) fn compare_answers(&mut self) -> Result<(), String> {
        self.pass(2 * TRANSACTION.as_millis() as u64);
        let world = lock(&self.world);
        (0..world.cluster.partitions()).try_for_each(|partition| {
            let expected = self.uninterrupted(&world, partition)?;
            self.same_answers(&world, partition, &expected)
        })
    }

    /// The result must be that of one uninterrupted fold.
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
        let saved = world.cluster.slots(partition).newest();
        match saved {
            Some(saved) if saved.state == expected.state => {}
            Some(_) => return Err(format!("partition {partition}: the state is another")),
            None if expected.rows == 0 => {}
            None => return Err(format!("partition {partition}: a clean stop has left no snapshot")),
        }
        let tail = world.cluster.entries(partition).last().map(|(_, entry)| entry.ends()).unwrap_or_default();
        for (input, position) in tail.iter().filter(|_| once) {
            if Some(position) != world.cluster.offset(&Partition::new(input, partition)).0 {
                return Err(format!(
                    "partition {partition} of {input}: the journal ends elsewhere than the group's offset"
                ));
            }
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
        let mut shard = Shard::open(&self.plan, partition, None).map_err(|error| error.to_string())?;
        let mut decoders = Decoders::new(&self.plan, &[])?;
        let (mut outbox, mut letters, mut total) = (Outbox::default(), Vec::new(), 0);
        for Taken { raw, flushed, tick, version } in self.taken(world, number)? {
            if shard.version() != version && !shard.take_version(version) {
                return Err(format!("partition {number}: there is no version {version}"));
            }
            let mut refusals = Vec::new();
            let rows = decoders.decode(&raw, &mut refusals);
            let waited = shard.step(&raw, &rows, &mut refusals, &mut outbox).map_err(|error| error.to_string())?;
            letters.extend(DeadLetter::of(&raw, &refusals, &waited));
            if let Some(to) = tick {
                let waited = shard.tick(to, &mut outbox).map_err(|error| error.to_string())?;
                letters.extend(DeadLetter::of(&raw, &[], &waited));
            }
            if flushed {
                let waited = shard.flush(&mut outbox).map_err(|error| error.to_string())?;
                letters.extend(DeadLetter::of(&raw, &[], &waited));
            }
            let label = self.plan.labels_in(&raw.partition.topic).is_some();
            total += if label { 0 } else { raw.len() };
        }
        let mut answers = vec![Vec::new(); self.plan.outputs.len()];
        for decision in outbox.decisions() {
            if let Some(answers) = answers.get_mut(decision.output) {
                answers.push(decision.value.to_vec());
            }
        }
        answers.push(letters.iter().map(|letter| letter.to_json().to_string().into_bytes()).collect());
        Ok(Expected { answers, state: shard.snapshot(), rows: total })
    }

    /// All committed records of a shard in the order in which a fold consumes them. The journal says where bounded runs
    /// that had read everything released buffered rows, and where versions of a model took effect.
    fn taken(&self, world: &World, number: i32) -> Result<Vec<Taken>, String> {
        let entries = world.cluster.remembered_entries(number);
        let runs: Vec<&Run> = entries.iter().flat_map(|entry| &entry.runs).collect();
        match world.cluster.inputs(number).as_slice() {
            [only] => Ok(cut(remembered(world, only, Position::START, Position::END), &runs)),
            several => in_order(world, several, &runs),
        }
    }
}

/// Records that are consumed together.
struct Taken {
    raw: RawRows,
    /// Whether buffered rows are released after them.
    flushed: bool,
    /// To where event time moves on after them.
    tick: Option<i64>,
    /// The version of the model that scores them.
    version: u64,
}

/// All records that a log ever had, in [from, to): retention deletes nothing from the uninterrupted fold.
fn remembered(world: &World, partition: &Partition, from: Position, to: Position) -> RawRows {
    let mut rows = RawRows::new(partition.clone());
    let Some(log) = world.cluster.log(&partition.topic, partition.number) else { return rows };
    let within = |(position, _): &(Position, &Record)| *position >= from && *position < to;
    for (position, record) in log.remembered(world.cluster.transactions()).filter(within) {
        rows.push(raw(log, position, record));
    }
    rows
}

/// One input has its own order.
fn cut(all: RawRows, runs: &[&Run]) -> Vec<Taken> {
    let (mut rest, mut taken) = (all, Vec::new());
    for (place, run) in runs.iter().enumerate() {
        let changes = runs.get(place + 1).is_some_and(|next| next.version != run.version);
        if run.releases() || changes {
            let count = rest.before(run.consumed.next);
            let (before, behind) = rest.split(count);
            taken.push(Taken { raw: before, flushed: run.flushed, tick: run.tick, version: run.version });
            rest = behind;
        }
    }
    taken.push(Taken { raw: rest, flushed: false, tick: None, version: runs.last().map_or(0, |run| run.version) });
    taken
}

/// Several inputs have the order of the journal; each must have been read from its beginning to its end, and nothing
/// twice.
fn in_order(world: &World, inputs: &[Partition], runs: &[&Run]) -> Result<Vec<Taken>, String> {
    let mut taken = Vec::new();
    for partition in inputs {
        let mut next = world.cluster.system.position(0);
        for run in runs.iter().filter(|run| run.topic == partition.topic) {
            if run.consumed.from != next {
                return Err(format!("{partition}: the journal goes on at {} behind {next}", run.consumed.from));
            }
            next = run.consumed.next;
        }
        if !remembered(world, partition, next, Position::END).is_empty() {
            return Err(format!("{partition}: nothing was taken behind {next}"));
        }
    }
    let Some(shard) = inputs.first() else { return Ok(taken) };
    for run in runs {
        let raw = remembered(world, &shard.beside(&run.topic), run.consumed.from, run.consumed.next);
        taken.push(Taken { raw, flushed: run.flushed, tick: run.tick, version: run.version });
    }
    Ok(taken)
}

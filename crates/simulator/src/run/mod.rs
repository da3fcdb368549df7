//! Plays a schedule and compares the result with one uninterrupted fold.

mod compare;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gristmill::plan::Plan;
use gristmill::report::Tally;
use gristmill::resources::RunnablePlan;
use gristmill::rows::{Partition, Position};
use gristmill_runtime::clock::Clock;
use gristmill_runtime::control::Control;
use gristmill_runtime::member::{Member, MemberError};

use crate::cluster::{Cluster, INPUT, JOURNAL, TRANSACTION};
use crate::committer::SimulatedCommitter;
use crate::load;
use crate::random::Random;
use crate::schedule::{Action, Schedule};
use crate::source::SimulatedSource;
use crate::world::{Facts, Mutant, Shared, Simulated, World, lock};

/// This many rounds without an end count as a hang.
const ROUNDS: usize = 20_000;

/// One simulated process with one member.
struct Process {
    member: Member,
    control: Arc<Control>,
    stalled_until: Duration,
}

/// A simulation in progress.
pub struct Simulation {
    plan: RunnablePlan,
    /// The world, for tests that interfere with it.
    pub world: Shared,
    clock: Arc<dyn Clock>,
    processes: BTreeMap<usize, Process>,
    numbers: usize,
    records: u64,
    random: Random,
    /// The shared control of members of one process.
    together: Option<Arc<Control>>,
    tally: Tally,
}

/// Plays a schedule to its end; what happened, or what went wrong.
pub fn run(plan: &Arc<Plan>, schedule: &Schedule, mutant: Option<Mutant>) -> Result<Facts, String> {
    let mut simulation = Simulation::new(plan, schedule, mutant);
    for action in &schedule.actions {
        simulation.act(*action).map_err(|error| format!("{action:?}: {error}"))?;
    }
    simulation.drain()?;
    simulation.compare()?;
    let facts = lock(&simulation.world).facts;
    Ok(facts)
}

/// Plays the members of one process that stops at the current ends of the partitions; what is wrong with its report,
/// or with the group's positions.
pub fn run_bounded(plan: &Arc<Plan>, schedule: &Schedule, mutant: Option<Mutant>) -> Result<(), String> {
    let mut simulation = Simulation::new(plan, schedule, mutant);
    let (writes, happens): (Vec<Action>, Vec<Action>) = schedule
        .actions
        .iter()
        .filter(|action| !matches!(action, Action::Leave(_) | Action::Crash(_) | Action::Grow | Action::Expire(_)))
        .partition(|action| matches!(action, Action::Produce(..) | Action::ProduceTransaction(..)));
    writes.iter().try_for_each(|action| simulation.act(*action))?;
    let held = simulation.bound();
    happens.iter().try_for_each(|action| simulation.act(*action))?;
    lock(&simulation.world).faults.clear();
    let mut rounds = 0;
    simulation.join();
    while !simulation.processes.is_empty() {
        simulation.round(&mut rounds)?;
    }
    simulation.compare_answers()?;
    let report = std::mem::take(&mut simulation.tally).report(plan).map_err(|error| error.to_string())?;
    let reported: Vec<u64> =
        held.keys().map(|name| report.partitions.get(name).and_then(|n| n.as_u64()).unwrap_or(0)).collect();
    let expected: Vec<u64> = held.into_values().collect();
    if reported != expected {
        return Err(format!("it reports {reported:?} of {expected:?}"));
    }
    simulation.without_lag()
}

/// The same, but all members are killed midway, and more is written before they restart: the result of two bounded
/// runs in succession.
pub fn run_bounded_again(plan: &Arc<Plan>, schedule: &Schedule) -> Result<(), String> {
    let mut simulation = Simulation::new(plan, schedule, None);
    let wanted =
        |action: &&Action| !matches!(action, Action::Leave(_) | Action::Crash(_) | Action::Grow | Action::Expire(_));
    for half in schedule.actions.chunks(schedule.actions.len().div_ceil(2).max(1)) {
        let (writes, happens): (Vec<Action>, Vec<Action>) =
            half.iter().filter(wanted).partition(|action| matches!(action, Action::Produce(..)));
        writes.iter().try_for_each(|action| simulation.act(*action))?;
        simulation.bound();
        happens.iter().try_for_each(|action| simulation.act(*action))?;
        simulation.crash_all();
    }
    simulation.bound();
    lock(&simulation.world).faults.clear();
    simulation.join();
    let mut rounds = 0;
    while !simulation.processes.is_empty() {
        simulation.round(&mut rounds)?;
    }
    simulation.compare_answers()
}

/// Plays a schedule, kills all members, and starts one of another pipeline in the same group; its outcome.
pub fn run_into(
    plan: &Arc<Plan>,
    other: &Arc<Plan>,
    schedule: &Schedule,
    mutant: Option<Mutant>,
) -> Result<Result<(), String>, String> {
    let mut simulation = Simulation::new(plan, schedule, mutant);
    schedule.actions.iter().try_for_each(|action| simulation.act(*action))?;
    simulation.crash_all();
    simulation.pass(2 * TRANSACTION.as_millis() as u64);
    simulation.plan = load::runnable(other);
    let answers = |simulation: &Simulation| {
        let world = lock(&simulation.world);
        let topics = simulation.plan.outputs.iter().map(|output| format!("out-{}", output.name));
        let partitions = world.cluster.partitions();
        let all = topics.flat_map(|topic| (0..partitions).map(move |one| (topic.clone(), one)));
        all.map(|(topic, one)| world.cluster.values(&topic, one)).collect::<Vec<_>>()
    };
    let before = answers(&simulation);
    let said = simulation.one_process();
    match said.is_err() && before != answers(&simulation) {
        true => Err("it has written before it stopped".into()),
        false => Ok(said),
    }
}

impl Simulation {
    /// From now on members belong to one process, which stops at the current ends; the records of each partition.
    fn bound(&mut self) -> BTreeMap<String, u64> {
        let control: Arc<Control> = Arc::default();
        let world = lock(&self.world);
        let transactions = world.cluster.transactions();
        let (mut held, mut ends) = (BTreeMap::<String, u64>::new(), BTreeMap::new());
        let mut filled = BTreeSet::new();
        for partition in (0..world.cluster.partitions()).flat_map(|number| world.cluster.inputs(number)) {
            let Some(log) = world.cluster.log(&partition.topic, partition.number) else { continue };
            let (shard, end) = (Partition::new(INPUT, partition.number), log.stable_end(transactions));
            let count = log.committed(transactions, Position::START, end).count() as u64;
            // A report counts rows; labels that have records of their own have counts of their own.
            let label = self.plan.labels_in(&partition.topic).is_some();
            *held.entry(shard.to_string()).or_default() += if label { 0 } else { count };
            if log.number(end) > 0 {
                filled.insert(shard);
            }
            ends.insert(partition, end);
        }
        control.bound(filled, ends, held.values().sum());
        drop(world);
        self.together = Some(control);
        held
    }

    /// The group's positions leave nothing unread that existed when the run was bounded.
    fn without_lag(&self) -> Result<(), String> {
        let world = lock(&self.world);
        let control = self.together.as_ref().ok_or("the run is not bounded")?;
        for partition in (0..world.cluster.partitions()).flat_map(|number| world.cluster.inputs(number)) {
            let (offset, end) = (world.cluster.offset(&partition).0, control.end(&partition));
            if end.is_some_and(|end| world.cluster.system.number(end) > 0) && offset < end {
                return Err(format!("{partition}: the group stands at {offset:?}, the end was {end:?}"));
            }
        }
        Ok(())
    }

    /// A simulation in which nothing has happened yet.
    pub fn new(plan: &Arc<Plan>, schedule: &Schedule, mutant: Option<Mutant>) -> Self {
        let cluster = Cluster::new(schedule.kind, schedule.system, schedule.partitions);
        let world: Shared = Arc::new(Mutex::new(World::new(cluster, schedule.seed, mutant)));
        let clock = Arc::new(Simulated(Arc::clone(&world)));
        Self {
            plan: load::runnable(&load::with_inputs(plan, schedule.system)),
            world,
            clock,
            processes: BTreeMap::new(),
            numbers: 0,
            records: 0,
            random: Random::new(!schedule.seed),
            together: None,
            tally: Tally::default(),
        }
    }

    fn pick(&self, who: u64) -> Option<usize> {
        self.processes.keys().nth(who as usize % self.processes.len().max(1)).copied()
    }

    fn partition(&self, who: u64) -> i32 {
        (who % lock(&self.world).cluster.partitions().max(1) as u64) as i32
    }

    /// Starts a process.
    pub fn join(&mut self) {
        if self.processes.len() >= 4 {
            return;
        }
        let number = self.numbers;
        self.numbers += 1;
        let control = self.together.clone().unwrap_or_default();
        let source = Box::new(SimulatedSource::join(&self.world, number));
        let committer = Box::new(SimulatedCommitter::new(&self.plan, &self.world, number));
        let clock = Arc::clone(&self.clock);
        let member = Member::new(self.plan.clone(), number, source, committer, clock, Arc::clone(&control));
        self.processes.insert(number, Process { member, control, stalled_until: Duration::ZERO });
    }

    /// The next version of the pretrained model, if there is one, becomes known.
    fn change_model(&mut self) {
        if let Some(versions) = &self.plan.resources.versions {
            let next = versions.newest() + 1;
            if let Some(version) = load::version(next) {
                versions.add(version);
                lock(&self.world).facts.changes += 1;
            }
        }
    }

    /// Kills a process: what it has started stays started.
    pub fn crash(&mut self, number: usize) {
        self.processes.remove(&number);
        let mut world = lock(&self.world);
        if world.gone(number) {
            world.facts.crashes_in_transactions += 1;
        }
    }

    /// Kills every process.
    pub fn crash_all(&mut self) {
        self.processes.keys().copied().collect::<Vec<_>>().into_iter().for_each(|number| self.crash(number));
    }

    /// A member takes a turn; whether it has ended.
    fn turn(&mut self, number: usize) -> Result<bool, String> {
        let now = lock(&self.world).cluster.now();
        let Some(process) = self.processes.get_mut(&number) else { return Ok(false) };
        if process.stalled_until > now {
            return Ok(false);
        }
        let outcome = process.member.turn();
        self.pass(1);
        match outcome {
            Ok(false) => Ok(false),
            Ok(true) => {
                let ended = self.processes.remove(&number);
                ended.into_iter().for_each(|process| self.tally.absorb(process.member.into_tally()));
                let mut world = lock(&self.world);
                if let Some(id) = world.ids.remove(&number) {
                    world.cluster.group.leave(id);
                }
                Ok(true)
            }
            // It was asked to stop and could not: equivalent to a kill.
            Err(MemberError::Stopped { .. }) => {
                self.crash(number);
                Ok(true)
            }
            Err(error) => Err(format!("member {number}: {error}")),
        }
    }

    /// Time passes; every member that is not stalled sends heartbeats.
    fn pass(&mut self, milliseconds: u64) {
        let mut world = lock(&self.world);
        let mut left = Duration::from_millis(milliseconds);
        while !left.is_zero() {
            let step = left.min(Duration::from_secs(1));
            left -= step;
            let now = world.cluster.now() + step;
            for (number, process) in &self.processes {
                let id = world.ids.get(number).copied();
                if let Some(id) = id.filter(|_| process.stalled_until <= now) {
                    world.cluster.group.hear(id, now);
                }
            }
            world.cluster.pass(step);
        }
    }

    fn produce(&mut self, partition: i32, count: u64, transaction: Option<bool>) {
        let mut world = lock(&self.world);
        let begun = transaction.map(|_| world.cluster.begin());
        let inputs = world.cluster.system.inputs();
        for _ in 0..count {
            let which = if inputs.len() > 1 { self.random.below(inputs.len() as u64) as usize } else { 0 };
            let Some(input) = inputs.get(which) else { continue };
            let value = match self.plan.labels_in(input) {
                Some(_) => load::label(&self.plan, self.records, &mut self.random),
                None => load::record(&self.plan, self.records, &mut self.random),
            };
            self.records += u64::from(which == 0);
            let key = format!("k{}", self.random.below(5)).into_bytes();
            // Nothing is refused within a transaction that has just begun.
            let _ = world.cluster.write(input, partition, (Some(key), Some(value)), begun);
        }
        match (begun, transaction) {
            (Some(begun), Some(true)) => drop(world.cluster.commit(begun)),
            (Some(begun), _) => world.cluster.abort(begun),
            _ => {}
        }
    }

    /// One step of a schedule.
    pub fn act(&mut self, action: Action) -> Result<(), String> {
        match action {
            Action::Pass(milliseconds) => self.pass(milliseconds),
            Action::Produce(who, count) => {
                self.produce(self.partition(who), count, None);
                if who.is_multiple_of(3) {
                    self.change_model();
                }
            }
            Action::ProduceTransaction(who, commits) => self.produce(self.partition(who), 3, Some(commits)),
            Action::Join => self.join(),
            Action::Grow => {
                let mut world = lock(&self.world);
                if world.cluster.partitions() < 5 {
                    world.cluster.grow();
                }
            }
            Action::Retain(who) => self.retain(self.partition(who)),
            Action::Expire(who) => self.expire(self.partition(who)),
            Action::Turns(who, _)
            | Action::Progress(who, _)
            | Action::Leave(who)
            | Action::Crash(who)
            | Action::Stall(who, _)
            | Action::Stale(who)
            | Action::Break(who)
            | Action::Lose(who, _) => {
                if let Some(number) = self.pick(who) {
                    self.act_on(number, action)?;
                }
                if let Action::Stall(_, milliseconds) = action {
                    self.pass(milliseconds);
                }
            }
        }
        Ok(())
    }

    /// The same for a step of one process.
    fn act_on(&mut self, number: usize, action: Action) -> Result<(), String> {
        let Some(process) = self.processes.get_mut(&number) else { return Ok(()) };
        let mut world = lock(&self.world);
        let now = world.cluster.now();
        let faults = world.faults.entry(number).or_default();
        match action {
            Action::Turns(_, count) => {
                drop(world);
                for _ in 0..count {
                    if self.turn(number)? {
                        break;
                    }
                }
            }
            Action::Progress(_, count) if process.stalled_until <= now => {
                (0..count).for_each(|_| world.progress(&self.plan, number));
            }
            Action::Leave(_) => process.control.stop(),
            Action::Crash(_) => {
                drop(world);
                self.crash(number);
            }
            Action::Stall(_, milliseconds) => process.stalled_until = now + Duration::from_millis(milliseconds),
            Action::Stale(_) => faults.stale = true,
            Action::Break(_) => faults.breaks = true,
            Action::Lose(_, true) => faults.lost_after = true,
            Action::Lose(_, false) => faults.lost_before = true,
            _ => {}
        }
        Ok(())
    }

    fn expire(&self, partition: i32) {
        let mut world = lock(&self.world);
        let owned = world.cluster.group.owned(partition);
        let inputs = world.cluster.inputs(partition);
        let pending = inputs.iter().any(|input| world.cluster.offset(input).1);
        if self.plan.journals() && !owned && !pending {
            inputs.iter().for_each(|input| world.cluster.set_offset(input, None));
        }
    }

    fn retain(&self, partition: i32) {
        let mut world = lock(&self.world);
        let slots = world.cluster.slots(partition);
        if let Some(manifest) = slots.valid().first() {
            for (input, position) in manifest.positions.iter() {
                world.cluster.log_mut(input, partition).forget(position);
            }
            world.cluster.log_mut(JOURNAL, partition).forget(manifest.journal);
        }
    }

    /// Lets the group read everything, then stops it cleanly.
    fn drain(&mut self) -> Result<(), String> {
        lock(&self.world).faults.clear();
        self.join();
        for process in self.processes.values_mut() {
            process.stalled_until = Duration::ZERO;
        }
        let mut rounds = 0;
        while !self.caught_up() {
            self.round(&mut rounds)?;
            if self.processes.is_empty() {
                // The last one had been asked to leave.
                self.join();
            }
        }
        self.stop(&mut rounds)?;
        // Partitions that moved while all members stopped have no snapshot at their end: one process opens them all.
        self.one_process()?;
        self.stop(&mut rounds)?;
        // A transaction left open by a crash hides what comes after it until it times out.
        self.pass(2 * TRANSACTION.as_millis() as u64);
        Ok(())
    }

    /// Starts one process and lets it run until all partitions are open.
    pub fn one_process(&mut self) -> Result<(), String> {
        let mut rounds = 0;
        self.join();
        while !self.all_open() {
            self.round(&mut rounds)?;
        }
        Ok(())
    }

    fn stop(&mut self, rounds: &mut usize) -> Result<(), String> {
        self.processes.values().for_each(|process| process.control.stop());
        while !self.processes.is_empty() {
            self.round(rounds)?;
        }
        Ok(())
    }

    fn all_open(&self) -> bool {
        let open: i64 = self.processes.values().map(|process| process.control.shards()).sum();
        open == i64::from(lock(&self.world).cluster.partitions())
    }

    /// Every member takes a turn, every commit advances by a step, time passes.
    fn round(&mut self, rounds: &mut usize) -> Result<(), String> {
        *rounds += 1;
        if *rounds > ROUNDS {
            let world = lock(&self.world);
            let inputs = (0..world.cluster.partitions()).flat_map(|number| world.cluster.inputs(number));
            let end = |one: &Partition| world.cluster.log(&one.topic, one.number).map(crate::log::Log::end);
            let offsets: Vec<_> = inputs.map(|one| (world.cluster.offset(&one), end(&one))).collect();
            let still = (self.processes.len(), world.under_way.len(), &world.cluster.group);
            return Err(format!("it hangs: offsets and ends {offsets:?}, processes, commits and group {still:?}"));
        }
        for number in self.processes.keys().copied().collect::<Vec<_>>() {
            self.turn(number)?;
            lock(&self.world).progress(&self.plan, number);
        }
        self.pass(10);
        Ok(())
    }

    fn caught_up(&self) -> bool {
        let world = lock(&self.world);
        let idle = world.under_way.is_empty();
        let done = |partition: Partition| {
            let (offset, pending) = world.cluster.offset(&partition);
            let end = world.cluster.stable_end(&partition.topic, partition.number);
            offset.is_some_and(|offset| offset >= end) && !pending
        };
        idle && (0..world.cluster.partitions()).flat_map(|number| world.cluster.inputs(number)).all(done)
    }
}

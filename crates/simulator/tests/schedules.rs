//! The real member loop in the simulator: under every schedule, each answer appears once and the state is the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::path::Path;
use std::sync::Arc;

use gristmill::plan::Plan;
use gristmill::spec::Guarantee;
use gristmill_simulator::load;
use gristmill_simulator::run::{Simulation, run, run_bounded, run_bounded_again, run_into};
use gristmill_simulator::schedule::Schedule;
use gristmill_simulator::system::System;
use gristmill_simulator::world::{Facts, Mutant, lock};

fn play(name: &str, plan: &Arc<Plan>, seeds: impl Iterator<Item = u64>) -> Facts {
    play_on(System::Numbered, name, plan, seeds)
}

fn play_on(system: System, name: &str, plan: &Arc<Plan>, seeds: impl Iterator<Item = u64>) -> Facts {
    let mut facts = Facts::default();
    for seed in seeds {
        let schedule = Schedule { system, ..Schedule::new(seed) };
        match run(plan, &schedule, None) {
            Ok(more) => facts.add(&more),
            Err(error) => {
                let shortest = schedule.shorten(&|shorter| run(plan, shorter, None).is_err());
                panic!("{name}, seed {seed}: {error}\nthe shortest schedule found: {shortest:#?}");
            }
        }
    }
    facts
}

#[test]
fn ten_thousand_schedules_change_nothing() {
    let plan = load::simulated(&load::usual().unwrap(), Guarantee::ExactlyOnce);
    let facts = play("usual", &plan, 0..10_000);
    println!("{facts:?}");
    let Facts { crashes_in_transactions, fenced, aborted, unanswered, replays, .. } = facts;
    let Facts { remembered, in_pieces, lost, waited, trusted, .. } = facts;
    for (what, count) in [
        ("crashes in transactions", crashes_in_transactions),
        ("fenced commits", fenced),
        ("commits sent again after an abort", aborted),
        ("answers lost", unanswered),
        ("replays", replays),
        ("shards remembered", remembered),
        ("snapshots in pieces", in_pieces),
        ("partitions lost", lost),
        ("waits for pending transactions", waited),
        ("journals trusted", trusted),
    ] {
        assert!(count >= 100, "{what}: {count}, too few to show anything");
    }
}

/// Positions that are not consecutive numbers, and shards with two inputs whose order of consumption the journal
/// records.
#[test]
fn a_system_with_other_positions_and_two_inputs_a_shard() {
    let segmented = |plan: Plan| load::simulated(&plan, Guarantee::ExactlyOnce);
    let usual = segmented(load::usual().unwrap());
    let facts = play_on(System::Segmented, "usual", &usual, 0..4_000);
    println!("{facts:?}");
    for count in
        [facts.crashes_in_transactions, facts.fenced, facts.replays, facts.remembered, facts.trusted, facts.lost]
    {
        assert!(count >= 100, "{facts:?}");
    }
    for (name, plan) in
        [("prepared", load::prepared()), ("changing", load::changing()), ("corrected", load::corrected())]
    {
        play_on(System::Segmented, name, &segmented(plan.unwrap()), 70_000..70_600);
    }
    for seed in 0..1_500 {
        let schedule = Schedule { system: System::Segmented, ..Schedule::new(seed) };
        if let Err(error) = run_bounded(&usual, &schedule, None) {
            let shortest = schedule.shorten(&|shorter| run_bounded(&usual, shorter, None).is_err());
            panic!("bounded, seed {seed}: {error}\nthe shortest schedule found: {shortest:#?}");
        }
    }
    for mutant in [Mutant::JournalOutside, Mutant::StepsAgain, Mutant::EarlySnapshot, Mutant::FirstInputAlone] {
        let schedule = |seed| Schedule { system: System::Segmented, ..Schedule::new(seed) };
        let dies = |seed: &u64| run(&usual, &schedule(*seed), Some(mutant)).is_err();
        let seed = (0..3_000).find(dies).unwrap_or_else(|| panic!("{mutant:?} survives"));
        println!("{mutant:?} dies of seed {seed}");
    }
}

/// Labels in a topic of their own, early, late, corrected and without a row, and partitions that are silent.
#[test]
fn labels_of_their_own_and_ticks_run_in_it() {
    for (name, plan) in
        [("labelled", load::labelled().unwrap()), ("labelled at once", load::labelled_at_once().unwrap())]
    {
        let plan = load::simulated(&plan, Guarantee::ExactlyOnce);
        let facts = play_on(System::Segmented, name, &plan, 80_000..85_000);
        println!("{name}: {facts:?}");
        assert!(facts.replays >= 100 && facts.crashes_in_transactions >= 100 && facts.ticks >= 1_000, "{facts:?}");
        for seed in 0..500 {
            let schedule = Schedule { system: System::Segmented, ..Schedule::new(seed) };
            run_bounded(&plan, &schedule, None).unwrap_or_else(|error| panic!("{name}, bounded, seed {seed}: {error}"));
        }
    }
}

#[test]
fn at_least_once_misses_nothing_and_learns_once() {
    let plan = load::simulated(&load::usual().unwrap(), Guarantee::AtLeastOnce);
    play("at least once", &plan, 0..1_500);
}

#[test]
fn every_component_runs_in_it() {
    for (name, plan) in load::components().unwrap() {
        play(&name, &load::simulated(&plan, Guarantee::ExactlyOnce), 20_000..20_100);
    }
}

#[test]
fn rules_windows_and_late_labels_run_in_it() {
    let plan = load::prepared().unwrap();
    play("prepared", &load::simulated(&plan, Guarantee::ExactlyOnce), 40_000..41_500);
}

/// Exactly once alone: at least once, a row that is written twice may have been scored by two versions.
#[test]
fn models_that_change_run_in_it() {
    for (name, plan) in [("changing", load::changing().unwrap()), ("corrected", load::corrected().unwrap())] {
        let facts = play(name, &load::simulated(&plan, Guarantee::ExactlyOnce), 60_000..61_500);
        println!("{name}: {facts:?}");
        assert!(facts.changes >= 2_000 && facts.replays >= 100, "{facts:?}");
    }
}

#[test]
fn every_example_runs_in_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let examples = load::examples(&folder).unwrap();
    assert!(examples.len() >= 10, "{}", examples.len());
    for (name, plan) in examples {
        play(&name, &load::simulated(&plan, Guarantee::ExactlyOnce), 30_000..30_150);
    }
}

#[test]
fn rows_that_wait_are_taken_in_their_order() {
    let plan = load::simulated(&load::patient().unwrap(), Guarantee::ExactlyOnce);
    play("patient", &plan, 50_000..51_500);
    for seed in 0..600 {
        let schedule = Schedule::new(seed);
        let bounded = |plan: &Arc<Plan>, schedule: &Schedule| run_bounded(plan, schedule, None);
        for run in [&bounded as &dyn Fn(&Arc<Plan>, &Schedule) -> Result<(), String>, &run_bounded_again] {
            if let Err(error) = run(&plan, &schedule) {
                let shortest = schedule.shorten(&|shorter| run(&plan, shorter).is_err());
                panic!("seed {seed}: {error}\nthe shortest schedule found: {shortest:#?}");
            }
        }
    }
}

/// Partitions move while the last records are read, and no member may have time to open them again.
#[test]
fn a_bounded_run_reports_every_record() {
    let plan = load::simulated(&load::usual().unwrap(), Guarantee::ExactlyOnce);
    for seed in 0..5_000 {
        let schedule = Schedule::new(seed);
        if let Err(error) = run_bounded(&plan, &schedule, None) {
            let shortest = schedule.shorten(&|shorter| run_bounded(&plan, shorter, None).is_err());
            panic!("seed {seed}: {error}\nthe shortest schedule found: {shortest:#?}");
        }
    }
}

/// A simulation that cannot detect these mistakes would prove nothing.
#[test]
fn mutants_die() {
    let plan = load::simulated(&load::usual().unwrap(), Guarantee::ExactlyOnce);
    for mutant in [Mutant::JournalOutside, Mutant::EarlyAcknowledgement, Mutant::StepsAgain, Mutant::EarlySnapshot] {
        let dies = |seed: &u64| run(&plan, &Schedule::new(*seed), Some(mutant)).is_err();
        let seed = (0..3_000).find(dies).unwrap_or_else(|| panic!("{mutant:?} survives"));
        let schedule = Schedule::new(seed);
        let shortest = schedule.shorten(&|shorter| run(&plan, shorter, Some(mutant)).is_err());
        println!("{mutant:?} dies of seed {seed}, in {} steps", shortest.actions.len());
        assert!(run(&plan, &shortest, None).is_ok(), "{mutant:?}: the schedule fails without the mutant, too");
    }
}

/// Nor would one that cannot detect a lag that remains, or one pipeline that relearns what another has learned.
#[test]
fn mutants_of_positions_and_of_the_journal_die() {
    let plan = load::simulated(&load::usual().unwrap(), Guarantee::ExactlyOnce);
    let dies = |seed: &u64| run_bounded(&plan, &Schedule::new(*seed), Some(Mutant::StaysBeforeMarkers)).is_err();
    let seed = (0..3_000).find(dies).expect("positions may stay before markers");
    assert!(run_bounded(&plan, &Schedule::new(seed), None).is_ok());

    let other = load::simulated(&load::another().unwrap(), Guarantee::ExactlyOnce);
    let goes_on = |mutant, seed| run_into(&plan, &other, &Schedule::new(seed), mutant).unwrap().is_ok();
    let fooled = |seed: &u64| goes_on(Some(Mutant::JournalWithoutCode), *seed) && !goes_on(None, *seed);
    let seed = (0..3_000).find(fooled).expect("the journal need not say what has learned its records");
    println!("seed {seed}");
}

/// Another pipeline in the same group stops, names what to do, and writes nothing, wherever something was learned.
#[test]
fn two_pipelines_do_not_share_a_group() {
    let plan = load::simulated(&load::usual().unwrap(), Guarantee::ExactlyOnce);
    let other = load::simulated(&load::another().unwrap(), Guarantee::ExactlyOnce);
    let (mut journal, mut snapshot) = (0, 0);
    for seed in 0..1_200 {
        let schedule = Schedule::new(seed);
        match run_into(&plan, &other, &schedule, None).unwrap() {
            Ok(()) => assert!(run_into(&plan, &plan, &schedule, None).unwrap().is_ok(), "seed {seed}"),
            Err(words) => {
                assert!(words.contains("`group.id` of its own"), "seed {seed}: {words}");
                journal += u64::from(words.contains("was learned under another document"));
                snapshot += u64::from(words.contains("was saved with other"));
            }
        }
    }
    println!("{journal} by the journal, {snapshot} by a snapshot");
    assert!(journal > 50 && snapshot >= 3, "{journal} by the journal, {snapshot} by a snapshot");
}

#[test]
fn the_same_seed_plays_the_same() {
    let plan = load::simulated(&load::usual().unwrap(), Guarantee::ExactlyOnce);
    for seed in 0..50 {
        assert_eq!(run(&plan, &Schedule::new(seed), None), run(&plan, &Schedule::new(seed), None), "seed {seed}");
    }
}

/// Sets the group's offset back or forward in the last input of the first shard, or deletes what would be needed;
/// whether there was anything to change.
fn meddle(simulation: &Simulation, system: System, how: u64) -> bool {
    let mut world = lock(&simulation.world);
    world.cluster.pass(std::time::Duration::from_secs(30));
    // The second input, where there is one.
    let input = world.cluster.inputs(0).pop().unwrap();
    let (offset, _) = world.cluster.offset(&input);
    let tail = world.cluster.entries(0).last().and_then(|(_, entry)| entry.ends().get(&input.topic));
    let begin = system.position(0);
    match (offset, tail, how) {
        (Some(offset), Some(_), 0) if offset > begin => {
            let back = world.cluster.log(&input.topic, 0).unwrap().back(offset, 1);
            world.cluster.set_offset(&input, Some(back));
            true
        }
        (Some(offset), Some(_), 1) => {
            world.cluster.set_offset(&input, Some(offset.next()));
            true
        }
        (Some(offset), Some(_), _) => {
            let saved = world.cluster.slots(0).newest();
            let saved = saved.and_then(|saved| saved.manifest.positions.get(&input.topic)).unwrap_or(begin);
            world.cluster.log_mut(&input.topic, 0).forget(offset);
            saved < offset
        }
        _ => false,
    }
}

/// If the group's offset was set back or forward, or needed records were deleted, the member stops, names the command
/// that repairs it, and writes nothing.
#[test]
fn what_cannot_go_on_stops_with_words() {
    let plan = load::simulated(&load::usual().unwrap(), Guarantee::ExactlyOnce);
    let mut stops = std::collections::BTreeMap::new();
    for seed in 0..800 {
        let system = if seed < 400 { System::Numbered } else { System::Segmented };
        let schedule = Schedule { system, ..Schedule::new(seed) };
        let mut simulation = Simulation::new(&plan, &schedule, None);
        for action in &schedule.actions {
            simulation.act(*action).unwrap();
        }
        simulation.crash_all();
        let meddled = meddle(&simulation, system, seed % 3);
        if !meddled {
            continue;
        }
        let before = lock(&simulation.world).cluster.values("out-all", 0);
        let error = simulation.one_process().expect_err("it must not go on");
        assert!(error.contains("`gristmill state "), "seed {seed}: {error}");
        let words = error.split(", ").next().unwrap_or_default().split(": ").last().unwrap_or_default().to_string();
        *stops.entry(words.chars().filter(|c| !c.is_ascii_digit()).take(24).collect::<String>()).or_insert(0) += 1;
        assert_eq!(lock(&simulation.world).cluster.values("out-all", 0), before, "seed {seed}: something was written");
    }
    println!("{stops:?}");
    assert!(stops.len() >= 3, "{stops:?}");
}

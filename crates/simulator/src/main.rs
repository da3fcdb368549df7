//! `simulate SEEDS [FIRST]`: plays that many schedules, and prints the shortest form found of the first that fails.

use std::process::ExitCode;

use gristmill::spec::Guarantee;
use gristmill_simulator::load;
use gristmill_simulator::run::run;
use gristmill_simulator::schedule::Schedule;
use gristmill_simulator::system::System;
use gristmill_simulator::world::Facts;

fn main() -> ExitCode {
    match simulate() {
        Ok(facts) => {
            println!("{facts:#?}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn simulate() -> Result<Facts, String> {
    let number = |text: Option<String>, default: u64| match text {
        Some(text) => text.parse::<u64>().map_err(|_| format!("`{text}` is no number of seeds")),
        None => Ok(default),
    };
    let mut arguments = std::env::args().skip(1);
    let (seeds, first) = (number(arguments.next(), 10_000)?, number(arguments.next(), 0)?);
    let mut plans = load::components()?;
    plans.push(("usual".into(), load::usual()?));
    let mut facts = Facts::default();
    for seed in first..first + seeds {
        // Three in four run exactly once.
        let guarantee = if seed % 4 == 3 { Guarantee::AtLeastOnce } else { Guarantee::ExactlyOnce };
        let Some((name, plan)) = plans.get((seed / 4) as usize % plans.len()) else { continue };
        let plan = load::simulated(plan, guarantee);
        let mut schedule = Schedule::new(seed);
        if seed % 8 == 1 && plan.journals() {
            schedule.system = System::Segmented;
        }
        match run(&plan, &schedule, None) {
            Ok(more) => facts.add(&more),
            Err(error) => {
                let shortest = schedule.shorten(&|shorter| run(&plan, shorter, None).is_err());
                let again = run(&plan, &shortest, None).err().unwrap_or_default();
                return Err(format!("seed {seed} ({name}, {guarantee:?}): {error}\n\n{shortest:#?}\n{again}"));
            }
        }
    }
    Ok(facts)
}

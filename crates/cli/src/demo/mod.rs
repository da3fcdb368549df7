//! `gristmill demo`: the main job with no set-up. A broker in this process, a group of three
//! members, simulated card payments; a member leaves half-way and the others take over.

mod simulator;

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gristmill::plan::Plan;
use gristmill_connect::local::{LocalBroker, Tail, Writer};
use gristmill_runtime::run::{self, Control, Options};
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::signals;
use simulator::Simulator;

const PIPELINE: &str = include_str!("pipeline.yaml");
const PARTITIONS: i32 = 4;
const MEMBERS: usize = 3;
const PAYMENTS_A_SECOND: u64 = 2_000;
/// One in this many payments is broken, as real ones are.
const BROKEN: u64 = 1_500;

fn say(text: &str) {
    // A demo without a reader may continue.
    let _ = writeln!(std::io::stdout(), "{text}");
}

pub(crate) fn demo(seconds: u64) -> Result<(), Failure> {
    let group = [("demo.journal", PARTITIONS), ("demo.state", PARTITIONS)];
    let topics = [("payments", PARTITIONS), ("decisions", PARTITIONS), ("alerts", 1), ("dead", 1)];
    let broker = LocalBroker::start(&[&topics[..], &group].concat())?;
    let brokers = broker.address();
    let plan = Plan::read("demo.yaml", PIPELINE, &|name| (name == "BOOTSTRAP").then(|| brokers.clone()))
        .map_err(Failure::Document)?;
    say("A broker runs in this process. This pipeline joins its topic as a group of three members:\n");
    PIPELINE.lines().for_each(|line| say(&format!("    {line}")));
    say("");

    let (plan, control) = (Arc::new(plan), Arc::new(Control::default()));
    signals::listen(&control)?;
    let sent = AtomicU64::new(0);
    let total = seconds * PAYMENTS_A_SECOND;
    let options = Options { members: MEMBERS, until_end: false };
    let report = std::thread::scope(|scope| {
        let payments = scope.spawn(|| pay(&brokers, total, &sent, &control));
        scope.spawn(|| alerts(&brokers, &control));
        scope.spawn(|| direct(&plan, total, &control));
        let report = run::run(&plan, options, &control);
        control.stop();
        match payments.join() {
            Ok(Err(failure)) => Err(failure),
            _ => report.map_err(Failure::from),
        }
    })?;
    say(&format!("\n{report}"));
    say("What to try next:");
    say("  gristmill list                      every component there is");
    say("  gristmill describe logistic_regression");
    say("  gristmill plan examples/phishing.yaml   what a pipeline would do");
    say("  docs/guide/first-pipeline.md        a pipeline of your own, step by step");
    Ok(())
}

/// The payment system: writes payments at a steady rate, a few of them broken.
fn pay(brokers: &str, total: u64, sent: &AtomicU64, control: &Control) -> Result<(), Failure> {
    let writer = Writer::open(brokers)?;
    let mut simulator = Simulator::new(7);
    // Payments begin once the group is ready to read them.
    while control.shards() < i64::from(PARTITIONS) && !control.stopped() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let begun = Instant::now();
    while sent.load(Ordering::Relaxed) < total && !control.stopped() {
        let due = (begun.elapsed().as_secs_f64() * PAYMENTS_A_SECOND as f64) as u64;
        while sent.load(Ordering::Relaxed) < due.min(total) {
            let number = sent.fetch_add(1, Ordering::Relaxed);
            let mut payment = simulator.next();
            if number % BROKEN == BROKEN - 1 {
                payment.json.truncate(40);
            }
            writer.send("payments", &payment.card, payment.json.as_ref())?;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(writer.flush()?)
}

/// A downstream reader of alerts; one in a few is shown, so that the eye can follow.
fn alerts(brokers: &str, control: &Control) {
    let Ok(alerts) = Tail::open(brokers, "alerts") else { return };
    let mut shown = Instant::now();
    let mut count = 0_u64;
    while !control.stopped() {
        let Some((card, alert)) = alerts.next(Duration::from_millis(100)) else { continue };
        count += 1;
        if shown.elapsed() < Duration::from_millis(400) {
            continue;
        }
        shown = Instant::now();
        let alert: Value = serde_json::from_slice(&alert).unwrap_or_default();
        let card = String::from_utf8_lossy(&card).into_owned();
        let text = |key: &str| alert.get(key).and_then(Value::as_str).unwrap_or("?").to_string();
        let score = alert.get("score").and_then(Value::as_f64).unwrap_or(0.0);
        say(&format!(
            "  alert {count:>5}  {}  {card}  payment {:<7} fraud {:.0} %",
            text("time"),
            text("id"),
            100.0 * score
        ));
    }
}

/// Shows what the model has learned, makes a member leave midway, and ends the run after the last payment.
fn direct(plan: &Plan, total: u64, control: &Control) {
    let (mut asked, mut left) = (Instant::now(), false);
    while !control.stopped() && control.rows() < total {
        std::thread::sleep(Duration::from_millis(50));
        if !left && control.rows() >= total / 2 {
            left = true;
            say("\n  member 1 leaves the group; its partitions move to the others\n");
            control.leave(1);
        }
        if asked.elapsed() > Duration::from_secs(2) {
            asked = Instant::now();
            control.ask();
        }
        if let Some(report) = control.live(plan, if left { MEMBERS - 1 } else { MEMBERS }) {
            let baseline = |name: &str, metric| value(report.baselines.get(name).and_then(Value::as_object), metric);
            let model = |metric| value(Some(&report.metrics), metric);
            say(&format!(
                "\n  {:>6} payments   F1 {:.3}   (last class {:.3}, majority class {:.3})   log loss {:.3} (majority class {:.3})\n",
                control.rows(),
                model("f1"),
                baseline("last_class", "f1"),
                baseline("majority_class", "f1"),
                model("log_loss"),
                baseline("majority_class", "log_loss"),
            ));
        }
    }
    control.stop();
}

fn value(metrics: Option<&Map<String, Value>>, name: &str) -> f64 {
    metrics.and_then(|metrics| metrics.get(name)?.as_f64()).unwrap_or(0.0)
}

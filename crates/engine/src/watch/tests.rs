//! Watches of rows that are made here: what is told, and when.

use std::sync::Arc;

use gristmill_learn::random::Random;
use gristmill_learn::{StateReader, StateWriter, Stateful};
use serde_json::Value;

use super::alarm::{Event, Origin};
use super::grade::Errors;
use super::watcher::{Around, Watcher};
use super::{Moment, Taken, Watch, WatchPlan};
use crate::plan::Plan;
use crate::rows::Position;

const DOCUMENT: &str = "
name: t
input:
  file: {path: '-'}
  format: json
  columns: {x: float64, note: string, card: string, class: string, ts: timestamp}
  time: ts
clean: [{outliers: {of: [x], above: 8, method: mad, then: clip}}]
features: [x]
label: {column: class, positive: a, negative: b}
model: [logistic_regression]
watch: WATCH
outputs: {alarms: {stdout: {}, events: true}}
";

fn plans(watch: &str) -> Vec<WatchPlan> {
    let document = DOCUMENT.replace("WATCH", watch);
    let plan = Plan::read("t.yaml", &document, &|_| None).unwrap_or_else(|problems| panic!("{problems}"));
    plan.watch
}

/// Runs one watch over values, an hour apart, with errors that are known at once; the state is saved and loaded now and
/// then. What is told: state and row.
fn run(watch: &str, rows: impl IntoIterator<Item = (Taken<'static>, &'static str, f64)>) -> Vec<Event> {
    let plan = plans(watch).remove(0);
    let (mut watcher, mut errors, mut told) = (Watcher::new(&plan), Errors::default(), Vec::new());
    let origin = Origin { pipeline: "t".into(), partition: "t-0".into() };
    for (row, (value, segment, error)) in rows.into_iter().enumerate() {
        let time = Some(row as i64 * 3_600_000_000);
        let at = Moment { time, position: Position::number(row as u64), record: row };
        watcher.take(&value, Some(segment), &Around { origin: &origin, errors: &errors, at }, &mut told);
        errors.add(error);
        watcher.labelled(error, time, &Around { origin: &origin, errors: &errors, at }, &mut told);
        if row % 61 == 0 {
            let saved = StateWriter::of(&watcher);
            watcher = Watcher::new(&plan);
            StateReader::into(&saved, &mut watcher).unwrap();
            assert_eq!(StateWriter::of(&watcher), saved);
            assert!(Stateful::size(&watcher) < 400_000);
        }
    }
    told
}

fn states(told: &[Event]) -> Vec<(String, usize)> {
    let state = |event: &Event| {
        let value: Value = serde_json::from_slice(&event.text).unwrap();
        (value["state"].as_str().unwrap().to_string(), event.record)
    };
    told.iter().map(state).collect()
}

fn text(event: &Event) -> Value {
    serde_json::from_slice(&event.text).unwrap()
}

fn shown(states: &[(&str, usize)]) -> Vec<(String, usize)> {
    states.iter().map(|(state, row)| ((*state).to_string(), *row)).collect()
}

/// A change of 3,000 rows: one alarm, raised after its first window and cleared after the first without it.
#[test]
fn one_change_is_one_alarm() {
    for measure in ["psi", "kolmogorov_smirnov", "wasserstein", "jensen_shannon"] {
        let mut random = Random::new(3);
        let rows = (0..12_000).map(move |row| {
            let more = if (5_000..8_000).contains(&row) { 0.5 } else { 0.0 };
            (Taken::Number(random.normal() + more), if row % 3 == 0 { "one" } else { "other" }, 0.0)
        });
        let told = run(&format!("[{{{measure}: {{of: x, reference: {{first: 2000}}, by: card}}}}]"), rows);
        assert_eq!(states(&told)[..1], shown(&[("raised", 5_999)]), "{measure}");
        let rest: Vec<_> = states(&told).into_iter().filter(|(state, _)| state != "graded").collect();
        assert_eq!(rest, shown(&[("raised", 5_999), ("cleared", 8_999)]), "{measure}");
        let raised = text(&told[0]);
        assert_eq!(raised["since"], serde_json::json!({"position": 5000, "time": "1970-07-28T08:00:00Z"}));
        assert_eq!((&raised["feature"], &raised["measure"]), (&"x".into(), &measure.into()));
        assert!(raised["size"].as_f64() > raised["threshold"].as_f64());
        assert_eq!((&raised["reference"]["rows"], &raised["window"]["rows"]), (&2_000.into(), &1_000.into()));
        // The change is the same everywhere: the larger segment contributes more.
        assert_eq!((&raised["segment"]["column"], &raised["segment"]["value"]), (&"card".into(), &"other".into()));
    }
}

/// Against the window before, a change is over one window later.
#[test]
fn a_sliding_reference_follows() {
    let mut random = Random::new(4);
    let rows = (0..10_000).map(move |row| {
        let more = if row >= 5_000 { 0.5 } else { 0.0 };
        (Taken::Number(random.normal() + more), "", 0.0)
    });
    let told = run("[{kolmogorov_smirnov: {of: x, reference: previous}}]", rows);
    let rest: Vec<_> = states(&told).into_iter().filter(|(state, _)| state != "graded").collect();
    assert_eq!(rest, shown(&[("raised", 5_999), ("cleared", 6_999)]));
}

/// A window by time is closed by the first row after it, and is longer while it has few rows.
#[test]
fn windows_by_event_time() {
    let rows = || {
        (0..400).map(|row| {
            let name = if row >= 200 && row % 2 == 0 { "new" } else { "old" };
            (Taken::Category(name.into()), "", 0.0)
        })
    };
    // An hour a row: 48 rows a window, and of a day 24, which are too few.
    for (window, raised) in [("2 days", 240), ("1 day", 210), ("1 hour", 210)] {
        let told =
            run(&format!("[{{new_categories: {{of: note, window: {window}, reference: {{first: 60}}}}}}]"), rows());
        assert_eq!(states(&told)[0], ("raised".to_string(), raised), "{window}");
        assert!(text(&told[0])["window"]["categories"]["old"].as_f64().unwrap() > 0.4);
    }
}

/// What the error does after an alarm says whether it was right.
#[test]
fn alarms_are_graded() {
    for (after, grade) in [(3, "true"), (1, "false")] {
        let mut random = Random::new(5);
        let rows = (0..6_000).map(move |row| {
            let changed = row >= 4_000;
            let error = f64::from(u8::from(row % 5 < if changed { after } else { 1 }));
            (Taken::Number(random.normal() + if changed { 1.0 } else { 0.0 }), "", error)
        });
        let told = run("[{psi: {of: x, reference: {first: 1000}, window: 500}}]", rows);
        assert_eq!(states(&told), shown(&[("raised", 4_499), ("graded", 4_499)]), "{grade}");
        let graded = text(&told[1]);
        assert_eq!(graded["grade"], grade);
        assert_eq!((&graded["before"]["rows"], &graded["after"]["rows"]), (&1_000.into(), &500.into()));
    }
}

/// A detector may give several signs of one change.
#[test]
fn detectors_raise_one_alarm_as_well() {
    for detector in ["adwin: {}", "ddm: {}", "hddm_a: {}", "hddm_w: {}", "page_hinkley: {threshold: 20}"] {
        let mut random = Random::new(7);
        let rows = (0..6_000).map(move |row| {
            let rate = if row < 3_000 { 0.1 } else { 0.5 };
            let error = f64::from(u8::from(random.uniform() < rate));
            (Taken::Number(error), "", error)
        });
        let told = run(&format!("[{{{detector}}}]"), rows);
        let raised: Vec<_> = states(&told)
            .into_iter()
            .filter(|(state, row)| state == "raised" && (3_000..4_500).contains(row))
            .collect();
        assert_eq!(raised.len(), 1, "{detector}: {:?}", states(&told));
        assert!(raised[0].1 < 3_300, "{detector}: {raised:?}");
        assert!(told.iter().any(|event| text(event)["grade"] == "true"), "{detector}");
        assert!(states(&told).iter().any(|(state, _)| state == "cleared"), "{detector}: {:?}", states(&told));
    }
}

/// With so many features, windows without a change raise an alarm as seldom as one would.
#[test]
fn false_alarms_do_not_grow_with_features() {
    let columns = |count: usize| (0..count).map(|column| format!("f{column}")).collect::<Vec<_>>();
    let mut alarms = 0;
    for seed in 0..30 {
        let names = columns(20);
        let document = DOCUMENT
            .replace(
                "x: float64,",
                &format!("x: float64, {}", names.iter().map(|name| format!("{name}: float64, ")).collect::<String>()),
            )
            .replace(
                "WATCH",
                &format!(
                    "[{{kolmogorov_smirnov: {{of: [{}], window: 200, reference: {{first: 1000}}, at_least: 0}}}}]",
                    names.join(", ")
                ),
            );
        let plan = Arc::new(Plan::read("t.yaml", &document, &|_| None).unwrap_or_else(|problems| panic!("{problems}")));
        let (mut random, mut told, errors) = (Random::new(seed), Vec::new(), Errors::default());
        let mut watchers: Vec<Watcher> = plan.watch.iter().map(Watcher::new).collect();
        for row in 0..3_000 {
            let at = Moment { record: row, ..Moment::default() };
            for watcher in &mut watchers {
                let around = Around { origin: &Origin::default(), errors: &errors, at };
                watcher.take(&Taken::Number(random.normal()), None, &around, &mut told);
            }
        }
        alarms += told.iter().filter(|event| event.action.is_some()).count();
    }
    // 30 runs of 10 windows of 20 features each: three false alarms are to be expected, and 60 without a correction.
    assert!(alarms <= 8, "{alarms}");
}

/// Every kind of watch can be written, and is what was written when it is read again.
#[test]
fn every_watch_reads_back() {
    for watch in Watch::every(Some("outliers")) {
        let text = serde_json::to_string(&watch).unwrap();
        assert_eq!(serde_json::from_str::<Watch>(&text).unwrap(), watch);
        assert!(text.contains(watch.name()));
    }
    let names: Vec<String> =
        plans("[missing, {adwin: {of: [error, score]}}, {rules: {}}, psi]").into_iter().map(|plan| plan.name).collect();
    assert_eq!(names[..3], ["missing[x]", "adwin[error]", "adwin[score]"]);
    assert!(names[3].starts_with("rules[outliers["), "{names:?}");
}

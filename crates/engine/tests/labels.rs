//! Labels in records of their own, against a naive model of what they mean: every row is kept for ever, and searched.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::sync::Arc;

use gristmill::plan::Plan;
use gristmill::report::{Closed, Report, Tally};
use gristmill::resources::RunnablePlan;
use gristmill::rows::{Partition, Position, RawRecord, RawRows};
use gristmill::shard::{Outbox, Shard};
use gristmill_formats::{Decoders, encoder};
use gristmill_learn::{Chain, Component, Features, Labels, Learner, Model, Predictions, Signature};
use proptest::prelude::*;
use serde_json::Value;

/// A second, in microseconds of event time.
const SECOND: i64 = 1_000_000;
/// How long rows wait, in seconds.
const WAIT: i64 = 10;

fn document(otherwise: &str) -> String {
    format!(
        "name: t
input:
  file: {{path: rows.ndjson}}
  columns: {{id: string, ts: timestamp, x: float64}}
  id: id
  time: ts
features: [x]
label:
  file: {{path: labels.ndjson}}
  columns: {{row: string, at: timestamp, y: float64}}
  id: row
  time: at
  column: y
  wait: {WAIT} s
  {otherwise}
model: [standard_scaler, linear_regression]
evaluate: [mae]
outputs:
  all: {{stdout: {{}}}}
dead_letters: {{file: {{path: dead.ndjson}}}}
"
    )
}

fn plan(text: &str) -> Arc<Plan> {
    Arc::new(Plan::read("t.yaml", text, &|_| None).unwrap_or_else(|problems| panic!("{problems}")))
}

/// What arrives: a row or a label, at a second.
#[derive(Debug, Clone)]
enum Event {
    Row {
        id: u8,
        second: i64,
        x: f64,
    },
    /// None: the record holds no label.
    Label {
        id: u8,
        second: i64,
        y: Option<f64>,
    },
    /// The partition is silent until this second.
    Tick {
        second: i64,
    },
}

/// Events in about the order of time; rows and labels of few ids, so that both repeat, come early and come late.
fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = (0_u8..12, 0_i64..4, -3.0..3.0_f64, 0_u8..10);
    proptest::collection::vec(event, 0..80).prop_map(|drawn| {
        let mut now = 0;
        drawn
            .into_iter()
            .map(|(id, step, number, kind)| {
                now += step;
                match kind {
                    0..5 => Event::Row { id, second: now - i64::from(kind == 4), x: number },
                    5..8 => Event::Label { id, second: now, y: Some((number * 2.0).round()) },
                    8 => Event::Label { id, second: now, y: None },
                    _ => {
                        now += 3;
                        Event::Tick { second: now }
                    }
                }
            })
            .collect()
    })
}

/// A row that the naive model has seen.
#[derive(Debug, Clone)]
struct Seen {
    id: u8,
    time: i64,
    x: f64,
    said: f64,
    truth: Option<f64>,
    settled: bool,
}

/// The naive model: lists that are never shortened.
struct Naive {
    chain: Chain,
    otherwise: Option<f64>,
    rows: Vec<Seen>,
    /// Labels without a row: of which id, which, and until when.
    early: Vec<(u8, f64, Option<i64>)>,
    latest: Option<i64>,
    said: Vec<f64>,
    /// Absolute errors as they were known when labels came, and as they are known now.
    then: Vec<f64>,
    now: Vec<f64>,
    learned: u64,
    joined: u64,
    corrected: u64,
    unknown: u64,
    missing: u64,
    unlabelled: u64,
}

impl Naive {
    fn new(otherwise: Option<f64>) -> Self {
        let steps = [Component::StandardScaler(Default::default()), Component::LinearRegression(Default::default())];
        Self {
            chain: Chain::new(&steps, &Signature::numeric(1)).unwrap(),
            otherwise,
            rows: Vec::new(),
            early: Vec::new(),
            latest: None,
            said: Vec::new(),
            then: Vec::new(),
            now: Vec::new(),
            learned: 0,
            joined: 0,
            corrected: 0,
            unknown: 0,
            missing: 0,
            unlabelled: 0,
        }
    }

    fn learn(&mut self, x: f64, y: f64) {
        self.chain.learn(&Features::row(&[x]), Labels::Values(&[y])).unwrap();
        self.learned += 1;
    }

    fn pass(&mut self, now: i64) {
        let first = self.latest.is_none();
        self.latest = self.latest.max(Some(now));
        if first {
            self.early.iter_mut().for_each(|(.., until)| *until = Some(now + WAIT));
        }
        let before = self.early.len();
        self.early.retain(|(.., until)| until.is_none_or(|until| until > now));
        self.unknown += (before - self.early.len()) as u64;
        loop {
            let due = |row: &Seen| !row.settled && row.time + WAIT <= now;
            let next = (0..self.rows.len()).filter(|at| due(&self.rows[*at])).min_by_key(|at| self.rows[*at].time);
            let Some(next) = next else { return };
            self.rows[next].settled = true;
            self.unlabelled += u64::from(self.rows[next].truth.is_none());
            self.settle(next, self.otherwise);
        }
    }

    fn settle(&mut self, at: usize, otherwise: Option<f64>) {
        let row = self.rows[at].clone();
        let Some(truth) = row.truth.or(otherwise) else { return };
        self.now.push((truth - row.said).abs());
        if row.truth.is_none() {
            self.then.push((truth - row.said).abs());
            self.learn(row.x, truth);
        }
    }

    fn row(&mut self, id: u8, time: i64, x: f64) {
        self.pass(time);
        let mut out = Predictions::default();
        self.chain.predict(&Features::row(&[x]), &mut out).unwrap();
        let said = out.values()[0];
        self.said.push(said);
        let place = self.early.iter().position(|(of, ..)| *of == id);
        let early = place.map(|place| self.early.remove(place).1);
        let twin = self.rows.iter().filter(|row| row.id == id && !row.settled);
        let known = early.or_else(|| twin.min_by_key(|row| row.time).and_then(|row| row.truth));
        self.rows.push(Seen { id, time, x, said, truth: None, settled: false });
        if let Some(truth) = known {
            self.label(id, truth, false);
        }
    }

    /// A label; whether it is to be counted: one that came early was.
    fn label(&mut self, id: u8, truth: f64, _: bool) {
        let waiting = (0..self.rows.len()).filter(|at| self.rows[*at].id == id && !self.rows[*at].settled);
        let mut places: Vec<usize> = waiting.collect();
        places.sort_by_key(|at| self.rows[*at].time);
        if places.is_empty() {
            let until = self.latest.map(|latest| latest + WAIT);
            self.early.retain(|(of, ..)| *of != id);
            self.early.push((id, truth, until));
            return;
        }
        let changed: Vec<usize> = places.into_iter().filter(|at| self.rows[*at].truth != Some(truth)).collect();
        let corrects = changed.iter().any(|at| self.rows[*at].truth.is_some());
        if !changed.is_empty() {
            *(if corrects { &mut self.corrected } else { &mut self.joined }) += 1;
        }
        changed.iter().for_each(|at| self.rows[*at].truth = Some(truth));
        for at in changed {
            let row = self.rows[at].clone();
            if !corrects {
                self.then.push((truth - row.said).abs());
            }
            self.learn(row.x, truth);
        }
    }

    /// No more will come.
    fn flush(&mut self) {
        let mut left: Vec<usize> = (0..self.rows.len()).filter(|at| !self.rows[*at].settled).collect();
        left.sort_by_key(|at| self.rows[*at].time);
        for at in left.into_iter().filter(|at| self.rows[*at].truth.is_some()).collect::<Vec<_>>() {
            self.settle(at, None);
        }
    }
}

fn time(second: i64) -> String {
    format!("1970-01-01T{:02}:{:02}:{:02}Z", second / 3_600, second / 60 % 60, second % 60)
}

/// A shard at work.
struct Folded {
    plan: RunnablePlan,
    shard: Shard,
    decoders: Decoders,
    outbox: Outbox,
    offset: u64,
}

impl Folded {
    fn new(plan: &Arc<Plan>) -> Self {
        let plan = RunnablePlan::alone(plan, encoder);
        let shard = Shard::open(&plan, Partition::new("rows.ndjson", 0), None).unwrap();
        Self { decoders: Decoders::new(&plan, &[]).unwrap(), plan, shard, outbox: Outbox::default(), offset: 0 }
    }

    fn step(&mut self, event: &Event) {
        let (topic, record) = match event {
            Event::Row { id, second, x } => {
                ("rows.ndjson", serde_json::json!({"id": format!("r{id}"), "ts": time(*second + 100), "x": x}))
            }
            Event::Label { id, second, y } => {
                ("labels.ndjson", serde_json::json!({"row": format!("r{id}"), "at": time(*second + 100), "y": y}))
            }
            Event::Tick { second } => {
                self.shard.tick((second + 100) * SECOND, &mut self.outbox).unwrap();
                return;
            }
        };
        let mut raw = RawRows::new(Partition::new(topic, 0));
        let value = record.to_string();
        let position = Position::number(self.offset);
        raw.push(RawRecord { position, timestamp: None, key: None, value: Some(value.as_bytes()), headers: &[] });
        self.offset += 1;
        let mut refusals = Vec::new();
        let rows = self.decoders.decode(&raw, &mut refusals);
        self.shard.step(&raw, &rows, &mut refusals, &mut self.outbox).unwrap();
        assert_eq!(refusals, [], "{value}");
    }

    /// Saved and loaded.
    fn again(&mut self) {
        let saved = self.shard.snapshot();
        self.shard = Shard::open(&self.plan, Partition::new("rows.ndjson", 0), Some(&saved)).unwrap();
        assert_eq!(self.shard.snapshot(), saved, "saved state is canonical");
    }

    fn report(&self) -> Report {
        let mut tally = Tally::default();
        tally.close(Closed::of(&self.shard));
        tally.report(&self.plan).unwrap()
    }

    fn said(&self) -> Vec<f64> {
        let said = |value: &[u8]| serde_json::from_slice::<Value>(value).unwrap()["score"].as_f64().unwrap();
        self.outbox.decisions().map(|decision| said(decision.value)).collect()
    }
}

/// The naive model does what the shard does.
fn same(events: &[Event], otherwise: Option<f64>, snapshots: bool) {
    let text = otherwise.map_or(String::new(), |number| format!("otherwise: {number}"));
    let (mut folded, mut naive) = (Folded::new(&plan(&document(&text))), Naive::new(otherwise));
    for event in events {
        folded.step(event);
        match *event {
            Event::Row { id, second, x } => naive.row(id, second + 100, x),
            Event::Label { id, y: Some(y), .. } => naive.label(id, y, true),
            Event::Label { y: None, .. } => naive.missing += 1,
            Event::Tick { second } => naive.pass(second + 100),
        }
        if snapshots {
            folded.again();
        }
    }
    let waiting = naive.rows.iter().filter(|row| !row.settled && row.truth.is_none()).count() as u64;
    folded.shard.flush(&mut folded.outbox).unwrap();
    naive.flush();
    assert_eq!(folded.said(), naive.said, "scores as served");
    let report = folded.report();
    let mean =
        |errors: &[f64]| if errors.is_empty() { f64::NAN } else { errors.iter().sum::<f64>() / errors.len() as f64 };
    let close = |one: f64, other: f64| one.is_nan() && other.is_nan() || (one - other).abs() < 1e-9;
    let figure = |value: Option<&Value>| value.and_then(Value::as_f64).unwrap_or(f64::NAN);
    let (now, then) = (figure(report.metrics.get("mae")), figure(report.metrics_at_label_time.get("mae")));
    assert!(close(now, mean(&naive.now)), "now: {now}, {:?}", naive.now);
    assert!(close(then, mean(&naive.then)), "then: {then}, {:?}", naive.then);
    let counts = folded.shard.label_report().unwrap().counts;
    assert_eq!(
        (report.learned, counts.joined, counts.corrected, counts.unknown, counts.missing, counts.unlabelled),
        (naive.learned, naive.joined, naive.corrected, naive.unknown, naive.missing, naive.unlabelled)
    );
    assert_eq!((counts.waiting, counts.without_row), (waiting, naive.early.len() as u64));
}

proptest! {
    #[test]
    fn they_mean_what_the_naive_model_says(events in events(), otherwise in any::<bool>(), snapshots in any::<bool>()) {
        same(&events, otherwise.then_some(0.5), snapshots);
    }
}

#[test]
fn each_case_alone() {
    let row = |id, second| Event::Row { id, second, x: 1.5 };
    let label = |id, second, y| Event::Label { id, second, y: Some(y) };
    for events in [
        vec![row(1, 0), label(1, 3, 2.0)],
        // Before its row, twice.
        vec![label(1, 0, 1.0), label(1, 0, 2.0), row(1, 1), row(2, 20)],
        // Corrected, repeated, and corrected after the row has ceased to wait.
        vec![row(1, 0), label(1, 1, 2.0), label(1, 2, 2.0), label(1, 3, 3.0), row(2, 30), label(1, 31, 9.0)],
        // Never, and for nothing.
        vec![row(1, 0), label(7, 0, 1.0), row(2, 30), row(3, 60)],
        // A record that came twice, before and after its label.
        vec![row(1, 0), row(1, 1), label(1, 2, 2.0), row(1, 3), row(9, 50)],
        // Silence.
        vec![row(1, 0), row(2, 1), label(2, 2, 4.0), Event::Tick { second: 10 }, Event::Tick { second: 11 }],
    ] {
        for otherwise in [None, Some(0.5)] {
            same(&events, otherwise, false);
            same(&events, otherwise, true);
        }
    }
}

/// Rows that find no room are forgotten, and counted, or the run stops.
#[test]
fn memory_is_bounded() {
    let text = document("max_memory: 20 KB");
    let mut folded = Folded::new(&plan(&text));
    for id in 0..200 {
        folded.step(&Event::Row { id, second: 0, x: 1.0 });
        if id % 2 == 0 {
            folded.step(&Event::Label { id, second: 0, y: Some(1.0) });
        }
    }
    let counts = folded.shard.label_report().unwrap().counts;
    assert!(counts.forgotten > 20 && counts.waiting > 5 && counts.waiting < 60, "{counts:?}");
    assert_eq!((counts.joined, counts.forgotten + counts.waiting), (100, 100), "{counts:?}");
    let stops = plan(&document("max_memory: 20 KB\n  on_limit: stop"));
    let mut folded = Folded::new(&stops);
    let mut raw = RawRows::new(Partition::new("rows.ndjson", 0));
    for id in 0..200 {
        let value = format!("{{\"id\": \"r{id}\", \"ts\": \"{}\", \"x\": 1}}", time(100));
        let position = Position::number(id);
        raw.push(RawRecord { position, timestamp: None, key: None, value: Some(value.as_bytes()), headers: &[] });
    }
    let mut refusals = Vec::new();
    let rows = folded.decoders.decode(&raw, &mut refusals);
    let error = folded.shard.step(&raw, &rows, &mut refusals, &mut folded.outbox).unwrap_err().to_string();
    assert!(error.contains("raise `max_memory` under `label`"), "{error}");
}

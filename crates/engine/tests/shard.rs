//! L3 and L4 for whole shards: any cut into batches, a snapshot at any cut, the same bytes in answers and state.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::sync::Arc;

use arrow_array::{Float64Array, StringArray};
use gristmill::augment::Augment;
use gristmill::clean::Clean;
use gristmill::plan::Plan;
use gristmill::resources::RunnablePlan;
use gristmill::rows::{Column, Partition, Position, RawRecord, RawRows, Refusal, Rows, SchemaDrift};
use gristmill::shard::{Outbox, Shard};
use gristmill::watch::Watch;
use gristmill_formats::encoder;
use proptest::prelude::*;

const DOCUMENT: &str = "
name: t
input:
  file: {path: '-'}
  format: json
  columns: {x: float64, y: float64, class: string, ts: timestamp}
  time: ts
features:
  - x
  - y
  - ratio: x / y
  - mean: avg(x) OVER (ORDER BY ts RANGE INTERVAL '5 seconds' PRECEDING)
  - above: CASE WHEN ratio > mean THEN 'above' ELSE 'below' END
  - small: CAST(CASE WHEN x > 4 THEN 'no number' ELSE '1' END AS DOUBLE)
label: {column: class, positive: a, negative: b}
model: [standard_scaler, one_hot_encoder, logistic_regression]
evaluate: [accuracy, roc_auc, log_loss, {f1: {window: 5}}, {accuracy: {by: class}}]
outputs:
  all: {stdout: {}}
  some: {stdout: {}, when: score > 0.5 OR mean < x}
  chosen:
    stdout: {}
    when: probability['a'] * 2 > 1 AND coalesce(prediction, 'b') <> 'c'
    select: [ts, prediction, {percent: round(score * 100)}, {odds: \"probability['a'] / probability['b']\"}, {by: model},
             {whole: CAST(x AS BIGINT)}]
";

/// A row: two numbers, which may be missing, and a label, which may be missing or neither class.
type Row = (Option<f64>, Option<f64>, Option<&'static str>);

fn row() -> impl Strategy<Value = Row> {
    let number = prop_oneof![6 => (-5.0..5.0).prop_map(Some), 1 => Just(None), 1 => Just(Some(f64::INFINITY))];
    let class = prop_oneof![
        4 => Just(Some("a")), 4 => Just(Some("b")), 1 => Just(None), 1 => Just(Some("neither"))
    ];
    (number.clone(), number, class)
}

fn blocks(rows: &[Row], first: usize) -> (RawRows, Rows) {
    narrow_or_wide(rows, first, false)
}

/// `wide`: with the additional columns of [`cleaned`]. Times go back now and then, and notes are repeated.
fn narrow_or_wide(rows: &[Row], first: usize, wide: bool) -> (RawRows, Rows) {
    let mut raw = RawRows::new(Partition::new("t", 3));
    for (index, _) in rows.iter().enumerate() {
        let key = format!("k{}", first + index);
        raw.push(RawRecord {
            position: Position::number((first + index) as u64),
            timestamp: Some(7),
            key: Some(key.as_bytes()),
            value: Some(b"{}"),
            headers: &[],
        });
    }
    let at = |row: usize| first + row;
    let time = |row: usize| if wide && at(row) % 7 == 3 { at(row) - 3 } else { at(row) };
    let mut columns = vec![
        Column::Float64(rows.iter().map(|row| row.0).collect::<Float64Array>()),
        Column::Float64(rows.iter().map(|row| row.1).collect::<Float64Array>()),
        Column::String(rows.iter().map(|row| row.2).collect::<StringArray>()),
        Column::Timestamp((0..rows.len()).map(|row| Some(time(row) as i64 * 1_000_000)).collect()),
    ];
    if wide {
        let text = |text: &dyn Fn(usize) -> String| {
            Column::String((0..rows.len()).map(|row| Some(text(at(row)))).collect::<StringArray>())
        };
        let card = |row| (at(row) % 17 != 5).then(|| format!("c{}", at(row) % 3));
        columns.push(Column::String((0..rows.len()).map(card).collect::<StringArray>()));
        columns.push(text(&|row| format!("i{}", row / 2 * 3 % 11)));
        columns.push(Column::String(
            (0..rows.len()).map(|row| ["red ", "Red", "blue"].get(at(row) % 5)).collect::<StringArray>(),
        ));
    }
    let mut drift = SchemaDrift::default();
    rows.iter().filter(|row| row.1.is_none()).for_each(|_| drift.unknown("note", 1));
    (raw, Rows { columns, records: (0..rows.len()).collect(), drift })
}

/// The same with labels that are known three seconds later, and a feature that uses them.
fn delayed() -> String {
    let risk = "avg(CASE WHEN class = 'a' THEN 1 ELSE 0 END) OVER (ORDER BY ts RANGE BETWEEN INTERVAL '20 seconds' \
                PRECEDING AND INTERVAL '3 seconds' PRECEDING)";
    let document = DOCUMENT.replace("label: {", "label: {delay: 3 s, ");
    document.replace("  - small:", &format!("  - risk: {risk}\n  - small:"))
}

/// The same with every rule before it.
fn cleaned_by(rules: &[Clean]) -> String {
    let flags: String = rules.iter().filter_map(Clean::flag).map(|flag| format!("  - {flag}\n")).collect();
    let rules = serde_json::to_string(rules).unwrap();
    let document = DOCUMENT.replace("features:\n", &format!("clean: {rules}\nfeatures:\n{flags}  - note\n"));
    let document = document
        .replace("ts: timestamp}\n", "ts: timestamp, card: string, id: string, note: string}\n  id: id\n  key: card\n");
    document.replace("outputs:\n", "dead_letters: {file: {path: dead}}\noutputs:\n")
}

fn cleaned() -> String {
    cleaned_by(&Clean::every(false))
}

/// The same with every augmentation rule.
fn augmented() -> String {
    let rules = serde_json::to_string(&Augment::every()).unwrap();
    delayed().replace("model:", &format!("augment: {rules}\nmodel:"))
}

/// The same with a grace: rows are buffered and reordered.
fn patient(grace: &str) -> String {
    cleaned_by(&Clean::every(true)).replace("  time: ts\n", &format!("  time: ts\n  grace: {grace}\n"))
}

/// The same with every watch; some alarms reset the model.
fn watched(document: &str) -> String {
    let watch = serde_json::to_string(&Watch::every(Some("outliers"))).unwrap();
    document.replace("dead_letters:", &format!("watch: {watch}\ndead_letters:"))
        + "  alarms: {stdout: {}, events: true}\n"
}

fn plan_of(document: &str) -> Arc<Plan> {
    Arc::new(Plan::read("t.yaml", document, &|_| None).unwrap_or_else(|problems| panic!("{problems}")))
}

fn plan() -> Arc<Plan> {
    plan_of(DOCUMENT)
}

fn open(snapshot: Option<&[u8]>) -> Shard {
    Shard::open(&RunnablePlan::alone(&plan(), encoder), Partition::new("t", 3), snapshot).unwrap()
}

/// Decisions by output and offset, rejections, and the state at the end.
type Folded = (Vec<(usize, Position, Vec<u8>)>, usize, Vec<u8>);

/// Folds rows, cut and snapshotted at these places.
fn fold(plan: &Arc<Plan>, rows: &[Row], cuts: &[usize], snapshot: bool) -> Folded {
    let open =
        |saved: Option<&[u8]>| Shard::open(&RunnablePlan::alone(plan, encoder), Partition::new("t", 3), saved).unwrap();
    let mut shard = open(None);
    let (mut answers, mut refused) = (Vec::new(), 0);
    let mut bounds: Vec<usize> = cuts.iter().map(|cut| cut % (rows.len() + 1)).chain([0, rows.len()]).collect();
    bounds.sort_unstable();
    for pair in bounds.windows(2) {
        let (raw, decoded) = narrow_or_wide(&rows[pair[0]..pair[1]], pair[0], !plan.clean.is_empty());
        let (mut refusals, mut outbox): (Vec<Refusal>, Outbox) = Default::default();
        let waited = shard.step(&raw, &decoded, &mut refusals, &mut outbox).unwrap();
        refused += waited.refusals.len();
        answers.extend(outbox.decisions().map(|one| (one.output, one.position, one.value.to_vec())));
        refused += refusals.len();
        if snapshot {
            let saved = shard.snapshot();
            shard = open(Some(&saved));
            assert_eq!(shard.snapshot(), saved, "saved state is canonical");
        }
    }
    let (state, mut outbox) = (shard.snapshot(), Outbox::default());
    refused += shard.flush(&mut outbox).unwrap().refusals.len();
    answers.extend(outbox.decisions().map(|one| (one.output, one.position, one.value.to_vec())));
    (answers, refused, state)
}

proptest! {
    #[test]
    fn cuts_and_snapshots_change_nothing(
        rows in proptest::collection::vec(row(), 0..60),
        cuts in proptest::collection::vec(0_usize..100, 0..6),
    ) {
        let late = watched(&cleaned().replace("label: {", "label: {delay: 3 s, "));
        let watched = [late, watched(&cleaned()), watched(&patient("2 s"))];
        let [late, watched, patiently] = watched.each_ref().map(String::as_str);
        let cleaned = [delayed(), cleaned(), patient("2 s"), patient("4 s"), augmented()];
        for document in cleaned.iter().map(String::as_str).chain([DOCUMENT, late, watched, patiently]) {
            let plan = plan_of(document);
            let whole = fold(&plan, &rows, &[], false);
            prop_assert!(fold(&plan, &rows, &cuts, false) == whole, "batches matter");
            prop_assert!(fold(&plan, &rows, &cuts, true) == whole, "snapshots matter");
        }
        let whole = fold(&plan(), &rows, &[], false);
        let large = |row: &Row| row.0.is_some_and(|x| x > 4.0);
        let refused = rows.iter().filter(|row| row.2 == Some("neither") || large(row)).count();
        prop_assert_eq!(whole.1, refused);
        prop_assert_eq!(whole.0.iter().filter(|answer| answer.0 == 0).count(), rows.len() - refused);
    }
}

/// Within the grace the order of arrival does not matter.
/// The rows that the output takes of rows that come one by one, at these seconds; how many wait at the end, and how
/// many are refused.
fn answered_in_turn(plan: &Arc<Plan>, order: &[i64]) -> (Vec<u64>, u64, usize) {
    let mut shard = Shard::open(&RunnablePlan::alone(plan, encoder), Partition::new("t", 3), None).unwrap();
    let (mut offsets, mut late) = (Vec::new(), 0);
    for (offset, time) in order.iter().enumerate() {
        let mut raw = RawRows::new(Partition::new("t", 3));
        let position = Position::number(offset as u64);
        raw.push(RawRecord { position, timestamp: None, key: None, value: Some(b"{}"), headers: &[] });
        let columns = vec![
            Column::Float64([Some(*time as f64)].into_iter().collect::<Float64Array>()),
            Column::Timestamp([Some(time * 1_000_000)].into_iter().collect()),
        ];
        let rows = Rows { columns, records: vec![0], drift: SchemaDrift::default() };
        let (mut refusals, mut outbox) = (Vec::new(), Outbox::default());
        shard.step(&raw, &rows, &mut refusals, &mut outbox).unwrap();
        offsets.extend(outbox.decisions().map(|one| one.position.as_number().unwrap()));
        late += refusals.len();
    }
    let waiting = shard.waiting();
    let mut outbox = Outbox::default();
    shard.flush(&mut outbox).unwrap();
    assert_eq!(shard.waiting(), 0);
    offsets.extend(outbox.decisions().map(|one| one.position.as_number().unwrap()));
    (offsets, waiting, late)
}

#[test]
fn rows_within_the_grace_are_taken_in_the_order_of_time() {
    let document = "
name: t
input:
  file: {path: '-'}
  format: json
  columns: {x: float64, ts: timestamp}
  time: ts
  grace: 3 s
clean:
  - late
features: [x, {before: lag(x) OVER (ORDER BY ts)}, {straight: before = x - 1 OR x = 0}]
model: [half_space_trees]
outputs:
  all: {stdout: {}, when: straight}
dead_letters: {file: {path: dead}}
";
    let plan = plan_of(document);
    let answered = |order: &[i64]| answered_in_turn(&plan, order);
    assert_eq!(answered(&[0, 1, 2, 3, 4, 5]), (vec![0, 1, 2, 3, 4, 5], 3, 0));
    assert_eq!(answered(&[2, 0, 1, 3, 5, 4]), (vec![1, 2, 0, 3, 5, 4], 3, 0));
    // The output takes the row of second 0, and those whose row before is of the second before.
    // The row of second 1 comes when second 5 was there: later than the grace, so `late` refuses it.
    assert_eq!(answered(&[0, 5, 1, 6]), (vec![0, 3], 2, 1));
}

/// A rare class is learned from as often as the other one, but the scores still reflect how rare it is.
#[test]
fn scores_are_corrected_for_what_was_learned_from() {
    let balanced = DOCUMENT.replace("model:", "augment: [{oversample: {desired_dist: {a: 0.5}}}]\nmodel:");
    let row = |number: usize| {
        let noise = (number * 53 % 97) as f64 / 97.0;
        (Some(noise), Some(1.0 + noise), Some(if number % 20 == 7 { "a" } else { "b" }))
    };
    let rows: Vec<Row> = (0..4_000).map(row).collect();
    let mean = |document: &str| {
        let (answers, ..) = fold(&plan_of(document), &rows, &[], false);
        let last = answers.iter().filter(|answer| answer.0 == 0).skip(2_000);
        let score =
            |value: &[u8]| serde_json::from_slice::<serde_json::Value>(value).unwrap()["score"].as_f64().unwrap();
        last.map(|answer| score(&answer.2)).sum::<f64>() / 2_000.0
    };
    let (as_it_is, evened) = (mean(DOCUMENT), mean(&balanced));
    assert!(
        (as_it_is - 0.05).abs() < 0.01 && (evened - 0.05).abs() < 0.015,
        "{as_it_is} and {evened}, one in 20 is `a`"
    );
}

/// Each rule of the law above has an effect.
#[test]
fn every_rule_of_the_law_is_used() {
    let plan = plan_of(&cleaned());
    let mut shard = Shard::open(&RunnablePlan::alone(&plan, encoder), Partition::new("t", 3), None).unwrap();
    let wave = |row: usize| ((row * 37 % 100) as f64 / 10.0 - 5.0, (row * 53 % 100) as f64 / 10.0 - 5.0);
    let rows: Vec<Row> =
        (0..60).map(|row| (Some(wave(row).0), Some(wave(row).1).filter(|_| row % 9 > 0), Some("a"))).collect();
    let mut rows = rows;
    rows[40].0 = None;
    let (raw, decoded) = narrow_or_wide(&rows, 0, true);
    let mut refusals = Vec::new();
    shard.step(&raw, &decoded, &mut refusals, &mut Outbox::default()).unwrap();
    let counts = shard.cleaned();
    assert!(counts.iter().all(|(_, count)| *count > 0), "{counts:?}");
    assert_eq!(
        counts.iter().find(|(name, _)| name == "outliers[y]").unwrap().1 as usize,
        refusals.iter().filter(|one| one.reason == "outlier").count()
    );
}

/// Each watch of the law above raises an alarm, and clears one, on rows of which many are alike.
#[test]
fn every_watch_of_the_law_is_used() {
    let plan = plan_of(&watched(&cleaned()));
    let wave = |row: usize| {
        let level = if (row / 30).is_multiple_of(2) { 0.0 } else { 3.0 };
        ((row * 37 % 17) as f64 / 10.0 + level - 2.0, (row * 53 % 13) as f64 / 10.0 + level - 2.0)
    };
    let some = |row: usize| if (row / 20).is_multiple_of(2) == row.is_multiple_of(3) { "a" } else { "b" };
    let rows: Vec<Row> =
        (0..600).map(|row| (Some(wave(row).0).filter(|_| row % 60 > 9), Some(wave(row).1), Some(some(row)))).collect();
    let (answers, ..) = fold(&plan, &rows, &[], false);
    let alarms = plan.outputs.iter().position(|output| output.events).unwrap();
    let events: Vec<serde_json::Value> =
        answers.iter().filter(|one| one.0 == alarms).map(|one| serde_json::from_slice(&one.2).unwrap()).collect();
    let told = |state: &str, name: &str| events.iter().any(|event| event["state"] == state && event["alarm"] == name);
    // What needs many rows without a reset, or changes of another kind, is tried elsewhere.
    for watch in plan.watch.iter().filter(|watch| !told("raised", &watch.name)) {
        println!("{} has nothing to tell", watch.name);
    }
    for name in ["psi[x]", "psi[score]", "kolmogorov_smirnov[x]", "wasserstein[y]", "rules[outliers[x]]"] {
        assert!(told("raised", name), "{name}");
    }
    for name in ["psi[x]", "kolmogorov_smirnov[x]"] {
        assert!(told("cleared", name), "{name}");
    }
    assert!(events.iter().any(|event| event["then"] == "reset_model"));
}

#[test]
fn state_of_another_pipeline_or_cut_is_refused() {
    let (raw, rows) = blocks(&[(Some(1.0), None, Some("a"))], 0);
    let mut shard = open(None);
    shard.step(&raw, &rows, &mut Vec::new(), &mut Outbox::default()).unwrap();
    let saved = shard.snapshot();
    assert_eq!(open(Some(&saved)).positions().to_string(), "1");
    for cut in 0..saved.len() {
        assert!(
            Shard::open(&RunnablePlan::alone(&plan(), encoder), Partition::new("t", 3), Some(&saved[..cut])).is_err(),
            "cut at {cut}"
        );
    }
    let wider = DOCUMENT.replace("  - ratio: x / y", "  - ratio: x / y + 1");
    let wider = Arc::new(Plan::read("t.yaml", &wider, &|_| None).unwrap());
    let error = Shard::open(&RunnablePlan::alone(&wider, encoder), Partition::new("t", 3), Some(&saved))
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("t-3: saved state cannot be used"), "{error}");
}

#[test]
fn a_decision_says_what_was_decided_and_by_which_model() {
    let (raw, rows) = blocks(&[(Some(1.0), Some(2.0), Some("b")), (Some(1.0), Some(2.0), None)], 5);
    let (mut shard, mut outbox) = (open(None), Outbox::default());
    shard.step(&raw, &rows, &mut Vec::new(), &mut outbox).unwrap();
    let answers: Vec<String> = outbox.decisions().map(|one| String::from_utf8(one.value.to_vec()).unwrap()).collect();
    assert_eq!(
        answers[0],
        r#"{"id":"t-3-5","time":"1970-01-01T00:00:05Z","prediction":"b","score":0.5,"probability":{"a":0.5,"b":0.5},"model":"t@0"}"#
    );
    assert!(answers[1].ends_with(r#""model":"t@1"}"#), "{}", answers[1]);
    let decision = outbox.decisions().next().unwrap();
    assert_eq!((decision.key, decision.timestamp), (Some(&b"k5"[..]), Some(7)));
}

#[test]
fn a_metric_by_segment_counts_each_value_of_its_column() {
    let row = |class| (Some(1.0), Some(2.0), class);
    let (raw, rows) = blocks(&[row(Some("a")), row(Some("b")), row(Some("a")), row(None), row(Some("a"))], 0);
    let mut shard = open(None);
    shard.step(&raw, &rows, &mut Vec::new(), &mut Outbox::default()).unwrap();
    let details = shard.evaluation().details();
    let (key, segments) = details.last().unwrap();
    assert_eq!(key, "accuracy[by=class]");
    let names: Vec<String> = segments.iter().map(|segment| format!("{segment:?}")).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(names[0].starts_with("Segment(\"a\"") && names[1].starts_with("Segment(\"b\""), "{names:?}");
}

#[test]
fn a_feature_that_fails_is_named_and_its_neighbours_go_on() {
    let (raw, rows) =
        blocks(&[(Some(1.0), Some(2.0), None), (Some(9.0), Some(2.0), None), (Some(2.0), Some(0.0), None)], 0);
    let (mut shard, mut refusals, mut outbox) = (open(None), Vec::new(), Outbox::default());
    shard.step(&raw, &rows, &mut refusals, &mut outbox).unwrap();
    let refused: Vec<_> = refusals.iter().map(|refusal| (refusal.record, refusal.reason)).collect();
    assert_eq!(refused, [(1, "feature_failed")]);
    assert!(refusals[0].message.starts_with("the feature `small` cannot be computed"), "{}", refusals[0].message);
    assert_eq!(shard.counts().scored, 2);
}

#[test]
fn a_label_that_is_late_is_learned_when_it_is_known_and_not_before() {
    let row = |class| (Some(1.0), Some(2.0), class);
    let (raw, rows) = blocks(&[row(Some("a")), row(Some("b")), row(None), row(Some("a")), row(Some("a"))], 0);
    let mut shard =
        Shard::open(&RunnablePlan::alone(&plan_of(&delayed()), encoder), Partition::new("t", 3), None).unwrap();
    shard.step(&raw, &rows, &mut Vec::new(), &mut Outbox::default()).unwrap();
    // Rows come a second apart: at the fifth the labels of the first two are known.
    assert_eq!((shard.counts().scored, shard.counts().learned), (5, 2));
    let early = delayed().replace("INTERVAL '3 seconds' PRECEDING", "INTERVAL '2 seconds' PRECEDING");
    let problems = Plan::read("t.yaml", &early, &|_| None).unwrap_err().to_string();
    assert!(problems.contains("the label `class` is known 3 seconds later: this would be the future"), "{problems}");
}

#[test]
fn windows_without_room_forget_or_stop() {
    let document = |windows: &str| {
        let count = "  - ratio: count(*) OVER (PARTITION BY x ORDER BY ts ROWS 3 PRECEDING)";
        DOCUMENT.replace("  - ratio: x / y", count).replace("outputs:", &format!("windows: {windows}\noutputs:"))
    };
    let rows: Vec<Row> = (0..3_000).map(|row| (Some(-f64::from(row)), Some(1.0), Some("a"))).collect();
    let (raw, decoded) = blocks(&rows, 0);
    let fold = |windows: &str| {
        let mut shard =
            Shard::open(&RunnablePlan::alone(&plan_of(&document(windows)), encoder), Partition::new("t", 3), None)
                .unwrap();
        shard.step(&raw, &decoded, &mut Vec::new(), &mut Outbox::default()).map(|_| shard.forgotten())
    };
    assert_eq!(fold("{max_memory: 100 MB, on_limit: stop}").unwrap(), []);
    let forgotten = fold("{max_memory: 200 KB}").unwrap();
    assert!(forgotten[0].0 == "windows" && forgotten[0].1 > 1_000, "{forgotten:?}");
    let error = fold("{max_memory: 200 KB, on_limit: stop}").unwrap_err().to_string();
    assert!(error.contains("t-3: the windows take more than 200 KB: raise `max_memory`"), "{error}");
}

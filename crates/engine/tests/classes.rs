//! Decisions about a class that has not occurred, for every learner and every form of label.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::sync::Arc;

use arrow_array::{BooleanArray, Float64Array, Int64Array, StringArray};
use gristmill::plan::Plan;
use gristmill::resources::RunnablePlan;
use gristmill::rows::{Column, Partition, Position, RawRecord, RawRows, Refusal, Rows, SchemaDrift};
use gristmill::shard::{Outbox, Shard};
use gristmill_formats::encoder;
use gristmill_learn::{Built, Component, Signature, Task};
use serde_json::{Map, Value};

/// A form of label: the type of its column, its settings in the document, and its two values.
struct Form {
    kind: &'static str,
    label: &'static str,
    values: [&'static str; 2],
}

const FORMS: [Form; 6] = [
    Form { kind: "string", label: "{column: y, positive: bad}", values: ["good", "bad"] },
    Form { kind: "string", label: "{column: y, positive: bad, negative: good}", values: ["good", "bad"] },
    Form { kind: "string", label: "{column: y}", values: ["good", "bad"] },
    Form { kind: "boolean", label: "{column: y}", values: ["false", "true"] },
    Form { kind: "boolean", label: "{column: y, positive: 'false'}", values: ["true", "false"] },
    Form { kind: "int64", label: "{column: y, positive: 1}", values: ["0", "1"] },
];

fn plan(form: &Form, model: &str) -> Option<Arc<Plan>> {
    let document = format!(
        "name: t\ninput:\n  file: {{path: '-'}}\n  format: json\n  columns: {{x: float64, y: {}}}\nfeatures: [x]\nlabel: {}\n\
         model: [{model}]\nevaluate: [accuracy]\noutputs: {{all: {{stdout: {{}}}}, alerts: {{stdout: {{}}, when: \"prediction = '{}'\"}}}}\n",
        form.kind, form.label, form.values[1]
    );
    match Plan::read("t.yaml", &document, &|_| None) {
        Ok(plan) => Some(Arc::new(plan)),
        Err(problems) => {
            let problems = problems.to_string();
            assert!(problems.contains("which value of `y` is the positive class"), "{problems}");
            None
        }
    }
}

/// A block of rows with these labels.
fn block(form: &Form, labels: &[Option<&str>]) -> (RawRows, Rows) {
    let mut raw = RawRows::new(Partition::new("t", 0));
    for number in 0..labels.len() as u64 {
        let position = Position::number(number);
        raw.push(RawRecord { position, timestamp: None, key: None, value: Some(b"{}"), headers: &[] });
    }
    let x = Column::Float64((0..labels.len()).map(|row| Some((row * 7 % 5) as f64 - 2.0)).collect::<Float64Array>());
    let y = match form.kind {
        "string" => Column::String(labels.iter().copied().collect::<StringArray>()),
        "boolean" => Column::Boolean(labels.iter().map(|label| label.map(|y| y == "true")).collect::<BooleanArray>()),
        _ => Column::Int64(labels.iter().map(|label| label.map(|y| y.parse().unwrap())).collect::<Int64Array>()),
    };
    (raw, Rows { columns: vec![x, y], records: (0..labels.len()).collect(), drift: SchemaDrift::default() })
}

/// The decisions of these rows, and how many of them are alerts.
fn decided(plan: &Arc<Plan>, form: &Form, labels: &[Option<&str>]) -> (Vec<Map<String, Value>>, usize) {
    let mut shard = Shard::open(&RunnablePlan::alone(plan, encoder), Partition::new("t", 0), None).unwrap();
    let (raw, rows) = block(form, labels);
    let (mut refusals, mut outbox) = (Vec::<Refusal>::new(), Outbox::default());
    shard.step(&raw, &rows, &mut refusals, &mut outbox).unwrap();
    assert_eq!(refusals, []);
    let value = |bytes: &[u8]| serde_json::from_slice::<Map<String, Value>>(bytes).unwrap();
    let all = outbox.decisions().filter(|decision| decision.output == 0).map(|decision| value(decision.value));
    (all.collect(), outbox.decisions().filter(|decision| decision.output == 1).count())
}

fn classifiers() -> Vec<(String, Task)> {
    let build = |component: &Component| match component.build(&Signature::numeric(1)) {
        Built::Learner(learner) => Some(learner.task()).filter(|task| task.is_classification()),
        Built::Transformer(_) => None,
    };
    let every = Component::every();
    let named =
        every.iter().filter_map(|component| Some((serde_json::to_value(component).unwrap(), build(component)?)));
    named.map(|(component, task)| (component.as_object().unwrap().keys().next().unwrap().clone(), task)).collect()
}

#[test]
fn a_class_that_has_not_come_has_no_probability() {
    let mut tried = 0;
    for form in &FORMS {
        let [first, second] = form.values;
        for (model, task) in classifiers() {
            // A learner of two classes needs to know which of two words is the positive one.
            let Some(plan) = plan(form, &model) else {
                assert!(task == Task::BinaryClassification && form.label == "{column: y}", "{model} {}", form.label);
                continue;
            };
            tried += 1;
            for (came, absent) in [(first, second), (second, first)] {
                let (decisions, alerts) = decided(&plan, form, &[Some(came); 60]);
                let about =
                    |decision: &Map<String, Value>| format!("{model}, {}, all {came}: {decision:?}", form.label);
                let probability = |decision: &Map<String, Value>, class: &str| {
                    decision["probability"].get(class).and_then(Value::as_f64)
                };
                if task == Task::Classification {
                    assert!(
                        decisions[0]["prediction"].is_null() && decisions[0]["score"].is_null(),
                        "{}",
                        about(&decisions[0])
                    );
                    for decision in &decisions[1..] {
                        assert_eq!(decision["prediction"], came, "{}", about(decision));
                        assert_eq!(probability(decision, came), Some(1.0), "{}", about(decision));
                        let other = probability(decision, absent);
                        assert!(other.is_none_or(|other| other == 0.0), "{}", about(decision));
                    }
                    assert_eq!(alerts, if came == second { 59 } else { 0 }, "{model}, {}", form.label);
                } else {
                    // It separates two classes from the beginning: both have their probabilities, as in River.
                    for decision in &decisions {
                        let shares = [first, second].map(|class| probability(decision, class).unwrap_or(f64::NAN));
                        let sound = (shares[0] + shares[1] - 1.0).abs() < 1e-9 && (0.0..=1.0).contains(&shares[1]);
                        let unnamed = came == second && form.kind != "boolean" && !form.label.contains("negative");
                        assert!(sound || unnamed, "{}", about(decision));
                    }
                }
            }
        }
    }
    assert!(tried > 100, "{tried}");
}

#[test]
fn both_classes_have_their_probabilities_once_both_have_come() {
    for form in &FORMS {
        let [first, second] = form.values;
        for (model, _) in classifiers() {
            let Some(plan) = plan(form, &model) else { continue };
            let labels = [vec![Some(first); 20], vec![Some(second)], vec![None; 3]].concat();
            let (decisions, _) = decided(&plan, form, &labels);
            for decision in &decisions[21..] {
                let shares = decision["probability"].as_object().unwrap();
                let sum: f64 = [first, second].iter().map(|class| shares[*class].as_f64().unwrap()).sum();
                assert!(shares.len() == 2 && (sum - 1.0).abs() < 1e-9, "{model}, {}: {decision:?}", form.label);
            }
        }
    }
}

/// Numbers that no model can use, and one that it can.
const ABSURD: [Option<f64>; 6] =
    [Some(1e300), Some(-1e300), Some(1e76), Some(f64::INFINITY), Some(f64::NEG_INFINITY), Some(f64::NAN)];

/// The decisions of forty rows with two features, with these replacing one value each; the label if there is one.
fn decided_with(model: &str, values: &[Option<f64>]) -> Option<Vec<Map<String, Value>>> {
    let labels = ["label: {column: y, positive: 1}\n", "label: {column: y}\n", ""];
    let document = |label: &str| {
        format!(
            "name: t\ninput:\n  file: {{path: '-'}}\n  format: json\n  columns: {{x: float64, z: float64, y: int64}}\n\
             features: [x, z]\n{label}model: [{model}]\noutputs: {{all: {{stdout: {{}}}}}}\n"
        )
    };
    let plan = labels.iter().find_map(|label| Plan::read("t.yaml", &document(label), &|_| None).ok())?;
    let mut shard = Shard::open(&RunnablePlan::alone(&Arc::new(plan), encoder), Partition::new("t", 0), None).unwrap();
    let mut raw = RawRows::new(Partition::new("t", 0));
    for number in 0..40 {
        let position = Position::number(number);
        raw.push(RawRecord { position, timestamp: None, key: None, value: Some(b"{}"), headers: &[] });
    }
    let ordinary = |row: usize| Some((row * 7 % 5) as f64 - 2.0);
    let x = |row: usize| row.checked_sub(20).and_then(|row| values.get(row).copied()).unwrap_or_else(|| ordinary(row));
    let rows = 0..40_usize;
    let columns = vec![
        Column::Float64(rows.clone().map(x).collect::<Float64Array>()),
        Column::Float64(rows.clone().map(|row| Some((row * 3 % 7) as f64)).collect::<Float64Array>()),
        Column::Int64(rows.clone().map(|row| Some((row * 7 % 5 / 2) as i64 % 2)).collect::<Int64Array>()),
    ];
    let rows = Rows { columns, records: rows.collect(), drift: SchemaDrift::default() };
    let (mut refusals, mut outbox) = (Vec::<Refusal>::new(), Outbox::default());
    shard.step(&raw, &rows, &mut refusals, &mut outbox).unwrap();
    let value = |bytes: &[u8]| serde_json::from_slice::<Map<String, Value>>(bytes).unwrap();
    Some(outbox.decisions().map(|decision| value(decision.value)).collect())
}

/// One such row used to leave naive Bayes and trees without an answer for all later rows.
#[test]
fn an_absurd_number_is_a_missing_one() {
    let mut tried = 0;
    for component in Component::every().iter().filter(|component| component.is_learner()) {
        let model = serde_json::to_value(component).unwrap().as_object().unwrap().keys().next().unwrap().clone();
        // A learner after another model does not apply here.
        let Some(missing) = decided_with(&model, &[None; 6]) else { continue };
        tried += 1;
        assert!(decided_with(&model, &ABSURD).unwrap() == missing, "{model}");
        assert!(missing[30..].iter().all(|decision| !decision["score"].is_null()), "{model}: {:?}", missing[39]);
    }
    assert!(tried > 30, "{tried}");
}

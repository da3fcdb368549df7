//! Pipelines to simulate, and their records.

use std::sync::Arc;

use gristmill::augment::Augment;
use gristmill::clean::Clean;
use gristmill::describe;
use gristmill::lookup::Content;
use gristmill::plan::{InputPlan, LabelFrom, Plan, TargetPlan};
use gristmill::pretrained::{Candidate, Pretrained, Reading, Version};
use gristmill::resources::{Resources, RunnablePlan};
use gristmill::rows::Column;
use gristmill::spec::{Commit, Format, Guarantee, Snapshot, Span, State};
use gristmill::watch::{Action, Watch};
use gristmill_formats::encoder;
use gristmill_learn::{Component, Signature, Task};

use crate::cluster::{DEAD, INPUT};
use crate::random::Random;
use crate::system::{LATE, Simulated, System};

/// A plan adapted to the simulation: over a simulated topic, with small commits and frequent snapshots.
pub fn simulated(plan: &Plan, guarantee: Guarantee) -> Arc<Plan> {
    let mut plan = plan.clone();
    plan.input = InputPlan::new(Simulated(INPUT.into()));
    if let Some(LabelFrom::Input(labels)) = plan.label.as_mut().map(|label| &mut label.from) {
        labels.input = InputPlan::new(Simulated(LATE.into()));
    }
    plan.group = "simulated".into();
    for output in &mut plan.outputs {
        output.target = TargetPlan::new(Simulated(format!("out-{}", output.name)));
    }
    plan.dead_letters = Some(TargetPlan::new(Simulated(DEAD.into())));
    plan.guarantee = guarantee;
    plan.commit = Commit { every: Span::milliseconds(40), rows: 6 };
    let snapshot = Snapshot { every: Span::milliseconds(700), rows: 11, keep: 2 };
    plan.state = Some(State { snapshot, ..State::default() });
    Arc::new(plan)
}

/// Replaces any model that a document names by a small tree; examples name one of twelve inputs, the others one of
/// two.
fn read(name: &str, text: &str) -> Result<Plan, String> {
    let inputs = if text.contains("f10") { 12 } else { 2 };
    let files = |_: &str| Ok(tree(inputs, 0).into_bytes());
    Plan::read_with(name, text, &|_| None, &files).map_err(|problems| problems.to_string())
}

/// A tree over the first of some inputs, in LightGBM's format: a different one for each version.
fn tree(inputs: usize, version: u64) -> String {
    let names: Vec<String> = (0..inputs).map(|input| format!("x{input}")).collect();
    let infos = vec!["[-9:9]"; inputs].join(" ");
    format!(
        "tree\nversion=v4\nnum_tree_per_iteration=1\nmax_feature_idx={}\nobjective=binary sigmoid:1\nfeature_names={}\n\
         feature_infos={infos}\n\nTree=0\nnum_leaves=2\nsplit_feature=0\nthreshold=0\ndecision_type=2\nleft_child=-1\n\
         right_child=-2\nleaf_value=-{version}.5 {version}.25\n\nend of trees\n",
        inputs - 1,
        names.join(" ")
    )
}

/// The versions that a simulated pipeline's model may take; every third shadows the one before it.
pub(crate) fn version(number: u64) -> Option<Version> {
    let model = |number: u64| {
        let tree = tree(2, number);
        Pretrained::from_bytes(&format!("m{number}"), tree.as_bytes(), Reading::default()).ok().map(Arc::new)
    };
    let shadow = number.is_multiple_of(3).then(|| model(number - 1)).flatten();
    Some(Version { number, model: model(number)?, shadow: shadow.map(|model| Candidate { number, model }) })
}

/// A plan with filled tables, and with versions of its own: other simulations of it also start with the document's model.
pub(crate) fn runnable(plan: &Arc<Plan>) -> RunnablePlan {
    let mut resources = Resources::new(plan, encoder);
    if let Some(versions) = &resources.versions {
        versions.ask(Box::new(version));
    }
    resources.tables.iter_mut().for_each(|table| *table = Arc::new(shops()));
    RunnablePlan::new(plan, resources)
}

/// A plan whose shards have the inputs of a system.
pub(crate) fn with_inputs(plan: &Arc<Plan>, system: System) -> Arc<Plan> {
    let mut plan = Plan::clone(plan);
    plan.inputs = system.inputs();
    Arc::new(plan)
}

/// A pipeline whose model changes while it runs, with immediate labels.
pub fn changing() -> Result<Plan, String> {
    let watch = "watch: [{kolmogorov_smirnov: {of: a, window: 4, reference: previous, threshold: 0.6}}]\nmodel:";
    let text = document("[{file: {path: m0.txt}}]", Some(Task::BinaryClassification)).replace("model:", watch);
    let mut plan = read("changing.yaml", &text)?;
    // A document can say so where there are candidates: in a group.
    plan.watch.iter_mut().for_each(|watch| watch.then = Action::PromoteCandidate);
    Ok(plan)
}

/// The same with a learner after the model.
pub fn corrected() -> Result<Plan, String> {
    let steps = "[{file: {path: m0.txt}}, standard_scaler, logistic_regression]";
    read("corrected.yaml", &document(steps, Some(Task::BinaryClassification)))
}

/// Every pipeline of a folder of documents.
pub fn examples(folder: &std::path::Path) -> Result<Vec<(String, Plan)>, String> {
    let mut found = Vec::new();
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for entry in entries {
        let path = entry.map_err(|error| error.to_string())?.path();
        if path.extension().is_some_and(|ending| ending == "yaml") {
            let text = std::fs::read_to_string(&path).map_err(|error| error.to_string())?;
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            found.push((name.clone(), read(&name, &text)?));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}

/// One pipeline for every component, and one that learns nothing.
pub fn components() -> Result<Vec<(String, Plan)>, String> {
    let mut found = Vec::new();
    for component in Component::every() {
        let name = describe::name_of(&component);
        let (steps, task) = match component.build(&Signature::numeric(1)) {
            gristmill_learn::Built::Learner(learner) => (format!("[standard_scaler, {name}]"), learner.task()),
            gristmill_learn::Built::Transformer(_) => {
                (format!("[{name}, logistic_regression]"), Task::BinaryClassification)
            }
        };
        found.push((name, read("component.yaml", &document(&steps, Some(task)))?));
    }
    found.push(("no label".into(), read("component.yaml", &document("[logistic_regression]", None))?));
    Ok(found)
}

/// The pipeline that most schedules run.
pub fn usual() -> Result<Plan, String> {
    read("usual.yaml", &document("[standard_scaler, logistic_regression]", Some(Task::BinaryClassification)))
}

/// Another pipeline over the same records.
pub fn another() -> Result<Plan, String> {
    read("another.yaml", &document("[hoeffding_tree_classifier]", Some(Task::BinaryClassification)))
}

/// A pipeline that cleans by every rule, computes windows by key, and learns by every rule of augmentation from labels that
/// are known later.
pub fn prepared() -> Result<Plan, String> {
    read("prepared.yaml", &cleaned_by(&Clean::every(false))?)
}

fn cleaned_by(rules: &[Clean]) -> Result<String, String> {
    let flags: String = rules.iter().filter_map(Clean::flag).map(|flag| format!("  - {flag}\n")).collect();
    let clean = serde_json::to_string(rules).map_err(|error| error.to_string())?;
    let augment = serde_json::to_string(&Augment::every()).map_err(|error| error.to_string())?;
    let watch = serde_json::to_string(&Watch::every(Some("outliers"))).map_err(|error| error.to_string())?;
    let text = PREPARED.replace("FLAGS", &flags).replace("CLEAN", &clean).replace("AUGMENT", &augment);
    Ok(text.replace("WATCH", &watch))
}

/// The content of every table.
fn shops() -> Content {
    let columns = vec![Column::Float64([Some(0.5), None, Some(2.5)].into_iter().collect())];
    let rows = ["S1", "S4", "S6"].into_iter().zip(0..).map(|(key, row)| (key.into(), Some(row)));
    Content::of(columns, rows, None)
}

/// The same with a grace: rows are buffered and reordered.
pub fn patient() -> Result<Plan, String> {
    let text = cleaned_by(&Clean::every(true))?;
    read("patient.yaml", &text.replace("  time: ts\n", "  time: ts\n  grace: 9 days\n"))
}

/// A pipeline whose labels have records of their own, with rows that wait and ticks.
pub fn labelled() -> Result<Plan, String> {
    read("labelled.yaml", LABELLED)
}

/// The same without a grace, and with rows that count as a class if they have no label.
pub fn labelled_at_once() -> Result<Plan, String> {
    let text = LABELLED.replace("  grace: 2 days\n", "").replace("wait: 5 days", "wait: 5 days\n  otherwise: b");
    read("labelled.yaml", &text)
}

const LABELLED: &str = "name: simulated
input:
  file: {path: in.ndjson}
  format: json
  columns: {id: string, card: string, ts: timestamp, x: float64, y: float64}
  id: id
  key: card
  time: ts
  grace: 2 days
  idle: 200 ms
features:
  - x
  - y
  - n: count(*) OVER (PARTITION BY card ORDER BY ts RANGE INTERVAL '3 days' PRECEDING)
label:
  file: {path: late.ndjson}
  columns: {row: string, ts: timestamp, class: string}
  id: row
  time: ts
  column: class
  positive: a
  negative: b
  wait: 5 days
model: [standard_scaler, logistic_regression]
evaluate: [accuracy, roc_auc, {accuracy: {by: card}}]
outputs:
  all: {file: {path: all.ndjson}}
dead_letters: {file: {path: dead.ndjson}}
";

const PREPARED: &str = "name: simulated
input:
  file: {path: in.ndjson}
  format: json
  columns: {id: string, card: string, ts: timestamp, x: float64, y: float64, note: string, class: string}
  id: id
  key: card
  time: ts
clean: CLEAN
lookup:
  shop: {file: {path: shops.ndjson}, columns: {note: string, rate: float64}, on: note}
features:
  - x
  - y
  - shop.rate
  - note
FLAGS  - n: count(*) OVER (PARTITION BY card ORDER BY ts RANGE INTERVAL '3 days' PRECEDING)
  - mean: avg(x) OVER (PARTITION BY card ORDER BY ts RANGE INTERVAL '5 days' PRECEDING)
  - before: lag(y) OVER (PARTITION BY card ORDER BY ts)
  - risk: avg(CASE WHEN class = 'a' THEN 1 ELSE 0 END) OVER (PARTITION BY card ORDER BY ts
      RANGE BETWEEN INTERVAL '9 days' PRECEDING AND INTERVAL '2 days' PRECEDING)
label: {column: class, positive: a, negative: b, delay: 2 days}
augment: AUGMENT
model: [standard_scaler, one_hot_encoder, logistic_regression]
evaluate: [accuracy]
watch: WATCH
outputs:
  all: {file: {path: all.ndjson}}
  some: {file: {path: some.ndjson}, when: n > 2}
  alarms: {file: {path: alarms.ndjson}, events: true}
dead_letters: {file: {path: dead.ndjson}}
";

/// A pipeline of these steps; without a task it has no label.
fn document(steps: &str, task: Option<Task>) -> String {
    let kind = if task == Some(Task::Regression) { "float64" } else { "string" };
    let label = match task {
        Some(Task::BinaryClassification) => {
            "label: {column: y, positive: yes, negative: no}\nevaluate: [accuracy, roc_auc, {f1: {window: 7}}, {accuracy: {by: y}}]\n"
        }
        Some(Task::Classification) => "label: {column: y}\nevaluate: [accuracy, {f1: {average: macro, window: 7}}]\n",
        Some(Task::Regression) => "label: {column: y}\nevaluate: [mae, {rmse: {window: 7}}]\n",
        Some(Task::AnomalyDetection) => "label: {column: y, positive: yes, negative: no}\nevaluate: [roc_auc]\n",
        Some(Task::Clustering) => "evaluate: [silhouette]\n",
        None => "",
    };
    format!(
        "name: simulated
input:
  file: {{path: in.ndjson}}
  format: json
  columns: {{id: string, a: float64, b: float64, y: {kind}}}
  id: id
features: [a, b]
{label}model: {steps}
outputs:
  all: {{file: {{path: all.ndjson}}}}
  some: {{file: {{path: some.ndjson}}, when: score > 0.5}}
dead_letters: {{file: {{path: dead.ndjson}}}}
"
    )
}

/// A label for one of the records that there were, or will be: some are empty, some are no class, some are no label.
pub fn label(plan: &Plan, records: u64, random: &mut Random) -> Vec<u8> {
    if plan.labels().is_none() || random.percent(4) {
        return b"{\"row\": \"broken".to_vec();
    }
    let row = (records + 4).saturating_sub(random.below(30));
    let class = ["\"a\"", "\"a\"", "\"b\"", "\"b\"", "null", "\"c\""];
    let class = class.get(random.below(6) as usize).unwrap_or(&"null");
    let time = format!("2024-01-{:02}T{:02}:00:00Z", 1 + random.below(28), random.below(24));
    format!("{{\"row\":\"r{row}\",\"ts\":\"{time}\",\"class\":{class}}}").into_bytes()
}

/// A record for a plan: most are readable, a few are not.
pub fn record(plan: &Plan, number: u64, random: &mut Random) -> Vec<u8> {
    if random.percent(6) {
        let broken: &[u8] = match random.below(4) {
            0 => b"{\"id\": \"broken",
            1 => b"",
            2 => b"1,2",
            _ => b"\xff\xfe",
        };
        return broken.to_vec();
    }
    let label = plan.label.as_ref();
    let mut fields = Vec::new();
    for (index, column) in plan.columns.iter().enumerate() {
        let text = match column.kind.name() {
            _ if plan.id == Some(index) => format!("r{number}"),
            "boolean" => random.percent(50).to_string(),
            "int64" => random.below(100).to_string(),
            "float64" if label.is_some_and(|label| label.in_row() == Some(index) && !label.positive.is_empty()) => {
                random.below(2).to_string()
            }
            "float64" => format!("{}", (random.below(2_000) as f64 - 1_000.0) / 64.0),
            "timestamp" => format!("2024-01-{:02}T{:02}:00:00Z", 1 + random.below(28), random.below(24)),
            _ => match label.filter(|label| label.in_row() == Some(index)) {
                Some(label) if random.percent(40) => label.positive.clone(),
                Some(label) => label.negative.clone().unwrap_or_else(|| "other".into()),
                None => format!("s{}", random.below(9)),
            },
        };
        fields.push((column.name.clone(), text, column.kind.name()));
    }
    match plan.format {
        Format::Csv => fields.iter().map(|(_, text, _)| text.as_str()).collect::<Vec<_>>().join(",").into_bytes(),
        Format::Json => {
            let quoted = |kind: &str, text: &str| match kind {
                "string" | "timestamp" => format!("\"{text}\""),
                _ => text.to_string(),
            };
            let pairs = fields.iter().map(|(name, text, kind)| format!("\"{name}\":{}", quoted(kind, text)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(",")).into_bytes()
        }
    }
}

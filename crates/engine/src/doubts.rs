//! Warnings about figures of a run that contradict its document.

use gristmill_learn::Task;
use serde_json::{Map, Value};

use crate::document::nearest;
use crate::plan::Plan;
use crate::shard::MOST_CATEGORIES;

/// A metric this many times its baseline's means that the model has diverged.
const ABSURD: f64 = 1_000.0;
/// Metrics that are errors: less is better.
const ERRORS: [&str; 5] = ["mae", "rmse", "mape", "pinball", "log_loss"];
/// A log loss up to this is that of a model that is often wrong, not of one that has diverged.
const SURPRISED: f64 = 10.0;
/// What to do about such a metric.
const DIVERGED: &str = "the model has diverged, or a few absurd values decide it. Scale the features (`standard_scaler` last \
                        before the learner); against outliers, and against a feature that was the same for long and then \
                        changes, bound the steps with `optimizer: adam` or `loss: {huber: {}}`; or look at the largest errors";
/// With this many labels one should have been the positive class.
const MANY: u64 = 100;
/// The number of names that are listed.
const LISTED: usize = 5;

/// The counts of labels, by name; for a regression only the infinite ones.
pub(crate) type Labels = Vec<(String, u64)>;

/// Why the figures should not be trusted as they are.
pub(crate) fn doubts(
    plan: &Plan,
    labels: &Labels,
    categories: &Map<String, Value>,
    metrics: &Map<String, Value>,
    baselines: &Map<String, Value>,
) -> Vec<String> {
    let mut doubts: Vec<String> = of_labels(plan, labels).into_iter().chain(of_categories(plan, categories)).collect();
    for (key, value) in metrics.iter().filter(|(key, _)| is_error(key)) {
        let Some(value) = value.as_f64() else { continue };
        let of = |(name, scores): (&String, &Value)| Some((scores.get(key)?.as_f64()?, name.clone()));
        // A baseline that is right by chance, as on labels that have not varied yet, is no measure.
        let worst = baselines.iter().filter_map(of).max_by(|(one, _), (other, _)| one.total_cmp(other));
        let floor = if key.starts_with("log_loss") { SURPRISED } else { 0.0 };
        let beyond = |floor: f64| value > ABSURD * floor && floor > 0.0;
        if let Some((baseline, name)) = worst.filter(|(baseline, _)| value > floor && beyond(*baseline)) {
            let times = shown(value / baseline);
            let what = format!("`{key}` is {}, {times} times that of `{name}` ({})", shown(value), shown(baseline));
            doubts.push(format!("{what}: {DIVERGED}"));
        }
    }
    let r2 = metrics.iter().filter(|(key, _)| key.starts_with("r2"));
    let far = r2.filter_map(|(key, value)| Some((key, value.as_f64().filter(|r2| *r2 < -ABSURD * ABSURD)?)));
    doubts.extend(far.map(|(key, value)| format!("`{key}` is {}: {DIVERGED}", shown(value))));
    doubts
}

/// A number as in reports: in full if that is informative.
pub(crate) fn shown(value: f64) -> String {
    match value.abs() {
        large if large >= 1e9 => format!("{value:.3e}"),
        large if large >= ABSURD => format!("{value:.0}"),
        _ => format!("{value:.4}"),
    }
}

/// Text features with more categories than the model distinguishes.
fn of_categories(plan: &Plan, categories: &Map<String, Value>) -> Vec<String> {
    let apart = plan.told_apart();
    let crowded = categories.iter().filter_map(|(name, count)| Some((name, count.as_u64()?)));
    let told = |(name, count): (&String, u64)| {
        let more = if count >= MOST_CATEGORIES as u64 { " or more" } else { "" };
        format!("`{name}` has {count}{more} categories, of which {apart}. {}", apart.advice(name))
    };
    // If the last number was assigned there may have been more.
    crowded.filter(|(_, count)| *count > apart.most() || *count >= MOST_CATEGORIES as u64).map(told).collect()
}

/// Whether a metric, by its key with settings, is an error.
fn is_error(key: &str) -> bool {
    ERRORS.contains(&key.split('[').next().unwrap_or(key))
}

fn of_labels(plan: &Plan, labels: &Labels) -> Option<String> {
    let label = plan.label.as_ref()?;
    let column = &label.column.name;
    let all: u64 = labels.iter().map(|(_, rows)| rows).sum();
    if plan.output.task != Task::BinaryClassification {
        let message = format!(
            "`{column}` was infinite or beyond 1e75 in {all} rows: these were scored, not measured and not learned from"
        );
        return (all > 0).then_some(message);
    }
    let named = |names: &[&(String, u64)]| {
        let listed = names.iter().take(LISTED).map(|(name, rows)| format!("`{name}` ({rows})"));
        let more = if names.len() > LISTED { " …" } else { "" };
        listed.collect::<Vec<_>>().join(", ") + more
    };
    let mut others: Vec<&(String, u64)> = labels.iter().filter(|(name, _)| !is(name, &label.positive)).collect();
    others.sort_by_key(|(_, rows)| std::cmp::Reverse(*rows));
    if others.len() == labels.len() && all > 0 {
        let meant = nearest(&label.positive, others.iter().map(|(name, _)| name.as_str()));
        // A few rows of one class are no surprise.
        if meant.is_none() && all < MANY {
            return None;
        }
        let meant = meant.map_or(String::new(), |meant| format!("; did you mean `{meant}`?"));
        let came = named(&others);
        let positive = &label.positive;
        return Some(format!(
            "the positive class `{positive}` of `{column}` has not come in {all} labels: {came}{meant}"
        ));
    }
    if others.is_empty() && all >= MANY {
        let other =
            label.negative.as_ref().map_or("no other class".into(), |class| format!("the negative class `{class}`"));
        let came = if label.negative.is_some() { "has not come" } else { "has come" };
        return Some(format!("{other} of `{column}` {came} in {all} labels: all are `{}`", label.positive));
    }
    let several = others.len() > 1 && label.negative.is_none();
    several.then(|| {
        let (positive, came) = (&label.positive, named(&others));
        format!("every label but `{positive}` counts as one class, and several came: {came}")
    })
}

/// Whether a label's text is this class: 1.0 is 1.
fn is(text: &str, class: &str) -> bool {
    let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
    text == class || number(text).is_some_and(|text| number(class) == Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(label: &str, kind: &str, model: &str) -> Plan {
        let document = format!(
            "name: t\ninput: {{file: {{path: '-'}}, format: json, columns: {{x: float64, y: {kind}}}}}\nfeatures: [x]\n\
             label: {label}\nmodel: [{model}]\noutputs: {{all: {{stdout: {{}}}}}}\n"
        );
        Plan::read("t.yaml", &document, &|_| None).unwrap_or_else(|problems| panic!("{problems}"))
    }

    fn said(plan: &Plan, labels: &[(&str, u64)]) -> String {
        let labels = labels.iter().map(|(name, rows)| (name.to_string(), *rows)).collect();
        doubts(plan, &labels, &Map::new(), &Map::new(), &Map::new()).join("\n")
    }

    #[test]
    fn labels_that_cannot_have_been_meant() {
        let words = plan("{column: y, positive: Yes}", "string", "logistic_regression");
        let expected =
            "the positive class `Yes` of `y` has not come in 9 labels: `no` (7), `yes` (2); did you mean `yes`?";
        assert_eq!(said(&words, &[("no", 7), ("yes", 2)]), expected);
        assert_eq!(said(&words, &[("no", 7), ("Yes", 2)]), "");
        assert_eq!([said(&words, &[]), said(&words, &[("fine", 99)])], ["", ""]);
        let all = said(&words, &[("Yes", 100)]);
        assert_eq!(all, "no other class of `y` has come in 100 labels: all are `Yes`");
        let both = plan("{column: y, positive: 'yes', negative: 'no'}", "string", "logistic_regression");
        assert_eq!(
            said(&both, &[("yes", 100)]),
            "the negative class `no` of `y` has not come in 100 labels: all are `yes`"
        );
        assert!(said(&words, &[("fine", 100)]).ends_with("has not come in 100 labels: `fine` (100)"));
        // Labels that came before they were counted are unknown.
        assert_eq!(said(&words, &[("Yes", 0), ("no", 3)]), "");
        let several = said(&words, &[("Yes", 1), ("no", 1), ("maybe", 4)]);
        assert_eq!(several, "every label but `Yes` counts as one class, and several came: `maybe` (4), `no` (1)");
        let numbers = plan("{column: y, positive: 1}", "float64", "logistic_regression");
        assert_eq!(said(&numbers, &[("1.0", 1), ("0", 2)]), "");
        let value = plan("{column: y}", "float64", "linear_regression");
        assert!(said(&value, &[("infinite", 2)]).starts_with("`y` was infinite or beyond 1e75 in 2 rows: "));
    }

    #[test]
    fn categories_that_are_not_told_apart() {
        let said = |model: &str, count: u64| {
            let document = format!(
                "name: t\ninput: {{file: {{path: '-'}}, format: json, columns: {{x: string, y: float64}}}}\nfeatures: [x]\n\
                 label: {{column: y}}\nmodel: [{model}]\noutputs: {{all: {{stdout: {{}}}}}}\n"
            );
            let plan = Plan::read("t.yaml", &document, &|_| None).unwrap_or_else(|problems| panic!("{problems}"));
            let categories = Map::from_iter([("x".to_string(), count.into())]);
            doubts(&plan, &Vec::new(), &categories, &Map::new(), &Map::new()).join("\n")
        };
        let begins = "`x` has 1001 categories, of which the model tells the first 1000 apart, and further ones count as missing. Leave";
        assert!(said("hoeffding_tree_regressor", 1_001).starts_with(begins));
        assert_eq!(said("hoeffding_tree_regressor", 1_000), "");
        let encoded = "target_encoder, linear_regression";
        assert_eq!(said(encoded, 9_999), "");
        let most = "`x` has 10000 or more categories, of which a pipeline tells the first 10000 apart,";
        assert!(said(encoded, 10_000).starts_with(most) && !said(encoded, 10_000).contains("feature_hasher"));
        let columns = "one_hot_encoder, linear_regression";
        let begins = "`x` has 21 categories, of which `one_hot_encoder` tells the first 20 apart (`max_categories`),";
        assert!(said(columns, 21).starts_with(begins), "{}", said(columns, 21));
        assert_eq!(said(columns, 20), "");
    }

    #[test]
    fn a_metric_a_thousand_times_its_baseline_s() {
        let plan = plan("{column: y}", "float64", "linear_regression");
        let of = |mae: f64, mean: f64| {
            let baselines =
                serde_json::json!({"mean": {"mae": mean, "r2": 0.0}, "last_value": {"mae": 9.0 * mean, "r2": 0.0}});
            let metrics = serde_json::json!({"mae": mae, "r2": -9.0});
            doubts(&plan, &Vec::new(), &Map::new(), metrics.as_object().unwrap(), baselines.as_object().unwrap())
                .join("\n")
        };
        assert!(
            of(7.4e9, 17.0)
                .starts_with("`mae` is 7.400e9, 48366013 times that of `last_value` (153.0000): the model has")
        );
        assert_eq!([of(16_999.0, 17.0), of(7.4e9, 0.0)], ["", ""]);
        let said = |metrics: Value, baselines: Value| {
            let none = Map::new();
            let figures = (metrics.as_object().unwrap(), baselines.as_object().unwrap());
            doubts(&plan, &Vec::new(), &none, figures.0, figures.1).join("\n")
        };
        let mean = serde_json::json!({"mean": {"r2": -0.01}});
        assert!(said(serde_json::json!({"r2": -5.8e31}), mean.clone()).starts_with("`r2` is -5.800e31: the model has"));
        assert_eq!(said(serde_json::json!({"r2": -99.0}), mean), "");
        // A baseline that has been right by chance so far does not make a model bad.
        let lucky = serde_json::json!({"last_class": {"log_loss": 1e-15}, "majority_class": {"log_loss": 1e-15}});
        assert_eq!(said(serde_json::json!({"log_loss": 0.27}), lucky), "");
    }
}

//! What a report shows of estimates.

use std::fmt;

use gristmill_learn::estimate::{Estimate, Estimates};
use serde_json::{Map, Value, json};

/// A number, or null where there is none.
fn number(value: f64) -> Value {
    if value.is_finite() { json!(value) } else { Value::Null }
}

/// The estimates as JSON: by metric, with the number of chunks.
pub(crate) fn object(estimates: &Estimates) -> Value {
    let metric = |estimate: &Estimate| {
        let Estimate { metric, last, unlabelled, error, reference_error } = estimate;
        let shown = json!({
            "last_chunk": number(last.value()),
            "without_labels": number(unlabelled.value()),
            "rows_without_labels": unlabelled.weight(),
            "error": number(error.value()),
            "reference_error": number(reference_error.value()),
            "chunks_compared": error.weight(),
        });
        (metric.name().to_string(), shown)
    };
    let metrics: Map<String, Value> = estimates.metrics.iter().map(metric).collect();
    json!({"chunks": estimates.chunks, "given_up": estimates.given_up, "metrics": metrics})
}

/// The same as a table.
pub(crate) fn table(estimates: &Value, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let of = |value: &Value, key: &str| value.get(key).and_then(Value::as_f64);
    let shown = |value: Option<f64>| match value {
        None => "-".to_string(),
        Some(value) if value.abs() < 1e9 => format!("{value:.4}"),
        Some(value) => format!("{value:.3e}"),
    };
    let metrics = estimates.get("metrics").and_then(Value::as_object);
    let width = metrics.into_iter().flatten().map(|(name, _)| name.len()).max().unwrap_or(0).max("estimate".len());
    write!(f, "\n{:width$}  last chunk  without labels  off by  reference off by", "estimate")?;
    for (name, value) in metrics.into_iter().flatten() {
        let [last, without, error, reference] =
            ["last_chunk", "without_labels", "error", "reference_error"].map(|key| shown(of(value, key)));
        write!(f, "\n{name:width$}  {last:>10}  {without:>14}  {error:>6}  {reference:>16}")?;
    }
    let compared = metrics.into_iter().flatten().filter_map(|(_, value)| of(value, "chunks_compared"));
    let compared = compared.fold(0.0, f64::max);
    write!(f, "\n{:width$}  {compared} of {} chunks compared", "", of(estimates, "chunks").unwrap_or(0.0))?;
    match of(estimates, "given_up").filter(|given_up| *given_up > 0.0) {
        Some(given_up) => writeln!(f, ", {given_up} given up for want of room"),
        None => writeln!(f),
    }
}

//! Periodic metrics in the log while a run continues.

use std::fmt::Write;
use std::time::{Duration, Instant};

use gristmill::plan::Plan;
use gristmill::report::Report;
use gristmill_runtime::run::Control;

/// How often the thread checks whether a line is due.
const LOOK: Duration = Duration::from_millis(100);
/// How long members may take to reach a point between two steps.
const LONGEST: Duration = Duration::from_secs(2);

/// Logs the metrics of all members periodically, until `done`.
pub(crate) fn tell(control: &Control, plan: &Plan, (members, every): (usize, Duration), done: &dyn Fn() -> bool) {
    let (mut last, mut rows) = (Instant::now(), 0);
    let mut warned = false;
    while !done() {
        std::thread::sleep(LOOK.min(every));
        if last.elapsed() < every {
            continue;
        }
        let seconds = last.elapsed().as_secs_f64();
        last = Instant::now();
        control.ask();
        let mut report = None;
        while report.is_none() && last.elapsed() < LONGEST && !done() {
            std::thread::sleep(Duration::from_millis(10));
            report = control.live(plan, members);
        }
        match report {
            Some(report) => {
                let rate = report.rows_read.saturating_sub(rows) as f64 / seconds;
                rows = report.rows_read;
                tracing::info!(name: "metrics", "{}", line(&report, rate));
                // The figures in a warning change with every line: warn once; the last report repeats it.
                if !warned {
                    report.warnings.iter().for_each(|warning| tracing::warn!(name: "document_warning", "{warning}"));
                    warned = !report.warnings.is_empty();
                }
            }
            None => {
                control.work().iter().for_each(|work| tracing::info!(name: "metrics_missing", "no metrics: {work}"))
            }
        }
    }
}

/// `key=value` pairs in a stable order; an undefined value is `null`.
fn line(report: &Report, rate: f64) -> String {
    let Report { rows, rows_read, scored, learned, decisions, dead_letters, partitions, .. } = report;
    let mut line = format!(
        "metrics rows={rows} rows_read={rows_read} rows_per_second={rate:.1} partitions={} scored={scored} \
         learned={learned} decisions={decisions} dead_letters={}",
        partitions.len(),
        dead_letters.total
    );
    for (metric, value) in &report.metrics {
        let shown = value.as_f64().map_or_else(|| "null".to_string(), |value| format!("{value:.6}"));
        // Writing to a string does not fail.
        let _ = write!(line, " {}={shown}", metric.replace(' ', "_"));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_their_order_and_have_no_spaces() {
        let document = "
name: t
input: {file: {path: t.csv}, columns: {x: float64, up: boolean}}
features: [x]
label: {column: up}
model: [logistic_regression]
evaluate: [accuracy]
";
        let plan = Plan::read("t.yaml", document, &|_| None).unwrap();
        let mut report = gristmill::report::Tally::default().report(&plan).unwrap();
        (report.rows, report.rows_read, report.dead_letters.total) = (7, 5, 2);
        report.metrics.insert("accuracy".into(), 0.75.into());
        report.metrics.insert("f1 by=shop".into(), serde_json::Value::Null);
        assert_eq!(
            line(&report, 2.5),
            "metrics rows=7 rows_read=5 rows_per_second=2.5 partitions=0 scored=0 learned=0 decisions=0 dead_letters=2 \
             accuracy=0.750000 f1_by=shop=null"
        );
    }
}

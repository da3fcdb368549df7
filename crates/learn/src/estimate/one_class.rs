//! Metrics of one class against the rest, where each row is of the class with some probability.

use super::Estimated;

/// A row as one class sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Seen {
    /// The model's own score, by which rows are ordered.
    pub(super) score: f64,
    /// The probability that the row is of the class: 0 or 1 where the label is known.
    pub(super) chance: f64,
    /// Whether the class was predicted.
    pub(super) predicted: bool,
}

/// Rows as one class sees them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct OneClass {
    rows: Vec<Seen>,
}

/// How rows of one score count in an average precision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Ties {
    /// One after the other, as NannyML counts them.
    Apart,
    /// At once, as scikit-learn counts rows with labels.
    Together,
}

/// The rows expected in each cell of the confusion matrix.
#[derive(Debug, Clone, Copy, Default)]
struct Expected {
    true_positives: f64,
    false_positives: f64,
    false_negatives: f64,
    true_negatives: f64,
}

/// NannyML rounds sums of probabilities so, and what is left of a sum of nothing is nothing.
fn rounded(sum: f64) -> f64 {
    (sum * 1e5).round_ties_even() / 1e5
}

fn ratio(part: f64, of: f64) -> f64 {
    if of == 0.0 { 0.0 } else { part / of }
}

/// A metric over the rows as each class sees them; NaN without rows. Of several classes the mean counts.
pub(super) fn value(metric: Estimated, classes: &mut [OneClass], ties: Ties) -> f64 {
    if classes.iter().all(|class| class.rows.is_empty()) {
        return f64::NAN;
    }
    if metric == Estimated::Accuracy {
        return accuracy(classes);
    }
    let number = classes.len() as f64;
    classes.iter_mut().map(|class| class.value(metric, ties)).sum::<f64>() / number
}

/// The mean probability of the predicted class.
fn accuracy(classes: &[OneClass]) -> f64 {
    let rows = classes.iter().map(|class| class.rows.len()).max().unwrap_or(0) as f64;
    let alone = classes.len() == 1;
    let right = |row: &Seen| match row.predicted {
        true => row.chance,
        false if alone => 1.0 - row.chance,
        false => 0.0,
    };
    classes.iter().flat_map(|class| &class.rows).map(right).sum::<f64>() / rows
}

impl OneClass {
    pub(super) fn push(&mut self, row: Seen) {
        self.rows.push(row);
    }

    fn value(&mut self, metric: Estimated, ties: Ties) -> f64 {
        let cells = self.expected();
        let Expected { true_positives, false_positives, false_negatives, true_negatives } = cells;
        match metric {
            Estimated::RocAuc => self.roc_auc(),
            Estimated::AveragePrecision => self.average_precision(ties),
            Estimated::F1 => ratio(true_positives, true_positives + 0.5 * (false_positives + false_negatives)),
            Estimated::Precision => ratio(true_positives, true_positives + false_positives),
            Estimated::Recall => ratio(true_positives, true_positives + false_negatives),
            Estimated::Specificity => ratio(true_negatives, true_negatives + false_positives),
            _ => f64::NAN,
        }
    }

    fn expected(&self) -> Expected {
        let mut cells = Expected::default();
        for Seen { chance, predicted, .. } in &self.rows {
            let [yes, no] = match predicted {
                true => [&mut cells.true_positives, &mut cells.false_positives],
                false => [&mut cells.false_negatives, &mut cells.true_negatives],
            };
            *yes += chance;
            *no += 1.0 - chance;
        }
        cells
    }

    /// Groups of equal scores, descending: their number, and the positive rows expected among them.
    fn groups(&mut self) -> Vec<(f64, f64)> {
        self.rows.sort_by(|one, other| other.score.total_cmp(&one.score));
        let group = |rows: &[Seen]| (rows.len() as f64, rows.iter().map(|row| row.chance).sum());
        self.rows.chunk_by(|one, other| one.score == other.score).map(group).collect()
    }

    fn roc_auc(&mut self) -> f64 {
        let groups = self.groups();
        let (mut rows, mut positives) = (0.0, 0.0);
        let (mut before, mut area) = ([0.0, 0.0], 0.0);
        for (more, chance) in groups {
            rows += more;
            positives += chance;
            let now = [rounded(positives), rounded(rows - positives)];
            area += (now[1] - before[1]) * (now[0] + before[0]) / 2.0;
            before = now;
        }
        let pairs = before[0] * before[1];
        if pairs > 0.0 { area / pairs } else { f64::NAN }
    }

    fn average_precision(&mut self, ties: Ties) -> f64 {
        let groups = self.groups();
        let (mut rows, mut positives, mut before, mut sum) = (0.0, 0.0, 0.0, 0.0);
        for (more, chance) in groups {
            let steps = if ties == Ties::Apart { more as usize } else { 1 };
            for _ in 0..steps {
                rows += more / steps as f64;
                positives += chance / steps as f64;
                let now = rounded(positives);
                sum += (now - before) * now / rows;
                before = now;
            }
        }
        if before > 0.0 { sum / before } else { f64::NAN }
    }
}

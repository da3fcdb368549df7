//! Isotonic regression over single rows.

use crate::state::stateful;

/// The curve over a score that never falls and fits labels best: straight between its points, level beyond them.
///
/// Equal to `IsotonicRegression(out_of_bounds="clip")` of scikit-learn. Memory: 16 bytes a point, at most one a row.
/// Source: M. Ayer and others, "An Empirical Distribution Function for Sampling with Incomplete Information", Annals of
/// Mathematical Statistics 26 (1955).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct IsotonicCurve {
    scores: Vec<f64>,
    heights: Vec<f64>,
}

stateful!(IsotonicCurve: scores, heights);

/// Rows whose heights are the same: their number, the sum of their labels, and their first and last score.
#[derive(Debug, Clone, Copy)]
struct Pool {
    rows: f64,
    labels: f64,
    first: f64,
    last: f64,
}

impl Pool {
    fn height(&self) -> f64 {
        self.labels / self.rows
    }

    fn with(self, next: Self) -> Self {
        Self { rows: self.rows + next.rows, labels: self.labels + next.labels, last: next.last, ..self }
    }
}

impl IsotonicCurve {
    /// The curve of scores and labels, ascending by score.
    pub fn fit(ascending: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let mut pools: Vec<Pool> = Vec::new();
        // A score's rows become one pool before it is compared with the pools below.
        let mut open: Option<Pool> = None;
        for (score, label) in ascending {
            let row = Pool { rows: 1.0, labels: label, first: score, last: score };
            match &mut open {
                Some(pool) if pool.last == score => *pool = pool.with(row),
                _ => {
                    close(&mut pools, open.take());
                    open = Some(row);
                }
            }
        }
        close(&mut pools, open);
        let mut curve = Self::default();
        for pool in pools {
            curve.push(pool.first, pool.height());
            if pool.last != pool.first {
                curve.push(pool.last, pool.height());
            }
        }
        curve
    }

    fn push(&mut self, score: f64, height: f64) {
        self.scores.push(score);
        self.heights.push(height);
    }

    /// The height at a score; without points the score itself.
    pub fn at(&self, score: f64) -> f64 {
        let above = self.scores.partition_point(|point| *point <= score);
        let point = |place: usize| Some((*self.scores.get(place)?, *self.heights.get(place)?));
        match (above.checked_sub(1).and_then(point), point(above)) {
            (Some((low, from)), Some((high, to))) => from + (to - from) / (high - low) * (score - low),
            (Some((_, height)), None) | (None, Some((_, height))) => height,
            (None, None) => score,
        }
    }
}

/// Adds a pool, and pools it with those before it that are not below it.
fn close(pools: &mut Vec<Pool>, pool: Option<Pool>) {
    let Some(mut pool) = pool else { return };
    while let Some(before) = pools.pop_if(|before| before.labels * pool.rows >= pool.labels * before.rows) {
        pool = before.with(pool);
    }
    pools.push(pool);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `IsotonicRegression(out_of_bounds="clip")` of scikit-learn 1.9.1, with equal scores and between points.
    #[test]
    fn heights_are_those_of_scikit_learn() {
        let scores = [0.1, 0.2, 0.2, 0.3, 0.45, 0.5, 0.6, 0.6, 0.8, 0.9];
        let labels = [0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0];
        let curve = IsotonicCurve::fit(scores.into_iter().zip(labels));
        let asked = [0.0, 0.1, 0.15, 0.25, 0.3, 0.4, 0.48, 0.55, 0.7, 0.85, 0.95];
        let expected = [
            0.0,
            0.0,
            0.166666666667,
            0.333333333333,
            0.333333333333,
            0.444444444444,
            0.5,
            0.583333333333,
            0.666666666667,
            0.833333333333,
            1.0,
        ];
        for (score, height) in asked.into_iter().zip(expected) {
            assert!((curve.at(score) - height).abs() < 1e-12, "{score}: {}", curve.at(score));
        }
        assert!(curve.at(f64::NAN).is_nan() || curve.at(f64::NAN) == 0.0);
        assert_eq!(IsotonicCurve::default().at(0.3), 0.3);
    }
}

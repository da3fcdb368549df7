//! The area under the precision-recall curve.

use super::{Curve, metric_settings};

metric_settings! {
    /// Average precision: the mean of the precision at each positive row, going down the scores, in [0, 1]; higher is
    /// better, the share of positives is guessing. Null until the first positive row.
    ///
    /// Says more than `roc_auc` where positives are rare. Exact up to 2,000 rows; beyond, scores within 0.4 % of each
    /// other count as equal, as in `roc_auc`. Source: `metrics.average_precision_score` of scikit-learn.
    ///
    /// ```
    /// use gristmill_learn::{Truth, metric::{AveragePrecisionSettings, Metric}};
    /// let mut precision = AveragePrecisionSettings::default().whole();
    /// for (class, score) in [(0, 0.1), (0, 0.4), (1, 0.35), (1, 0.8)] {
    ///     precision.update(Truth::Class(class), score.into());
    /// }
    /// assert_eq!(precision.value(), (1.0 + 2.0 / 3.0) / 2.0);
    /// ```
    AveragePrecisionSettings, "average_precision", Curve,
    |_settings| Curve::new(Self::NAME, |groups| {
        let groups: Vec<[f64; 2]> = groups.collect();
        let (mut seen, mut found, mut sum) = (0.0, 0.0, 0.0);
        for [negative, positive] in groups.iter().rev() {
            seen += negative + positive;
            found += positive;
            sum += if *positive > 0.0 { positive * found / seen } else { 0.0 };
        }
        if found > 0.0 { sum / found } else { f64::NAN }
    })
}

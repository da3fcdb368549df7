//! The area under the ROC curve.

use super::{Curve, metric_settings};

metric_settings! {
    /// The probability that a positive row scores higher than a negative one, in [0, 1]; higher is better, 0.5 is
    /// guessing. Null until both classes have come.
    ///
    /// Exact up to 2,000 rows. Beyond, scores are counted in bins 0.4 % wide relative to the distance from the nearer
    /// end of [0, 1]; two scores in one bin count as equal. The error is at most half the share of (positive,
    /// negative) pairs that fall into one bin, in practice below 0.001. At most 122 pages of 4 KiB. River's
    /// `metrics.ROCAUC` uses ten thresholds instead, so its values differ in the third decimal.
    ///
    /// ```
    /// use gristmill_learn::{Truth, metric::{Metric, RocAucSettings}};
    /// let mut roc_auc = RocAucSettings::default().whole();
    /// for (class, score) in [(0, 0.1), (0, 0.4), (1, 0.35), (1, 0.8)] {
    ///     roc_auc.update(Truth::Class(class), score.into());
    /// }
    /// assert_eq!(roc_auc.value(), 0.75);
    /// ```
    RocAucSettings, "roc_auc", Curve,
    |_settings| Curve::new(Self::NAME, |groups| {
        let (mut below, mut positives, mut pairs) = (0.0, 0.0, 0.0);
        for [negative, positive] in groups {
            pairs += positive * (below + negative / 2.0);
            below += negative;
            positives += positive;
        }
        let all = below * positives;
        if all > 0.0 { pairs / all } else { f64::NAN }
    })
}

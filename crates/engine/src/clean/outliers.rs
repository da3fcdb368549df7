//! Values far from those before them.

use gristmill_learn::{StateError, StateReader, StateWriter, Stateful};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::batch::Given;
use super::by_key::ByKey;
use super::impute::By;
use super::recent::Recent;
use super::{Batch, Known, Rule, RuleError, Settings, Then};
use crate::spec::{ColumnType, Size};

/// Values far from those before them. Each value is judged by those that came before it, and then learned, whatever it
/// was: a level that has changed for good is no outlier for ever.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Outliers {
    /// The columns of numbers.
    #[schemars(length(min = 1))]
    pub of: Vec<String>,
    /// How far is measured. Default `mad`.
    #[serde(default)]
    pub method: Method,
    /// Above how many deviations a value is an outlier. Default 3 for `z_score`, 3.5 for `mad`, 1.5 for `iqr`.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub above: Option<f64>,
    /// For `quantiles`: the shares of values between which nothing is an outlier. Default `[0.001, 0.999]`.
    #[serde(default)]
    pub between: Option<Vec<f64>>,
    /// What becomes of an outlier: `dead_letter` (`outlier`; default), `set_missing`, `clip` to the nearest bound, or
    /// `{flag: NAME}`.
    #[serde(default)]
    pub then: Then,
    /// Whether values are compared with all values (default) or with those of the same record key: `key`.
    #[serde(default)]
    pub by: By,
    /// How many values must have come before the first is judged. Default 30.
    #[serde(default = "thirty")]
    #[schemars(range(min = 2))]
    pub after: u64,
    /// For all but `z_score`: with how many of the last values a value is compared. Default 1,000.
    #[serde(default = "a_thousand")]
    #[schemars(range(min = 2, max = 1_000_000))]
    pub window: u64,
    /// With `by: key`: how much memory keys may take, in each partition; beyond that those that have been silent for
    /// longest are forgotten. Default `64 MB`.
    #[serde(default = "super::impute::usual_limit")]
    pub limit: Size,
}

fn thirty() -> u64 {
    30
}

fn a_thousand() -> u64 {
    1_000
}

/// How it is measured how far a value is from the others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// In standard deviations from the mean of all values before.
    ZScore,
    /// In median absolute deviations from the median, each times 1.4826 (B. Iglewicz, D. Hoaglin, "How to Detect and
    /// Handle Outliers", 1993).
    #[default]
    Mad,
    /// In distances between the quartiles, below the first and above the third (J. W. Tukey, "Exploratory Data
    /// Analysis", 1977).
    Iqr,
    /// Outside of two quantiles.
    Quantiles,
}

impl Settings for Outliers {
    fn every(_: bool) -> Vec<Self> {
        let usual = Self {
            of: vec!["x".into()],
            method: Method::Mad,
            above: Some(1.0),
            between: None,
            then: Then::Clip,
            by: By::Key,
            after: 4,
            window: 7,
            limit: super::impute::usual_limit(),
        };
        let all = |of: &str, method, above| Self {
            of: vec![of.into()],
            method,
            above,
            then: Then::DeadLetter,
            by: By::All,
            ..usual.clone()
        };
        let far = Self { then: Then::Flag("far".into()), ..all("y", Method::Iqr, Some(0.1)) };
        let rare = Self { between: Some(vec![0.1, 0.9]), then: Then::SetMissing, ..all("y", Method::Quantiles, None) };
        vec![usual.clone(), all("y", Method::ZScore, Some(1.5)), far, rare]
    }

    fn subject(&self) -> String {
        self.of.join(", ")
    }

    fn then(&self) -> Option<&Then> {
        Some(&self.then)
    }

    fn build(&self, known: &Known<'_>) -> Result<Box<dyn Rule>, RuleError> {
        let at = ["outliers", "of"];
        let changes = matches!(self.then, Then::SetMissing | Then::Clip);
        let columns = if changes { known.find_to_change(&self.of, &at)? } else { known.find(&self.of, &at)? };
        for (place, column) in columns.iter().enumerate() {
            if !matches!(known.kind(*column), Some(ColumnType::Int64(_) | ColumnType::Float64(_))) {
                let message =
                    format!("`{}` is not a number: only numbers are far from each other", known.name(*column));
                return Err(RuleError::new(&["outliers", "of", &place.to_string()], message, "leave it out"));
            }
        }
        let spread = self.spread()?;
        let keys = columns.iter().map(|_| ByKey::new(spread.clone(), self.limit.bytes())).collect();
        Ok(Box::new(Far {
            names: columns.iter().map(|column| known.name(*column).to_string()).collect(),
            columns,
            key: known.by_key(self.by == By::Key, "outliers")?,
            then: self.then.clone(),
            flag: known.flag(&self.then),
            keys,
        }))
    }
}

impl Outliers {
    /// What is known of a column before its first value.
    fn spread(&self) -> Result<Spread, RuleError> {
        let quantiles = self.method == Method::Quantiles;
        if quantiles && self.above.is_some() {
            let help = "use `between: [0.001, 0.999]`";
            return Err(RuleError::new(&["outliers", "above"], "`quantiles` have no deviations to be above of", help));
        }
        let between = match self.between.as_deref() {
            None => (0.001, 0.999),
            Some([low, high]) if quantiles && 0.0 <= *low && low < high && *high <= 1.0 => (*low, *high),
            Some(_) => {
                let message = "`between` is for `quantiles`: two shares from 0 to 1, the smaller one first";
                return Err(RuleError::new(&["outliers", "between"], message, "as in `between: [0.01, 0.99]`"));
            }
        };
        let usual = match self.method {
            Method::ZScore => 3.0,
            Method::Mad => 3.5,
            Method::Iqr | Method::Quantiles => 1.5,
        };
        let recent = Recent::new(usize::try_from(self.window).unwrap_or(usize::MAX));
        let (method, above, after) = (self.method, self.above.unwrap_or(usual), self.after);
        Ok(Spread { method, above, between, after, count: 0, mean: 0.0, squares: 0.0, recent })
    }
}

/// The spread of earlier values.
#[derive(Debug, Clone)]
struct Spread {
    method: Method,
    above: f64,
    between: (f64, f64),
    after: u64,
    count: u64,
    mean: f64,
    squares: f64,
    recent: Recent,
}

impl Spread {
    /// The bounds beyond which a value is an outlier; none if too little is known, or nothing varies.
    fn bounds(&self) -> Option<(f64, f64)> {
        if self.count < self.after {
            return None;
        }
        let around = |middle: f64, deviation: f64| {
            (deviation > 0.0).then_some((middle - self.above * deviation, middle + self.above * deviation))
        };
        match self.method {
            Method::ZScore => around(self.mean, (self.squares / (self.count - 1) as f64).sqrt()),
            Method::Mad => {
                let median = self.recent.quantile(0.5)?;
                around(median, 1.4826 * self.recent.median_distance(median)?)
            }
            Method::Iqr => {
                let (low, high) = (self.recent.quantile(0.25)?, self.recent.quantile(0.75)?);
                (high > low).then_some((low - self.above * (high - low), high + self.above * (high - low)))
            }
            Method::Quantiles => Some((self.recent.quantile(self.between.0)?, self.recent.quantile(self.between.1)?)),
        }
    }

    /// Welford's algorithm, which does not lose digits (B. P. Welford, 1962).
    fn learn(&mut self, value: f64) {
        self.count += 1;
        if self.method == Method::ZScore {
            let apart = value - self.mean;
            self.mean += apart / self.count as f64;
            self.squares += apart * (value - self.mean);
        } else {
            self.recent.push(value);
        }
    }
}

impl Stateful for Spread {
    fn save(&self, to: &mut StateWriter) {
        self.count.save(to);
        self.mean.save(to);
        self.squares.save(to);
        self.recent.save(to);
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.count.load(from)?;
        self.mean.load(from)?;
        self.squares.load(from)?;
        self.recent.load(from)
    }

    fn size(&self) -> usize {
        self.recent.size()
    }
}

#[derive(Debug, Clone)]
struct Far {
    columns: Vec<usize>,
    names: Vec<String>,
    key: Option<usize>,
    then: Then,
    flag: Option<usize>,
    /// For each column.
    keys: Vec<ByKey<Spread>>,
}

impl Rule for Far {
    fn apply(&mut self, batch: &mut Batch<'_>) {
        let mut flagged = Vec::new();
        for ((column, name), keys) in self.columns.iter().zip(&self.names).zip(&mut self.keys) {
            let mut changes = Vec::new();
            for row in batch.standing() {
                let value = batch.cell(*column, row).number();
                if !value.is_finite() {
                    continue;
                }
                let key = self.key.map(|key| batch.cell(key, row).text()).unwrap_or_default();
                let bounds = keys.with(&key, |spread| {
                    let bounds = spread.bounds();
                    spread.learn(value);
                    bounds
                });
                let Some((low, high)) = bounds.filter(|(low, high)| value < *low || value > *high) else { continue };
                match self.then {
                    Then::DeadLetter => {
                        let message = format!("`{name}` is {value}, not between {low} and {high} as those before it");
                        batch.refuse(row, "outlier", message);
                    }
                    Then::SetMissing => changes.push((row, Given::Missing)),
                    Then::Clip => changes.push((row, Given::Number(value.clamp(low, high)))),
                    Then::Flag(_) => flagged.push(row),
                }
            }
            batch.change(*column, &changes);
        }
        flagged.sort_unstable();
        flagged.dedup();
        self.flag.into_iter().for_each(|flag| batch.flag(flag, &flagged));
    }

    fn forgotten(&self) -> u64 {
        self.keys.iter().map(ByKey::forgotten).sum()
    }
}

impl Stateful for Far {
    fn save(&self, to: &mut StateWriter) {
        to.begin("outliers", 1);
        self.keys.iter().for_each(|keys| keys.save(to));
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        from.begin("outliers", 1)?;
        self.keys.iter_mut().try_for_each(|keys| keys.load(from))
    }

    fn size(&self) -> usize {
        self.keys.iter().map(Stateful::size).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(method: Method, above: f64) -> Spread {
        let recent = Recent::new(1_000);
        Spread { method, above, between: (0.1, 0.9), after: 5, count: 0, mean: 0.0, squares: 0.0, recent }
    }

    /// Against numpy: `mean ± 3 std(ddof=1)`, `median ± 3.5 · 1.4826 · median(|x - median|)`, `percentile`.
    #[test]
    fn bounds_of_ten_values() {
        let values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0, 1.0, 6.0];
        for (method, above, low, high) in [
            (Method::ZScore, 3.0, -2.235_416_353_759_88, 11.635_416_353_759_88),
            (Method::Mad, 3.5, -0.689_1, 9.689_1),
            (Method::Iqr, 1.5, 1.375, 8.375),
            (Method::Quantiles, 1.5, 1.9, 7.2),
        ] {
            let mut spread = spread(method, above);
            values.iter().for_each(|value| spread.learn(*value));
            let (found_low, found_high) = spread.bounds().unwrap();
            assert!(
                (found_high - high).abs() < 1e-9 && (found_low - low).abs() < 1e-9,
                "{method:?} {found_low} {found_high}"
            );
        }
    }

    #[test]
    fn nothing_is_judged_by_few_values_or_by_equal_ones() {
        for method in [Method::ZScore, Method::Mad, Method::Iqr] {
            let mut spread = spread(method, 3.0);
            for _ in 0..4 {
                spread.learn(1.0);
                assert_eq!(spread.bounds(), None);
            }
            spread.learn(1.0);
            assert_eq!(spread.bounds(), None, "{method:?}");
        }
    }
}

//! Imputation of missing values.

use super::quantiles::Quantiles;
use crate::settings::component_settings;
use crate::state::stateful;
use crate::{Kind, Signature, Transformer, Truth};

/// What a missing value is filled with.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fill {
    /// The mean so far; for a nominal column the most frequent category.
    #[default]
    Mean,
    /// The median so far, as an estimate; for a nominal column the most frequent category.
    Median,
    /// The last value seen.
    Last,
    /// This value.
    Constant(f64),
}

component_settings! {
    /// Fills missing values with a statistic of the column's other values.
    ///
    /// A column of which nothing was seen stays missing. Memory: 100 bytes a column; 8 for each category of a nominal one, at
    /// most 10,000. Source: `preprocessing.StatImputer` of River.
    ///
    /// ```
    /// use gristmill_learn::{Signature, Transformer, transform::ImputerSettings};
    /// let mut imputer = ImputerSettings::default().build(&Signature::numeric(1));
    /// [1.0, 5.0, f64::NAN].iter().for_each(|x| imputer.learn(&[*x], None));
    /// let mut out = Vec::new();
    /// imputer.transform(&[f64::NAN], &mut out);
    /// assert_eq!(out, [3.0]);
    /// ```
    ImputerSettings {
        /// What a missing value is filled with: `mean`, `median`, `last` or `{constant: …}`. Default `mean`.
        with: Fill = Fill::default(),
    }
}

impl ImputerSettings {
    /// The imputer for rows of these columns.
    pub fn build(&self, signature: &Signature) -> Imputer {
        let column = Column { median: Quantiles::new(&[0.5]), last: f64::NAN, ..Column::default() };
        let columns = vec![column; signature.width()].into();
        Imputer { with: self.with, kinds: signature.kinds().to_vec(), columns }
    }
}

/// The statistics behind [`ImputerSettings`].
#[derive(Debug, Clone)]
pub struct Imputer {
    with: Fill,
    kinds: Vec<Kind>,
    columns: Box<[Column]>,
}

#[derive(Debug, Clone, Default)]
struct Column {
    count: u64,
    mean: f64,
    last: f64,
    median: Quantiles,
    /// By category.
    categories: Vec<u64>,
}

stateful!(Imputer, "imputer", 1: columns);
stateful!(Column: count, mean, last, median, categories);

/// More categories than this are not counted.
const MOST: usize = 10_000;

impl Column {
    fn filled(&self, with: Fill, kind: Kind) -> f64 {
        match with {
            Fill::Constant(value) => value,
            _ if self.count == 0 => f64::NAN,
            Fill::Last => self.last,
            _ if kind == Kind::Nominal => {
                let counts = self.categories.iter().enumerate();
                let most = counts.max_by_key(|(code, count)| (**count, std::cmp::Reverse(*code)));
                most.map_or(f64::NAN, |(code, _)| code as f64)
            }
            Fill::Mean => self.mean,
            Fill::Median => self.median.get(0).unwrap_or(f64::NAN),
        }
    }
}

impl Transformer for Imputer {
    fn signature(&self) -> Signature {
        Signature::new(self.kinds.clone())
    }

    fn learn(&mut self, row: &[f64], _: Option<Truth>) {
        for ((column, x), kind) in self.columns.iter_mut().zip(row).zip(&self.kinds).filter(|((_, x), _)| x.is_finite())
        {
            column.count += 1;
            column.last = *x;
            let mean = column.mean + (x - column.mean) / column.count as f64;
            column.mean = if mean.is_finite() { mean } else { column.mean };
            if self.with == Fill::Median && *kind == Kind::Numeric && x.abs() < 1e150 {
                column.median.learn(*x);
            }
            let code = *x as usize;
            if *kind == Kind::Nominal && code < MOST {
                column.categories.resize(column.categories.len().max(code + 1), 0);
                column.categories.iter_mut().skip(code).take(1).for_each(|count| *count += 1);
            }
        }
    }

    fn transform(&self, row: &[f64], out: &mut Vec<f64>) {
        let columns = self.columns.iter().zip(row).zip(&self.kinds);
        out.extend(columns.map(|((column, x), kind)| if x.is_finite() { *x } else { column.filled(self.with, *kind) }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_statistic() {
        let check = |with: Fill, kind: Kind, expected: f64| {
            let mut imputer = ImputerSettings { with }.build(&Signature::new(vec![kind]));
            [1.0, 1.0, 7.0, 4.0, f64::NAN].iter().for_each(|x| imputer.learn(&[*x], None));
            let mut out = Vec::new();
            imputer.transform(&[f64::NAN], &mut out);
            assert_eq!(out, [expected], "{with:?}");
        };
        check(Fill::Mean, Kind::Numeric, 3.25);
        check(Fill::Median, Kind::Numeric, 4.0);
        check(Fill::Last, Kind::Numeric, 4.0);
        check(Fill::Constant(-1.0), Kind::Numeric, -1.0);
        check(Fill::Mean, Kind::Nominal, 1.0);
    }
}

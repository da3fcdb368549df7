//! The columns that correlate most with the label.

use crate::settings::component_settings;
use crate::state::stateful;
use crate::{Kind, Signature, Transformer, Truth};

component_settings! {
    /// Keeps the k numeric columns that are most correlated with the label, and sets the others to 0.
    ///
    /// By the absolute value of Pearson's correlation so far; among equal ones the earlier column. The number of columns
    /// stays. Nominal columns pass unchanged. Without labels everything passes. Memory: 48 bytes a column. Source:
    /// `feature_selection.SelectKBest` with `stats.PearsonCorr` of River.
    ///
    /// ```
    /// use gristmill_learn::{Signature, Transformer, Truth, transform::SelectKBestSettings};
    /// let mut best = SelectKBestSettings { k: 1 }.build(&Signature::numeric(2));
    /// for (a, b, y) in [(1.0, 3.0, 1.0), (2.0, 1.0, 2.0), (3.0, 2.0, 3.0)] {
    ///     best.learn(&[a, b], Some(Truth::Value(y)));
    /// }
    /// let mut out = Vec::new();
    /// best.transform(&[4.0, 5.0], &mut out);
    /// assert_eq!(out, [4.0, 0.0]);
    /// ```
    SelectKBestSettings {
        /// The columns to keep, 1 or more. Default 10.
        #[schemars(range(min = 1))]
        k: usize = 10,
    }
}

impl SelectKBestSettings {
    /// The selection for rows of these columns.
    pub fn build(&self, signature: &Signature) -> SelectKBest {
        let columns = vec![Column::default(); signature.width()].into();
        SelectKBest { k: self.k, kinds: signature.kinds().to_vec(), columns }
    }
}

/// The correlations behind [`SelectKBestSettings`].
#[derive(Debug, Clone)]
pub struct SelectKBest {
    k: usize,
    kinds: Vec<Kind>,
    columns: Box<[Column]>,
}

/// Sums over the rows in which both the column and the label had a value.
#[derive(Debug, Clone, Default)]
struct Column {
    count: f64,
    mean: f64,
    label_mean: f64,
    squares: f64,
    label_squares: f64,
    products: f64,
}

stateful!(SelectKBest, "select_k_best", 1: columns);
stateful!(Column: count, mean, label_mean, squares, label_squares, products);

impl Column {
    fn learn(&mut self, x: f64, y: f64) {
        self.count += 1.0;
        let (apart, label_apart) = (x - self.mean, y - self.label_mean);
        self.mean += apart / self.count;
        self.label_mean += label_apart / self.count;
        self.squares += apart * (x - self.mean);
        self.label_squares += label_apart * (y - self.label_mean);
        self.products += apart * (y - self.label_mean);
    }

    fn correlation(&self) -> f64 {
        let scale = (self.squares * self.label_squares).sqrt();
        if scale > 0.0 { (self.products / scale).abs() } else { 0.0 }
    }
}

impl Transformer for SelectKBest {
    fn signature(&self) -> Signature {
        Signature::new(self.kinds.clone())
    }

    fn learn(&mut self, row: &[f64], truth: Option<Truth>) {
        let Some(y) = truth.map(Truth::number).filter(|y| y.abs() < 1e75) else { return };
        for (column, x) in self.columns.iter_mut().zip(row).filter(|(_, x)| x.abs() < 1e75) {
            column.learn(*x, y);
        }
    }

    fn transform(&self, row: &[f64], out: &mut Vec<f64>) {
        let score = |column: &Column| column.correlation();
        let begun = self.columns.iter().any(|column| column.count > 1.0);
        let numeric = self.columns.iter().zip(&self.kinds).filter(|(_, kind)| **kind == Kind::Numeric);
        let mut scores: Vec<f64> = numeric.map(|(column, _)| score(column)).collect();
        scores.sort_by(|a, b| b.total_cmp(a));
        let least = scores.get(self.k.saturating_sub(1)).copied().unwrap_or(f64::NEG_INFINITY);
        let above = scores.iter().filter(|score| **score > least).count();
        let mut equal = self.k.saturating_sub(above);
        let columns = self.columns.iter().zip(row).zip(&self.kinds);
        out.extend(columns.map(|((column, x), kind)| {
            if *kind == Kind::Nominal || !begun {
                return *x;
            }
            let score = score(column);
            let kept = score > least || score == least && equal > 0;
            equal -= usize::from(score == least && kept);
            match (kept, x.is_finite()) {
                (true, true) => *x,
                (true, false) => f64::NAN,
                (false, _) => 0.0,
            }
        }));
    }
}

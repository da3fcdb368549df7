//! What goes into a model and what comes out of it: plain blocks of numbers.

/// A row-major block of features. A value that is not finite (NaN, infinite) is missing.
#[derive(Debug, Clone, Copy)]
pub struct Features<'a> {
    values: &'a [f64],
    width: usize,
}

impl<'a> Features<'a> {
    /// A block of `values.len() / width` rows; a rest shorter than a row is not part of it.
    pub fn new(values: &'a [f64], width: usize) -> Self {
        Self { values, width }
    }

    /// A block of one row.
    pub fn row(values: &'a [f64]) -> Self {
        Self { values, width: values.len() }
    }

    /// The number of columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.values.len().checked_div(self.width).unwrap_or(0)
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows, in order.
    pub fn rows(&self) -> impl Iterator<Item = &'a [f64]> + use<'a> {
        // A block of width 0 has no rows; chunks_exact refuses a width of 0.
        self.values.chunks_exact(self.width.max(1))
    }
}

/// The truth for the rows of a [`Features`] block.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Labels<'a> {
    /// The index of each row's class; 1 is the positive class of a binary task.
    Classes(&'a [u32]),
    /// The value of each row, for regression.
    Values(&'a [f64]),
}

/// What a model says about each row: the probability of the positive class, or the value of a regression.
///
/// It also owns the room that a chain of transformers works in, so that predicting allocates nothing.
#[derive(Debug, Default, Clone)]
pub struct Predictions {
    values: Vec<f64>,
    pub(crate) front: Vec<f64>,
    pub(crate) back: Vec<f64>,
}

impl Predictions {
    /// One number for each row.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Forgets the last answer.
    pub fn clear(&mut self) {
        self.values.clear();
    }

    /// Adds the answer for the next row.
    pub fn push(&mut self, value: f64) {
        self.values.push(value);
    }
}

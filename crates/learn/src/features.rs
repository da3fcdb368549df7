//! Inputs and outputs of models: plain blocks of numbers.

/// The meaning of a column's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A quantity.
    Numeric,
    /// The code of a category: an integer from 0, without an order.
    Nominal,
}

/// The columns for which a component is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature(Vec<Kind>);

impl Signature {
    /// Columns of these kinds.
    pub fn new(kinds: Vec<Kind>) -> Self {
        Self(kinds)
    }

    /// Numeric columns only.
    pub fn numeric(width: usize) -> Self {
        Self(vec![Kind::Numeric; width])
    }

    /// The number of columns.
    pub fn width(&self) -> usize {
        self.0.len()
    }

    /// The kind of each column.
    pub fn kinds(&self) -> &[Kind] {
        &self.0
    }
}

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

    /// All numbers, row by row.
    pub fn values(&self) -> &'a [f64] {
        self.values.get(..self.len() * self.width).unwrap_or_default()
    }

    /// The rows in blocks of this size, at least 1; the last one may be smaller.
    pub fn blocks(&self, rows: usize) -> impl Iterator<Item = Features<'a>> + use<'a> {
        let width = self.width;
        self.values().chunks((rows * width).max(1)).map(move |values| Features { values, width })
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
    /// No labels: anomaly detection and clustering do not need them.
    None,
}

impl Labels<'_> {
    /// The label of one row.
    pub fn of(&self, row: usize) -> Self {
        match self {
            Self::Classes(classes) => Self::Classes(classes.get(row..row + 1).unwrap_or_default()),
            Self::Values(values) => Self::Values(values.get(row..row + 1).unwrap_or_default()),
            Self::None => Self::None,
        }
    }
}

/// A model's predictions for rows.
///
/// The numbers per row depend on the model's [`Task`](crate::Task): one for all but classification among many classes,
/// which gives the probability of each known class, by its index; none before the first class.
///
/// It also owns the buffers of a chain of transformers, so that predicting does not allocate.
#[derive(Debug, Default, Clone)]
pub struct Predictions {
    values: Vec<f64>,
    ends: Vec<usize>,
    pub(crate) front: Vec<f64>,
    pub(crate) back: Vec<f64>,
    room: Vec<f64>,
}

impl Predictions {
    /// The numbers of all rows, concatenated.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The number of predicted rows.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether no row was predicted.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The numbers of one row.
    pub fn row(&self, row: usize) -> &[f64] {
        let begins = row.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied());
        let range = begins.zip(self.ends.get(row)).map(|(begin, end)| begin..*end);
        range.and_then(|range| self.values.get(range)).unwrap_or_default()
    }

    /// Removes the last predictions.
    pub fn clear(&mut self) {
        self.values.clear();
        self.ends.clear();
    }

    /// Adds the prediction for the next row: one number.
    pub fn push(&mut self, value: f64) {
        self.values.push(value);
        self.ends.push(self.values.len());
    }

    /// Adds the prediction for the next row: the numbers that `write` leaves in its buffer.
    pub fn push_with(&mut self, write: impl FnOnce(&mut Vec<f64>)) {
        let mut room = std::mem::take(&mut self.room);
        write(&mut room);
        self.values.extend_from_slice(&room);
        self.ends.push(self.values.len());
        self.room = room;
    }

    /// Adds the prediction for the next row: one number for each class.
    pub fn push_row(&mut self, values: impl IntoIterator<Item = f64>) {
        self.values.extend(values);
        self.ends.push(self.values.len());
    }
}

/// Whether no value is missing: all are finite.
pub(crate) fn is_complete(values: &[f64]) -> bool {
    values.iter().all(|value| value.is_finite())
}

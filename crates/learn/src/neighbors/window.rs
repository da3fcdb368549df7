//! A window of rows, and the nearest of them.

use crate::{StateError, StateReader, StateWriter, Stateful};

/// The last rows, in one block of memory, with a number for each.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    width: usize,
    most: usize,
    /// The index of the next row once the window is full.
    next: usize,
    values: Vec<f64>,
    labels: Vec<f64>,
}

/// A neighbour: its distance and its label.
pub(crate) type Neighbour = (f64, f64);

impl Window {
    pub(crate) fn new(width: usize, most: usize) -> Self {
        Self { width, most, next: 0, values: Vec::new(), labels: Vec::new() }
    }

    pub(crate) fn width(&self) -> usize {
        self.width
    }

    pub(crate) fn push(&mut self, row: &[f64], label: f64) {
        if self.labels.len() < self.most {
            self.values.extend_from_slice(row);
            self.labels.push(label);
            return;
        }
        let begin = self.next * self.width;
        self.values.iter_mut().skip(begin).zip(row).for_each(|(held, x)| *held = *x);
        self.labels.iter_mut().skip(self.next).take(1).for_each(|held| *held = label);
        self.next = (self.next + 1) % self.most;
    }

    /// The labels of all rows.
    pub(crate) fn labels(&self) -> &[f64] {
        &self.labels
    }

    /// The `count` nearest rows by Euclidean distance, the nearest first; of equally near ones the older. The distance
    /// of two rows with missing values is that over the columns which both have, scaled by the ratio of all columns to
    /// those; rows that share no column are not neighbours (`nan_euclidean_distances` of scikit-learn).
    pub(crate) fn nearest<'a>(&'a self, row: &[f64], count: usize) -> Vec<Neighbour> {
        let mut nearest: Vec<(f64, usize)> = Vec::with_capacity(count + 1);
        let mut most = f64::INFINITY;
        // The older rows lie behind the place of the next one.
        let (newer, older) = self.values.split_at((self.next * self.width).min(self.values.len()));
        let rows = |block: &'a [f64], from: usize| block.chunks_exact(self.width.max(1)).zip(from..);
        for (held, place) in rows(older, self.next).chain(rows(newer, 0)) {
            let mut distance: f64 = held.iter().zip(row).map(|(held, x)| (held - x) * (held - x)).sum();
            if distance >= most && distance.is_finite() {
                continue;
            }
            if !distance.is_finite() {
                let shared = || held.iter().zip(row).filter(|(held, x)| held.is_finite() && x.is_finite());
                let columns = shared().count();
                if columns == 0 {
                    continue;
                }
                let sum: f64 = shared().map(|(held, x)| (held - x) * (held - x)).sum();
                distance = sum * (self.width as f64 / columns as f64);
                if nearest.len() == count && distance >= most {
                    continue;
                }
            }
            let at = nearest.partition_point(|(other, _)| *other <= distance);
            nearest.insert(at, (distance, place));
            nearest.truncate(count);
            most = if nearest.len() == count { nearest.last().map_or(most, |(last, _)| *last) } else { most };
        }
        let label = |place: usize| self.labels.get(place).copied().unwrap_or(0.0);
        nearest.into_iter().map(|(distance, place)| (distance.sqrt(), label(place))).collect()
    }
}

impl Stateful for Window {
    fn save(&self, to: &mut StateWriter) {
        self.next.save(to);
        self.values.save(to);
        self.labels.save(to);
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.next.load(from)?;
        self.values.load(from)?;
        self.labels.load(from)?;
        if self.values.len() != self.labels.len() * self.width
            || self.labels.len() > self.most
            || self.next >= self.most.max(1)
        {
            return Err(StateError::Unfit { component: "window".into(), why: "it holds rows of another model".into() });
        }
        Ok(())
    }

    fn size(&self) -> usize {
        size_of::<Self>() + (self.values.len() + self.labels.len()) * 8
    }
}

//! Any metric for each segment of the rows.

use std::collections::BTreeMap;

use super::{Detail, Metric};
use crate::{Prediction, StateError, StateReader, StateWriter, Stateful, Task, Truth};

/// The number of segments that are distinguished; the rows of further ones are counted together, as [`OTHERS`].
pub const MOST_SEGMENTS: usize = 1_000;
/// The segment of all rows after the first [`MOST_SEGMENTS`] segments.
pub const OTHERS: &str = "(others)";

/// Creates an empty metric.
type Make = Box<dyn Fn() -> Box<dyn Metric> + Send + Sync>;

/// A metric over all rows, and the same metric over those of each segment: one value of a column.
pub struct Segmented {
    make: Make,
    whole: Box<dyn Metric>,
    segments: BTreeMap<String, Box<dyn Metric>>,
    /// The segment of the next row.
    current: String,
}

const NAME: &str = "segments";

impl Segmented {
    /// The metric that `make` creates, for each segment.
    pub fn new(make: Make) -> Self {
        Self { whole: make(), make, segments: BTreeMap::new(), current: String::new() }
    }

    fn segment(&mut self, name: &str) -> &mut Box<dyn Metric> {
        let known = self.segments.contains_key(name) || self.segments.len() < MOST_SEGMENTS;
        self.segments.entry(if known { name } else { OTHERS }.to_string()).or_insert_with(&self.make)
    }
}

impl Metric for Segmented {
    fn accepts(&self, task: Task) -> bool {
        self.whole.accepts(task)
    }

    fn at(&mut self, time: i64) {
        self.whole.at(time);
        self.segments.values_mut().for_each(|metric| metric.at(time));
    }

    fn of(&mut self, segment: &str) {
        self.current.clear();
        self.current.push_str(segment);
    }

    fn update(&mut self, truth: Truth, prediction: Prediction<'_>) {
        self.whole.update(truth, prediction);
        let current = std::mem::take(&mut self.current);
        self.segment(&current).update(truth, prediction);
        self.current = current;
    }

    fn value(&self) -> f64 {
        self.whole.value()
    }

    fn details(&self) -> Vec<Detail> {
        self.segments.iter().map(|(name, metric)| Detail::Segment(name.clone(), metric.value())).collect()
    }

    fn rows(&self) -> u64 {
        self.whole.rows()
    }

    fn rename(&mut self, classes: &[u32]) {
        self.whole.rename(classes);
        self.segments.values_mut().for_each(|metric| metric.rename(classes));
    }

    fn absorb(&mut self, saved: &mut StateReader<'_>) -> Result<(), StateError> {
        saved.begin(NAME, 1)?;
        self.whole.absorb(saved)?;
        for _ in 0..saved.length(16)? {
            let name = saved.text()?.to_string();
            self.segment(&name).absorb(saved)?;
        }
        Ok(())
    }
}

impl Stateful for Segmented {
    fn save(&self, to: &mut StateWriter) {
        to.begin(NAME, 1);
        self.whole.save(to);
        to.u64(self.segments.len() as u64);
        for (name, metric) in &self.segments {
            to.text(name);
            metric.save(to);
        }
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        from.begin(NAME, 1)?;
        self.whole.load(from)?;
        self.segments.clear();
        for _ in 0..from.length(16)? {
            let name = from.text()?.to_string();
            let mut metric = (self.make)();
            metric.load(from)?;
            self.segments.insert(name, metric);
        }
        Ok(())
    }

    fn size(&self) -> usize {
        let segments = self.segments.iter().map(|(name, metric)| 48 + name.capacity() + metric.size());
        size_of::<Self>() + self.whole.size() + segments.sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MetricKind;
    use crate::metric::AccuracySettings;

    fn accuracy() -> Box<dyn Metric> {
        MetricKind::Accuracy(AccuracySettings { by: Some("country".into()), ..Default::default() }).build()
    }

    fn update(metric: &mut dyn Metric, segment: &str, score: f64) {
        metric.of(segment);
        metric.update(Truth::Class(1), score.into());
    }

    #[test]
    fn each_segment_has_its_own_value_and_shards_are_added_up() {
        let (mut one, mut other) = (accuracy(), accuracy());
        [("is", 0.9), ("no", 0.1), ("is", 0.2)].iter().for_each(|(of, score)| update(one.as_mut(), of, *score));
        [("no", 0.9), ("fo", 0.9)].iter().for_each(|(of, score)| update(other.as_mut(), of, *score));
        let saved = StateWriter::of(other.as_ref());
        one.absorb(&mut StateReader::new(&saved)).unwrap();
        let expected = [("fo", 1.0), ("is", 0.5), ("no", 0.5)].map(|(name, value)| Detail::Segment(name.into(), value));
        assert_eq!((one.value(), one.rows(), one.details()), (0.6, 5, expected.to_vec()));
    }

    #[test]
    fn segments_are_bounded() {
        let mut metric = accuracy();
        (0..MOST_SEGMENTS + 500).for_each(|segment| update(metric.as_mut(), &segment.to_string(), 0.9));
        let details = metric.details();
        assert_eq!((details.len(), metric.rows()), (MOST_SEGMENTS + 1, MOST_SEGMENTS as u64 + 500));
        assert!(details.contains(&Detail::Segment(OTHERS.into(), 1.0)));
    }
}

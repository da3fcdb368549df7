//! k-means on a stream.

use crate::random::Random;
use crate::settings::component_settings;
use crate::state::stateful;
use crate::traits::{ByRow, facts, mergeable};
use crate::{Predictions, Signature, Truth};

component_settings! {
    /// k-means: the nearest of k centres, which moves towards each row that it gets.
    ///
    /// Predicts the distance to each centre; the nearest is the row's cluster, numbered from 0. Scale the columns first; a missing value takes no part. Centres begin at
    /// random. With `halflife` a centre forgets: at each of its rows it goes that share of the way. Memory: 8 bytes a column
    /// and cluster. Source: D. Sculley, "Web-Scale k-Means Clustering", WWW 2010; `cluster.KMeans` of River.
    ///
    /// ```
    /// use gristmill_learn::{Features, Labels, Learner, Model, Prediction, Predictions, Signature, cluster::KMeansSettings};
    /// let mut model = KMeansSettings { n_clusters: 2, ..Default::default() }.build(&Signature::numeric(1));
    /// for step in 0..400 {
    ///     model.learn(&Features::row(&[if step % 2 == 0 { -5.0 } else { 5.0 }]), Labels::None)?;
    /// }
    /// let mut out = Predictions::default();
    /// model.predict(&Features::new(&[-4.0, 4.0, 6.0], 1), &mut out)?;
    /// let cluster = |row| Prediction::Distances(out.row(row)).class();
    /// assert!(cluster(0) != cluster(1) && cluster(1) == cluster(2));
    /// # Ok::<(), gristmill_learn::LearnError>(())
    /// ```
    KMeansSettings {
        /// The number of clusters, 1 to 10,000. Default 5.
        #[schemars(range(min = 1, max = 10_000))]
        n_clusters: usize = 5,
        /// How far a centre goes towards each row that it gets, in (0, 1]. Default 0.5.
        #[schemars(range(min = 0, max = 1))]
        halflife: f64 = 0.5,
        /// The mean of the normal distribution from which centres begin. Default 0.
        mu: f64 = 0.0,
        /// The standard deviation of the normal distribution from which centres begin, 0 or above. Default 1.
        #[schemars(extend("minimum" = 0))]
        sigma: f64 = 1.0,
        /// The exponent of the distance, 1 or above: 1 adds up absolute differences, 2 squared ones. Default 2.
        #[schemars(extend("minimum" = 1))]
        p: f64 = 2.0,
        /// The seed of the first centres. Default 42.
        seed: u64 = 42,
    }
}

impl KMeansSettings {
    /// The model for rows of these columns.
    pub fn build(&self, signature: &Signature) -> KMeans {
        let mut random = Random::new(self.seed);
        let width = signature.width();
        let count = self.n_clusters.max(1);
        let centres = (0..count * width).map(|_| self.mu + self.sigma * random.normal()).collect();
        KMeans { settings: self.clone(), width, rows: vec![0.0; count].into(), centres }
    }
}

/// The model behind [`KMeansSettings`].
#[derive(Debug, Clone)]
pub struct KMeans {
    settings: KMeansSettings,
    width: usize,
    rows: Box<[f64]>,
    centres: Box<[f64]>,
}

stateful!(KMeans, "k_means", 1: rows, centres);
mergeable!(KMeans);

impl KMeans {
    /// The centres, in order.
    pub fn centres(&self) -> impl Iterator<Item = &[f64]> {
        self.centres.chunks_exact(self.width.max(1))
    }

    fn distance(&self, centre: &[f64], row: &[f64]) -> f64 {
        let pairs = centre.iter().zip(row);
        let apart = |x: f64| if x.is_finite() { x.abs() } else { 0.0 };
        match self.settings.p {
            2.0 => pairs.map(|(c, x)| apart(x - c) * apart(x - c)).sum(),
            1.0 => pairs.map(|(c, x)| apart(x - c)).sum(),
            p => pairs.map(|(c, x)| libm::pow(apart(x - c), p)).sum(),
        }
    }

    /// Converts the sum of powers to a distance.
    fn rooted(&self, sum: f64) -> f64 {
        match self.settings.p {
            2.0 => sum.sqrt(),
            1.0 => sum,
            p => libm::pow(sum, 1.0 / p),
        }
    }

    /// The nearest centre, the first of equally near ones.
    fn nearest(&self, row: &[f64]) -> usize {
        let mut best = (0, f64::INFINITY);
        for (place, centre) in self.centres().enumerate() {
            let distance = self.distance(centre, row);
            if distance < best.1 {
                best = (place, distance);
            }
        }
        best.0
    }

    /// Merges each of the other's centres into the nearest of its own: their mean by rows.
    fn absorb(&mut self, other: &Self) {
        for (theirs, rows) in other.centres().zip(&other.rows).filter(|(_, rows)| **rows > 0.0) {
            let place = self.nearest(theirs);
            let Some(held) = self.rows.get_mut(place) else { continue };
            *held += rows;
            let share = rows / *held;
            let mine = self.centres.iter_mut().skip(place * self.width);
            mine.zip(theirs).for_each(|(mine, theirs)| *mine += (theirs - *mine) * share);
        }
    }
}

impl ByRow for KMeans {
    facts!(Clustering, merges; width: width);

    fn predict_row(&self, row: &[f64], out: &mut Predictions) {
        out.push_row(self.centres().map(|centre| self.rooted(self.distance(centre, row))));
    }

    fn learn_row(&mut self, row: &[f64], _: Option<Truth>, weight: f64) {
        let place = self.nearest(row);
        self.rows.iter_mut().skip(place).take(1).for_each(|rows| *rows += weight);
        let step = self.settings.halflife;
        let centre = self.centres.iter_mut().skip(place * self.width);
        for (held, x) in centre.zip(row).filter(|(_, x)| x.is_finite()) {
            let moved = *held + step * (x - *held);
            if moved.is_finite() {
                *held = moved;
            }
        }
    }
}

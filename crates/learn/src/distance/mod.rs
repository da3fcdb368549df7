//! Distances between a reference and a window of a stream: how far what comes now is from what came before.
//!
//! A [`Comparison`] first counts its reference, which is then fixed, or slides on with each window. A window is counted
//! against it, value by value, in memory that does not depend on the number of rows. For every [`Measure`] there is a
//! limit that a window without a change exceeds with a given probability, whatever the sizes of reference and window.
//!
//! ```
//! use gristmill_learn::distance::{Comparison, Measure, Values};
//! let mut watched = Comparison::new(Measure::KolmogorovSmirnov, Values::Numbers);
//! (0..1000).for_each(|index| watched.number(f64::from(index % 100)));
//! watched.fix();
//! (0..500).for_each(|index| watched.number(f64::from(index % 100 + 20)));
//! assert!((watched.distance() - 0.2).abs() < 1e-9);
//! assert!(watched.without_change(0.01) < 0.1);
//! ```

mod categories;
mod numbers;
mod shares;
mod sketch;
mod tail;

pub use sketch::Sketch;

use categories::Tally;
use numbers::{Cells, Reference};

use crate::{StateError, StateReader, StateWriter, Stateful};

/// Numbers beyond it are missing: sums of their squares would overflow.
const ABSURD: f64 = 1e140;
/// The values at which a reference's distribution is known, and the categories that are told apart.
const CUTS: usize = 2_048;
const CATEGORIES: usize = 1_000;
/// The same where many are held, one for each segment; and the values of one weight in their sketches.
const COARSE_CUTS: usize = 32;
const COARSE_CATEGORIES: usize = 50;
const COARSE_CAPACITY: usize = 128;
/// How many of the categories a summary names.
const NAMED: usize = 10;

/// A measure of the distance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// The population stability index, over the tenths of the reference, or over categories.
    Psi,
    /// The largest distance between the distribution functions of numbers.
    KolmogorovSmirnov,
    /// The area between them, in units of the reference's standard deviation.
    Wasserstein,
    /// Pearson's statistic of categories, or of the tenths of the reference.
    ChiSquare,
    /// The Jensen-Shannon distance over categories, or over the tenths of the reference: the root of the divergence in
    /// bits.
    JensenShannon,
    /// The difference of the shares of values that are missing.
    Missing,
    /// The share of values whose category the reference does not have.
    NewCategories,
}

impl Measure {
    /// Every measure.
    pub const EVERY: [Self; 7] = [
        Self::Psi,
        Self::KolmogorovSmirnov,
        Self::Wasserstein,
        Self::ChiSquare,
        Self::JensenShannon,
        Self::Missing,
        Self::NewCategories,
    ];

    /// Whether it compares values of this kind.
    pub fn takes(self, values: Values) -> bool {
        match self {
            Self::KolmogorovSmirnov | Self::Wasserstein => values == Values::Numbers,
            Self::NewCategories => values == Values::Categories,
            Self::Psi | Self::ChiSquare | Self::JensenShannon | Self::Missing => true,
        }
    }
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// Numbers.
    Numbers,
    /// Names.
    Categories,
}

/// A reference, and the window that is compared with it.
#[derive(Debug, Clone)]
pub struct Comparison {
    measure: Measure,
    content: Content,
    /// Values that are missing, in the reference and in the window.
    missing: (u64, u64),
    fixed: bool,
}

#[derive(Debug, Clone)]
enum Content {
    /// `next`: what becomes the reference.
    Numbers {
        reference: Reference,
        window: Cells,
        next: Sketch,
        slides: bool,
        cuts: usize,
    },
    Categories {
        reference: Tally,
        window: Tally,
    },
    /// Only how many there are.
    Counts {
        reference: u64,
        window: u64,
    },
}

impl Comparison {
    /// Without any values.
    pub fn new(measure: Measure, values: Values) -> Self {
        Self::of(measure, values, (CUTS, Sketch::default(), CATEGORIES))
    }

    /// One that is cheap and not exact: at most 32 values and 50 categories, for one of many segments.
    pub fn coarse(measure: Measure, values: Values) -> Self {
        Self::of(measure, values, (COARSE_CUTS, Sketch::holding(COARSE_CAPACITY), COARSE_CATEGORIES))
    }

    fn of(measure: Measure, values: Values, (cuts, next, categories): (usize, Sketch, usize)) -> Self {
        let (reference, window) = (Reference::default(), Cells::default());
        let content = match (measure, values) {
            (Measure::Missing, _) => Content::Counts { reference: 0, window: 0 },
            (_, Values::Numbers) => Content::Numbers { reference, window, next, slides: false, cuts },
            (_, Values::Categories) => {
                Content::Categories { reference: Tally::new(categories), window: Tally::new(categories) }
            }
        };
        Self { measure, content, missing: (0, 0), fixed: false }
    }

    /// The same, each window of which can become the reference of the next: see [`Self::slide`].
    #[must_use]
    pub fn sliding(mut self) -> Self {
        if let Content::Numbers { slides, .. } = &mut self.content {
            *slides = true;
        }
        self
    }

    /// The reference of numbers that were saved elsewhere: values that stand for all of them in equal shares, such as
    /// quantiles, in any order.
    pub fn fix_to_numbers(&mut self, values: &[f64], rows: u64, missing: u64) {
        let mut values: Vec<f64> = values.iter().copied().filter(|value| value.abs() < ABSURD).collect();
        values.sort_by(f64::total_cmp);
        let upto = |place: usize| u128::from(rows) * place as u128 / values.len().max(1) as u128;
        let mut points: Vec<(f64, u64)> = Vec::new();
        for (place, value) in values.iter().enumerate() {
            let weight = (upto(place + 1) - upto(place)) as u64;
            match points.last_mut() {
                Some((last, sum)) if *last == *value => *sum += weight,
                _ => points.push((*value, weight)),
            }
        }
        match &mut self.content {
            Content::Numbers { reference, window, cuts, .. } => {
                *reference = Reference::of_points(points, *cuts);
                *window = reference.window();
            }
            Content::Counts { reference, .. } => *reference = rows,
            Content::Categories { .. } => {}
        }
        (self.missing, self.fixed) = ((missing, 0), true);
    }

    /// The reference of categories that were counted elsewhere.
    pub fn fix_to_categories<'a>(&mut self, counts: impl IntoIterator<Item = (&'a str, u64)>, missing: u64) {
        for (name, count) in counts {
            match &mut self.content {
                Content::Categories { reference, .. } => reference.add_times(name, count),
                Content::Counts { reference, .. } => *reference += count,
                Content::Numbers { .. } => {}
            }
        }
        (self.missing, self.fixed) = ((missing, 0), true);
    }

    /// The measure.
    pub fn measure(&self) -> Measure {
        self.measure
    }

    /// Whether the reference is there, and values belong to the window.
    pub fn is_fixed(&self) -> bool {
        self.fixed
    }

    /// Counts a number; one that is not finite, or beyond 1e140, is missing.
    pub fn number(&mut self, value: f64) {
        if value.is_nan() || value.abs() >= ABSURD {
            return self.absent();
        }
        match &mut self.content {
            Content::Numbers { reference, window, next, slides, .. } => {
                if self.fixed {
                    reference.count(value, window);
                }
                // What becomes a reference.
                if !self.fixed || *slides {
                    next.add(value);
                }
            }
            Content::Categories { .. } => {}
            Content::Counts { .. } => self.present(),
        }
    }

    /// Counts a category.
    pub fn category(&mut self, name: &str) {
        match &mut self.content {
            Content::Categories { window, .. } if self.fixed => window.add(name),
            Content::Categories { reference, .. } => reference.add(name),
            Content::Numbers { .. } => {}
            Content::Counts { .. } => self.present(),
        }
    }

    /// Counts a value that is there, where only missing ones matter.
    fn present(&mut self) {
        if let Content::Counts { reference, window } = &mut self.content {
            *if self.fixed { window } else { reference } += 1;
        }
    }

    /// Counts a missing value.
    pub fn absent(&mut self) {
        *if self.fixed { &mut self.missing.1 } else { &mut self.missing.0 } += 1;
    }

    /// What has been counted is the reference from now on.
    pub fn fix(&mut self) {
        if let Content::Numbers { reference, window, next, cuts, .. } = &mut self.content {
            *reference = Reference::of(next, *cuts);
            (*window, *next) = (reference.window(), next.emptied());
        }
        self.fixed = true;
    }

    /// The window becomes the reference; only of a [`Self::sliding`] one.
    pub fn slide(&mut self) {
        match &mut self.content {
            Content::Numbers { .. } => self.fix(),
            Content::Categories { reference, window } => *reference = std::mem::replace(window, window.emptied()),
            Content::Counts { reference, window } => *reference = std::mem::take(window),
        }
        self.missing = (self.missing.1, 0);
    }

    /// Empties the window.
    pub fn restart(&mut self) {
        match &mut self.content {
            Content::Numbers { reference, window, next, .. } => {
                (*window, *next) = (reference.window(), next.emptied());
            }
            Content::Categories { window, .. } => *window = window.emptied(),
            Content::Counts { window, .. } => *window = 0,
        }
        self.missing.1 = 0;
    }

    /// The values that are there, in the reference and in the window.
    fn present_rows(&self) -> (u64, u64) {
        match &self.content {
            Content::Numbers { reference, window, .. } => (reference.cells().rows(), window.rows()),
            Content::Categories { reference, window } => (reference.rows(), window.rows()),
            Content::Counts { reference, window } => (*reference, *window),
        }
    }

    /// The values of the window, with the missing ones.
    pub fn in_window(&self) -> u64 {
        self.present_rows().1 + self.missing.1
    }

    /// The values that the measure is about.
    fn rows(&self) -> (u64, u64) {
        let (reference, window) = self.present_rows();
        match self.measure {
            Measure::Missing => (reference + self.missing.0, window + self.missing.1),
            _ => (reference, window),
        }
    }

    /// The distance of the window from the reference; NaN where one of them has no values.
    pub fn distance(&self) -> f64 {
        let rows = self.rows();
        if rows.0 == 0 || rows.1 == 0 {
            return f64::NAN;
        }
        let share = |count: u64, of: u64| count as f64 / of as f64;
        match (&self.content, self.measure) {
            (_, Measure::Missing) => (share(self.missing.1, rows.1) - share(self.missing.0, rows.0)).abs(),
            (Content::Categories { reference, window }, Measure::NewCategories) => {
                share(reference.unseen(window), rows.1)
            }
            (Content::Numbers { reference, window, .. }, Measure::KolmogorovSmirnov) => {
                reference.kolmogorov_smirnov(window)
            }
            (Content::Numbers { reference, window, .. }, Measure::Wasserstein) => reference.wasserstein(window),
            (_, Measure::Psi) => shares::psi(&self.bins()),
            (_, Measure::ChiSquare) => shares::chi_square(&self.bins()),
            (_, Measure::JensenShannon) => shares::jensen_shannon(&self.bins()),
            _ => f64::NAN,
        }
    }

    /// What [`Self::distance`] exceeds without a change, with this probability, given the rows of both; NaN where one of
    /// them has none. For rows that do not depend on each other.
    pub fn without_change(&self, chance: f64) -> f64 {
        let rows = self.rows();
        if rows.0 == 0 || rows.1 == 0 {
            return f64::NAN;
        }
        let of = (rows.0 as f64, rows.1 as f64);
        match (&self.content, self.measure) {
            (_, Measure::Missing) => shares::share_without_change(
                (self.missing.0 as f64, of.0),
                (self.missing.1 as f64, of.1),
                (chance, false),
            ),
            (Content::Categories { reference, .. }, Measure::NewCategories) => {
                let expected = reference.singletons() as f64;
                // The share itself is the size, and no difference.
                let limit = shares::share_without_change((expected, of.0), (0.0, of.1), (chance, true));
                limit + expected / of.0
            }
            (Content::Numbers { reference, window, .. }, Measure::KolmogorovSmirnov) => {
                reference.kolmogorov_smirnov_without_change(window, chance)
            }
            (Content::Numbers { reference, window, .. }, Measure::Wasserstein) => {
                reference.wasserstein_without_change(window, chance)
            }
            (_, Measure::Psi) => shares::psi_without_change(&self.bins(), chance),
            (_, Measure::ChiSquare) => shares::chi_square_without_change(&self.bins(), chance),
            (_, Measure::JensenShannon) => shares::jensen_shannon_without_change(&self.bins(), chance),
            _ => f64::NAN,
        }
    }

    /// The counts of each bin or category, in the reference and in the window.
    fn bins(&self) -> Vec<(u64, u64)> {
        match &self.content {
            Content::Numbers { reference, window, .. } => reference.bins(window),
            Content::Categories { reference, window } => reference.beside(window),
            Content::Counts { .. } => Vec::new(),
        }
    }

    /// What the reference and the window are like.
    pub fn summaries(&self) -> (Summary, Summary) {
        const SHARES: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];
        let ((here, there), (absent_here, absent_there)) = (self.present_rows(), self.missing);
        let mut both = [(here, absent_here), (there, absent_there)].map(|(present, missing)| Summary {
            rows: present + missing,
            missing,
            ..Summary::default()
        });
        let [one, other] = &mut both;
        match &self.content {
            Content::Numbers { reference, window, .. } => {
                for (summary, cells) in [(one, reference.cells()), (other, window)] {
                    (summary.mean, summary.deviation) = (Some(cells.mean()), Some(cells.deviation()));
                    summary.quantiles = reference.quantiles(cells, &SHARES);
                }
            }
            Content::Categories { reference, window } => {
                (one.categories, other.categories) = (reference.top(NAMED), window.top(NAMED));
            }
            Content::Counts { .. } => {}
        }
        both.into()
    }
}

/// What values are like, in a few numbers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Summary {
    /// All of them, with the missing ones.
    pub rows: u64,
    /// Those that are missing.
    pub missing: u64,
    /// The mean of numbers.
    pub mean: Option<f64>,
    /// Their standard deviation.
    pub deviation: Option<f64>,
    /// The least of them, the three quartiles and the highest; of a window those of the reference's values that are next
    /// to them.
    pub quantiles: Vec<f64>,
    /// The most frequent categories and their shares of what is there, and the share of the rest.
    pub categories: Vec<(String, f64)>,
}

const NAME: &str = "comparison";

impl Stateful for Comparison {
    fn save(&self, to: &mut StateWriter) {
        to.begin(NAME, 1);
        self.fixed.save(to);
        self.missing.save(to);
        match &self.content {
            Content::Numbers { reference, window, next, .. } => {
                reference.save(to);
                window.save(to);
                next.save(to);
            }
            Content::Categories { reference, window } => {
                reference.save(to);
                window.save(to);
            }
            Content::Counts { reference, window } => {
                reference.save(to);
                window.save(to);
            }
        }
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        from.begin(NAME, 1)?;
        self.fixed.load(from)?;
        self.missing.load(from)?;
        match &mut self.content {
            Content::Numbers { reference, window, next, .. } => {
                reference.load(from)?;
                window.load(from)?;
                next.load(from)
            }
            Content::Categories { reference, window } => {
                reference.load(from)?;
                window.load(from)
            }
            Content::Counts { reference, window } => {
                reference.load(from)?;
                window.load(from)
            }
        }
    }

    fn size(&self) -> usize {
        size_of::<Self>()
            + match &self.content {
                Content::Numbers { reference, window, next, .. } => reference.size() + window.size() + next.size(),
                Content::Categories { reference, window } => reference.size() + window.size(),
                Content::Counts { .. } => 0,
            }
    }
}

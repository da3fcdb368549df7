//! Leveraging bagging.

use super::members::{Members, classify_by_members, ensemble_settings};
use crate::drift::{Adwin, AdwinSettings, Detector, Signal};
use crate::random::{Poisson, Random};
use crate::traits::{ByRow, facts};
use crate::{LearnError, Merge, Predictions, Signature, StateError, StateReader, StateWriter, Stateful, Truth};

ensemble_settings! {
    /// Leveraging bagging: online bagging with more weight, which throws out its worst model when errors rise.
    ///
    /// Predicts a probability for each class, the mean of all models'. Memory: that of `n_models` models and detectors.
    /// Source: A. Bifet, G. Holmes, B. Pfahringer, "Leveraging Bagging for Evolving Data Streams", ECML 2010;
    /// `ensemble.LeveragingBaggingClassifier` of River. As in MOA a row that is to be learned k times is learned once with
    /// weight k.
    ///
    /// ```
    /// use gristmill_learn::{Features, Labels, Learner, Model, Predictions, Signature, ensemble::LeveragingBaggingClassifierSettings};
    /// let mut ensemble = LeveragingBaggingClassifierSettings::default().build(&Signature::numeric(2));
    /// for step in 0..4000_u32 {
    ///     let (a, b) = (f64::from(step * 7 % 100), f64::from(step * 13 % 100));
    ///     ensemble.learn(&Features::row(&[a, b]), Labels::Classes(&[u32::from(a > 50.0 && b > 50.0)]))?;
    /// }
    /// let mut out = Predictions::default();
    /// ensemble.predict(&Features::new(&[80.0, 80.0, 80.0, 20.0], 2), &mut out)?;
    /// assert!(out.row(0)[1] > 0.8 && out.row(1)[1] < 0.2);
    /// # Ok::<(), gristmill_learn::LearnError>(())
    /// ```
    LeveragingBaggingClassifierSettings {
        /// How often a model learns a row on average, 0 to 100. Default 6.
        #[schemars(range(min = 0, max = 100))]
        w: f64 = 6.0,
        /// The chance of a false alarm of the detectors, in (0, 1). Default 0.002.
        #[schemars(range(min = 0, max = 1))]
        adwin_delta: f64 = 0.002,
    }
}

impl LeveragingBaggingClassifierSettings {
    fn detector(&self) -> Adwin {
        AdwinSettings { delta: self.adwin_delta, ..AdwinSettings::default() }.build()
    }

    /// The model for rows of these columns.
    pub fn build(&self, signature: &Signature) -> LeveragingBaggingClassifier {
        let members = Members::new(&self.model, signature, self.n_models);
        LeveragingBaggingClassifier {
            random: Random::new(self.seed),
            poisson: Poisson::new(self.w.clamp(0.0, 100.0)),
            detectors: vec![self.detector(); self.n_models],
            settings: self.clone(),
            members,
        }
    }
}

/// The model behind [`LeveragingBaggingClassifierSettings`].
pub struct LeveragingBaggingClassifier {
    settings: LeveragingBaggingClassifierSettings,
    random: Random,
    poisson: Poisson,
    members: Members,
    detectors: Vec<Adwin>,
}

const NAME: &str = "leveraging_bagging_classifier";

impl Stateful for LeveragingBaggingClassifier {
    fn save(&self, to: &mut StateWriter) {
        to.begin(NAME, 1);
        self.random.save(to);
        self.members.save(to);
        self.detectors.iter().for_each(|detector| detector.save(to));
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        from.begin(NAME, 1)?;
        self.random.load(from)?;
        self.members.load(from)?;
        // A merged ensemble has more models than its settings say.
        self.detectors = vec![self.settings.detector(); self.members.models.len()];
        self.detectors.iter_mut().try_for_each(|detector| detector.load(from))
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.members.size() + self.detectors.iter().map(Stateful::size).sum::<usize>()
    }
}

impl Merge for LeveragingBaggingClassifier {
    /// Merges the models.
    fn merge(&mut self, saved: &[u8]) -> Result<(), LearnError> {
        let (settings, members) = (self.settings.clone(), self.members.like());
        let (random, poisson) = (Random::new(0), Poisson::new(settings.w));
        let mut other = Self { settings, random, poisson, members, detectors: Vec::new() };
        StateReader::into(saved, &mut other)?;
        self.members.join(other.members);
        self.detectors.extend(other.detectors);
        Ok(())
    }
}

impl ByRow for LeveragingBaggingClassifier {
    classify_by_members!();

    fn predict_row(&self, row: &[f64], out: &mut Predictions) {
        self.members.vote(row, |_| 1.0, out);
    }

    fn learn_row(&mut self, row: &[f64], truth: Option<Truth>, weight: f64) {
        let Some(class) = truth.and_then(Truth::class) else { return };
        let mut changed = false;
        for (place, detector) in self.detectors.iter_mut().enumerate() {
            let times = self.poisson.draw(&mut self.random) as f64;
            self.members.teach(place, row, class, weight * times);
            let Some(predicted) = self.members.class(place, row) else { continue };
            let before = detector.estimation();
            let signal = detector.update(f64::from(u8::from(predicted != class)));
            changed |= signal == Signal::Drift && detector.estimation() > before;
        }
        if changed {
            let mut worst: Option<(usize, f64)> = None;
            for (place, detector) in self.detectors.iter().enumerate() {
                if worst.is_none_or(|(_, most)| detector.estimation() > most) {
                    worst = Some((place, detector.estimation()));
                }
            }
            let Some((place, _)) = worst else { return };
            self.members.replace(place);
            let fresh = self.settings.detector();
            self.detectors.iter_mut().skip(place).take(1).for_each(|detector| *detector = fresh.clone());
        }
    }

    facts!(merges);
}

//! Nonlinear support vector machines: linear ones on random Fourier features.

use super::descent::{Descent, Restraint};
use super::loss::Loss;
use super::{BinaryLoss, EpsilonInsensitive, Hinge, Optimizer, RegressionLoss};
use crate::random::Random;
use crate::settings::component_settings;
use crate::state::stateful;
use crate::traits::ByRow;
use crate::{Predictions, Signature, Task, Truth};

/// Declares the settings of a linear model on random Fourier features, and the model.
macro_rules! kernel {
    (
        $(#[$doc:meta])* $settings:ident => $model:ident, $name:literal
        { $($(#[$tube_doc:meta])* $tube:ident: $kind:ty)? }
        minimises: $loss:ty = |$given:ident| $minimised:expr
    ) => {
        component_settings! {
            $(#[$doc])*
            $settings {
                /// The width of the kernel exp(-γ |x - x'|²), above 0. Default 1.
                #[schemars(extend("exclusiveMinimum" = 0))]
                gamma: f64 = 1.0,
                /// The number of random features, 1 to 100,000. Default 100.
                #[schemars(range(min = 1, max = 100_000))]
                n_components: usize = 100,
                /// The seed of the random features. Default 42.
                seed: u64 = 42,
                /// How weights follow the gradient. Default `{sgd: {lr: 0.01}}`.
                optimizer: Optimizer = Optimizer::default(),
                /// Strength of the penalty on squared weights, 0 or above. Default 0.
                #[schemars(extend("minimum" = 0))]
                l2: f64 = 0.0,
                $($(#[$tube_doc])* $tube: $kind = <$kind>::default(),)?
            }
        }

        impl $settings {
            /// The model for rows of these columns.
            pub fn build(&self, signature: &Signature) -> $model {
                let restraint = Restraint { l1: 0.0, l2: self.l2, clip_gradient: 1e12, intercept_lr: 0.01 };
                let descent = Descent::new(self.n_components, &self.optimizer, restraint, 0.0);
                let fourier = Fourier::new(self.gamma, self.n_components, self.seed, signature.width());
                let $given = self;
                $model { fourier, loss: $minimised, descent }
            }
        }

        #[doc = concat!("The model behind [`", stringify!($settings), "`].")]
        #[derive(Debug, Clone)]
        pub struct $model {
            fourier: Fourier,
            loss: $loss,
            descent: Descent,
        }

        stateful!($model, $name, 1, |model| {
            model.descent.size() + 8 * (model.fourier.frequencies.len() + model.fourier.phases.len())
        }; descent);

        impl ByRow for $model {
            fn task(&self) -> Task {
                <$loss>::TASK
            }

            fn width(&self) -> usize {
                self.fourier.width
            }

            fn predict_row(&self, row: &[f64], out: &mut Predictions) {
                out.push(<$loss>::predicted(self.descent.dot(&self.fourier.waves(row))));
            }

            fn learn_row(&mut self, row: &[f64], truth: Option<Truth>, weight: f64) {
                let waves = self.fourier.waves(row);
                let gradient = self.loss.slope(truth, self.descent.dot(&waves));
                self.descent.step(&waves, gradient * weight);
            }
        }
    };
}

kernel! {
    /// A support vector machine for two classes with a radial kernel, approximated by random Fourier features.
    ///
    /// Predicts the sigmoid of the margin, which is no calibrated probability. Scale the columns first; a missing value
    /// counts as 0. Memory: 8 bytes for each random feature and column, 16 more for each random feature. Source:
    /// A. Rahimi, B. Recht, "Random Features for Large-Scale Kernel Machines", NIPS 2007;
    /// `kernel_approximation.RBFSampler` of scikit-learn before a hinge loss.
    ///
    /// ```
    /// use gristmill_learn::{Features, Labels, Learner, Model, Predictions, Signature, linear::KernelSvcSettings};
    /// let mut model = KernelSvcSettings { gamma: 0.5, ..Default::default() }.build(&Signature::numeric(1));
    /// for step in 0..5000 {
    ///     let x = f64::from(step % 21) / 5.0 - 2.0;
    ///     model.learn(&Features::row(&[x]), Labels::Classes(&[u32::from(x.abs() < 1.0)]))?; // no line separates this
    /// }
    /// let mut out = Predictions::default();
    /// model.predict(&Features::new(&[-1.8, 0.0, 1.8], 1), &mut out)?;
    /// assert!(out.values()[0] < 0.5 && out.values()[1] > 0.5 && out.values()[2] < 0.5);
    /// # Ok::<(), gristmill_learn::LearnError>(())
    /// ```
    KernelSvcSettings => KernelSvc, "kernel_svc"
    {}
    minimises: BinaryLoss = |_settings| BinaryLoss::Hinge(Hinge::default())
}

kernel! {
    /// Support vector regression with a radial kernel, approximated by random Fourier features.
    ///
    /// Predicts a number. Scale the columns first; a missing value counts as 0. Memory and source: as `kernel_svc`,
    /// with the epsilon-insensitive loss.
    ///
    /// ```
    /// use gristmill_learn::{Features, Labels, Learner, Model, Predictions, Signature, linear::KernelSvrSettings};
    /// let mut model = KernelSvrSettings { gamma: 0.5, ..Default::default() }.build(&Signature::numeric(1));
    /// for step in 0..20000 {
    ///     let x = f64::from(step % 21) / 5.0 - 2.0;
    ///     model.learn(&Features::row(&[x]), Labels::Values(&[x * x]))?;
    /// }
    /// let mut out = Predictions::default();
    /// model.predict(&Features::new(&[0.0, 2.0], 1), &mut out)?;
    /// assert!(out.values()[0] < 0.5 && out.values()[1] > 3.0);
    /// # Ok::<(), gristmill_learn::LearnError>(())
    /// ```
    KernelSvrSettings => KernelSvr, "kernel_svr"
    {
        /// The tube around the prediction in which errors cost nothing. Default `{epsilon: 0.1}`.
        tube: EpsilonInsensitive
    }
    minimises: RegressionLoss = |settings| RegressionLoss::EpsilonInsensitive(settings.tube.clone())
}

/// Random waves whose products approximate the kernel: √(2/D) cos(w·x + b).
#[derive(Debug, Clone)]
struct Fourier {
    width: usize,
    frequencies: Vec<f64>,
    phases: Vec<f64>,
}

impl Fourier {
    fn new(gamma: f64, count: usize, seed: u64, width: usize) -> Self {
        let mut random = Random::new(seed);
        let spread = (2.0 * gamma).sqrt();
        let frequencies = (0..count * width).map(|_| spread * random.normal()).collect();
        let phases = (0..count).map(|_| std::f64::consts::TAU * random.uniform()).collect();
        Self { width, frequencies, phases }
    }

    fn waves(&self, row: &[f64]) -> Vec<f64> {
        let scale = (2.0 / self.phases.len() as f64).sqrt();
        let waves = self.frequencies.chunks_exact(self.width.max(1)).zip(&self.phases);
        let wave = |(frequencies, phase): (&[f64], &f64)| {
            let terms = frequencies.iter().zip(row).filter(|(_, x)| x.is_finite());
            let angle = terms.map(|(frequency, x)| frequency * x).sum::<f64>() + phase;
            // There is nothing to learn from an angle beyond the precision of a cosine.
            if angle.abs() < 1e15 { scale * libm::cos(angle) } else { 0.0 }
        };
        waves.map(wave).collect()
    }
}

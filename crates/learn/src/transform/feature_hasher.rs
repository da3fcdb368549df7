//! Any number of categories in a few columns.

use crate::settings::component_settings;
use crate::state::stateful;
use crate::{Kind, Signature, Transformer, Truth};

component_settings! {
    /// Hashes nominal columns into a fixed number of columns: a category adds 1 or -1 to the column of its hash.
    ///
    /// Needs no memory of categories, however many there are; different ones may collide. (A pipeline numbers the first 10,000
    /// of a column; further ones come as missing.) Numeric columns pass
    /// unchanged, before the new ones. A missing value adds nothing. Memory: none. Source: K. Weinberger and others, "Feature
    /// Hashing for Large Scale Multitask Learning", ICML 2009; `preprocessing.FeatureHasher` of River (another hash).
    ///
    /// ```
    /// use gristmill_learn::{Kind, Signature, Transformer, transform::FeatureHasherSettings};
    /// let hasher = FeatureHasherSettings { n_features: 8, ..Default::default() }.build(&Signature::new(vec![Kind::Nominal]));
    /// let mut out = Vec::new();
    /// hasher.transform(&[3.0], &mut out);
    /// assert_eq!(out.iter().map(|x| x.abs()).sum::<f64>(), 1.0);
    /// ```
    FeatureHasherSettings {
        /// The number of new columns, 1 to 1,000,000. Default 64.
        #[schemars(range(min = 1, max = 1_000_000))]
        n_features: usize = 64,
        /// The seed of the hash. Default 42.
        seed: u64 = 42,
    }
}

impl FeatureHasherSettings {
    /// The hasher for rows of these columns.
    pub fn build(&self, signature: &Signature) -> FeatureHasher {
        FeatureHasher { settings: self.clone(), kinds: signature.kinds().to_vec() }
    }
}

/// The hash behind [`FeatureHasherSettings`]; it has no state.
#[derive(Debug, Clone)]
pub struct FeatureHasher {
    settings: FeatureHasherSettings,
    kinds: Vec<Kind>,
}

stateful!(FeatureHasher, "feature_hasher", 1:);

impl Transformer for FeatureHasher {
    fn signature(&self) -> Signature {
        let numeric = self.kinds.iter().filter(|kind| **kind == Kind::Numeric).count();
        Signature::numeric(numeric + self.settings.n_features.max(1))
    }

    fn learn(&mut self, _: &[f64], _: Option<Truth>) {}

    fn transform(&self, row: &[f64], out: &mut Vec<f64>) {
        let numeric = row.iter().zip(&self.kinds).filter(|(_, kind)| **kind == Kind::Numeric);
        out.extend(numeric.map(|(x, _)| *x));
        let begin = out.len();
        let columns = self.settings.n_features.max(1);
        out.resize(begin + columns, 0.0);
        let nominal = row.iter().zip(&self.kinds).enumerate();
        for (column, (x, _)) in nominal.filter(|(_, (x, kind))| **kind == Kind::Nominal && x.is_finite()) {
            let hash = crate::random::Random::new(self.settings.seed ^ x.to_bits().rotate_left(column as u32)).bits();
            let sign = if hash >> 63 == 1 { 1.0 } else { -1.0 };
            out.iter_mut().skip(begin + (hash as usize) % columns).take(1).for_each(|held| *held += sign);
        }
    }
}

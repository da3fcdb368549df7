//! A column for each category.

use crate::settings::component_settings;
use crate::state::stateful;
use crate::{Kind, Signature, Transformer, Truth};

component_settings! {
    /// Turns each nominal column into one column a category: 1 where it is that category, else 0.
    ///
    /// Categories get their columns in the order in which they are learned; what is unknown, missing or beyond the cap is 0
    /// everywhere. Numeric columns pass unchanged, before the new ones. The number of columns that come out is fixed by the
    /// cap. Memory: 8 bytes a category. Source: `preprocessing.OneHotEncoder` of River.
    ///
    /// ```
    /// use gristmill_learn::{Kind, Signature, Transformer, transform::OneHotEncoderSettings};
    /// let mut encoder = OneHotEncoderSettings { max_categories: 3 }.build(&Signature::new(vec![Kind::Nominal]));
    /// [0.0, 1.0].iter().for_each(|x| encoder.learn(&[*x], None));
    /// let mut out = Vec::new();
    /// encoder.transform(&[1.0], &mut out);
    /// assert_eq!(out, [0.0, 1.0, 0.0]);
    /// ```
    OneHotEncoderSettings {
        /// The most categories of each column, 1 to 10,000. Default 20.
        #[schemars(range(min = 1, max = 10_000))]
        max_categories: usize = 20,
    }
}

impl OneHotEncoderSettings {
    /// The encoder for rows of these columns.
    pub fn build(&self, signature: &Signature) -> OneHotEncoder {
        let codes = vec![Vec::new(); signature.width()].into();
        OneHotEncoder { most: self.max_categories.max(1), kinds: signature.kinds().to_vec(), codes }
    }
}

/// The categories behind [`OneHotEncoderSettings`].
#[derive(Debug, Clone)]
pub struct OneHotEncoder {
    most: usize,
    kinds: Vec<Kind>,
    /// By column: the categories in the order of their new columns.
    codes: Box<[Vec<f64>]>,
}

stateful!(OneHotEncoder, "one_hot_encoder", 1: codes);

impl Transformer for OneHotEncoder {
    fn signature(&self) -> Signature {
        let nominal = self.kinds.iter().filter(|kind| **kind == Kind::Nominal).count();
        Signature::numeric(self.kinds.len() - nominal + nominal * self.most)
    }

    fn learn(&mut self, row: &[f64], _: Option<Truth>) {
        for ((codes, x), kind) in self.codes.iter_mut().zip(row).zip(&self.kinds) {
            if *kind == Kind::Nominal && x.is_finite() && codes.len() < self.most && !codes.contains(x) {
                codes.push(*x);
            }
        }
    }

    fn transform(&self, row: &[f64], out: &mut Vec<f64>) {
        let numeric = row.iter().zip(&self.kinds).filter(|(_, kind)| **kind == Kind::Numeric);
        out.extend(numeric.map(|(x, _)| *x));
        let nominal = self.codes.iter().zip(row).zip(&self.kinds).filter(|(_, kind)| **kind == Kind::Nominal);
        for ((codes, x), _) in nominal {
            let place = codes.iter().position(|code| code == x);
            out.extend((0..self.most).map(|column| f64::from(u8::from(place == Some(column)))));
        }
    }
}

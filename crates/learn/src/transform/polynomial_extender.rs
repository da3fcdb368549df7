//! Products of columns.

use crate::settings::component_settings;
use crate::state::stateful;
use crate::{Kind, Signature, Transformer, Truth};

component_settings! {
    /// Adds the products of up to `degree` numeric columns, so that a linear model can bend.
    ///
    /// What came in stays in front; products with a missing value are missing. Memory: none. Source:
    /// `feature_extraction.PolynomialExtender` of River.
    ///
    /// ```
    /// use gristmill_learn::{Signature, Transformer, transform::PolynomialExtenderSettings};
    /// let extender = PolynomialExtenderSettings::default().build(&Signature::numeric(2));
    /// let mut out = Vec::new();
    /// extender.transform(&[2.0, 3.0], &mut out);
    /// assert_eq!(out, [2.0, 3.0, 4.0, 6.0, 9.0]);
    /// ```
    PolynomialExtenderSettings {
        /// The most columns of a product, 2 to 4. Default 2.
        #[schemars(range(min = 2, max = 4))]
        degree: usize = 2,
        /// Whether only products of different columns are added. Default false.
        interaction_only: bool = false,
    }
}

impl PolynomialExtenderSettings {
    /// The extender for rows of these columns.
    pub fn build(&self, signature: &Signature) -> PolynomialExtender {
        let numeric: Vec<usize> =
            (0..signature.width()).filter(|at| signature.kinds().get(*at) == Some(&Kind::Numeric)).collect();
        let mut products: Vec<Vec<usize>> = Vec::new();
        let mut shorter: Vec<Vec<usize>> = numeric.iter().map(|column| vec![*column]).collect();
        for _ in 1..self.degree.clamp(2, 4) {
            let mut longer = Vec::new();
            for product in &shorter {
                let last = product.last().copied().unwrap_or(0);
                let further =
                    numeric.iter().filter(|column| **column > last || !self.interaction_only && **column == last);
                longer.extend(further.map(|column| product.iter().copied().chain([*column]).collect::<Vec<usize>>()));
            }
            products.extend(longer.iter().cloned());
            shorter = longer;
        }
        PolynomialExtender { kinds: signature.kinds().to_vec(), products }
    }
}

/// The products behind [`PolynomialExtenderSettings`]; it has no state.
#[derive(Debug, Clone)]
pub struct PolynomialExtender {
    kinds: Vec<Kind>,
    products: Vec<Vec<usize>>,
}

stateful!(PolynomialExtender, "polynomial_extender", 1:);

impl Transformer for PolynomialExtender {
    fn signature(&self) -> Signature {
        let added = self.products.iter().map(|_| Kind::Numeric);
        Signature::new(self.kinds.iter().copied().chain(added).collect())
    }

    fn learn(&mut self, _: &[f64], _: Option<Truth>) {}

    fn transform(&self, row: &[f64], out: &mut Vec<f64>) {
        out.extend_from_slice(row);
        let value = |column: &usize| row.get(*column).copied().unwrap_or(f64::NAN);
        out.extend(self.products.iter().map(|columns| {
            let product: f64 = columns.iter().map(value).product();
            if product.is_finite() { product } else { f64::NAN }
        }));
    }
}

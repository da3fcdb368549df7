//! A weighted sum of the inputs, as XGBoost's `gblinear` keeps it.

/// Weights by input and output; a missing input counts as 0.
#[derive(Debug, Clone)]
pub(crate) struct Linear {
    /// The outputs of the first input, then those of the second, …; at last the intercepts.
    pub(crate) weights: Vec<f32>,
    /// Added to every sum.
    pub(crate) start: Vec<f32>,
}

impl Linear {
    /// Appends the sums of one row.
    pub(crate) fn sum(&self, row: &[f64], out: &mut Vec<f64>) {
        let outputs = self.start.len();
        let intercepts = self.weights.iter().skip(row.len() * outputs);
        for (output, (start, intercept)) in self.start.iter().zip(intercepts).enumerate() {
            let weights = self.weights.iter().skip(output).step_by(outputs);
            let terms = row.iter().zip(weights).filter(|(x, _)| !x.is_nan());
            out.push(f64::from(terms.fold(start + intercept, |sum, (x, weight)| sum + *x as f32 * weight)));
        }
    }
}

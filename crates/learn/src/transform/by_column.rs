//! Transformers that look at each column on its own.

use crate::state::stateful;
use crate::traits::mergeable;
use crate::{Kind, Merge, Signature, Stateful, Transformer, Truth};

/// Adds what another one has kept to what one has kept.
type Absorb<K> = fn(&mut K, &K);

/// What is kept of each column, and what becomes of its values: the settings of a transformer say so.
pub trait ByColumn: Clone + Send + Sync {
    /// The name of the transformer.
    const NAME: &'static str;
    /// What is kept of a column.
    type Kept: Stateful + Clone + Send + Sync;
    /// Adds what another transformer has kept of a column, if that is exact or published.
    const ABSORB: Option<Absorb<Self::Kept>> = None;
    /// A column without values.
    fn column(&self) -> Self::Kept;
    /// Learns a value, which is finite.
    fn learn(&self, column: &mut Self::Kept, x: f64);
    /// What becomes of a value of a numeric column. Nominal columns pass unchanged, and what is missing stays so.
    fn transform(&self, column: &Self::Kept, x: f64) -> f64;
}

/// The transformer behind its settings.
#[derive(Debug, Clone)]
pub struct Columns<S: ByColumn> {
    settings: S,
    kinds: Vec<Kind>,
    columns: Box<[S::Kept]>,
}

stateful!(where [S: ByColumn] Columns<S>, S::NAME, 1: columns);
mergeable!(where [S: ByColumn] Columns<S>);

impl<S: ByColumn> Columns<S> {
    pub(super) fn new(settings: &S, signature: &Signature) -> Self {
        let columns = vec![settings.column(); signature.width()].into();
        Self { settings: settings.clone(), kinds: signature.kinds().to_vec(), columns }
    }

    fn absorb(&mut self, other: &Self) {
        for (mine, theirs) in self.columns.iter_mut().zip(&other.columns) {
            S::ABSORB.iter().for_each(|absorb| absorb(mine, theirs));
        }
    }
}

impl<S: ByColumn> Transformer for Columns<S> {
    fn signature(&self) -> Signature {
        Signature::new(self.kinds.clone())
    }

    fn learn(&mut self, row: &[f64], _: Option<Truth>) {
        for (column, x) in self.columns.iter_mut().zip(row).filter(|(_, x)| x.is_finite()) {
            self.settings.learn(column, *x);
        }
    }

    fn transform(&self, row: &[f64], out: &mut Vec<f64>) {
        let columns = self.columns.iter().zip(row).zip(&self.kinds);
        out.extend(columns.map(|((column, x), kind)| match kind {
            _ if !x.is_finite() => f64::NAN,
            Kind::Nominal => *x,
            Kind::Numeric => self.settings.transform(column, *x),
        }));
    }

    fn as_merge(&mut self) -> Option<&mut dyn Merge> {
        if S::ABSORB.is_some() { Some(self) } else { None }
    }
}

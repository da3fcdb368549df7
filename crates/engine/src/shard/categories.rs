//! Categories as numbers: the codes that nominal features carry.

use std::collections::BTreeMap;

use gristmill_learn::{Kind, StateError, StateReader, StateWriter, Stateful};

use gristmill_models::InputKind;

use crate::plan::Plan;
use crate::rows::Cell;

/// More categories of one column than this are taken as missing.
const MOST: usize = 10_000;

/// For each nominal feature its categories: numbered in the order in which they appeared, or as a model from a file
/// numbers them.
#[derive(Debug, Clone)]
pub(super) struct Categories {
    columns: Vec<Option<BTreeMap<String, u64>>>,
    /// Whether the numbers are those of a file: no more are given then, and there is nothing to save.
    fixed: bool,
}

impl Categories {
    pub(super) fn new(plan: &Plan) -> Self {
        let inputs = plan.foreign.as_ref().map(|foreign| foreign.signature().inputs.as_slice());
        let column = |(place, kind): (usize, &Kind)| {
            let brought = inputs.and_then(|inputs| inputs.get(place)).map(|input| &input.kind);
            let names = match brought {
                Some(InputKind::Category(names)) => names.as_slice(),
                _ => &[],
            };
            (*kind == Kind::Nominal).then(|| names.iter().cloned().zip(0..).collect())
        };
        let columns = plan.signature.kinds().iter().enumerate().map(column).collect();
        Self { columns, fixed: inputs.is_some() }
    }

    /// The number that the model sees; NaN where there is none. A category that is new is numbered.
    pub(super) fn number(&mut self, feature: usize, cell: Cell<'_>) -> f64 {
        if let (false, Some(Some(codes)), Cell::String(name)) = (self.fixed, self.columns.get_mut(feature), &cell)
            && codes.len() < MOST
            && !codes.contains_key(*name)
        {
            codes.insert(name.to_string(), codes.len() as u64);
        }
        self.known(feature, cell)
    }

    /// The number that the model sees; NaN where there is none yet.
    pub(super) fn known(&self, feature: usize, cell: Cell<'_>) -> f64 {
        match (self.columns.get(feature), cell) {
            (Some(Some(codes)), Cell::String(name)) => codes.get(name).map_or(f64::NAN, |code| *code as f64),
            (Some(Some(_)), _) => f64::NAN,
            // Infinities are missing too: nothing downstream has to ask again.
            (_, cell) => Some(cell.number()).filter(|number| number.is_finite()).unwrap_or(f64::NAN),
        }
    }

    /// The categories that were numbered here.
    fn learned(&self) -> impl Iterator<Item = &BTreeMap<String, u64>> {
        self.columns.iter().flatten().filter(|_| !self.fixed)
    }
}

impl Stateful for Categories {
    fn save(&self, to: &mut StateWriter) {
        to.begin("categories", 1);
        self.learned().for_each(|codes| codes.save(to));
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        from.begin("categories", 1)?;
        let fixed = self.fixed;
        self.columns.iter_mut().flatten().filter(|_| !fixed).try_for_each(|codes| codes.load(from))
    }

    fn size(&self) -> usize {
        self.learned().map(Stateful::size).sum()
    }
}

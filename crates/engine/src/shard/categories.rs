//! Categories as numbers: the codes that nominal features carry.

use std::collections::BTreeMap;

use gristmill_learn::{Kind, Signature, StateError, StateReader, StateWriter, Stateful};

use crate::rows::Cell;

/// More categories of one column than this are taken as missing.
const MOST: usize = 10_000;

/// For each nominal feature its categories, numbered in the order in which they appeared.
#[derive(Debug, Clone)]
pub(super) struct Categories {
    columns: Vec<Option<BTreeMap<String, u64>>>,
}

impl Categories {
    pub(super) fn new(signature: &Signature) -> Self {
        let column = |kind: &Kind| (*kind == Kind::Nominal).then(BTreeMap::new);
        Self { columns: signature.kinds().iter().map(column).collect() }
    }

    /// The number that the model sees; NaN where there is none.
    pub(super) fn number(&mut self, feature: usize, cell: Cell<'_>) -> f64 {
        let Some(Some(codes)) = self.columns.get_mut(feature) else {
            let number = cell.number();
            // Infinities are missing too: nothing downstream has to ask again.
            return if number.is_finite() { number } else { f64::NAN };
        };
        let Cell::String(name) = cell else { return f64::NAN };
        if let Some(code) = codes.get(name) {
            return *code as f64;
        }
        if codes.len() >= MOST {
            return f64::NAN;
        }
        let code = codes.len() as u64;
        codes.insert(name.to_string(), code);
        code as f64
    }
}

impl Stateful for Categories {
    fn save(&self, to: &mut StateWriter) {
        to.begin("categories", 1);
        self.columns.iter().flatten().for_each(|codes| codes.save(to));
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        from.begin("categories", 1)?;
        self.columns.iter_mut().flatten().try_for_each(|codes| codes.load(from))
    }

    fn size(&self) -> usize {
        self.columns.iter().flatten().map(Stateful::size).sum()
    }
}

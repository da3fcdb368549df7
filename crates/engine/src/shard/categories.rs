//! Categories as numbers: the codes of nominal features.

use std::collections::BTreeMap;

use arrow_array::Array;
use gristmill_learn::{Kind, LearnError, StateError, StateReader, StateWriter, Stateful};

use gristmill_models::{Input, InputKind};
use serde_json::{Map, Value, json};

use crate::plan::Plan;
use crate::plan::definition::{Definition, given, items};
use crate::resources::Resources;
use crate::rows::{Cell, Column, Partition};
use crate::section::{Counted, Figure, Section, is_a_part};

/// More categories of one column than this are treated as missing.
pub(crate) const MOST: usize = 10_000;

/// A number beyond this, on either side of 0, is missing to the model, as infinities are: a sum of its squares, or of
/// the squares of its products, overflows, and one such row would leave a model permanently without an answer.
const LARGEST: f64 = 1e75;

/// The number, if a model can learn from it.
pub(super) fn usable(number: f64) -> Option<f64> {
    // NaN is not below anything.
    Some(number).filter(|number| number.abs() <= LARGEST)
}

/// The categories of each nominal feature: numbered in the order in which they appeared, or as a pretrained model
/// numbers them.
#[derive(Debug, Clone)]
pub(super) struct Categories {
    columns: Vec<Option<Codes>>,
    /// For features that are numbers here and categories of a pretrained model: the model's code of each number, by its
    /// bits.
    numbered: Vec<Option<BTreeMap<u64, u64>>>,
}

#[derive(Debug, Clone)]
struct Codes {
    numbers: BTreeMap<String, u64>,
    /// Whether the numbers are those of a file: no more are assigned then, and there is nothing to save.
    fixed: bool,
}

/// The same for both zeros.
fn bits(number: f64) -> u64 {
    (number + 0.0).to_bits()
}

impl Categories {
    pub(super) fn new(plan: &Plan) -> Self {
        let input = |place: usize| {
            let scoring = plan.scoring.as_ref()?;
            let input = scoring.inputs.iter().position(|input| *input == place)?;
            scoring.model.signature().inputs.get(input)
        };
        let column = |(place, kind): (usize, &Kind)| {
            let input = input(place);
            let names = match input.map(|input| &input.kind) {
                Some(InputKind::Category(names)) => names.as_slice(),
                _ => &[],
            };
            let codes = || Codes { numbers: names.iter().cloned().zip(0..).collect(), fixed: input.is_some() };
            (*kind == Kind::Nominal).then(codes)
        };
        let numbered = |(place, kind): (usize, &Kind)| {
            let category = |input: &&Input| matches!(input.kind, InputKind::Category(_)) && *kind == Kind::Numeric;
            let codes = |input: &Input| input.numbers().into_iter().map(bits).zip(0..).collect();
            input(place).filter(category).map(codes)
        };
        let kinds = || plan.signature.kinds().iter().enumerate();
        Self { columns: kinds().map(column).collect(), numbered: kinds().map(numbered).collect() }
    }

    /// The number that the model sees; NaN if there is none. A new category is numbered.
    pub(super) fn number(&mut self, feature: usize, cell: Cell<'_>) -> f64 {
        if let (Some(Some(Codes { numbers, fixed: false })), Cell::String(name)) =
            (self.columns.get_mut(feature), &cell)
            && numbers.len() < MOST
            && !numbers.contains_key(*name)
        {
            numbers.insert(name.to_string(), numbers.len() as u64);
        }
        self.known(feature, cell)
    }

    /// The number that the model sees; NaN if there is none yet.
    pub(super) fn known(&self, feature: usize, cell: Cell<'_>) -> f64 {
        match (self.columns.get(feature), cell) {
            (Some(Some(codes)), Cell::String(name)) => codes.numbers.get(name).map_or(f64::NAN, |code| *code as f64),
            (Some(Some(_)), _) => f64::NAN,
            // No later stage has to check again whether a number is valid.
            (_, cell) => {
                let number = usable(cell.number()).unwrap_or(f64::NAN);
                match self.numbered.get(feature) {
                    Some(Some(codes)) => codes.get(&bits(number)).map_or(f64::NAN, |code| *code as f64),
                    _ => number,
                }
            }
        }
    }

    /// The same for rows of a column, from one of them on, replacing these.
    pub(super) fn known_all<'a>(
        &self,
        feature: usize,
        column: Option<&Column>,
        first: usize,
        numbers: impl Iterator<Item = &'a mut f64>,
    ) {
        match (self.columns.get(feature), column) {
            (Some(None), Some(Column::Float64(column)))
                if column.null_count() == 0 && self.numbered.get(feature).is_some_and(Option::is_none) =>
            {
                let values = column.values().iter().skip(first);
                let known = |value: &f64| usable(*value).unwrap_or(f64::NAN);
                numbers.zip(values).for_each(|(number, value)| *number = known(value));
            }
            (_, column) => {
                let cell = |row: usize| column.map_or(Cell::Missing, |column| column.cell(row));
                numbers.zip(first..).for_each(|(number, row)| *number = self.known(feature, cell(row)));
            }
        }
    }

    /// The number of categories of each feature that were numbered here, by the index of the feature.
    pub(super) fn counts(&self) -> impl Iterator<Item = (usize, u64)> {
        let learned = |(place, codes): (usize, &Option<Codes>)| {
            Some((place, codes.as_ref().filter(|codes| !codes.fixed)?.numbers.len() as u64))
        };
        self.columns.iter().enumerate().filter_map(learned)
    }

    /// The categories that were numbered here.
    fn learned(&self) -> impl Iterator<Item = &BTreeMap<String, u64>> {
        self.columns.iter().flatten().filter(|codes| !codes.fixed).map(|codes| &codes.numbers)
    }
}

/// The number of categories of each text feature, in the shard with the most.
static KNOWN: Figure = Figure { key: "categories", said: None, highest: true };

/// Codes of text depend on what produces the text.
impl Section for Categories {
    fn open(plan: &Plan, _: &Resources, _: &Partition) -> Result<Self, LearnError> {
        Ok(Self::new(plan))
    }

    fn define(plan: &Plan, _: &mut Map<String, Value>) -> Vec<Definition> {
        let kinds = plan.signature.kinds().iter().zip(&plan.features);
        let nominal: Vec<usize> =
            kinds.filter(|(kind, _)| **kind == Kind::Nominal).map(|(_, column)| *column).collect();
        let names: Value = nominal.iter().filter_map(|column| plan.named(Some(*column))).collect();
        let own = plan.columns.len() + plan.flags.len();
        let made = nominal.iter().any(|column| *column >= own);
        let items = plan.computed.as_ref().filter(|_| made).map(items);
        let tables = made.then(|| plan.lookup_definitions()).filter(|tables| !tables.is_empty());
        vec![Definition::new("categories", &given(json!({"of": names, "computed": items, "tables": tables})))]
    }

    is_a_part!();

    fn counted(&self, plan: &Plan) -> Vec<Counted> {
        let name = |place: usize| plan.column(*plan.features.get(place)?).map(|(name, _)| name);
        self.counts().filter_map(|(place, count)| Some(KNOWN.of(name(place)?, count))).collect()
    }
}

impl Stateful for Categories {
    fn save(&self, to: &mut StateWriter) {
        to.begin("categories", 1);
        self.learned().for_each(|codes| codes.save(to));
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        from.begin("categories", 1)?;
        let learned = self.columns.iter_mut().flatten().filter(|codes| !codes.fixed);
        learned.map(|codes| &mut codes.numbers).try_for_each(|numbers| numbers.load(from))
    }

    fn size(&self) -> usize {
        self.learned().map(Stateful::size).sum()
    }
}

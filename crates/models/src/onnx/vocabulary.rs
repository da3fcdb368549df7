//! The possible values of each column of a graph's inputs, if the graph looks it up in a list: found by following the
//! column.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::graph::{Attribute, Data, Graph, ML, Node, Tensor};

/// The values that one column is compared with.
#[derive(Debug, Clone, Default)]
pub(super) struct ComparedWith {
    pub(super) words: Vec<Arc<str>>,
    /// Numbers, which a numeric column is looked up by.
    pub(super) numbers: Vec<f64>,
}

/// For each column of a value, the columns of the graph's inputs that it may contain.
type Columns = Vec<BTreeSet<usize>>;
/// A graph's constants by their names.
type Constants<'a> = BTreeMap<&'a str, &'a Tensor>;

/// Operators that keep the order of columns.
const SAME: [&str; 10] =
    ["Abs", "Binarizer", "Cast", "Flatten", "Identity", "Imputer", "Scaler", "Squeeze", "Trim", "Unsqueeze"];

/// The maximum number of columns and words that are followed; beyond it, each column may be any value that any column
/// is compared with.
const MOST: usize = 1 << 22;

/// The values that every input column is compared with, if any; `widths`: the number of columns of each input.
pub(super) fn known(graph: &Graph, widths: &[usize]) -> Vec<Arc<ComparedWith>> {
    let constants = graph.constants.iter().map(|constant| (constant.name.as_str(), &*constant.tensor)).collect();
    let compares = graph.nodes.iter().map(|node| compared(&constants, node));
    if compares.clone().all(|(words, numbers)| words.is_empty() && numbers.is_empty()) {
        return Vec::new();
    }
    followed(graph, &constants, widths).unwrap_or_else(|| {
        let mut all = Found::default();
        compares.for_each(|found| all.add(found));
        vec![all.known(); widths.iter().sum::<usize>().min(MOST)]
    })
}

/// The values that a column is compared with; numbers by their bits.
#[derive(Debug, Clone, Default)]
struct Found(BTreeSet<Arc<str>>, BTreeSet<u64>);

impl Found {
    fn add(&mut self, (words, numbers): (Vec<Arc<str>>, Vec<f64>)) {
        self.0.extend(words);
        self.1.extend(numbers.iter().filter(|number| number.is_finite()).map(|number| number.to_bits()));
    }

    fn known(self) -> Arc<ComparedWith> {
        let mut numbers: Vec<f64> = self.1.into_iter().map(f64::from_bits).collect();
        numbers.sort_by(f64::total_cmp);
        Arc::new(ComparedWith { words: self.0.into_iter().collect(), numbers })
    }
}

/// The same by following each column; none if there are too many.
fn followed(graph: &Graph, constants: &Constants<'_>, widths: &[usize]) -> Option<Vec<Arc<ComparedWith>>> {
    let mut values: BTreeMap<&str, Columns> = BTreeMap::new();
    let (mut total, mut held) = (0_usize, 0_usize);
    for (port, width) in graph.inputs.iter().zip(widths) {
        let end = total.checked_add(*width).filter(|end| *end <= MOST)?;
        values.insert(&port.name, (total..end).map(|column| BTreeSet::from([column])).collect());
        total = end;
    }
    let mut found = vec![Found::default(); total];
    for node in &graph.nodes {
        let given: Vec<&Columns> = node.inputs.iter().filter_map(|name| values.get(name.as_str())).collect();
        let columns: BTreeSet<usize> = given.iter().copied().flatten().flatten().copied().collect();
        let compared = compared(constants, node);
        held += columns.len().saturating_mul(compared.0.len() + compared.1.len());
        if held > MOST {
            return None;
        }
        for column in &columns {
            found.iter_mut().skip(*column).take(1).for_each(|found| found.add(compared.clone()));
        }
        let made = moved(constants, node, &given).unwrap_or_else(|| vec![columns]);
        held += made.iter().map(|columns| 1 + columns.len()).sum::<usize>() * node.outputs.len();
        if held > MOST {
            return None;
        }
        node.outputs.iter().for_each(|output| _ = values.insert(output, made.clone()));
    }
    Some(found.into_iter().map(Found::known).collect())
}

fn listed(data: &Data, words: &mut Vec<Arc<str>>, numbers: &mut Vec<f64>) {
    match data {
        Data::Text(texts) => words.extend(texts.iter().cloned()),
        Data::Int(ints) => numbers.extend(ints.iter().map(|x| *x as f64)),
        Data::Float(floats) => numbers.extend(floats.iter().map(|x| f64::from(*x))),
        Data::Double(doubles) => numbers.extend(doubles),
    }
}

/// The values that a node compares its input with.
fn compared(constants: &Constants<'_>, node: &Node) -> (Vec<Arc<str>>, Vec<f64>) {
    let (mut words, mut numbers) = (Vec::new(), Vec::new());
    if node.domain == ML {
        for list in ["cats_strings", "keys_strings", "classes_strings"] {
            words.extend(node.texts(list).iter().map(|text| Arc::from(text.as_str())));
        }
        for list in ["cats_int64s", "keys_int64s"] {
            numbers.extend(node.ints(list).iter().map(|x| *x as f64));
        }
        numbers.extend(node.floats("keys_floats").iter().map(|x| f64::from(*x)));
        if let Some(Attribute::Tensor(tensor, _)) = node.attribute("keys_tensor") {
            listed(tensor.data(), &mut words, &mut numbers);
        }
    } else if node.operator == "Equal" {
        // Numbers in a comparison for equality may be flags and bounds; words are always a list.
        let constants =
            node.inputs.iter().filter_map(|name| constants.get(name.as_str())).filter(|tensor| tensor.len() > 0);
        let texts = constants.filter(|tensor| matches!(tensor.data(), Data::Text(_)));
        texts.for_each(|tensor| listed(tensor.data(), &mut words, &mut numbers));
    }
    (words, numbers)
}

/// The columns after a node; none if that is not followed.
fn moved(constants: &Constants<'_>, node: &Node, given: &[&Columns]) -> Option<Columns> {
    let first = *given.first()?;
    let whole = |place: usize| -> Option<Vec<i64>> {
        let constant = constants.get(node.inputs.get(place)?.as_str())?;
        matches!(constant.data(), Data::Int(_)).then(|| constant.ints().ok().map(<[i64]>::to_vec)).flatten()
    };
    let last_axis = |axis: Option<i64>| matches!(axis, Some(1 | -1));
    let pick = |places: Vec<i64>| -> Option<Columns> {
        let place = |place: i64| usize::try_from(if place < 0 { place + first.len() as i64 } else { place }).ok();
        places.into_iter().map(|at| first.get(place(at)?).cloned()).collect()
    };
    match node.operator.as_str() {
        same if SAME.contains(&same) => Some(first.clone()),
        "Reshape" => {
            let kept = whole(1)?.last().is_some_and(|last| *last == first.len() as i64);
            kept.then(|| first.clone())
        }
        "Concat" if last_axis(node.int("axis")) => {
            // A constant among them occupies columns that are not counted here.
            (given.len() == node.inputs.len()).then(|| given.iter().copied().flatten().cloned().collect())
        }
        "FeatureVectorizer" => Some(given.iter().copied().flatten().cloned().collect()),
        "ArrayFeatureExtractor" => pick(whole(1)?),
        "Gather" if last_axis(node.int("axis")) => pick(whole(1)?),
        "Slice" if whole(3)?.as_slice() == [1] => match (whole(1)?.as_slice(), whole(2)?.as_slice()) {
            ([from], [to]) if *from >= 0 => pick((*from..(*to).min(first.len() as i64)).collect()),
            _ => None,
        },
        _ => None,
    }
}

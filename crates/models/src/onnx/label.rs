//! How a graph's label is found, read from how it is computed: what it is the largest of, which names it goes through.

use crate::graph::{Data, ML, Node, Tensor};

use super::range::Ranges;

/// What decides which label a row has.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ruling<'a> {
    /// The place of the largest of a row's numbers.
    Largest(&'a str),
    /// The place of the least.
    Least(&'a str),
    /// A classifier of `ai.onnx.ml`, which gives its scores beside the label.
    Classifier(&'a Node),
    /// On which side of zero a number lies: the label below, and the one above.
    Side { value: &'a str, below: f64, above: f64 },
}

/// A label: what decides, and the names of the classes where the graph has them.
#[derive(Debug, Clone)]
pub(super) struct Label<'a> {
    pub(super) ruling: Ruling<'a>,
    pub(super) names: Option<Vec<String>>,
}

/// Operators that change nothing about a value but its shape and type.
pub(super) const PASSES: [&str; 7] = ["Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"];
pub(super) const CLASSIFIERS: [&str; 3] = ["LinearClassifier", "SVMClassifier", "TreeEnsembleClassifier"];
/// Longer ways from an output to what made it are not followed.
pub(super) const FARTHEST: usize = 64;

/// The names of the classes of a classifier or a map.
pub(super) fn classes_of(node: &Node) -> Vec<String> {
    let ints = [node.ints("classlabels_int64s"), node.ints("classlabels_ints")].concat();
    let texts = node.texts("classlabels_strings");
    if texts.is_empty() { ints.iter().map(ToString::to_string).collect() } else { texts.to_vec() }
}

fn named(tensor: &Tensor) -> Vec<String> {
    match tensor.data() {
        Data::Text(texts) => texts.iter().map(ToString::to_string).collect(),
        Data::Int(ints) => ints.iter().map(ToString::to_string).collect(),
        Data::Float(numbers) => numbers.iter().map(ToString::to_string).collect(),
        Data::Double(numbers) => numbers.iter().map(ToString::to_string).collect(),
    }
}

/// What a `LabelEncoder` makes of the places 0, 1, …; nothing where it is about something else.
fn looked_up(node: &Node) -> Option<Vec<String>> {
    let keys = node.ints("keys_int64s");
    let names: Vec<String> = match (node.texts("values_strings"), node.ints("values_int64s")) {
        ([], ints) => ints.iter().map(ToString::to_string).collect(),
        (texts, _) => texts.to_vec(),
    };
    let names = if keys.is_empty() { node.texts("classes_strings").to_vec() } else { names };
    let in_order = keys.iter().copied().eq(0..keys.len() as i64);
    (in_order && !names.is_empty()).then_some(names)
}

/// How an output that is a label is found; nothing where that cannot be told.
pub(super) fn label<'a>(ranges: &Ranges<'a>, output: &'a str) -> Option<Label<'a>> {
    let mut value = output;
    let mut names = None;
    // What becomes of a number on the way to the label: factor * number + shift.
    let (mut factor, mut shift) = (1.0, 0.0);
    for _ in 0..FARTHEST {
        let node = ranges.maker(value)?;
        let input = |place: usize| node.inputs.get(place).map(String::as_str);
        let first = input(0)?;
        let place = node.outputs.iter().position(|name| name == value)?;
        let untouched = factor == 1.0 && shift == 0.0;
        value = match node.operator.as_str() {
            operator if PASSES.contains(&operator) => first,
            "ArrayFeatureExtractor" | "Gather" if names.is_none() && untouched => {
                names = Some(named(ranges.constant(first)?));
                input(1)?
            }
            "LabelEncoder" if names.is_none() && untouched => {
                names = Some(looked_up(node)?);
                first
            }
            "ArgMax" if untouched => return Some(Label { ruling: Ruling::Largest(first), names }),
            "ArgMin" if untouched => return Some(Label { ruling: Ruling::Least(first), names }),
            operator if node.domain == ML && CLASSIFIERS.contains(&operator) && place == 0 && untouched => {
                let own = Some(classes_of(node)).filter(|names| !names.is_empty());
                return Some(Label { ruling: Ruling::Classifier(node), names: names.or(own) });
            }
            "Add" | "Mul" | "Sub" => {
                let constant = |place: usize| input(place).and_then(|name| ranges.number(name));
                let (other, by, first_is_constant) = match (constant(0), constant(1)) {
                    (None, Some(by)) => (first, by, false),
                    (Some(by), None) => (input(1)?, by, true),
                    _ => return None,
                };
                match (node.operator.as_str(), first_is_constant) {
                    ("Add", _) => shift += factor * by,
                    ("Mul", _) => factor *= by,
                    ("Sub", false) => shift -= factor * by,
                    _ => {
                        shift += factor * by;
                        factor = -factor;
                    }
                }
                other
            }
            "Not" => {
                shift += factor;
                factor = -factor;
                first
            }
            "Sign" => {
                let ruling = Ruling::Side { value: first, below: shift - factor, above: shift + factor };
                return Some(Label { ruling, names });
            }
            operator @ ("Less" | "LessOrEqual" | "Greater" | "GreaterOrEqual") => {
                if ranges.number(input(1)?) != Some(0.0) {
                    return None;
                }
                let (yes, no) = (shift + factor, shift);
                let (below, above) = if operator.starts_with("Less") { (yes, no) } else { (no, yes) };
                return Some(Label { ruling: Ruling::Side { value: first, below, above }, names });
            }
            _ => return None,
        };
    }
    None
}

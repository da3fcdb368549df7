//! Determines from a graph's computation how it finds its label: the argmax of which value, through which class names.

use crate::graph::{Data, ML, Node, Tensor};

use super::range::Ranges;

/// The rule that decides a row's label.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ruling<'a> {
    /// The index of the largest of a row's numbers.
    Largest(&'a str),
    /// The index of the smallest.
    Least(&'a str),
    /// A classifier of `ai.onnx.ml`, which returns its scores beside the label.
    Classifier(&'a Node),
    /// The side of zero on which a number lies: the label below, and the one above.
    Side { value: &'a str, below: f64, above: f64 },
}

/// A label: the rule, and the names of the classes if the graph has them.
#[derive(Debug, Clone)]
pub(super) struct Label<'a> {
    pub(super) ruling: Ruling<'a>,
    pub(super) names: Option<Vec<String>>,
}

/// Operators that change only the shape and type of a value.
pub(super) const PASSES: [&str; 7] = ["Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"];
pub(super) const CLASSIFIERS: [&str; 3] = ["LinearClassifier", "SVMClassifier", "TreeEnsembleClassifier"];
/// Longer paths back from an output are not followed.
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

/// A `LabelEncoder`'s values for the indices 0, 1, …; none if it maps anything else.
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

/// The transformation of a number on the way to the label: factor * number + shift.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Line {
    factor: f64,
    shift: f64,
}

impl Line {
    const SAME: Self = Self { factor: 1.0, shift: 0.0 };

    /// The transformation before a node that adds a constant to a value, subtracts it or multiplies by one; and that
    /// value.
    fn behind<'a>(self, ranges: &Ranges<'a>, node: &'a Node) -> Option<(Self, &'a str)> {
        let constant = |place: usize| node.inputs.get(place).and_then(|name| ranges.number(name));
        let (place, by) = match (constant(0), constant(1)) {
            (None, Some(by)) => (0, by),
            (Some(by), None) => (1, by),
            _ => return None,
        };
        let Self { factor, shift } = self;
        let line = match (node.operator.as_str(), place) {
            ("Add", _) => Self { factor, shift: shift + factor * by },
            ("Mul", _) => Self { factor: factor * by, shift },
            ("Sub", 0) => Self { factor, shift: shift - factor * by },
            _ => Self { factor: -factor, shift: shift + factor * by },
        };
        Some((line, node.inputs.get(place)?))
    }

    /// The transformation before a negation of a condition.
    fn behind_not(self) -> Self {
        Self { factor: -self.factor, shift: self.shift + self.factor }
    }
}

/// The rule, if it is this node that decides.
fn ruling<'a>(ranges: &Ranges<'a>, node: &'a Node, value: &str, Line { factor, shift }: Line) -> Option<Ruling<'a>> {
    let untouched = Line { factor, shift } == Line::SAME;
    let first = node.inputs.first()?;
    match node.operator.as_str() {
        "ArgMax" if untouched => Some(Ruling::Largest(first)),
        "ArgMin" if untouched => Some(Ruling::Least(first)),
        operator if node.domain == ML && CLASSIFIERS.contains(&operator) && untouched => {
            (node.outputs.first()? == value).then_some(Ruling::Classifier(node))
        }
        "Sign" => Some(Ruling::Side { value: first, below: shift - factor, above: shift + factor }),
        operator @ ("Less" | "LessOrEqual" | "Greater" | "GreaterOrEqual")
            if ranges.number(node.inputs.get(1)?) == Some(0.0) =>
        {
            let (yes, no) = (shift + factor, shift);
            let (below, above) = if operator.starts_with("Less") { (yes, no) } else { (no, yes) };
            Some(Ruling::Side { value: first, below, above })
        }
        _ => None,
    }
}

/// How a label output is determined; none if that cannot be told.
pub(super) fn label<'a>(ranges: &Ranges<'a>, output: &'a str) -> Option<Label<'a>> {
    let (mut value, mut names, mut line) = (output, None, Line::SAME);
    for _ in 0..FARTHEST {
        let node = ranges.maker(value)?;
        if let Some(ruling) = ruling(ranges, node, value, line) {
            let own = matches!(ruling, Ruling::Classifier(_)).then(|| classes_of(node));
            return Some(Label { ruling, names: names.or(own.filter(|names| !names.is_empty())) });
        }
        let first = node.inputs.first()?;
        let unnamed = names.is_none() && line == Line::SAME;
        value = match node.operator.as_str() {
            operator if PASSES.contains(&operator) => first,
            "ArrayFeatureExtractor" | "Gather" if unnamed => {
                names = Some(named(ranges.constant(first)?));
                node.inputs.get(1)?
            }
            "LabelEncoder" if unnamed => {
                names = Some(looked_up(node)?);
                first
            }
            "Add" | "Mul" | "Sub" => {
                let (behind, other) = line.behind(ranges, node)?;
                line = behind;
                other
            }
            "Not" => {
                line = line.behind_not();
                first
            }
            _ => return None,
        };
    }
    None
}

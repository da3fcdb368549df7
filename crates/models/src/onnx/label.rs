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

/// What becomes of a number on the way to the label: factor * number + shift.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Line {
    factor: f64,
    shift: f64,
}

impl Line {
    const SAME: Self = Self { factor: 1.0, shift: 0.0 };

    /// The line where a node comes before it that adds a constant to a value, takes one away or multiplies by one; and
    /// that value.
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

    /// The line where a condition is turned round before it.
    fn behind_not(self) -> Self {
        Self { factor: -self.factor, shift: self.shift + self.factor }
    }
}

/// What decides, where it is this node that does.
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

/// How an output that is a label is found; nothing where that cannot be told.
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

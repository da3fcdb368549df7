//! Bounds of a graph's values for any row, derived from how they are computed.

use std::collections::BTreeMap;

use crate::graph::{Attribute, Graph, ML, Node, Tensor};

/// The numbers from `low` to `high`; both infinite if nothing is known. Missing values are disregarded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Range {
    pub(super) low: f64,
    pub(super) high: f64,
}

const ANY: Range = Range { low: f64::NEG_INFINITY, high: f64::INFINITY };
const SHARE: Range = Range { low: 0.0, high: 1.0 };
const POSITIVE: Range = Range { low: 0.0, high: f64::INFINITY };
const NEGATIVE: Range = Range { low: f64::NEG_INFINITY, high: 0.0 };
const UNIT: Range = Range { low: -1.0, high: 1.0 };
/// Sums of weights in single precision may exceed their exact sum by this much.
const ROUNDING: f64 = 1e-4;
/// The number of the boolean type in `Cast`.
const BOOL: i64 = 9;

impl Range {
    /// The hull of some numbers; infinity times zero is zero.
    fn of(numbers: impl IntoIterator<Item = f64>) -> Self {
        let numbers = numbers.into_iter().map(|x| if x.is_nan() { 0.0 } else { x });
        let hull = numbers.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
        if hull.0 <= hull.1 { Self { low: hull.0, high: hull.1 } } else { ANY }
    }

    /// Whether all of them are in [0, 1].
    pub(super) fn is_share(self) -> bool {
        self.low >= -ROUNDING && self.high <= 1.0 + ROUNDING
    }

    fn join(self, other: Self) -> Self {
        Self { low: self.low.min(other.low), high: self.high.max(other.high) }
    }

    fn plus(self, other: Self) -> Self {
        Self { low: self.low + other.low, high: self.high + other.high }
    }

    fn minus(self, other: Self) -> Self {
        Self { low: self.low - other.high, high: self.high - other.low }
    }

    fn times(self, other: Self) -> Self {
        let (a, b) = (self, other);
        Self::of([a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high])
    }

    fn over(self, other: Self) -> Self {
        let (a, b) = (self, other);
        match b {
            _ if b.low > 0.0 || b.high < 0.0 => {
                Self::of([a.low / b.low, a.low / b.high, a.high / b.low, a.high / b.high])
            }
            _ if a.low >= 0.0 && b.low >= 0.0 => POSITIVE,
            _ => ANY,
        }
    }

    /// Applies a function that never decreases.
    fn through(self, function: fn(f64) -> f64) -> Self {
        Self { low: function(self.low), high: function(self.high) }
    }

    fn within(self, least: f64, most: f64) -> Self {
        Self { low: self.low.clamp(least, most), high: self.high.clamp(least, most) }
    }
}

/// The ranges of all values of a graph.
pub(super) struct Ranges<'a> {
    constants: BTreeMap<&'a str, &'a Tensor>,
    known: BTreeMap<&'a str, Range>,
    makers: BTreeMap<&'a str, &'a Node>,
}

/// Operators that return some of their input numbers.
const CHOOSE: [&str; 21] = [
    "ArrayFeatureExtractor",
    "Dropout",
    "Expand",
    "Flatten",
    "Gather",
    "GatherElements",
    "GatherND",
    "GlobalAveragePool",
    "Identity",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "Reshape",
    "Slice",
    "Split",
    "Squeeze",
    "Tile",
    "TopK",
    "Transpose",
    "Unsqueeze",
    "ZipMap",
];
/// Operators that return booleans.
const BOOLEAN: [&str; 11] =
    ["And", "Equal", "Greater", "GreaterOrEqual", "IsInf", "IsNaN", "Less", "LessOrEqual", "Not", "Or", "Xor"];
/// Operators that only change the layout of numbers.
const RESHAPE: [&str; 6] = ["Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"];
/// Longer paths are not followed.
const FARTHEST: usize = 64;

/// The range of a constant that a node creates.
fn of_constant(node: &Node) -> Range {
    match node.attribute("value") {
        Some(Attribute::Tensor(tensor, _)) => of_tensor(tensor),
        None if node.operator == "ConstantOfShape" => Range { low: 0.0, high: 0.0 },
        _ => ANY,
    }
}

fn of_tensor(tensor: &Tensor) -> Range {
    tensor.to_doubles().map_or(ANY, Range::of)
}

impl<'a> Ranges<'a> {
    /// Follows a graph from its constants to its outputs.
    pub(super) fn new(graph: &'a Graph) -> Self {
        let known =
            graph.constants.iter().map(|constant| (constant.name.as_str(), of_tensor(&constant.tensor))).collect();
        let constants = graph.constants.iter().map(|constant| (constant.name.as_str(), &*constant.tensor)).collect();
        let mut ranges = Self { constants, known, makers: BTreeMap::new() };
        for node in &graph.nodes {
            let range = if node.domain == ML { ranges.classical(node) } else { ranges.plain(node) };
            for output in node.outputs.iter().filter(|name| !name.is_empty()) {
                ranges.known.insert(output, range);
                ranges.makers.insert(output, node);
            }
        }
        ranges
    }

    /// The range of a value.
    pub(super) fn of(&self, value: &str) -> Range {
        self.known.get(value).copied().unwrap_or(ANY)
    }

    /// The node that computes a value.
    pub(super) fn maker(&self, value: &str) -> Option<&'a Node> {
        self.makers.get(value).copied()
    }

    fn input(&self, node: &Node, place: usize) -> Range {
        node.inputs.get(place).map_or(ANY, |name| self.of(name))
    }

    fn plain(&self, node: &Node) -> Range {
        let (a, b) = (self.input(node, 0), self.input(node, 1));
        let all = || node.inputs.iter().map(|name| self.of(name));
        match node.operator.as_str() {
            known if CHOOSE.contains(&known) => a,
            known if BOOLEAN.contains(&known) => SHARE,
            "Sigmoid" | "HardSigmoid" | "Softmax" | "OneHot" => SHARE,
            "Tanh" | "Erf" | "Sin" | "Cos" | "Sign" | "Softsign" => UNIT,
            "Cast" if node.int("to") == Some(BOOL) => SHARE,
            // A cast to integers truncates toward zero.
            "Cast" => Range { low: a.low.min(a.low.trunc()), high: a.high.max(a.high.trunc()) },
            "Concat" => all().reduce(Range::join).unwrap_or(ANY),
            "Where" => b.join(self.input(node, 2)),
            "Add" | "Sum" => all().reduce(Range::plus).unwrap_or(ANY),
            "Mean" => all().reduce(Range::plus).map_or(ANY, |sum| {
                let count = node.inputs.len() as f64;
                Range { low: sum.low / count, high: sum.high / count }
            }),
            "Max" => all().reduce(|a, b| Range { low: a.low.max(b.low), high: a.high.max(b.high) }).unwrap_or(ANY),
            "Min" => all().reduce(|a, b| Range { low: a.low.min(b.low), high: a.high.min(b.high) }).unwrap_or(ANY),
            "Sub" if self.is_less_its_most(node) => NEGATIVE,
            "Sub" => a.minus(b),
            "Mul" => a.times(b),
            "Div" if self.is_over_its_sum(node) => SHARE,
            "Div" => a.over(b),
            "Reciprocal" => Range { low: 1.0, high: 1.0 }.over(a),
            "Neg" => Range { low: -a.high, high: -a.low },
            "Abs" if a.low >= 0.0 => a,
            "Exp" => a.through(f64::exp),
            "Log" if a.low >= 0.0 => a.through(f64::ln),
            "LogSoftmax" => NEGATIVE,
            "Sqrt" => a.within(0.0, f64::INFINITY).through(f64::sqrt),
            "Relu" => a.within(0.0, f64::INFINITY),
            "Clip" => self.clip(node, a),
            "ReduceSum" | "CumSum" | "MatMul" if a.low >= 0.0 && (node.operator != "MatMul" || b.low >= 0.0) => {
                POSITIVE
            }
            "Pow" if a.low >= 0.0 || (b.low == b.high && b.low % 2.0 == 0.0) => POSITIVE,
            "Abs" | "ArgMax" | "ArgMin" | "ReduceL1" | "ReduceL2" | "ReduceSumSquare" | "Softplus" => POSITIVE,
            "LpNormalization" if a.low >= 0.0 => SHARE,
            "LpNormalization" => UNIT,
            "Constant" | "ConstantOfShape" => of_constant(node),
            _ => ANY,
        }
    }

    fn clip(&self, node: &Node, range: Range) -> Range {
        let bound = |place: usize, name: &str| match node.inputs.get(place).filter(|name| !name.is_empty()) {
            Some(name) => Some(self.of(name)),
            None => node.float(name).map(|x| Range::of([f64::from(x)])),
        };
        let (least, most) = (bound(1, "min").unwrap_or(ANY), bound(2, "max").unwrap_or(ANY));
        Range { low: range.low.max(least.low).min(most.high), high: range.high.min(most.high).max(least.low) }
    }

    fn classical(&self, node: &Node) -> Range {
        let finish = node.text("post_transform").unwrap_or("NONE");
        let a = self.input(node, 0);
        match node.operator.as_str() {
            "SVMClassifier" if !node.floats("prob_a").is_empty() => SHARE,
            "LinearClassifier"
            | "SVMClassifier"
            | "TreeEnsembleClassifier"
            | "LinearRegressor"
            | "SVMRegressor"
            | "TreeEnsembleRegressor"
                if matches!(finish, "LOGISTIC" | "SOFTMAX" | "SOFTMAX_ZERO") =>
            {
                SHARE
            }
            "TreeEnsembleClassifier" if finish == "NONE" => votes(node),
            "Binarizer" | "OneHotEncoder" => SHARE,
            "Normalizer" if a.low >= 0.0 => SHARE,
            "Normalizer" if node.text("norm").is_some_and(|norm| norm != "MAX") => UNIT,
            known if CHOOSE.contains(&known) => a,
            _ => ANY,
        }
    }

    /// The value that another one equals, apart from shape, type, and a correction that keeps it from being zero.
    fn bare<'b>(&'b self, mut value: &'b str) -> &'b str {
        for _ in 0..FARTHEST {
            let Some(node) = self.maker(value) else { break };
            let first = node.inputs.first();
            value = match (node.operator.as_str(), first, node.inputs.get(1)) {
                (operator, Some(first), _) if RESHAPE.contains(&operator) => first,
                ("Add", Some(first), Some(second)) if self.is_flag(second) => first,
                _ => break,
            };
        }
        value
    }

    /// Whether a value consists of booleans: converters add such a flag to sums that are zero.
    fn is_flag(&self, value: &str) -> bool {
        let first = |node: &'a Node| node.inputs.first().and_then(|name| self.maker(name));
        let mut node = self.maker(value);
        // A flag may have been multiplied, by a number that is not negative.
        for _ in 0..2 {
            node = match node {
                Some(product) if product.operator == "Mul" && self.input(product, 1).low >= 0.0 => first(product),
                other => other,
            };
        }
        let cast = node.filter(|node| node.operator == "Cast");
        cast.and_then(first).is_some_and(|node| BOOLEAN.contains(&node.operator.as_str()))
    }

    /// Whether a node divides numbers that are not negative by their sum.
    fn is_over_its_sum(&self, node: &Node) -> bool {
        let [part, whole] = node.inputs.as_slice() else { return false };
        let (part, whole) = (self.bare(part), self.bare(whole));
        let sum = self.maker(whole).filter(|node| node.operator == "ReduceSum");
        let summed = sum.and_then(|node| node.inputs.first()).map(|name| self.bare(name));
        self.of(part).low >= 0.0 && summed == Some(part)
    }

    /// Whether a node subtracts from numbers an upper bound of them.
    fn is_less_its_most(&self, node: &Node) -> bool {
        let [part, most] = node.inputs.as_slice() else { return false };
        let (part, most) = (self.bare(part), self.bare(most));
        let most = self.maker(most).filter(|node| matches!(&*node.operator, "ReduceLogSumExp" | "ReduceMax"));
        most.and_then(|node| node.inputs.first()).map(|name| self.bare(name)) == Some(part)
    }

    /// The list in a constant.
    pub(super) fn constant(&self, value: &str) -> Option<&'a Tensor> {
        self.constants.get(value).copied()
    }

    /// The only number of a constant.
    pub(super) fn number(&self, value: &str) -> Option<f64> {
        let constant = self.constant(value).or_else(|| match self.maker(value)?.attribute("value")? {
            Attribute::Tensor(tensor, _) => Some(tensor),
            _ => None,
        })?;
        match constant.to_doubles().ok()?.as_slice() {
            [number] => Some(*number),
            _ => None,
        }
    }
}

/// The possible sums of the leaves of a classifier's trees, for any of its classes.
fn votes(node: &Node) -> Range {
    let (trees, ids) = (node.ints("class_treeids"), node.ints("class_ids"));
    let of = |name: &str| match node.attribute(&format!("{name}_as_tensor")) {
        Some(Attribute::Tensor(tensor, _)) => tensor.to_doubles().unwrap_or_default(),
        _ => node.floats(name).iter().map(|x| f64::from(*x)).collect(),
    };
    let (weights, start) = (of("class_weights"), of("base_values"));
    let mut leaves: BTreeMap<(i64, i64), Range> = BTreeMap::new();
    let mut counts: BTreeMap<(i64, i64), usize> = BTreeMap::new();
    for ((tree, id), weight) in trees.iter().zip(ids).zip(&weights) {
        let leaf = Range::of([*weight]);
        leaves.entry((*id, *tree)).and_modify(|range| *range = range.join(leaf)).or_insert(leaf);
        *counts.entry((*id, *tree)).or_default() += 1;
    }
    let mut sums: BTreeMap<i64, Range> = BTreeMap::new();
    let most = counts.iter().fold(BTreeMap::new(), |mut most: BTreeMap<i64, usize>, ((_, tree), count)| {
        let held = most.entry(*tree).or_default();
        *held = (*held).max(*count);
        most
    });
    for ((id, tree), range) in &leaves {
        // A leaf without a weight for a class adds none to it.
        let every = counts.get(&(*id, *tree)) == most.get(tree);
        let range = if every { *range } else { range.join(Range::of([0.0])) };
        let start = usize::try_from(*id).ok().and_then(|id| start.get(id)).copied().unwrap_or(0.0);
        let sum = sums.entry(*id).or_insert(Range::of([start]));
        *sum = sum.plus(range);
    }
    let all = sums.into_values().reduce(Range::join).unwrap_or(ANY);
    // One number for two classes: the other's is 1 minus it, or its negative.
    let labels = node.ints("classlabels_int64s").len().max(node.texts("classlabels_strings").len());
    let one = ids.iter().all(|id| Some(id) == ids.first());
    match (one && labels == 2, weights.iter().all(|weight| *weight >= 0.0)) {
        (true, true) => all.join(Range::of([1.0]).minus(all)),
        (true, false) => all.join(Range { low: -all.high, high: -all.low }),
        _ => all,
    }
}

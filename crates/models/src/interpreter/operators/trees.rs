//! Tree ensembles as `ai.onnx.ml` stores them: lists of numbers, one for each node of all trees.

use std::collections::{BTreeMap, BTreeSet};

use gristmill_learn::Features;

use super::classes::{Classes, Finish, scores};
use crate::ReadError;
use crate::graph::{Attribute, Fault};
use crate::interpreter::{Arguments, Make, Making, Operation};
use crate::trees::{Branch, Ensemble, Planter, Precision, Test};

pub(super) const OPERATORS: &[(&str, Make)] =
    &[("TreeEnsembleClassifier", classifier), ("TreeEnsembleRegressor", regressor)];

/// The trees, the number of columns that they test, and the divisor of sums.
struct Forest {
    trees: Ensemble,
    columns: usize,
    divisor: f64,
}

impl Forest {
    fn sums(&self, arguments: &Arguments<'_>) -> Result<(usize, Vec<f64>), Fault> {
        let input = arguments.get(0)?;
        let (rows, columns) = input.rows_and_columns();
        if columns < self.columns {
            return Err(Fault(format!("the trees look at {} columns, {columns} are given", self.columns)));
        }
        arguments.work(rows.saturating_mul(self.trees.nodes()))?;
        let values = input.to_doubles()?;
        let mut sums = Vec::new();
        self.trees.sum(&Features::new(&values, columns), &mut sums);
        if self.divisor != 1.0 {
            sums.iter_mut().for_each(|sum| *sum /= self.divisor);
        }
        Ok((rows, sums))
    }
}

/// Floats, or doubles in a tensor.
fn numbers(making: &Making<'_>, name: &str) -> Vec<f64> {
    match making.node.attribute(&format!("{name}_as_tensor")) {
        Some(Attribute::Tensor(tensor, _)) => tensor.to_doubles().unwrap_or_default(),
        _ => making.node.floats(name).iter().map(|x| f64::from(*x)).collect(),
    }
}

/// The leaves' contents: by tree and node, the output and its weight.
type Weights = BTreeMap<(i64, i64), Vec<(usize, f64)>>;

fn weights(making: &Making<'_>, of: &str, outputs: usize) -> Result<Weights, ReadError> {
    let list = |name: &str| making.node.ints(&format!("{of}_{name}"));
    let (trees, nodes, ids) = (list("treeids"), list("nodeids"), list("ids"));
    let amounts = numbers(making, &format!("{of}_weights"));
    if [nodes.len(), ids.len(), amounts.len()].iter().any(|count| *count != trees.len()) {
        return Err(making.wrong("has lists of leaves of different lengths"));
    }
    let mut weights = Weights::new();
    for (((tree, node), id), amount) in trees.iter().zip(nodes).zip(ids).zip(amounts) {
        let output = usize::try_from(*id).ok().filter(|output| *output < outputs);
        let output = output.ok_or_else(|| making.wrong(format!("has a leaf for output {id} of {outputs}")))?;
        weights.entry((*tree, *node)).or_default().push((output, amount));
    }
    Ok(weights)
}

/// The nodes of all trees, as lists.
struct Nodes<'a> {
    making: &'a Making<'a>,
    trees: &'a [i64],
    names: &'a [i64],
    features: &'a [i64],
    yes: &'a [i64],
    no: &'a [i64],
    missing_yes: &'a [i64],
    modes: &'a [String],
    thresholds: Vec<f64>,
    /// If the thresholds are doubles, comparisons are too.
    double: bool,
    places: BTreeMap<(i64, i64), usize>,
}

impl<'a> Nodes<'a> {
    fn of(making: &'a Making<'a>) -> Result<Self, ReadError> {
        let list = |name: &str| making.node.ints(name);
        let (trees, names) = (list("nodes_treeids"), list("nodes_nodeids"));
        let thresholds = numbers(making, "nodes_values");
        let nodes = Self {
            making,
            trees,
            names,
            features: list("nodes_featureids"),
            yes: list("nodes_truenodeids"),
            no: list("nodes_falsenodeids"),
            missing_yes: list("nodes_missing_value_tracks_true"),
            modes: making.node.texts("nodes_modes"),
            thresholds,
            double: making.node.attribute("nodes_values_as_tensor").is_some(),
            places: trees.iter().copied().zip(names.iter().copied()).enumerate().map(|(at, key)| (key, at)).collect(),
        };
        let lengths = [names.len(), nodes.features.len(), nodes.yes.len(), nodes.no.len(), nodes.modes.len()];
        if lengths.iter().any(|length| *length != trees.len()) || nodes.thresholds.len() != trees.len() {
            return Err(making.wrong("has lists of nodes of different lengths"));
        }
        if nodes.places.len() != trees.len() {
            return Err(making.wrong("names a node twice"));
        }
        Ok(nodes)
    }

    /// The trees in order, each with its first node, which is its root.
    fn roots(&self) -> Vec<(i64, i64)> {
        let mut seen = BTreeSet::new();
        self.trees.iter().copied().zip(self.names.iter().copied()).filter(|(tree, _)| seen.insert(*tree)).collect()
    }

    fn branch(&self, tree: i64, name: i64, leaf: impl Fn() -> Vec<f64>) -> Result<Branch, String> {
        let place =
            self.places.get(&(tree, name)).ok_or_else(|| format!("asks for node {name}, which there is not"))?;
        let int = |list: &[i64]| list.get(*place).copied().unwrap_or(0);
        let threshold = self.thresholds.get(*place).copied().unwrap_or(f64::NAN);
        let below = if self.double { threshold.next_down() } else { f64::from((threshold as f32).next_down()) };
        let mode = self.modes.get(*place).map_or("", String::as_str);
        // An inverted test has its branches swapped.
        let (test, threshold, swapped) = match mode {
            "LEAF" => return Ok(Branch::Leaf(leaf())),
            "BRANCH_LEQ" => (Test::AtMost, threshold, false),
            "BRANCH_LT" => (Test::AtMost, below, false),
            "BRANCH_GT" => (Test::AtMost, threshold, true),
            "BRANCH_GTE" => (Test::AtMost, below, true),
            "BRANCH_EQ" => (Test::Equal, threshold, false),
            "BRANCH_NEQ" => (Test::Equal, threshold, true),
            other => return Err(format!("asks by {other:?}, which is not supported")),
        };
        let missing_yes = int(self.missing_yes) != 0 || mode == "BRANCH_NEQ";
        let feature = usize::try_from(int(self.features)).map_err(|_| "looks at a negative column".to_string())?;
        let (left, right) = if swapped { (int(self.no), int(self.yes)) } else { (int(self.yes), int(self.no)) };
        Ok(Branch::Split { test, feature, threshold, missing_left: missing_yes != swapped, left, right })
    }

    /// Builds all trees. Leaves have one number if each tree is for one output, else one for each output.
    fn forest(&self, weights: &Weights, outputs: usize, base: Vec<f64>) -> Result<Forest, ReadError> {
        let columns = self.features.iter().filter_map(|feature| usize::try_from(*feature).ok()).max();
        let columns = columns.map_or(0, |most| most.saturating_add(1));
        let mut planter = Planter::new(columns, base, Precision::Double);
        let mut of_tree: BTreeMap<i64, BTreeSet<usize>> = BTreeMap::new();
        for ((tree, _), leaf) in weights {
            of_tree.entry(*tree).or_default().extend(leaf.iter().map(|(output, _)| *output));
        }
        let alone = of_tree.values().all(|outputs| outputs.len() == 1) && weights.values().all(|leaf| leaf.len() == 1);
        if !alone {
            planter.leaves_of(outputs);
        }
        let roots = self.roots();
        for (tree, root) in &roots {
            let own = of_tree.get(tree).and_then(BTreeSet::first).copied().unwrap_or(0);
            let value = |name: i64| {
                let mut values = vec![0.0; if alone { 1 } else { outputs }];
                for (output, amount) in weights.get(&(*tree, name)).into_iter().flatten() {
                    let to = if alone { 0 } else { *output };
                    values.iter_mut().skip(to).take(1).for_each(|value| *value += amount);
                }
                values
            };
            let output = if alone { own } else { 0 };
            planter
                .tree(output, *root, self.names.len(), |_, name| self.branch(*tree, name, || value(name)))
                .map_err(|why: String| self.making.wrong(format!("has a tree {tree} that {why}")))?;
        }
        let divisor = match self.making.node.text("aggregate_function").unwrap_or("SUM") {
            "SUM" => 1.0,
            "AVERAGE" => roots.len().max(1) as f64,
            other => return Err(self.making.wrong(format!("takes the {other} of its trees, which is not supported"))),
        };
        Ok(Forest { trees: planter.done(), columns, divisor })
    }
}

fn start(making: &Making<'_>, outputs: usize) -> Result<Vec<f64>, ReadError> {
    let mut base = numbers(making, "base_values");
    if base.is_empty() || (base.len() == 1 && outputs > 1) {
        base = vec![base.first().copied().unwrap_or(0.0); outputs];
    }
    if base.len() != outputs {
        return Err(making.wrong(format!("has {} base values for {outputs} outputs", base.len())));
    }
    Ok(base)
}

fn regressor(making: &Making<'_>) -> Result<Operation, ReadError> {
    let finish = Finish::of(making)?;
    let outputs = usize::try_from(making.node.int("n_targets").unwrap_or(1)).unwrap_or(0);
    let outputs = Some(outputs).filter(|outputs| (1..=1 << 16).contains(outputs));
    let outputs = outputs.ok_or_else(|| making.wrong("has no number of targets that could be"))?;
    // An average covers the trees alone; their base values are added to it.
    let mut base = start(making, outputs)?;
    let averaged = making.node.text("aggregate_function") == Some("AVERAGE");
    let added = if averaged { std::mem::replace(&mut base, vec![0.0; outputs]) } else { vec![0.0; outputs] };
    let forest = Nodes::of(making)?.forest(&weights(making, "target", outputs)?, outputs, base)?;
    Ok(Box::new(move |arguments| {
        let (rows, mut sums) = forest.sums(arguments)?;
        for row in sums.chunks_exact_mut(outputs) {
            row.iter_mut().zip(&added).for_each(|(sum, base)| *sum += base);
            finish.apply(row);
        }
        Ok(vec![scores(rows, outputs, &sums)?])
    }))
}

fn classifier(making: &Making<'_>) -> Result<Operation, ReadError> {
    let finish = Finish::of(making)?;
    let classes = Classes::of(making.node);
    let count = classes.count();
    if count == 0 {
        return Err(making.wrong("has no classes"));
    }
    let weights = weights(making, "class", count)?;
    let ids: BTreeSet<usize> = weights.values().flatten().map(|(output, _)| *output).collect();
    // One number may represent two classes.
    let single = count == 2 && ids.len() == 1;
    let outputs = if single { 1 } else { count };
    let all_positive = weights.values().flatten().all(|(_, amount)| *amount >= 0.0);
    let weights = if single {
        let only = |leaf: Vec<(usize, f64)>| leaf.into_iter().map(|(_, amount)| (0, amount)).collect();
        weights.into_iter().map(|(key, leaf)| (key, only(leaf))).collect()
    } else {
        weights
    };
    let base = match numbers(making, "base_values").as_slice() {
        [_, second] if single => vec![*second],
        _ => start(making, outputs)?,
    };
    let forest = Nodes::of(making)?.forest(&weights, outputs, base)?;
    Ok(Box::new(move |arguments| {
        let (rows, sums) = forest.sums(arguments)?;
        classes.decided(rows, sums.chunks_exact(outputs), all_positive, finish)
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::graph::{Data, Graph, ML, Model, Node, Tensor};

    /// A tree with one test, with 1 for yes and 2 for no.
    fn asked(mode: &str, threshold: f32, missing_yes: i64) -> Graph {
        let attribute = |name: &str, value| (name.to_string(), value);
        let ints = |values: &[i64]| Attribute::Ints(values.to_vec());
        let modes = [mode, "LEAF", "LEAF"].iter().map(|mode| mode.to_string()).collect();
        let node = Node {
            domain: ML.into(),
            operator: "TreeEnsembleRegressor".into(),
            inputs: vec!["x".into()],
            outputs: vec!["y".into()],
            attributes: vec![
                attribute("nodes_treeids", ints(&[0, 0, 0])),
                attribute("nodes_nodeids", ints(&[0, 1, 2])),
                attribute("nodes_featureids", ints(&[0, 0, 0])),
                attribute("nodes_truenodeids", ints(&[1, 0, 0])),
                attribute("nodes_falsenodeids", ints(&[2, 0, 0])),
                attribute("nodes_missing_value_tracks_true", ints(&[missing_yes, 0, 0])),
                attribute("nodes_modes", Attribute::Texts(modes)),
                attribute("nodes_values", Attribute::Floats(vec![threshold, 0.0, 0.0])),
                attribute("target_treeids", ints(&[0, 0])),
                attribute("target_nodeids", ints(&[1, 2])),
                attribute("target_ids", ints(&[0, 0])),
                attribute("target_weights", Attribute::Floats(vec![1.0, 2.0])),
            ],
            ..Node::default()
        };
        let port = |name: &str| crate::graph::Port { name: name.into(), element: None, shape: Vec::new() };
        Graph { nodes: vec![node], inputs: vec![port("x")], outputs: vec![port("y")], ..Graph::default() }
    }

    #[test]
    fn every_question_has_its_answers() {
        let (yes, no) = (1.0, 2.0);
        let nan = f32::NAN;
        let cases: [(&str, [f64; 4], [f64; 2]); 6] = [
            // The results for 0.5, 1, 1.5 at the threshold 1; then for missing values, without and with their bit.
            ("BRANCH_LEQ", [yes, yes, no, no], [no, yes]),
            ("BRANCH_LT", [yes, no, no, no], [no, yes]),
            ("BRANCH_GTE", [no, yes, yes, yes], [no, yes]),
            ("BRANCH_GT", [no, no, yes, yes], [no, yes]),
            ("BRANCH_EQ", [no, yes, no, no], [no, yes]),
            ("BRANCH_NEQ", [yes, no, yes, yes], [yes, yes]),
        ];
        for (mode, answers, missing) in cases {
            for (bit, missing) in missing.into_iter().enumerate() {
                let model = Model { graph: asked(mode, 1.0, bit as i64), ..Model::default() };
                let program = crate::interpreter::program(&model, &model.graph).unwrap();
                let input = Tensor::new(vec![5, 1], Data::Float(vec![0.5, 1.0, 1.5, 2.0, nan])).unwrap();
                let found = program.run(vec![input]).unwrap().concat_doubles();
                assert_eq!(found, [&answers[..], &[missing]].concat(), "{mode} {bit}");
            }
        }
    }

    trait Doubles {
        fn concat_doubles(&self) -> Vec<f64>;
    }

    impl Doubles for Vec<std::sync::Arc<Tensor>> {
        fn concat_doubles(&self) -> Vec<f64> {
            self.iter().flat_map(|tensor| tensor.to_doubles().unwrap()).collect()
        }
    }
}

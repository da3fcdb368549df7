//! LightGBM's models, `.txt`, versions 3 and 4 of the format.
//!
//! Source: LightGBM's `src/boosting/gbdt_model_text.cpp`, `src/io/tree.cpp` and `include/LightGBM/tree.h`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{InTree, MOST_COLUMNS, entry};
use crate::ReadError;
use crate::foreign::{ForeignModel, Parts, Sum};
use crate::link::Link;
use crate::rounds::BoostingRounds;
use crate::signature::{Input, InputKind, Output, Signature};
use crate::trees::{Branch, LinearLeaf, Planter, Precision, Test};

const FORMAT: &str = "LightGBM";

fn damaged(what: impl Into<String>) -> ReadError {
    ReadError::Damaged { format: FORMAT, what: what.into() }
}

/// `key=value` lines; a line without `=` is a key without a value.
struct Lines<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Lines<'a> {
    fn read(text: &'a str) -> Self {
        Self(text.lines().map(|line| line.split_once('=').unwrap_or((line, ""))).collect())
    }

    fn get(&self, key: &str) -> Result<&'a str, String> {
        self.0.get(key).copied().ok_or_else(|| format!("has no line `{key}`"))
    }

    fn number<T: std::str::FromStr>(&self, key: &str) -> Result<T, String> {
        let text = self.get(key)?;
        text.trim()
            .parse()
            .map_err(|_| format!("has `{key}={}`, which is no such number", text.chars().take(40).collect::<String>()))
    }

    /// The numbers of a list; a list that is absent is empty.
    fn numbers<T: std::str::FromStr>(&self, key: &str) -> Result<Vec<T>, String> {
        let text = self.0.get(key).copied().unwrap_or_default();
        let parse = |(place, part): (usize, &str)| {
            part.parse().map_err(|_| format!("has no number at place {place} of `{key}`"))
        };
        text.split_ascii_whitespace().enumerate().map(parse).collect()
    }
}

pub(crate) fn read(bytes: &[u8]) -> Result<ForeignModel, ReadError> {
    let text = std::str::from_utf8(bytes).map_err(|error| damaged(format!("it is not UTF-8: {error}")))?;
    let (model, rest) = text.split_once("end of trees").ok_or_else(|| damaged("it ends before `end of trees`"))?;
    let mut parts = model.split("\nTree=");
    let head = Lines::read(parts.next().unwrap_or_default());
    let of_head = |what: String| damaged(format!("the head {what}"));
    let outputs: usize = head.number("num_tree_per_iteration").map_err(of_head)?;
    let last: usize = head.number("max_feature_idx").map_err(of_head)?;
    if outputs == 0 || outputs > MOST_COLUMNS || last >= MOST_COLUMNS {
        return Err(damaged("the head has no outputs, or more columns than a model can have"));
    }
    let objective = head.0.get("objective").copied().unwrap_or("none");
    let (link, output) = link(objective, outputs)?;
    if output.width() != outputs {
        return Err(damaged(format!("the head has {outputs} outputs, and `{objective}` has {}", output.width())));
    }
    let inputs = inputs(&head, rest, last + 1)?;

    let mut planter = Planter::new(inputs.len(), vec![0.0; outputs], Precision::Double);
    let mut count = 0;
    for (index, lines) in parts.enumerate() {
        let of_tree = |what: String| InTree::New(what).at(FORMAT, index);
        let tree = Tree::read(&Lines::read(lines)).map_err(of_tree)?;
        let most = tree.value.len().saturating_mul(2);
        let root = if tree.value.len() == 1 { -1 } else { 0 };
        let sets = tree.sets(&mut planter);
        let planted =
            sets.and_then(|sets| planter.tree(index % outputs, root, most, |_, node| tree.branch(&sets, node)));
        planted.map_err(|error| error.at(FORMAT, index))?;
        count += 1;
    }
    let voting = head.0.contains_key("average_output");
    let divisor = if voting { (count / outputs).max(1) as f64 } else { 1.0 };
    planter.rounds_of(outputs);
    let trees = planter.done();
    let format = format!("{FORMAT} {}, text", head.0.get("version").copied().unwrap_or_default());
    // LightGBM saves only the rounds that early stopping found best; if it was told to save more, the file does not say
    // so.
    let rounds = BoostingRounds::found(trees.rounds(), None, false);
    let objective = objective.to_string();
    let signature = Signature { format, inputs, output, made_of: trees.made_of(), rounds, objective };
    Ok(ForeignModel::sum(signature, Sum { parts: Parts::Trees(trees), link, divisor, single: false }))
}

/// The objective's line: its name, and settings that change what a prediction is.
fn link(objective: &str, outputs: usize) -> Result<(Link, Output), ReadError> {
    let mut words = objective.split_ascii_whitespace();
    let name = words.next().unwrap_or("none");
    let settings: Vec<&str> = words.collect();
    let sigmoid = settings.iter().find_map(|word| word.strip_prefix("sigmoid:")?.parse().ok()).unwrap_or(1.0);
    let values = Output::Values(outputs);
    Ok(match name {
        "binary" => (Link::Logistic(sigmoid), Output::Probability(["0".into(), "1".into()])),
        "multiclass" => (Link::Softmax, Output::Probabilities(Output::numbered(outputs))),
        "multiclassova" => (Link::Logistic(sigmoid), Output::Probabilities(Output::numbered(outputs))),
        "cross_entropy" => (Link::Logistic(1.0), values),
        "cross_entropy_lambda" => (Link::Softplus, values),
        "poisson" | "gamma" | "tweedie" => (Link::Exponential, values),
        "regression" | "regression_l1" | "huber" | "fair" | "quantile" | "mape" if settings.contains(&"sqrt") => {
            (Link::SignedSquare, values)
        }
        "regression" | "regression_l1" | "huber" | "fair" | "quantile" | "mape" | "lambdarank" | "rank_xendcg"
        | "none" | "custom" => (Link::Identity, values),
        other => {
            let what = format!("this LightGBM model was trained for `{other}`, whose predictions are not known here");
            return Err(ReadError::unsupported(what, "train it for one of LightGBM's own objectives"));
        }
    })
}

/// Names and kinds of the columns; pandas' categories come after the trees, in the order of the categorical columns.
fn inputs(head: &Lines<'_>, rest: &str, width: usize) -> Result<Vec<Input>, ReadError> {
    let of_head = |what: String| damaged(format!("the head {what}"));
    let names: Vec<&str> = head.get("feature_names").map_err(of_head)?.split(' ').collect();
    let infos: Vec<&str> = head.get("feature_infos").map_err(of_head)?.split(' ').collect();
    if names.len() != width || infos.len() != width {
        let what = format!("the head has {} names and {} infos for {width} columns", names.len(), infos.len());
        return Err(damaged(what));
    }
    let line = rest.lines().find_map(|line| line.strip_prefix("pandas_categorical:")).unwrap_or("null");
    let lists: Option<Vec<Vec<Value>>> = serde_json::from_str(line)
        .map_err(|error| damaged(format!("the line `pandas_categorical` is no list of lists: {error}")))?;
    let mut lists = lists.unwrap_or_default().into_iter();
    let by_pandas = lists.len() > 0;
    let mut inputs = Vec::new();
    for (name, info) in names.into_iter().zip(infos) {
        let kind = match info {
            _ if info.starts_with('[') || info == "none" => InputKind::Number,
            _ if by_pandas => {
                let list = lists.next().ok_or_else(|| damaged("`pandas_categorical` has too few lists"))?;
                InputKind::Category(list.iter().map(category).collect())
            }
            _ => InputKind::Code,
        };
        inputs.push(Input { name: name.to_string(), kind });
    }
    if lists.next().is_some() {
        let what =
            "this LightGBM model has a categorical column with a single category, which its file does not tell apart";
        return Err(ReadError::unsupported(what, "leave that column out and train again"));
    }
    Ok(inputs)
}

fn category(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_string)
}

/// The lists of one tree, by node or by leaf.
struct Tree {
    value: Vec<f64>,
    feature: Vec<usize>,
    threshold: Vec<f64>,
    decision: Vec<u8>,
    left: Vec<i64>,
    right: Vec<i64>,
    /// Bits of the categories that go left, set by set, and where each set begins.
    bits: Vec<u32>,
    begins: Vec<usize>,
    linear: Option<LinearLeaves>,
}

/// The linear models in the leaves.
struct LinearLeaves {
    constant: Vec<f64>,
    terms: Vec<Vec<(u32, f64)>>,
}

impl Tree {
    fn read(lines: &Lines<'_>) -> Result<Self, String> {
        let leaves: usize = lines.number("num_leaves")?;
        let value: Vec<f64> = lines.numbers("leaf_value")?;
        if value.is_empty() || value.len() != leaves {
            return Err(format!("has {} values for {leaves} leaves", value.len()));
        }
        let linear = lines.0.get("is_linear").is_some_and(|linear| linear.trim() == "1") && leaves > 1;
        Ok(Self {
            value,
            feature: lines.numbers("split_feature")?,
            threshold: lines.numbers("threshold")?,
            decision: lines.numbers("decision_type")?,
            left: lines.numbers("left_child")?,
            right: lines.numbers("right_child")?,
            bits: lines.numbers("cat_threshold")?,
            begins: lines.numbers("cat_boundaries")?,
            linear: linear.then(|| LinearLeaves::read(lines)).transpose()?,
        })
    }

    /// A leaf's name is the complement of its index.
    fn branch(&self, sets: &[f64], node: i64) -> Result<Branch, InTree> {
        if node < 0 {
            let value = entry(&self.value, !node, "leaf_value")?;
            let Some(linear) = &self.linear else { return Ok(Branch::Leaf(vec![value])) };
            let constant = entry(&linear.constant, !node, "leaf_const")?;
            let terms = linear.terms.get(!node as usize).cloned().unwrap_or_default();
            return Ok(Branch::Linear(value, LinearLeaf { constant, terms }));
        }
        let feature = entry(&self.feature, node, "split_feature")?;
        let threshold = entry(&self.threshold, node, "threshold")?;
        let decision = entry(&self.decision, node, "decision_type")?;
        let left = entry(&self.left, node, "left_child")?;
        let right = entry(&self.right, node, "right_child")?;
        let default_left = decision & 2 != 0;
        let (test, threshold, missing_left) = match (decision & 1 != 0, (decision >> 2) & 3) {
            (true, _) => (Test::InSet, entry(sets, threshold as i64, "cat_boundaries")?, false),
            // If training saw nothing missing, NaN is read as zero.
            (false, 0) => (Test::AtMost, threshold, 0.0 <= threshold),
            (false, 1) => (Test::AtMostZeroMissing, threshold, default_left),
            (false, _) => (Test::AtMost, threshold, default_left),
        };
        Ok(Branch::Split { test, feature, threshold, missing_left, left, right })
    }

    /// Adds the sets of categories that go left; returns the threshold that a split writes for each.
    fn sets(&self, planter: &mut Planter) -> Result<Vec<f64>, InTree> {
        let plant = |(begin, end): (&usize, &usize)| {
            let words = self.bits.get(*begin..*end);
            let words = words.ok_or_else(|| InTree::New("has `cat_boundaries` past its `cat_threshold`".into()))?;
            let members = words.iter().zip(0_u32..).flat_map(|(word, place)| {
                let first = place.saturating_mul(32);
                (0..32).filter(move |bit| (word >> bit) & 1 == 1).map(move |bit| first.saturating_add(bit))
            });
            Ok(planter.set(members.collect()))
        };
        // Each set begins where the one before it ends, so that together they are no longer than the file.
        self.begins.iter().zip(self.begins.iter().skip(1)).map(plant).collect()
    }
}

impl LinearLeaves {
    fn read(lines: &Lines<'_>) -> Result<Self, String> {
        let counts: Vec<usize> = lines.numbers("num_features")?;
        let features: Vec<u32> = lines.numbers("leaf_features")?;
        let coefficients: Vec<f64> = lines.numbers("leaf_coeff")?;
        let mut pairs = features.into_iter().zip(coefficients);
        let terms = counts.iter().map(|count| pairs.by_ref().take(*count).collect()).collect();
        Ok(Self { constant: lines.numbers("leaf_const")?, terms })
    }
}

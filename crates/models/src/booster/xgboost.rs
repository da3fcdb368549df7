//! XGBoost's models, `.json` and `.ubj` (the same document), as versions 1.3 and later write them.
//!
//! Source: <https://xgboost.readthedocs.io/en/stable/tutorials/saving_model.html> and its `model.schema`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{InTree, MOST_COLUMNS, entry};
use crate::ReadError;
use crate::field::Field;
use crate::foreign::{ForeignModel, Parts, Sum};
use crate::linear::Linear;
use crate::link::Link;
use crate::rounds::BoostingRounds;
use crate::signature::{Input, InputKind, Output, Signature};
use crate::trees::{Branch, Ensemble, Planter, Precision, Test};

const FORMAT: &str = "XGBoost";
/// More rounds, or trees in one, are treated as damage.
const MOST_ROUNDS: usize = 1 << 31;

pub(crate) fn read(document: &Value, written_as: &str) -> Result<ForeignModel, ReadError> {
    let document = Field::root(document, FORMAT);
    let learner = document.get("learner")?;
    let parameters = learner.get("learner_model_param")?;
    let objective = Objective::read(&learner)?;
    let width = parameters.get("num_feature")?.count(MOST_COLUMNS)?;
    let classes = parameters.get("num_class")?.count(MOST_COLUMNS)?;
    let targets = parameters.find("num_target").map_or(Ok(1), |field| field.count(MOST_COLUMNS))?;
    let outputs = classes.max(targets).max(1);
    let booster = learner.get("gradient_booster")?;
    let name = booster.get("name")?.text()?;
    let start = objective.start(&parameters, outputs)?;
    let mut rounds = None;
    let (parts, inputs, made_of) = match name {
        "gblinear" => {
            let linear = linear(&booster, width, &start)?;
            let made_of = format!("{} weights", linear.weights.len());
            (Parts::Linear(linear), inputs(&learner, None, width)?, made_of)
        }
        "gbtree" | "dart" => {
            let model = booster.find("gbtree").as_ref().unwrap_or(&booster).get("model")?;
            let drop = booster.find("weight_drop").map(|field| field.numbers()).transpose()?;
            let mut trees = trees(&model, width, start, drop.as_deref())?;
            rounds = boosting_rounds(&learner, trees.rounds())?;
            rounds.iter().for_each(|rounds| trees.limit(rounds.used));
            let made_of = trees.made_of();
            (Parts::Trees(trees), inputs(&learner, model.find("cats"), width)?, made_of)
        }
        other => {
            let what = format!("this XGBoost model is a `{other}`");
            return Err(ReadError::unsupported(what, "`gbtree`, `dart` and `gblinear` are supported"));
        }
    };
    let version: Vec<String> = document.find("version").map_or(Ok(Vec::new()), |field| field.texts())?;
    let format = format!("{FORMAT} {}, {written_as}", version.join("."));
    let output = objective.output(classes, outputs);
    let signature = Signature { format, inputs, output, made_of, rounds, objective: objective.name };
    Ok(ForeignModel::sum(signature, Sum { parts, link: objective.link, divisor: 1.0, single: true }))
}

/// A linear booster with that many inputs, and an output for each base score.
fn linear(booster: &Field<'_>, width: usize, start: &[f64]) -> Result<Linear, ReadError> {
    let weights = booster.get("model")?.get("weights")?.numbers()?;
    let weights: Vec<f32> = weights.iter().map(|x| *x as f32).collect();
    if weights.len() != (width + 1) * start.len() {
        let what = format!("has {} weights for {width} inputs and {} outputs", weights.len(), start.len());
        return Err(booster.damaged(&what));
    }
    // XGBoost's own linear booster adds the first base score to every output.
    let first = start.first().copied().unwrap_or(0.0) as f32;
    Ok(Linear { weights, start: vec![first; start.len()] })
}

/// The rounds that count: those that early stopping found best, if one of the scikit-learn classes saved the model. It
/// marks the file, and predicts with them; a booster predicts with all.
fn boosting_rounds(learner: &Field<'_>, all: usize) -> Result<Option<BoostingRounds>, ReadError> {
    let attributes = learner.find("attributes");
    let attribute = |name: &str| attributes.as_ref().and_then(|attributes| attributes.find(name));
    let best = attribute("best_iteration").map(|best| best.count(MOST_ROUNDS)).transpose()?;
    let wrapper = attribute("scikit_learn").is_some();
    Ok(BoostingRounds::found(all, best.map(|best| best + 1), wrapper))
}

/// The training objective.
struct Objective {
    name: String,
    link: Link,
    /// Converts the base score, which is stored as a prediction, back to a sum.
    inverse: fn(f32) -> f32,
    classifies: bool,
}

impl Objective {
    fn read(learner: &Field<'_>) -> Result<Self, ReadError> {
        let name = learner.get("objective")?.get("name")?.text()?.to_string();
        let same: fn(f32) -> f32 = |x| x;
        let (link, inverse, classifies): (Link, fn(f32) -> f32, bool) = match name.as_str() {
            "binary:logistic" => (Link::Logistic(1.0), logit, true),
            "reg:logistic" => (Link::Logistic(1.0), logit, false),
            "binary:hinge" => (Link::Hinge, same, true),
            "multi:softprob" | "multi:softmax" => (Link::Softmax, same, true),
            "count:poisson" | "reg:gamma" | "reg:tweedie" | "survival:cox" => (Link::Exponential, f32::ln, false),
            // XGBoost, too, leaves the distribution's quantile out: it predicts the exponential.
            "survival:aft" => (Link::Exponential, f32::ln, false),
            "binary:logitraw"
            | "reg:squarederror"
            | "reg:linear"
            | "reg:squaredlogerror"
            | "reg:pseudohubererror"
            | "reg:absoluteerror"
            | "reg:quantileerror"
            | "rank:pairwise"
            | "rank:ndcg"
            | "rank:map" => (Link::Identity, same, false),
            other => {
                let what =
                    format!("this XGBoost model was trained for `{other}`, whose predictions are not known here");
                return Err(ReadError::unsupported(what, "train it for one of XGBoost's own objectives"));
            }
        };
        Ok(Self { name, link, inverse, classifies })
    }

    /// The initial sums: since 3.1 a list as text, before that one number as text.
    fn start(&self, parameters: &Field<'_>, outputs: usize) -> Result<Vec<f64>, ReadError> {
        let field = parameters.get("base_score")?;
        let text = field.shown()?;
        let parts = text.trim_matches(['[', ']']).split(',').map(|part| part.trim().parse::<f32>());
        let scores: Vec<f32> = parts.collect::<Result<_, _>>().map_err(|_| field.damaged("is not a number"))?;
        let start = |score: &f32| f64::from((self.inverse)(*score));
        match scores.as_slice() {
            [one] => Ok(vec![start(one); outputs]),
            several if several.len() == outputs => Ok(several.iter().map(start).collect()),
            several => Err(field.damaged(&format!("has {} values for {outputs} outputs", several.len()))),
        }
    }

    fn output(&self, classes: usize, outputs: usize) -> Output {
        match (self.classifies, outputs) {
            (true, 1) => Output::Probability(["0".into(), "1".into()]),
            (true, _) if classes == outputs => Output::Probabilities(Output::numbered(outputs)),
            // Multi-label models and several targets.
            _ => Output::Values(outputs),
        }
    }
}

fn logit(probability: f32) -> f32 {
    -(1.0 / probability - 1.0).ln()
}

fn inputs(learner: &Field<'_>, categories: Option<Field<'_>>, width: usize) -> Result<Vec<Input>, ReadError> {
    let names = learner.find("feature_names").map_or(Ok(Vec::new()), |field| field.texts())?;
    let types = learner.find("feature_types").map_or(Ok(Vec::new()), |field| field.texts())?;
    let lists = categories.and_then(|field| field.find("enc")).map_or(Ok(Vec::new()), |field| field.list())?;
    if !names.is_empty() && names.len() != width {
        return Err(learner.damaged(&format!("has {} names for {width} inputs", names.len())));
    }
    let input = |index: usize| {
        let name = names.get(index).cloned().unwrap_or_else(|| format!("f{index}"));
        let kind = match (types.get(index).map(String::as_str), lists.get(index)) {
            (Some("c"), Some(list)) => InputKind::Category(category_names(list)?),
            (Some("c"), None) => InputKind::Code,
            _ => InputKind::Number,
        };
        Ok(Input { name, kind })
    };
    (0..width).map(input).collect()
}

/// The categories of a column: integers, or texts as concatenated bytes with their offsets.
fn category_names(list: &Field<'_>) -> Result<Vec<String>, ReadError> {
    let values = list.get("values")?;
    let Some(offsets) = list.find("offsets") else { return values.texts() };
    let bytes: Vec<u8> = values.integers()?.iter().map(|byte| *byte as u8).collect();
    let offsets = offsets.integers()?;
    let pairs = offsets.iter().zip(offsets.iter().skip(1));
    let name = |(from, to): (&i64, &i64)| {
        let range = usize::try_from(*from).ok()?..usize::try_from(*to).ok()?;
        bytes.get(range).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    };
    let names: Option<Vec<String>> = pairs.map(name).collect();
    names.ok_or_else(|| list.damaged("has offsets past its values"))
}

fn trees(model: &Field<'_>, width: usize, start: Vec<f64>, drop: Option<&[f64]>) -> Result<Ensemble, ReadError> {
    let outputs = model.get("tree_info")?.integers()?;
    let groups = start.len();
    let mut planter = Planter::new(width, start, Precision::Single);
    let mut vector = 1;
    for (index, tree) in model.get("trees")?.list()?.iter().enumerate() {
        let weight = match drop {
            None => 1.0,
            Some(drop) => entry(drop, index as i64, "weight_drop").map_err(|error| error.at(FORMAT, index))?,
        };
        let output = entry(&outputs, index as i64, "tree_info").map_err(|error| error.at(FORMAT, index))?;
        let output = usize::try_from(output).unwrap_or(usize::MAX);
        let tree = Tree::read(tree, weight as f32)?;
        if index == 0 && tree.vector > 1 {
            vector = tree.vector;
            planter.leaves_of(vector);
        } else if tree.vector != vector {
            return Err(model.damaged("has trees with leaves of different lengths"));
        }
        let most = tree.left.len();
        planter
            .tree(output, 0, most, |planter, node| tree.branch(planter, node))
            .map_err(|error: InTree| error.at(FORMAT, index))?;
    }
    match model.find("iteration_indptr") {
        Some(ends) => {
            let until = ends.list()?.iter().skip(1).map(|end| end.count(MOST_ROUNDS)).collect::<Result<_, _>>()?;
            if !planter.rounds_until(until) {
                return Err(ends.damaged("does not end with the last tree"));
            }
        }
        None => {
            let parameters = model.find("gbtree_model_param");
            let parallel = parameters.and_then(|parameters| parameters.find("num_parallel_tree"));
            let parallel = parallel.map_or(Ok(1), |count| count.count(MOST_ROUNDS))?;
            planter.rounds_of(parallel * if vector > 1 { 1 } else { groups });
        }
    }
    Ok(planter.done())
}

/// The lists of one tree, by node.
struct Tree {
    left: Vec<i64>,
    right: Vec<i64>,
    feature: Vec<i64>,
    condition: Vec<f64>,
    default_left: Vec<f64>,
    /// For nodes that test categories: the categories that go right.
    categories: BTreeMap<i64, Vec<u32>>,
    weight: f32,
    /// The numbers in each leaf.
    vector: usize,
    /// Those of all leaves, if each has several.
    leaves: Vec<f64>,
    /// Whether they are stored by node: before version 3 they are among the weights of all nodes.
    by_node: bool,
}

impl Tree {
    fn read(tree: &Field<'_>, weight: f32) -> Result<Self, ReadError> {
        let vector =
            tree.get("tree_param")?.find("size_leaf_vector").map_or(Ok(1), |field| field.count(MOST_COLUMNS))?;
        let vector = vector.max(1);
        let own = tree.find("leaf_weights");
        let by_node = own.is_none();
        let leaves = match own {
            _ if vector == 1 => Vec::new(),
            Some(leaves) => leaves.numbers()?,
            None => tree.get("base_weights")?.numbers()?,
        };
        Ok(Self {
            left: tree.get("left_children")?.integers()?,
            right: tree.get("right_children")?.integers()?,
            feature: tree.get("split_indices")?.integers()?,
            condition: tree.get("split_conditions")?.numbers()?,
            default_left: tree.get("default_left")?.numbers()?,
            categories: categories(tree)?,
            weight,
            vector,
            leaves,
            by_node,
        })
    }

    fn branch(&self, planter: &mut Planter, node: i64) -> Result<Branch, InTree> {
        let left = entry(&self.left, node, "left_children")?;
        let condition = entry(&self.condition, node, "split_conditions")? as f32;
        if left == -1 {
            return self.leaf(node, condition);
        }
        let right = entry(&self.right, node, "right_children")?;
        let feature = usize::try_from(entry(&self.feature, node, "split_indices")?).unwrap_or(usize::MAX);
        let missing_left = entry(&self.default_left, node, "default_left")? != 0.0;
        if let Some(members) = self.categories.get(&node) {
            // Members of the set go right.
            let (threshold, test) = (planter.set(members.clone()), Test::InSet);
            return Ok(Branch::Split {
                test,
                feature,
                threshold,
                missing_left: !missing_left,
                left: right,
                right: left,
            });
        }
        let threshold = f64::from(condition.next_down());
        Ok(Branch::Split { test: Test::AtMost, feature, threshold, missing_left, left, right })
    }
}

impl Tree {
    fn leaf(&self, node: i64, condition: f32) -> Result<Branch, InTree> {
        if self.vector == 1 {
            return Ok(Branch::Leaf(vec![f64::from(condition * self.weight)]));
        }
        // The index of a leaf's numbers is where another node has its right child.
        let place = if self.by_node { node } else { entry(&self.right, node, "right_children")? };
        let values = usize::try_from(place).ok().and_then(|place| {
            let begin = place.checked_mul(self.vector)?;
            self.leaves.get(begin..begin.checked_add(self.vector)?)
        });
        let values = values.ok_or_else(|| InTree::New(format!("has no entry {place} in the weights of leaves")))?;
        Ok(Branch::Leaf(values.iter().map(|value| f64::from(*value as f32 * self.weight)).collect()))
    }
}

fn categories(tree: &Field<'_>) -> Result<BTreeMap<i64, Vec<u32>>, ReadError> {
    let Some(nodes) = tree.find("categories_nodes") else { return Ok(Default::default()) };
    let (all, begins, counts) = (
        tree.get("categories")?,
        tree.get("categories_segments")?.integers()?,
        tree.get("categories_sizes")?.integers()?,
    );
    let codes: Option<Vec<u32>> = all.integers()?.into_iter().map(|code| u32::try_from(code).ok()).collect();
    let codes = codes.ok_or_else(|| all.damaged("is not a list of categories"))?;
    let (mut sets, mut kept) = (BTreeMap::new(), 0);
    for ((node, begin), count) in nodes.integers()?.into_iter().zip(begins).zip(counts) {
        let begin = usize::try_from(begin).ok();
        let end = begin.zip(usize::try_from(count).ok()).and_then(|(begin, count)| begin.checked_add(count));
        let members = begin.zip(end).and_then(|(begin, end)| codes.get(begin..end));
        let members = members.ok_or_else(|| tree.damaged("has `categories_segments` past its `categories`"))?;
        // Segments that overlap would expand a short file.
        kept += members.len();
        if sets.insert(node, members.to_vec()).is_some() || kept > codes.len() {
            return Err(tree.damaged("uses its `categories` twice"));
        }
    }
    Ok(sets)
}

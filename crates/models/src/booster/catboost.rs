//! CatBoost's models, `.json`, over numeric features.
//!
//! Source: <https://catboost.ai/docs/en/concepts/python-reference_catboost_save_model> and CatBoost's `json_model_helpers`.

use serde_json::Value;

use super::{InTree, MOST_COLUMNS};
use crate::ReadError;
use crate::field::Field;
use crate::foreign::{ForeignModel, Parts, Sum};
use crate::link::Link;
use crate::rounds::BoostingRounds;
use crate::signature::{Input, InputKind, Output, Signature};
use crate::trees::{Branch, Planter, Precision, Test};

const FORMAT: &str = "CatBoost";
/// A tree with one test per level has 2 to the power of this many leaves; CatBoost allows 16 levels.
const DEEPEST: usize = 16;

pub(crate) fn read(document: &Value) -> Result<ForeignModel, ReadError> {
    let document = Field::root(document, FORMAT);
    let columns = Columns::read(&document.get("features_info")?)?;
    let (scale, bias) = scale_and_bias(&document)?;
    let outputs = bias.len();
    let mut planter = Planter::new(columns.inputs.len(), vec![0.0; outputs], Precision::SingleInputs);
    planter.leaves_of(outputs);
    planter.finish(scale, bias);
    if let Some(trees) = document.find("oblivious_trees") {
        for (index, tree) in trees.list()?.iter().enumerate() {
            oblivious(&mut planter, &columns, tree, outputs, index)?;
        }
    }
    if let Some(trees) = document.find("trees") {
        for (index, tree) in trees.list()?.iter().enumerate() {
            nested(&mut planter, &columns, tree, outputs, index)?;
        }
    }
    planter.rounds_of(1);
    let trees = planter.done();
    let made_of = trees.made_of();
    let (objective, link, output) = objective(&document, outputs)?;
    // Training ends by cutting a model to its best trees; CatBoost, too, uses one that was not cut as a whole.
    let rounds = BoostingRounds::found(trees.rounds(), None, false);
    let (format, inputs) = ("CatBoost, JSON".into(), columns.inputs);
    let signature = Signature { format, inputs, output, made_of, rounds, objective };
    Ok(ForeignModel::sum(signature, Sum { parts: Parts::Trees(trees), link, divisor: 1.0, single: false }))
}

/// The numeric columns: the index of each in a row, and how its missing values compare.
struct Columns {
    inputs: Vec<Input>,
    /// By index among the numeric features: the index in a row, and whether NaN is below every border.
    places: Vec<(usize, bool)>,
}

impl Columns {
    fn read(info: &Field<'_>) -> Result<Self, ReadError> {
        for (list, what) in [
            ("categorical_features", "categories"),
            ("ctrs", "statistics of categories"),
            ("text_features", "texts"),
            ("embedding_features", "embeddings"),
        ] {
            if info.find(list).map_or(Ok(0), |field| field.list().map(|list| list.len()))? > 0 {
                let what =
                    format!("this CatBoost model was trained on {what}, and only numeric features are supported");
                let instead = "encode them before training, or score it in a Python worker";
                return Err(ReadError::unsupported(what, instead));
            }
        }
        let mut columns = Self { inputs: Vec::new(), places: Vec::new() };
        for feature in info.get("float_features")?.list()? {
            let place = feature.get("flat_feature_index")?.count(columns.places.len())?;
            let name = feature.find("feature_id").map_or(Ok(String::new()), |field| field.shown())?;
            let name = if name.is_empty() { format!("f{place}") } else { name };
            let below = feature.find("nan_value_treatment").map_or(Ok("AsIs"), |field| field.text())? != "AsTrue";
            columns.inputs.push(Input { name, kind: InputKind::Number });
            columns.places.push((place, below));
        }
        Ok(columns)
    }

    /// A split as in the file, and the names of its child nodes.
    fn split(&self, split: &Field<'_>, left: i64, right: i64) -> Result<Branch, ReadError> {
        let kind = split.get("split_type")?.text()?;
        if kind != "FloatFeature" {
            return Err(split.damaged(&format!("is a `{kind}`, and there are only numeric features")));
        }
        let index = split.get("float_feature_index")?.count(MOST_COLUMNS)?;
        let Some((feature, missing_left)) = self.places.get(index).copied() else {
            return Err(split.damaged(&format!("asks for numeric feature {index} of {}", self.places.len())));
        };
        let threshold = f64::from(split.get("border")?.number()? as f32);
        Ok(Branch::Split { test: Test::AtMost, feature, threshold, missing_left, left, right })
    }
}

/// The factor that sums are multiplied by, and the bias that is then added to each output.
fn scale_and_bias(document: &Field<'_>) -> Result<(f64, Vec<f64>), ReadError> {
    let field = document.get("scale_and_bias")?;
    match field.list()?.as_slice() {
        [scale, bias] => {
            let bias = bias.numbers().or_else(|_| bias.number().map(|bias| vec![bias]))?;
            if bias.is_empty() { Err(field.damaged("has no bias")) } else { Ok((scale.number()?, bias)) }
        }
        _ => Err(field.damaged("is not a scale and a bias")),
    }
}

/// A tree with the same test on every node of a level; bit i of a leaf's index is the result on level i.
fn oblivious(
    planter: &mut Planter,
    columns: &Columns,
    tree: &Field<'_>,
    outputs: usize,
    index: usize,
) -> Result<(), ReadError> {
    let splits = tree.find("splits").map_or(Ok(Vec::new()), |field| field.list())?;
    let values = tree.get("leaf_values")?.numbers()?;
    if splits.len() > DEEPEST || values.len() != outputs << splits.len() {
        let what = format!("has {} values for {} splits and {outputs} outputs", values.len(), splits.len());
        return Err(tree.damaged(&what));
    }
    // A node's name is its results so far, below a 1 that marks its level.
    let name = |level: usize, answers: usize| (1_i64 << level) | answers as i64;
    planter
        .tree(0, name(0, 0), 2 << splits.len(), |_, node| {
            let level = node.ilog2() as usize;
            let answers = (node ^ (1 << level)) as usize;
            match splits.get(level) {
                Some(split) => {
                    let right = answers | 1 << level;
                    columns.split(split, name(level + 1, answers), name(level + 1, right)).map_err(InTree::Known)
                }
                None => Ok(Branch::Leaf(values.iter().skip(answers * outputs).take(outputs).copied().collect())),
            }
        })
        .map_err(|error: InTree| error.at(FORMAT, index))
}

/// A tree as nested documents.
fn nested(
    planter: &mut Planter,
    columns: &Columns,
    tree: &Field<'_>,
    outputs: usize,
    index: usize,
) -> Result<(), ReadError> {
    // A node's name is its index in the order of traversal.
    let mut met = vec![tree.clone()];
    let mut branch = |node: i64| {
        let field = usize::try_from(node).ok().and_then(|node| met.get(node)).cloned().unwrap_or_else(|| tree.clone());
        let Some(split) = field.find("split") else {
            let value = field.get("value")?;
            let values = value.numbers().or_else(|_| value.number().map(|value| vec![value]))?;
            return if values.len() == outputs {
                Ok(Branch::Leaf(values))
            } else {
                Err(value.damaged("has a wrong length"))
            };
        };
        let left = met.len() as i64;
        met.extend([field.get("left")?, field.get("right")?]);
        columns.split(&split, left, left + 1)
    };
    planter
        .tree(0, 0, usize::MAX, |_, node| branch(node).map_err(InTree::Known))
        .map_err(|error: InTree| error.at(FORMAT, index))
}

/// The training objective, as far as the file says.
fn objective(document: &Field<'_>, outputs: usize) -> Result<(String, Link, Output), ReadError> {
    let info = document.find("model_info");
    let parameters = info.as_ref().and_then(|info| info.find("params"));
    let loss = parameters.and_then(|field| field.find("loss_function")).and_then(|field| field.find("type"));
    let loss = loss.map_or(Ok("not said"), |field| field.text())?;
    let classes = info.as_ref().and_then(|info| info.find("class_params")).and_then(|field| field.find("class_names"));
    let classes = classes.map_or(Ok(Vec::new()), |field| field.texts())?;
    let two = <[String; 2]>::try_from(classes.clone());
    let names = || if classes.len() == outputs { classes.clone() } else { Output::numbered(outputs) };
    let (link, output) = match (loss, two) {
        ("Logloss" | "CrossEntropy" | "Focal", two) if outputs == 1 => {
            (Link::Logistic(1.0), Output::Probability(two.unwrap_or_else(|_| ["0".into(), "1".into()])))
        }
        ("MultiClass", _) => (Link::Softmax, Output::Probabilities(names())),
        ("MultiClassOneVsAll", _) => (Link::Logistic(1.0), Output::Probabilities(names())),
        // Multi-label: each label has a probability of its own.
        ("MultiLogloss" | "MultiCrossEntropy", _) => (Link::Logistic(1.0), Output::Values(outputs)),
        // Not `LogLinQuantile`: CatBoost predicts the logarithm.
        ("Poisson" | "Tweedie", _) => (Link::Exponential, Output::Values(outputs)),
        ("RMSEWithUncertainty", _) if outputs == 2 => (Link::MeanAndVariance, Output::Values(outputs)),
        // A custom loss, in a model with classes.
        (_, Ok(two)) if outputs == 1 => (Link::Logistic(1.0), Output::Probability(two)),
        _ if classes.len() == outputs && outputs > 1 => (Link::Softmax, Output::Probabilities(classes)),
        _ => (Link::Identity, Output::Values(outputs)),
    };
    Ok((loss.to_string(), link, output))
}

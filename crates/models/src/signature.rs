//! The inputs and outputs of a model.

use std::fmt;

use crate::rounds::BoostingRounds;

/// The content of a column of a model's input.
#[derive(Debug, Clone, PartialEq)]
pub enum InputKind {
    /// A number; NaN is missing.
    Number,
    /// The integer that represented a category in training.
    Code,
    /// One of these categories, given by its index in the list; NaN is missing or unknown.
    Category(Vec<String>),
}

/// One column of a model's input.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// Its name in the file; `f0`, `f1`, … if the file has none.
    pub name: String,
    /// Its content.
    pub kind: InputKind,
}

impl Input {
    /// The number that represents a category; NaN if the model does not know it, which it scores as missing.
    pub fn code(&self, category: &str) -> f64 {
        match &self.kind {
            InputKind::Category(names) => place(names.iter().position(|name| name == category)),
            InputKind::Code | InputKind::Number => category.parse().unwrap_or(f64::NAN),
        }
    }

    /// The number that represents a category that is itself a number, or a boolean as 0 or 1; NaN if the model does not
    /// know it. A number that is not a category stays as it is.
    pub fn code_of_number(&self, number: f64) -> f64 {
        match &self.kind {
            InputKind::Category(names) => place(names.iter().position(|name| number_of(name) == Some(number))),
            InputKind::Code | InputKind::Number => number,
        }
    }

    /// The categories as numbers, in order; NaN for one that is not a number. Empty if the input is not a category.
    pub fn numbers(&self) -> Vec<f64> {
        match &self.kind {
            InputKind::Category(names) => names.iter().map(|name| number_of(name).unwrap_or(f64::NAN)).collect(),
            InputKind::Code | InputKind::Number => Vec::new(),
        }
    }

    /// Whether numbers and booleans are accepted: every category that the model knows is one.
    pub fn takes_numbers(&self) -> bool {
        match &self.kind {
            InputKind::Category(names) => names.iter().all(|name| number_of(name).is_some()),
            InputKind::Code | InputKind::Number => true,
        }
    }
}

fn place(found: Option<usize>) -> f64 {
    found.map_or(f64::NAN, |place| place as f64)
}

/// A category that was a number or a boolean in pandas.
fn number_of(name: &str) -> Option<f64> {
    match name {
        "true" | "True" => Some(1.0),
        "false" | "False" => Some(0.0),
        name => name.parse().ok().filter(|number: &f64| number.is_finite()),
    }
}

/// The output for a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// One number: the probability of the second of these classes.
    Probability([String; 2]),
    /// One number for each class: its probability.
    Probabilities(Vec<String>),
    /// One number, above 0 if the second of these classes wins, and not a probability: the distance from a boundary,
    /// which scikit-learn calls the decision function.
    Margin([String; 2]),
    /// One number for each class, larger for the class that wins, and not a probability.
    Margins(Vec<String>),
    /// One number: how unusual a row is. The larger, the more unusual; above 0 the model's own label is outlier. It is
    /// the negative of scikit-learn's decision function.
    AnomalyScore,
    /// The distance to the centre of each of this many clusters.
    Distances(usize),
    /// This many numbers, each a learned value.
    Values(usize),
}

impl Output {
    /// The number of values for each row.
    pub fn width(&self) -> usize {
        match self {
            Self::Probability(_) | Self::Margin(_) | Self::AnomalyScore => 1,
            Self::Probabilities(classes) | Self::Margins(classes) => classes.len(),
            Self::Distances(count) | Self::Values(count) => *count,
        }
    }

    /// Classes without names in the file: `0`, `1`, ….
    pub(crate) fn numbered(count: usize) -> Vec<String> {
        (0..count).map(|class| class.to_string()).collect()
    }
}

/// A pretrained model: its inputs in order, its output, and its contents.
#[derive(Debug, Clone, PartialEq)]
pub struct Signature {
    /// The format, with the version that wrote it if the file says so: `XGBoost 3.2.0, JSON`.
    pub format: String,
    /// The columns, in the order in which they are given.
    pub inputs: Vec<Input>,
    /// The output.
    pub output: Output,
    /// Its contents, for display: `8 trees, 96 nodes`.
    pub made_of: String,
    /// The boosting rounds that count; none if it was not boosted in rounds.
    pub rounds: Option<BoostingRounds>,
    /// The framework's name for the training objective: `binary:logistic`.
    pub objective: String,
}

impl Signature {
    /// Whether the framework wrote this name of a column as that name of an input: LightGBM writes `_` for a space.
    pub fn renames(&self, column: &str, input: &str) -> bool {
        self.format.starts_with("LightGBM") && column.contains(' ') && column.replace(' ', "_") == input
    }
}

/// Names in one line, cut to a readable number.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let shown: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
    let more = names.len().saturating_sub(SHOWN);
    if more == 0 { shown.join(", ") } else { format!("{}, and {more} more", shown.join(", ")) }
}

impl fmt::Display for Signature {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(to, "format     {}", self.format)?;
        writeln!(to, "objective  {}", self.objective)?;
        writeln!(to, "made of    {}", self.made_of)?;
        if let Some(rounds) = self.rounds.as_ref().filter(|rounds| rounds.are_chosen()) {
            writeln!(to, "rounds     {rounds}")?;
        }
        writeln!(to, "inputs     {}", self.inputs.len())?;
        let width = self.inputs.iter().map(|input| input.name.chars().count()).max().unwrap_or(0).min(40);
        for input in &self.inputs {
            let kind = match &input.kind {
                InputKind::Number => "number".to_string(),
                InputKind::Code => "code of a category".to_string(),
                InputKind::Category(names) => format!("category: {}", listed(names)),
            };
            writeln!(to, "  {:width$}  {kind}", input.name)?;
        }
        match &self.output {
            Output::Probability([_, positive]) => writeln!(to, "output     the probability of class {positive}"),
            Output::Probabilities(classes) => {
                writeln!(to, "output     the probability of each class: {}", listed(classes))
            }
            Output::Margin([negative, positive]) => writeln!(
                to,
                "output     the decision value of class {positive}, no probability: above 0 {positive}, else {negative}"
            ),
            Output::Margins(classes) => {
                writeln!(to, "output     the decision value of each class, no probability: {}", listed(classes))
            }
            Output::AnomalyScore => {
                writeln!(to, "output     an anomaly score: larger is more unusual, above 0 an outlier")
            }
            Output::Distances(count) => writeln!(to, "output     the distance to each of {count} clusters"),
            Output::Values(1) => writeln!(to, "output     a value"),
            Output::Values(count) => writeln!(to, "output     {count} values"),
        }
    }
}

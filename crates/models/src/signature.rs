//! What goes into a model and what comes out of it.

use std::fmt;

use crate::rounds::BoostingRounds;

/// What a column of a model's input holds.
#[derive(Debug, Clone, PartialEq)]
pub enum InputKind {
    /// A number; NaN is missing.
    Number,
    /// The whole number that stood for a category while the model was trained.
    Code,
    /// One of these categories, given by its place in the list; NaN is missing or unknown.
    Category(Vec<String>),
}

/// One column of a model's input.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// Its name in the file; `f0`, `f1`, … where the file has none.
    pub name: String,
    /// What it holds.
    pub kind: InputKind,
}

impl Input {
    /// The number that stands for a category; NaN where the model does not know it, which it answers as missing.
    pub fn code(&self, category: &str) -> f64 {
        match &self.kind {
            InputKind::Category(names) => place(names.iter().position(|name| name == category)),
            InputKind::Code | InputKind::Number => category.parse().unwrap_or(f64::NAN),
        }
    }

    /// The number that stands for a category that is a number itself, or a truth value as 0 or 1; NaN where the model
    /// does not know it. What is no category stays as it is.
    pub fn code_of_number(&self, number: f64) -> f64 {
        match &self.kind {
            InputKind::Category(names) => place(names.iter().position(|name| number_of(name) == Some(number))),
            InputKind::Code | InputKind::Number => number,
        }
    }

    /// The numbers that the categories are, in their order; NaN for one that is none. Empty for what is no category.
    pub fn numbers(&self) -> Vec<f64> {
        match &self.kind {
            InputKind::Category(names) => names.iter().map(|name| number_of(name).unwrap_or(f64::NAN)).collect(),
            InputKind::Code | InputKind::Number => Vec::new(),
        }
    }

    /// Whether numbers and truth values can be meant: every category that the model knows is one.
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

/// A category that pandas held as a number or as a truth value.
fn number_of(name: &str) -> Option<f64> {
    match name {
        "true" | "True" => Some(1.0),
        "false" | "False" => Some(0.0),
        name => name.parse().ok().filter(|number: &f64| number.is_finite()),
    }
}

/// What comes out for a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// One number: the probability of the second of these classes.
    Probability([String; 2]),
    /// One number for each class: its probability.
    Probabilities(Vec<String>),
    /// One number, above 0 where the second of these classes wins, and no probability: the distance from a boundary, which
    /// scikit-learn calls the decision function.
    Margin([String; 2]),
    /// One number for each class, larger for the class that wins, and no probability.
    Margins(Vec<String>),
    /// One number: how unusual a row is. The larger, the more unusual; above 0 the model's own label says outlier. It is
    /// the negative of scikit-learn's decision function.
    AnomalyScore,
    /// The distance to the centre of each of this many clusters.
    Distances(usize),
    /// This many numbers, each a value that was learned.
    Values(usize),
}

impl Output {
    /// The numbers for each row.
    pub fn width(&self) -> usize {
        match self {
            Self::Probability(_) | Self::Margin(_) | Self::AnomalyScore => 1,
            Self::Probabilities(classes) | Self::Margins(classes) => classes.len(),
            Self::Distances(count) | Self::Values(count) => *count,
        }
    }

    /// Classes that have no names in the file: `0`, `1`, ….
    pub(crate) fn numbered(count: usize) -> Vec<String> {
        (0..count).map(|class| class.to_string()).collect()
    }
}

/// A model from outside: its inputs in order, its output, and what it is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Signature {
    /// The format, with the version that wrote it where the file says so: `XGBoost 3.2.0, JSON`.
    pub format: String,
    /// The columns, in the order in which they are given.
    pub inputs: Vec<Input>,
    /// What comes out.
    pub output: Output,
    /// What it is made of, for people: `8 trees, 96 nodes`.
    pub made_of: String,
    /// The rounds of boosting that count; nothing where it was not boosted round by round.
    pub rounds: Option<BoostingRounds>,
    /// What the framework calls what it was trained for: `binary:logistic`.
    pub objective: String,
}

impl Signature {
    /// Whether the framework wrote this name of a column as that name of an input: LightGBM has `_` for a blank.
    pub fn renames(&self, column: &str, input: &str) -> bool {
        self.format.starts_with("LightGBM") && column.contains(' ') && column.replace(' ', "_") == input
    }
}

/// Names in one line, cut after as many as anyone reads.
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

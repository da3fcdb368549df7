//! `when:` conditions: comparisons of `score`, `prediction` and columns, joined by AND, OR, NOT. A subset of SQL,
//! with SQL's three-valued logic: a comparison with a missing value is neither true nor false.

mod parse;
mod token;

pub use parse::{Wrong, parse};

use std::cmp::Ordering;

use crate::rows::Cell;

/// What a condition can ask about a row.
pub trait Facts {
    /// The value of an operand that [`parse`] resolved to this slot.
    fn cell(&self, slot: usize) -> Cell<'_>;
}

/// A checked condition.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// All hold.
    And(Vec<Condition>),
    /// At least one holds.
    Or(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
    /// Two operands compared.
    Compare(Operand, Comparison, Operand),
    /// The operand is missing.
    IsNull(Operand),
    /// A boolean operand alone.
    Holds(Operand),
}

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// A value of the row.
    Slot(usize),
    /// A number.
    Number(f64),
    /// Text.
    Text(String),
    /// A point in time, microseconds since 1970.
    Time(i64),
    /// True or false.
    Boolean(bool),
}

/// How two operands are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::NotEqual => ordering.is_ne(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

impl Operand {
    fn cell<'a>(&'a self, facts: &'a dyn Facts) -> Cell<'a> {
        match self {
            Self::Slot(slot) => facts.cell(*slot),
            Self::Number(number) => Cell::Float64(*number),
            Self::Text(text) => Cell::String(text),
            Self::Time(time) => Cell::Timestamp(*time),
            Self::Boolean(value) => Cell::Boolean(*value),
        }
    }
}

impl Condition {
    /// Whether the condition holds for a row; unknown counts as not.
    pub fn holds(&self, facts: &dyn Facts) -> bool {
        self.truth(facts) == Some(true)
    }

    fn truth(&self, facts: &dyn Facts) -> Option<bool> {
        match self {
            Self::And(parts) => joined(parts, facts, false),
            Self::Or(parts) => joined(parts, facts, true),
            Self::Not(part) => part.truth(facts).map(|truth| !truth),
            Self::Compare(left, comparison, right) => {
                order(left.cell(facts), right.cell(facts)).map(|ordering| comparison.holds(ordering))
            }
            Self::IsNull(operand) => Some(operand.cell(facts).is_missing()),
            Self::Holds(operand) => match operand.cell(facts) {
                Cell::Boolean(value) => Some(value),
                _ => None,
            },
        }
    }
}

/// AND is decided by one false, OR by one true; else by all being known.
fn joined(parts: &[Condition], facts: &dyn Facts, decisive: bool) -> Option<bool> {
    let mut unknown = false;
    for part in parts {
        match part.truth(facts) {
            Some(truth) if truth == decisive => return Some(decisive),
            Some(_) => {}
            None => unknown = true,
        }
    }
    (!unknown).then_some(!decisive)
}

fn order(left: Cell<'_>, right: Cell<'_>) -> Option<Ordering> {
    match (left, right) {
        (Cell::String(left), Cell::String(right)) => Some(left.cmp(right)),
        (Cell::Boolean(left), Cell::Boolean(right)) => Some(left.cmp(&right)),
        (Cell::Timestamp(left), Cell::Timestamp(right)) | (Cell::Int64(left), Cell::Int64(right)) => {
            Some(left.cmp(&right))
        }
        (Cell::Int64(_) | Cell::Float64(_), Cell::Int64(_) | Cell::Float64(_)) => {
            left.number().partial_cmp(&right.number())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns a (float64), b (string), c (boolean), d (int64), e (timestamp), in this order.
    const NAMES: [(&str, &str); 5] =
        [("a", "float64"), ("b", "string"), ("c", "boolean"), ("d", "int64"), ("odd name", "timestamp")];

    struct Row(Vec<Cell<'static>>);

    impl Facts for Row {
        fn cell(&self, slot: usize) -> Cell<'_> {
            self.0[slot]
        }
    }

    fn check(text: &str, expected: bool) {
        let row = Row(vec![
            Cell::Float64(0.7),
            Cell::String("UP"),
            Cell::Missing,
            Cell::Int64(5),
            Cell::Timestamp(1_522_540_831_000_000),
        ]);
        let condition = parse(text, &NAMES).unwrap_or_else(|wrong| panic!("{text}: {wrong:?}"));
        assert_eq!(condition.holds(&row), expected, "{text}: {condition:?}");
    }

    #[test]
    fn comparisons_hold_or_not() {
        check("a > 0.5", true);
        check("0.5 < a", true);
        check("a >= 0.7 AND a <= 0.7 AND a <> 1 AND a != 2", true);
        check("b = 'UP' and not b = 'DOWN'", true);
        check("b = 'UP''S'", false);
        check("d = 5 OR a < -1e3", true);
        check("d < 5.5", true);
        check("(a > 1 OR d > 1) AND b < 'V'", true);
        check("NOT (a > 1 OR d > 1)", false);
        check("\"odd name\" >= '2018-04-01 00:00:31'", true);
        check("\"odd name\" < '2018-04-01T00:00:31Z'", false);
    }

    #[test]
    fn missing_is_neither_true_nor_false() {
        check("c", false);
        check("NOT c", false);
        check("c = TRUE OR a > 0", true);
        check("c AND a > 0", false);
        check("c IS NULL", true);
        check("c IS NOT NULL", false);
        check("NOT (c AND a > 0)", false);
        check("NOT (c AND a > 1)", true);
    }

    fn refuse(text: &str, at: usize, says: &str) {
        match parse(text, &NAMES) {
            Err(wrong) => {
                assert!(wrong.message.contains(says), "{text}: {}", wrong.message);
                assert_eq!(wrong.at, at, "{text}: {}", wrong.message);
            }
            Ok(condition) => panic!("{text} was accepted: {condition:?}"),
        }
    }

    #[test]
    fn mistakes_have_a_place() {
        refuse("", 0, "is empty");
        refuse("a >", 3, "ends");
        refuse("a > 0.5 AND", 11, "ends");
        refuse("aa > 0.5", 0, "did you mean `a`");
        refuse("a > 'x'", 0, "cannot be compared");
        refuse("b > 5", 0, "cannot be compared");
        refuse("a", 0, "not true or false");
        refuse("a > 1 b", 6, "expected AND");
        refuse("(a > 1", 6, "expected `)`");
        refuse("a > 'x", 4, "never ends");
        refuse("a # 1", 2, "`#`");
        refuse("a + 1 > 2", 2, "not known here");
        refuse("\"odd name\" > 'yesterday'", 0, "not a time");
        refuse(&"(".repeat(10_000), 64, "nested too deeply");
        refuse(&format!("{}c", "NOT ".repeat(10_000)), 256, "nested too deeply");
    }
}

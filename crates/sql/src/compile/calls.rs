//! Calls of window functions.

use sqlparser::ast::{self, Expr};

use crate::window::Function;
use crate::window::value::Kind;

/// The window functions by name; `lag` and `approx_percentile_cont` have a number among their arguments.
pub(super) const AGGREGATES: [(&str, Function); 21] = [
    ("count", Function::Count),
    ("sum", Function::Sum),
    ("avg", Function::Mean),
    ("mean", Function::Mean),
    ("min", Function::Least),
    ("max", Function::Most),
    ("stddev", Function::Variance { sample: true, root: true }),
    ("stddev_samp", Function::Variance { sample: true, root: true }),
    ("stddev_pop", Function::Variance { sample: false, root: true }),
    ("var", Function::Variance { sample: true, root: false }),
    ("var_samp", Function::Variance { sample: true, root: false }),
    ("variance", Function::Variance { sample: true, root: false }),
    ("var_pop", Function::Variance { sample: false, root: false }),
    ("median", Function::Percentile(0.5)),
    ("approx_median", Function::Percentile(0.5)),
    ("approx_distinct", Function::Distinct),
    (PERCENTILE, Function::Percentile(0.5)),
    ("first_value", Function::First),
    ("last_value", Function::Last),
    ("lag", Function::Lag(1)),
    ("any_value", Function::First),
];
pub(super) const PERCENTILE: &str = "approx_percentile_cont";

pub(super) fn aggregate(called: &str) -> Option<Function> {
    AGGREGATES.iter().find(|(name, _)| *name == called).map(|(_, function)| *function)
}

/// Whether a call covers all rows: `count(*)`.
pub(super) fn is_all(function: &ast::Function) -> bool {
    match &function.args {
        ast::FunctionArguments::List(list) => {
            matches!(list.args.as_slice(), [ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Wildcard)])
                && list.duplicate_treatment.is_none()
                && list.clauses.is_empty()
        }
        _ => false,
    }
}

/// The kind of a function's result for an argument of this kind; none where it does not accept it.
pub(super) fn gives(function: Function, takes: Option<Kind>) -> Option<Kind> {
    let number = matches!(takes, Some(Kind::Int | Kind::Float));
    match function {
        Function::Count | Function::Distinct => Some(Kind::Int),
        Function::Sum => takes.filter(|_| number),
        Function::Mean | Function::Variance { .. } | Function::Percentile(_) => number.then_some(Kind::Float),
        Function::Least | Function::Most | Function::First | Function::Last | Function::Lag(_) => takes,
    }
}

/// The number of rows that `lag` goes back, behind its value.
pub(super) fn lag(given: &mut Vec<Expr>) -> Result<u64, &'static str> {
    let rows = match given.len() {
        1 => return Ok(1),
        2 => given.pop().and_then(|rows| rows.to_string().parse().ok()),
        _ => return Err("`lag` takes a value and a number of rows"),
    };
    rows.filter(|rows| (1..=1_000_000_000).contains(rows))
        .ok_or("`lag` takes a number of rows, at least 1, as its second argument")
}

/// The share of a percentile, behind its value.
pub(super) fn share(given: &mut Vec<Expr>) -> Option<f64> {
    let share = if given.len() == 2 { given.pop() } else { None };
    share?.to_string().parse().ok().filter(|share| (0.0..=1.0).contains(share))
}

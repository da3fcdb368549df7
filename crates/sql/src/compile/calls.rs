//! Calls of window functions.

use sqlparser::ast::{self, Expr};

use crate::window::Function;
use crate::window::value::Kind;

/// The names of the window functions.
pub(super) const AGGREGATES: [&str; 21] = [
    "count",
    "sum",
    "avg",
    "mean",
    "min",
    "max",
    "stddev",
    "stddev_samp",
    "stddev_pop",
    "var",
    "var_samp",
    "variance",
    "var_pop",
    "median",
    "approx_median",
    "approx_distinct",
    "approx_percentile_cont",
    "first_value",
    "last_value",
    "lag",
    "any_value",
];

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

pub(super) fn whole(expr: &Expr) -> Option<u64> {
    expr.to_string().parse().ok().filter(|number| (1..=1_000_000_000).contains(number))
}

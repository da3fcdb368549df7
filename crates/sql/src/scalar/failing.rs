//! Which expressions a row can make fail.

use arrow_schema::DataType;
use datafusion_common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion_common::{DFSchema, Result};
use datafusion_expr::{BinaryExpr, Cast, Expr, ExprSchemable, Operator};

/// Functions that have a value for whatever they are given, where that is a number with a fraction, text or time.
const SAFE: &[&str] = &[
    "abs",
    "acos",
    "asin",
    "atan",
    "atan2",
    "btrim",
    "cbrt",
    "ceil",
    "character_length",
    "coalesce",
    "concat",
    "cos",
    "date_part",
    "date_trunc",
    "exp",
    "floor",
    "greatest",
    "isnan",
    "iszero",
    "least",
    "ln",
    "log",
    "log10",
    "log2",
    "lower",
    "ltrim",
    "nullif",
    "number",
    "power",
    "round",
    "rtrim",
    "signum",
    "sin",
    "starts_with",
    "tan",
    "tanh",
    "upper",
];

/// Whether a row may make an expression fail. What is not known never to fail may.
pub(super) fn may_fail(expr: &Expr, schema: &DFSchema) -> bool {
    let mut fails = false;
    let looked = expr.apply(|part| {
        fails |= !part_is_safe(part, schema)?;
        Ok(if fails { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    fails || looked.is_err()
}

fn part_is_safe(part: &Expr, schema: &DFSchema) -> Result<bool> {
    Ok(match part {
        Expr::Column(_)
        | Expr::Literal(..)
        | Expr::Not(_)
        | Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::IsTrue(_)
        | Expr::IsFalse(_)
        | Expr::IsUnknown(_)
        | Expr::IsNotTrue(_)
        | Expr::IsNotFalse(_)
        | Expr::IsNotUnknown(_)
        | Expr::Between(_)
        | Expr::InList(_)
        | Expr::Case(_)
        | Expr::TryCast(_) => true,
        Expr::Negative(_) => part.get_type(schema)?.is_floating(),
        Expr::BinaryExpr(BinaryExpr { op, .. }) => match op {
            Operator::Plus | Operator::Minus | Operator::Multiply | Operator::Divide | Operator::Modulo => {
                part.get_type(schema)?.is_floating()
            }
            Operator::StringConcat | Operator::And | Operator::Or => true,
            Operator::Eq
            | Operator::NotEq
            | Operator::Lt
            | Operator::LtEq
            | Operator::Gt
            | Operator::GtEq
            | Operator::IsDistinctFrom
            | Operator::IsNotDistinctFrom => true,
            _ => false,
        },
        Expr::Cast(Cast { expr, .. }) => {
            let (from, to) = (expr.get_type(schema)?, part.get_type(schema)?);
            let number = from.is_integer() || from.is_floating() || from == DataType::Boolean || from == to;
            number && (to.is_floating() || to == DataType::Utf8 || from == to)
        }
        Expr::ScalarFunction(function) => {
            let name = function.name();
            let whole = part.get_type(schema)?.is_integer();
            // The least whole number has no absolute value.
            SAFE.contains(&name) && !(whole && matches!(name, "abs" | "power"))
        }
        _ => false,
    })
}

//! Determines which expressions a row can make fail.

use arrow_schema::DataType;
use datafusion_common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion_common::{DFSchema, Result};
use datafusion_expr::{BinaryExpr, Cast, Expr, ExprSchemable, Operator};

use super::functions::is_safe;

/// Whether a row may make an expression fail. Anything not known to be safe may.
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
        Expr::BinaryExpr(BinaryExpr { op, .. }) => operator_is_safe(*op, &part.get_type(schema)?),
        Expr::Cast(Cast { expr, .. }) => {
            let (from, to) = (expr.get_type(schema)?, part.get_type(schema)?);
            let number = from.is_integer() || from.is_floating() || from == DataType::Boolean || from == to;
            number && (to.is_floating() || to == DataType::Utf8 || from == to)
        }
        Expr::ScalarFunction(function) => {
            let name = function.name();
            let whole = part.get_type(schema)?.is_integer();
            // The smallest integer has no absolute value.
            is_safe(name) && !(whole && matches!(name, "abs" | "power"))
        }
        _ => false,
    })
}

/// Whether an operator whose result has this type has a value for every argument.
fn operator_is_safe(operator: Operator, value: &DataType) -> bool {
    use Operator as O;
    match operator {
        O::Plus | O::Minus | O::Multiply | O::Divide | O::Modulo => value.is_floating(),
        O::StringConcat | O::And | O::Or => true,
        O::Eq | O::NotEq | O::Lt | O::LtEq | O::Gt | O::GtEq | O::IsDistinctFrom | O::IsNotDistinctFrom => true,
        _ => false,
    }
}

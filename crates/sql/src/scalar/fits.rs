//! Implicit casts: where types do not match the planner converts one to the other, and only the records would show
//! whether that can be done.

use arrow_schema::DataType;
use datafusion_common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion_common::{DFSchema, Result, plan_err};
use datafusion_expr::expr::Alias;
use datafusion_expr::{Cast, Expr, ExprSchemable};

/// The name of an explicit cast.
const WRITTEN: &str = "\u{0}written";

/// Between a message and what to do about it.
pub(super) const HELP: &str = "\nhelp: ";

/// Marks an explicit cast.
pub(super) fn mark(expr: Expr) -> Transformed<Expr> {
    match expr {
        Expr::Cast(_) => Transformed::yes(expr.alias(WRITTEN)),
        other => Transformed::no(other),
    }
}

fn is_text(kind: &DataType) -> bool {
    matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// The expression without marks; an error where text would be converted implicitly.
pub(super) fn check(expr: Expr, schema: &DFSchema) -> Result<Expr> {
    let mut written: Vec<*const Expr> = Vec::new();
    expr.apply(|part| {
        match part {
            Expr::Alias(Alias { expr, name, .. }) if name == WRITTEN => written.push(&raw const **expr),
            Expr::Cast(Cast { expr: from, field }) if !written.contains(&(&raw const *part)) => {
                let constant = matches!(**from, Expr::Literal(..));
                if !constant && is_text(&from.get_type(schema)?) && !is_text(field.data_type()) {
                    return refuse(from, field.data_type());
                }
            }
            _ => {}
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    let bare = expr.transform_up(|part| {
        Ok(match part {
            Expr::Alias(Alias { expr, name, .. }) if name == WRITTEN => Transformed::yes(*expr),
            other => Transformed::no(other),
        })
    })?;
    Ok(bare.data)
}

fn refuse<T>(from: &Expr, wanted: &DataType) -> Result<T> {
    let (wanted, kind) = match wanted {
        DataType::Boolean => ("true or false", "BOOLEAN"),
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => ("a time", "TIMESTAMP"),
        DataType::Interval(_) => ("an interval", "INTERVAL"),
        whole if whole.is_integer() => ("a number", "BIGINT"),
        _ => ("a number", "DOUBLE"),
    };
    let what = if let Expr::Column(column) = from { format!("`{}`", column.name) } else { "this".to_string() };
    plan_err!(
        "{what} is text, where {wanted} is needed{HELP}write `CAST(… AS {kind})`, which makes a record whose text is not {wanted} a dead letter, or `TRY_CAST(… AS {kind})`, which makes it NULL"
    )
}

//! Interval literals: `INTERVAL '1 day'`, `INTERVAL '90' MINUTE`, `INTERVAL '1 month' + '2 days'`.

use arrow_cast::parse::{IntervalParseConfig, IntervalUnit, parse_interval_month_day_nano_config};
use datafusion_common::{Result, ScalarValue, not_impl_err};
use datafusion_expr::{BinaryExpr, Expr, Operator, lit};
use sqlparser::ast::{self, BinaryOperator, DateTimeField, UnaryOperator, Value};

pub(super) fn interval(interval: &ast::Interval, negative: bool) -> Result<Expr> {
    if let Some(precision) = interval.leading_precision {
        return not_impl_err!("Unsupported Interval Expression with leading_precision {:?}", Some(precision));
    }
    if let Some(field) = &interval.last_field {
        return not_impl_err!("Unsupported Interval Expression with last_field {:?}", Some(field));
    }
    if let Some(precision) = interval.fractional_seconds_precision {
        return not_impl_err!(
            "Unsupported Interval Expression with fractional_seconds_precision {:?}",
            Some(precision)
        );
    }
    of(&interval.value, interval.leading_field.as_ref(), negative)
}

/// The field is the unit of every part: `INTERVAL '5' MONTH`.
fn of(value: &ast::Expr, unit: Option<&DateTimeField>, negative: bool) -> Result<Expr> {
    if let ast::Expr::BinaryOp { left, op, right } = value {
        let op = match op {
            BinaryOperator::Plus => Operator::Plus,
            BinaryOperator::Minus => Operator::Minus,
            other => return not_impl_err!("Unsupported interval operator: {other:?}"),
        };
        let (left, right) = (of(left, unit, negative)?, of(right, unit, false)?);
        return Ok(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right))));
    }
    let mut text = written(value, negative)?;
    if let Some(unit) = unit {
        text = format!("{text} {unit}");
    }
    let parsed = parse_interval_month_day_nano_config(&text, IntervalParseConfig::new(IntervalUnit::Second))?;
    Ok(lit(ScalarValue::IntervalMonthDayNano(Some(parsed))))
}

fn written(value: &ast::Expr, negative: bool) -> Result<String> {
    let text = match value {
        ast::Expr::Value(constant) => match &constant.value {
            Value::SingleQuotedString(text) | Value::DoubleQuotedString(text) => text.clone(),
            Value::Number(digits, false) => digits.clone(),
            _ => {
                return not_impl_err!(
                    "Unsupported interval argument. Expected string literal or number, got: {value:?}"
                );
            }
        },
        ast::Expr::UnaryOp { op, expr } => match op {
            UnaryOperator::Minus => written(expr, !negative)?,
            UnaryOperator::Plus => written(expr, negative)?,
            other => return not_impl_err!("Unsupported SQL unary operator in interval {other:?}"),
        },
        _ => return not_impl_err!("Unsupported interval argument. Expected string literal or number, got: {value:?}"),
    };
    Ok(if negative { format!("-{text}") } else { text })
}

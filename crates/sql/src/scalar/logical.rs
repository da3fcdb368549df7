//! Converts the parser's syntax tree to DataFusion's expressions, as its SQL planner does for the part of SQL that
//! [`parts`](super::syntax::parts) admits. The planner itself is made for whole queries, and brings nested types,
//! aggregates and regular expressions with it: a quarter of all that would have to be compiled.

use arrow_schema::{DataType, TimeUnit};
use datafusion_common::{Column, DFSchema, Result, ScalarValue, not_impl_err, plan_err};
use datafusion_expr::binary::BinaryTypeCoercer;
use datafusion_expr::expr::{InList, ScalarFunction};
use datafusion_expr::type_coercion::{is_interval, is_signed_numeric, is_timestamp};
use datafusion_expr::{Between, BinaryExpr, Case, Cast, Expr, ExprSchemable, Like, Operator, TryCast, lit};
use datafusion_functions::{datetime::date_part, unicode::strpos, unicode::substr};
use sqlparser::ast::{
    self, BinaryOperator, CastKind, CeilFloorKind, DateTimeField, TrimWhereField, UnaryOperator, Value,
};

use super::functions::Functions;
use super::syntax::arguments;
use super::{intervals, types};

/// Plans expressions over the columns of a schema.
pub(super) struct Planner<'a> {
    pub(super) functions: &'a Functions,
    pub(super) schema: &'a DFSchema,
}

impl Planner<'_> {
    pub(super) fn expr(&self, sql: &ast::Expr) -> Result<Expr> {
        use ast::Expr as Sql;
        Ok(match sql {
            Sql::Identifier(name) => Expr::Column(Column::new_unqualified(&name.value)),
            Sql::Value(value) => constant(&value.value)?,
            Sql::Interval(interval) => intervals::interval(interval, false)?,
            Sql::TypedString(typed) => {
                let Some(text) = typed.value.clone().into_string() else {
                    return plan_err!("Typed literal requires a string payload");
                };
                Expr::Cast(Cast::new_from_field(Box::new(lit(text)), types::field(&typed.data_type)?))
            }
            Sql::Nested(part) => self.expr(part)?,
            Sql::BinaryOp { left, op, right } => self.operation(left, op, right)?,
            Sql::UnaryOp { op, expr } => self.signed(*op, expr)?,
            Sql::Case { operand, conditions, else_result, .. } => {
                let operand = operand.as_ref().map(|operand| self.boxed(operand)).transpose()?;
                let whens = conditions.iter().map(|when| Ok((self.boxed(&when.condition)?, self.boxed(&when.result)?)));
                let whens = whens.collect::<Result<_>>()?;
                let otherwise = else_result.as_ref().map(|otherwise| self.boxed(otherwise)).transpose()?;
                Expr::Case(Case::new(operand, whens, otherwise))
            }
            Sql::Cast { kind, expr, data_type, array: false, format: None } => self.cast(kind, expr, data_type)?,
            other => return self.condition(other),
        })
    }

    /// Conditions other than operators.
    fn condition(&self, sql: &ast::Expr) -> Result<Expr> {
        use ast::Expr as Sql;
        Ok(match sql {
            Sql::IsTrue(part) => Expr::IsTrue(self.boxed(part)?),
            Sql::IsNotTrue(part) => Expr::IsNotTrue(self.boxed(part)?),
            Sql::IsFalse(part) => Expr::IsFalse(self.boxed(part)?),
            Sql::IsNotFalse(part) => Expr::IsNotFalse(self.boxed(part)?),
            Sql::IsNull(part) => Expr::IsNull(self.boxed(part)?),
            Sql::IsNotNull(part) => Expr::IsNotNull(self.boxed(part)?),
            Sql::IsUnknown(part) => Expr::IsUnknown(self.boxed(part)?),
            Sql::IsNotUnknown(part) => Expr::IsNotUnknown(self.boxed(part)?),
            Sql::IsDistinctFrom(a, b) => binary(self.boxed(a)?, Operator::IsDistinctFrom, self.boxed(b)?),
            Sql::IsNotDistinctFrom(a, b) => binary(self.boxed(a)?, Operator::IsNotDistinctFrom, self.boxed(b)?),
            Sql::Between { expr, negated, low, high } => {
                Expr::Between(Between::new(self.boxed(expr)?, *negated, self.boxed(low)?, self.boxed(high)?))
            }
            Sql::InList { expr, list, negated } => {
                let list = self.all(list)?;
                Expr::InList(InList::new(self.boxed(expr)?, list, *negated))
            }
            Sql::Like { negated, expr, pattern, escape_char, any: false } => {
                let (pattern, escape) = (self.boxed(pattern)?, escape(escape_char.as_ref())?);
                Expr::Like(Like::new(*negated, self.boxed(expr)?, pattern, escape, false))
            }
            Sql::ILike { negated, expr, pattern, escape_char, any: false } => {
                let (pattern, escape) = (self.boxed(pattern)?, escape(escape_char.as_ref())?);
                Expr::Like(Like::new(*negated, self.boxed(expr)?, pattern, escape, true))
            }
            other => return self.called(other),
        })
    }

    fn boxed(&self, sql: &ast::Expr) -> Result<Box<Expr>> {
        self.expr(sql).map(Box::new)
    }

    fn all<'e>(&self, list: impl IntoIterator<Item = &'e ast::Expr>) -> Result<Vec<Expr>> {
        list.into_iter().map(|part| self.expr(part)).collect()
    }

    fn operation(&self, left: &ast::Expr, op: &BinaryOperator, right: &ast::Expr) -> Result<Expr> {
        let (left, right) = (self.expr(left)?, self.expr(right)?);
        let op = match op {
            BinaryOperator::PGExp => return self.call("power", vec![left, right]),
            BinaryOperator::Plus => Operator::Plus,
            BinaryOperator::Minus => Operator::Minus,
            BinaryOperator::Multiply => Operator::Multiply,
            BinaryOperator::Divide => Operator::Divide,
            BinaryOperator::Modulo => Operator::Modulo,
            BinaryOperator::StringConcat => Operator::StringConcat,
            BinaryOperator::Gt => Operator::Gt,
            BinaryOperator::Lt => Operator::Lt,
            BinaryOperator::GtEq => Operator::GtEq,
            BinaryOperator::LtEq => Operator::LtEq,
            BinaryOperator::Eq => Operator::Eq,
            BinaryOperator::NotEq => Operator::NotEq,
            BinaryOperator::And => Operator::And,
            BinaryOperator::Or => Operator::Or,
            other => return plan_err!("there is no operator `{other}`"),
        };
        Ok(binary(Box::new(left), op, Box::new(right)))
    }

    /// An expression after `+`, `-` or `NOT`; a number after a minus is a number.
    fn signed(&self, op: UnaryOperator, sql: &ast::Expr) -> Result<Expr> {
        if op == UnaryOperator::Minus {
            match sql {
                ast::Expr::Value(ast::ValueWithSpan { value: Value::Number(digits, _), .. }) => {
                    return number(digits, true);
                }
                ast::Expr::Interval(interval) => return intervals::interval(interval, true),
                _ => {}
            }
        }
        let operand = self.expr(sql)?;
        let field = operand.to_field(self.schema)?.1;
        let kind = field.data_type();
        let moves = is_interval(kind) || is_timestamp(kind);
        match op {
            UnaryOperator::Not => {
                let of_truth = BinaryTypeCoercer::new(kind, &Operator::IsDistinctFrom, &DataType::Boolean);
                if of_truth.get_input_types().is_ok() {
                    return Ok(Expr::Not(Box::new(operand)));
                }
                plan_err!("Unary operator 'NOT' requires a boolean expression, got {kind}")
            }
            UnaryOperator::Plus if kind.is_numeric() || moves => Ok(operand),
            UnaryOperator::Plus => {
                plan_err!("Unary operator '+' only supports numeric, interval and timestamp types")
            }
            UnaryOperator::Minus if kind.is_null() || is_signed_numeric(kind) || moves => {
                Ok(Expr::Negative(Box::new(operand)))
            }
            UnaryOperator::Minus => {
                plan_err!("Unary operator '-' only supports signed numeric, interval and timestamp types")
            }
            other => plan_err!("there is no operator `{other}`"),
        }
    }

    fn cast(&self, kind: &CastKind, sql: &ast::Expr, to: &ast::DataType) -> Result<Expr> {
        if matches!(kind, CastKind::TryCast | CastKind::SafeCast) {
            let expr = self.boxed(sql)?;
            return Ok(Expr::TryCast(TryCast::new_from_field(expr, types::field(to)?)));
        }
        let to = types::field(to)?;
        let mut expr = self.expr(sql)?;
        // An integer is seconds since 1970, as in PostgreSQL.
        if let DataType::Timestamp(TimeUnit::Nanosecond, zone) = to.data_type()
            && expr.get_type(self.schema)? == DataType::Int64
        {
            expr = Expr::Cast(Cast::new(Box::new(expr), DataType::Timestamp(TimeUnit::Second, zone.clone())));
        }
        Ok(Expr::Cast(Cast::new_from_field(Box::new(expr), to)))
    }

    /// Function calls, in every syntax.
    fn called(&self, sql: &ast::Expr) -> Result<Expr> {
        use ast::Expr as Sql;
        match sql {
            Sql::Function(function) => self.function(function),
            Sql::Extract { field, expr, .. } => {
                let args = vec![lit(field.to_string()), self.expr(expr)?];
                Ok(Expr::ScalarFunction(ScalarFunction::new_udf(date_part(), args)))
            }
            Sql::Ceil { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                self.call("ceil", vec![self.expr(expr)?])
            }
            Sql::Floor { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                self.call("floor", vec![self.expr(expr)?])
            }
            Sql::Ceil { .. } => not_impl_err!("CEIL with datetime is not supported"),
            Sql::Floor { .. } => not_impl_err!("FLOOR with datetime is not supported"),
            Sql::Position { expr, r#in } => {
                let part = self.expr(expr)?;
                Ok(Expr::ScalarFunction(ScalarFunction::new_udf(strpos(), vec![self.expr(r#in)?, part])))
            }
            Sql::Substring { expr, substring_from, substring_for, .. } => {
                if substring_from.is_none() && substring_for.is_none() {
                    return plan_err!("Substring without for/from is not valid");
                }
                let mut args = vec![self.expr(expr)?];
                args.push(substring_from.as_ref().map_or_else(|| Ok(lit(1_i64)), |from| self.expr(from))?);
                args.extend(substring_for.as_ref().map(|length| self.expr(length)).transpose()?);
                Ok(Expr::ScalarFunction(ScalarFunction::new_udf(substr(), args)))
            }
            Sql::Trim { expr, trim_where, trim_what, trim_characters: None } => {
                let args = self.all(std::iter::once(&**expr).chain(trim_what.as_deref()))?;
                let name = match trim_where {
                    Some(TrimWhereField::Leading) => "ltrim",
                    Some(TrimWhereField::Trailing) => "rtrim",
                    Some(TrimWhereField::Both) => "btrim",
                    None => "trim",
                };
                self.call(name, args)
            }
            other => plan_err!("`{other}` is no expression of one row"),
        }
    }

    fn call(&self, name: &str, args: Vec<Expr>) -> Result<Expr> {
        let Some(function) = self.functions.get(name) else { return plan_err!("Invalid function '{name}'") };
        Ok(Expr::ScalarFunction(ScalarFunction::new_udf(function, args)))
    }

    fn function(&self, function: &ast::Function) -> Result<Expr> {
        let name = match function.name.0.as_slice() {
            [part] => match part.as_ident() {
                Some(ident) if ident.quote_style.is_some() => ident.value.clone(),
                Some(ident) => ident.value.to_ascii_lowercase(),
                None => return plan_err!("Invalid function '{part}'"),
            },
            _ => function.name.to_string(),
        };
        let mut function = function.clone();
        let Some(given) = arguments(&mut function) else { return plan_err!("Invalid function '{function}'") };
        let args = self.all(given.into_iter().map(|given| &*given))?;
        let texts: Vec<String> = args.iter().map(ToString::to_string).collect();
        let called = self.call(&name, args)?;
        let Expr::ScalarFunction(made) = &called else { return Ok(called) };
        // A function called by an alias is named as it was written.
        if name.eq_ignore_ascii_case(made.name()) {
            return Ok(called);
        }
        let written = format!("{name}({})", texts.join(","));
        Ok(called.alias(written))
    }
}

fn binary(left: Box<Expr>, op: Operator, right: Box<Expr>) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(left, op, right))
}

fn constant(value: &Value) -> Result<Expr> {
    match value {
        Value::Number(digits, _) => number(digits, false),
        Value::SingleQuotedString(text) => Ok(lit(text.clone())),
        Value::Boolean(truth) => Ok(lit(*truth)),
        Value::Null => Ok(Expr::Literal(ScalarValue::Null, None)),
        other => plan_err!("Unsupported Value '{other:?}'"),
    }
}

/// An integer if it fits into 64 bits, unsigned if need be; else a float.
fn number(digits: &str, negative: bool) -> Result<Expr> {
    let digits: String = negative.then_some('-').into_iter().chain(digits.chars().filter(|c| *c != '_')).collect();
    if let Ok(whole) = digits.parse::<i64>() {
        return Ok(lit(whole));
    }
    if let Ok(whole) = digits.parse::<u64>() {
        return Ok(lit(whole));
    }
    match digits.parse::<f64>() {
        Ok(number) => Ok(lit(number)),
        Err(_) => plan_err!("Cannot parse {digits} as f64"),
    }
}

/// The character after `ESCAPE`.
fn escape(given: Option<&ast::ValueWithSpan>) -> Result<Option<char>> {
    match given.map(|given| &given.value) {
        None => Ok(None),
        Some(Value::SingleQuotedString(text)) if text.len() == 1 => Ok(text.chars().next()),
        Some(other) => plan_err!(
            "Invalid escape character in LIKE expression. Expected a single character wrapped with single quotes, got {other}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_schema::{Field, Schema};

    use super::*;
    use crate::scalar::syntax::Text;
    use crate::window::value::Kind;

    /// Expressions, each with the result of the planner of `datafusion-sql` 55.2.
    const PLANNED: &str = include_str!("../../tests/golden/planned.txt");

    #[test]
    fn what_datafusions_planner_makes_of_them() {
        let columns =
            [("x", Kind::Float), ("n", Kind::Int), ("s", Kind::Text), ("b", Kind::Boolean), ("ts", Kind::Time)];
        let fields: Vec<Field> = columns.iter().map(|(name, kind)| Field::new(*name, kind.arrow(), true)).collect();
        let schema = DFSchema::try_from(Arc::new(Schema::new(fields))).unwrap();
        let planner = Planner { functions: &Functions::new(), schema: &schema };
        let (mut lines, mut seen) = (PLANNED.lines(), 0);
        while let (Some(text), Some(expected)) = (lines.next(), lines.next()) {
            let planned = planner.expr(&Text(text).parse().unwrap());
            let planned = planned.map_or_else(|error| format!("error: {}", error.strip_backtrace()), |e| e.to_string());
            assert_eq!(planned, expected.trim_start(), "{text}");
            seen += 1;
        }
        assert_eq!(seen, 155);
    }
}

//! Expressions over one row: planned and evaluated by DataFusion's expression crates, with safeguards for its
//! surprises.

pub(crate) mod clean;
mod failing;
mod fits;
pub(crate) mod functions;
mod intervals;
mod logical;
pub(crate) mod spelled;
pub(crate) mod syntax;
mod times;
mod types;

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use datafusion_common::tree_node::{Transformed, TreeNode};
use datafusion_common::{DFSchema, DataFusionError, Result, ScalarValue};
use datafusion_expr::execution_props::ExecutionProps;
use datafusion_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion_expr::simplify::SimplifyContext;
use datafusion_expr::{BinaryExpr, Expr, ExprSchemable, Operator, cast, lit};
use datafusion_functions::expr_fn::nullif;
use datafusion_optimizer::simplify_expressions::ExprSimplifier;
use datafusion_physical_expr::expressions::BinaryExpr as PhysicalBinary;
use datafusion_physical_expr::{PhysicalExpr, create_physical_expr};
use sqlparser::ast;

use crate::mistake::Mistake;
use crate::window::value::Kind;
use failing::may_fail;
use functions::Functions;
use syntax::{Text, parts};

/// A column that an expression may name.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// A compiled expression.
#[derive(Debug, Clone)]
pub(crate) struct Scalar {
    /// The columns it reads, in the order of its schema.
    pub(crate) reads: Vec<usize>,
    pub(crate) kind: Kind,
    /// Whether a row may make it fail.
    pub(crate) may_fail: bool,
    schema: SchemaRef,
    expr: Arc<dyn PhysicalExpr>,
}

impl Scalar {
    /// Plans an expression over these columns, all of whose names are known.
    pub(crate) fn new(
        functions: &Functions,
        text: &Text<'_>,
        expr: &ast::Expr,
        columns: &[Known],
    ) -> std::result::Result<Self, Mistake> {
        let mut reads = Vec::new();
        names(&mut expr.clone(), &mut |name| {
            // The last column of a name counts, as everywhere else.
            let found = columns.iter().rposition(|column| column.name == name);
            reads.extend(found.filter(|found| !reads.contains(found)));
        });
        let fields = reads.iter().filter_map(|read| columns.get(*read));
        let fields: Vec<Field> = fields.map(|column| Field::new(&column.name, column.kind.arrow(), true)).collect();
        let schema = Arc::new(Schema::new(fields));
        let planned = plan(functions, expr, &schema).and_then(|expr| canonical(expr, &schema));
        let (expr_planned, kind) = planned.map_err(|error| blame(functions, text, expr, columns, &error))?;
        let made = physical(&expr_planned, &schema).and_then(|expr| {
            let nulls = schema.fields().iter().map(|field| new_null_array(field.data_type(), 1)).collect();
            expr.evaluate(&batch(&schema, nulls, 1)?)?;
            Ok(expr)
        });
        let made = made.map_err(|error| mistake(text.of(expr), &error))?;
        let may_fail = DFSchema::try_from(Arc::clone(&schema)).map_or(true, |named| may_fail(&expr_planned, &named));
        Ok(Self { reads, kind, may_fail, schema, expr: made })
    }

    /// The value of each row; if one row makes the batch fail, the rows are evaluated one by one, and that row has
    /// the reason.
    pub(crate) fn evaluate(&self, columns: Vec<ArrayRef>, rows: usize) -> Evaluated {
        let whole = batch(&self.schema, columns.clone(), rows).and_then(|batch| self.on(&batch, rows));
        if let Ok(array) = whole {
            return (array, Vec::new());
        }
        let (mut values, mut failed) = (Vec::with_capacity(rows), Vec::new());
        for row in 0..rows {
            let alone = columns.iter().map(|column| column.slice(row, 1)).collect();
            let value = batch(&self.schema, alone, 1).and_then(|batch| self.on(&batch, 1));
            match value.and_then(|array| ScalarValue::try_from_array(&array, 0)) {
                Ok(value) => values.push(value),
                Err(error) => {
                    failed.push((row, said(&error)));
                    values.push(ScalarValue::try_from(self.kind.arrow()).unwrap_or(ScalarValue::Null));
                }
            }
        }
        let array = ScalarValue::iter_to_array(values).unwrap_or_else(|_| new_null_array(&self.kind.arrow(), rows));
        (array, failed)
    }

    fn on(&self, batch: &RecordBatch, rows: usize) -> Result<ArrayRef> {
        self.expr.evaluate(batch)?.into_array(rows)
    }
}

/// The values, and the rows without one with the reason.
pub(crate) type Evaluated = (ArrayRef, Vec<(usize, String)>);

fn batch(schema: &SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}

/// Every column that an expression names.
pub(crate) fn names(expr: &mut ast::Expr, found: &mut impl FnMut(&str)) {
    if let ast::Expr::Identifier(name) = expr {
        found(&name.value);
    }
    for part in parts(expr).into_iter().flatten() {
        names(part, found);
    }
}

fn plan(functions: &Functions, expr: &ast::Expr, schema: &SchemaRef) -> Result<Expr> {
    let schema = DFSchema::try_from(Arc::clone(schema))?;
    let expr = logical::Planner { functions, schema: &schema }.expr(expr)?;
    // Division by zero is NULL.
    let expr = expr.transform_up(|expr| {
        Ok(match expr {
            Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::Divide | Operator::Modulo), right }) => {
                let right = Box::new(nullif(*right, lit(0_i64)));
                Transformed::yes(Expr::BinaryExpr(BinaryExpr { left, op, right }))
            }
            other => clean::ask_for_null(other)
                .transform_data(|expr| Ok(times::in_microseconds(expr)))?
                .transform_data(|expr| Ok(times::dates_as_times(expr)))?,
        })
    })?;
    let expr = expr.data.transform_up(|expr| Ok(fits::mark(expr)))?;
    let context = SimplifyContext::builder().with_schema(Arc::new(schema.clone())).build();
    let simplifier = ExprSimplifier::new(context);
    let expr = simplifier.coerce(expr.data, &schema)?;
    durations(&expr, &schema)?;
    let expr = expr.transform_up(|expr| Ok(times::in_microseconds(expr)))?.data;
    let expr = fits::check(expr, &schema)?;
    let expr = clean::wrap(expr, &schema)?;
    simplifier.simplify(expr)
}

/// A difference of two times compares wrongly with an interval (48 hours are not more than a day).
fn durations(expr: &Expr, schema: &DFSchema) -> Result<()> {
    expr.apply(|part| {
        if matches!(part.get_type(schema), Ok(DataType::Duration(_))) {
            let message = "a difference of two times is no number; write `extract(epoch FROM a) - extract(epoch FROM b)`, in seconds";
            return Err(DataFusionError::Plan(message.into()));
        }
        Ok(datafusion_common::tree_node::TreeNodeRecursion::Continue)
    })?;
    Ok(())
}

/// The expression converted to one of the supported kinds.
fn canonical(expr: Expr, schema: &SchemaRef) -> Result<(Expr, Kind)> {
    let schema = DFSchema::try_from(Arc::clone(schema))?;
    let found = expr.get_type(&schema)?;
    let kind = match &found {
        DataType::Boolean => Kind::Boolean,
        kind if kind.is_integer() => Kind::Int,
        kind if kind.is_floating() || kind.is_decimal() => Kind::Float,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Kind::Text,
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => Kind::Time,
        DataType::Null => return Err(DataFusionError::Plan("this is NULL for every row".into())),
        other => return Err(DataFusionError::Plan(format!("this gives {other}, which is no type of a column"))),
    };
    let same = kind.arrow() == found;
    Ok((if same { expr } else { cast(expr, kind.arrow()) }, kind))
}

fn physical(expr: &Expr, schema: &SchemaRef) -> Result<Arc<dyn PhysicalExpr>> {
    let schema = DFSchema::try_from(Arc::clone(schema))?;
    let expr = create_physical_expr(expr, &schema, &ExecutionProps::new(), &PhysicalPlanningContext::default())?;
    // An integer overflow is a failure of its row, not another number.
    let checked = expr.transform_up(|expr| {
        let Some(binary) = expr.downcast_ref::<PhysicalBinary>() else { return Ok(Transformed::no(expr)) };
        let whole = matches!(binary.op(), Operator::Plus | Operator::Minus | Operator::Multiply);
        if !whole {
            return Ok(Transformed::no(expr));
        }
        let checked = PhysicalBinary::new(Arc::clone(binary.left()), *binary.op(), Arc::clone(binary.right()));
        Ok(Transformed::yes(Arc::new(checked.with_fail_on_overflow(true)) as Arc<dyn PhysicalExpr>))
    })?;
    Ok(checked.data)
}

/// The innermost expression that cannot be planned, and why.
fn blame(
    functions: &Functions,
    text: &Text<'_>,
    expr: &ast::Expr,
    columns: &[Known],
    error: &DataFusionError,
) -> Mistake {
    for part in parts(&mut expr.clone()).into_iter().flatten() {
        // An interval alone is not a column, but may be a part.
        let alone = matches!(part, ast::Expr::Interval(_) | ast::Expr::Value(_));
        if let (false, Err(mistake)) = (alone, Scalar::new(functions, text, part, columns)) {
            return mistake;
        }
    }
    mistake(text.of(expr), error)
}

/// An error with its place, and with a remedy if one is known.
fn mistake(place: (usize, usize), error: &DataFusionError) -> Mistake {
    let mistake = Mistake::new(place, said(error));
    match error.strip_backtrace().split_once(fits::HELP) {
        Some((_, help)) => mistake.help(help),
        None => mistake,
    }
}

/// An error as a message, without the names of the library's stages.
fn said(error: &DataFusionError) -> String {
    let message = error.strip_backtrace();
    let first = message.lines().next().unwrap_or_default();
    let words = [
        "Error during planning: ",
        "Execution error: ",
        "Arrow error: ",
        "Cast error: ",
        "Schema error: ",
        "Optimizer rule ",
        "Internal error: ",
    ];
    let mut rest = first;
    while let Some(shorter) = words.iter().find_map(|word| rest.strip_prefix(word)) {
        rest = shorter;
    }
    let cast = rest.strip_prefix("Cannot cast string ").and_then(|rest| rest.split_once(" to value of "));
    if let Some((text, "Float64 type" | "Int64 type")) = cast {
        return format!("{text} is no number, and cannot be compared with one or computed with");
    }
    rest.trim_end_matches('.').to_string()
}

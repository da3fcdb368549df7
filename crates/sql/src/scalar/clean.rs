//! One rule after every operator and function: NaN is NULL, and zero has no sign.
//!
//! DataFusion orders NaN by its sign bit, and in some places treats 0 and -0 as two numbers (`IN` with four items,
//! `nullif`, `CASE x WHEN 0`): whether a condition holds would depend on the processor, and on how many items a list
//! has. So every expression that may return either is wrapped, before constants are folded, and the columns of the
//! input are cleaned.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use datafusion_common::tree_node::{Transformed, TreeNode};
use datafusion_common::{DFSchema, Result, ScalarValue, exec_err};
use datafusion_expr::{
    ColumnarValue, Expr, ExprSchemable, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion_functions::expr_fn::coalesce;

use crate::window::value::clean;

/// A column, cleaned for expressions.
pub(crate) fn cleaned(array: &ArrayRef) -> ArrayRef {
    macro_rules! cleaned {
        ($kind:ty, $least:ty) => {{
            let numbers = array.as_primitive::<$kind>();
            let dirty = |number: &$least| number.is_nan() || (*number == 0.0 && number.is_sign_negative());
            if !numbers.values().iter().any(dirty) {
                return Arc::clone(array);
            }
            // A number that is exact as f32 is exact as f64.
            Arc::new(numbers.unary_opt::<_, $kind>(|number| clean(f64::from(number)).map(|number| number as $least)))
        }};
    }
    match array.data_type() {
        DataType::Float64 => cleaned!(Float64Type, f64),
        DataType::Float32 => cleaned!(Float32Type, f32),
        _ => Arc::clone(array),
    }
}

const NAME: &str = "number";

#[derive(Debug, PartialEq, Eq, Hash)]
struct Clean {
    signature: Signature,
}

impl ScalarUDFImpl for Clean {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        Ok(given.first().cloned().unwrap_or(DataType::Float64))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match args.args.as_slice() {
            [ColumnarValue::Array(array)] => Ok(ColumnarValue::Array(cleaned(array))),
            [ColumnarValue::Scalar(value)] => Ok(ColumnarValue::Scalar(literal(value))),
            _ => exec_err!("it takes one number"),
        }
    }
}

fn literal(value: &ScalarValue) -> ScalarValue {
    match value {
        ScalarValue::Float64(Some(number)) => ScalarValue::Float64(clean(*number)),
        ScalarValue::Float32(Some(number)) => {
            ScalarValue::Float32(clean(f64::from(*number)).map(|number| number as f32))
        }
        other => other.clone(),
    }
}

/// Whether an expression returns a clean number if its parts do.
fn stays_clean(part: &Expr, schema: &DFSchema) -> Result<bool> {
    Ok(match part {
        Expr::Column(_) | Expr::Case(_) | Expr::Alias(_) => true,
        Expr::Cast(cast) => !cast.expr.get_type(schema)?.is_floating() && cast.expr.get_type(schema)? != DataType::Utf8,
        Expr::ScalarFunction(function) => {
            matches!(function.name(), "abs" | "coalesce" | "greatest" | "least" | "nullif" | "nvl" | "nvl2" | NAME)
        }
        _ => false,
    })
}

/// Wraps every expression that may need the rule.
pub(super) fn wrap(expr: Expr, schema: &DFSchema) -> Result<Expr> {
    let function = Arc::new(ScalarUDF::from(Clean { signature: Signature::any(1, Volatility::Immutable) }));
    let wrapped = expr.transform_up(|part| {
        if let Expr::Literal(value, metadata) = &part {
            return Ok(Transformed::yes(Expr::Literal(literal(value), metadata.clone())));
        }
        // A list of a condition and the like have no type of their own.
        let floating = part.get_type(schema).is_ok_and(|kind| kind.is_floating());
        if !floating || stays_clean(&part, schema)? {
            return Ok(Transformed::no(part));
        }
        Ok(Transformed::yes(function.call(vec![part])))
    })?;
    Ok(wrapped.data)
}

/// Tests for NaN become tests for NULL: `isnan(x)` is `x IS NULL`, `nanvl(x, y)` is `coalesce(x, y)`.
pub(super) fn ask_for_null(expr: Expr) -> Transformed<Expr> {
    match expr {
        Expr::ScalarFunction(function) if function.args.len() == 1 && function.name() == "isnan" => {
            let asked = function.args.into_iter().map(|asked| Expr::IsNull(Box::new(asked))).next();
            Transformed::yes(asked.unwrap_or_else(|| datafusion_expr::lit(false)))
        }
        Expr::ScalarFunction(function) if function.args.len() == 2 && function.name() == "nanvl" => {
            Transformed::yes(coalesce(function.args))
        }
        other => Transformed::no(other),
    }
}

//! The types that `CAST` accepts.

use arrow_schema::{
    DECIMAL_DEFAULT_SCALE, DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, DataType, FieldRef, IntervalUnit,
    TimeUnit,
};
use datafusion_common::datatype::{DataTypeExt, FieldExt};
use datafusion_common::{Result, not_impl_err, plan_err};
use sqlparser::ast::{self, ArrayElemTypeDef, ExactNumberInfo, TimezoneInfo};

/// A type as a nullable field.
pub(super) fn field(named: &ast::DataType) -> Result<FieldRef> {
    match named {
        ast::DataType::Array(ArrayElemTypeDef::AngleBracket(inner)) => Ok(field(inner)?.into_list()),
        ast::DataType::Array(ArrayElemTypeDef::SquareBracket(inner, None)) => Ok(field(inner)?.into_list()),
        ast::DataType::Array(ArrayElemTypeDef::SquareBracket(inner, Some(size))) => match i32::try_from(*size) {
            Ok(length) => Ok(field(inner)?.into_fixed_size_list(length)),
            Err(_) => plan_err!("Array size must be a positive 32 bit integer, got {size}"),
        },
        ast::DataType::Array(ArrayElemTypeDef::None) => {
            not_impl_err!("Arrays with unspecified type is not supported")
        }
        simple => Ok(kind(simple)?.into_nullable_field_ref()),
    }
}

fn kind(named: &ast::DataType) -> Result<DataType> {
    use ast::DataType as T;
    Ok(match named {
        T::Boolean | T::Bool => DataType::Boolean,
        T::TinyInt(_) => DataType::Int8,
        T::SmallInt(_) | T::Int2(_) => DataType::Int16,
        T::Int(_) | T::Integer(_) | T::Int4(_) => DataType::Int32,
        T::BigInt(_) | T::Int8(_) => DataType::Int64,
        T::TinyIntUnsigned(_) => DataType::UInt8,
        T::SmallIntUnsigned(_) | T::Int2Unsigned(_) => DataType::UInt16,
        T::IntUnsigned(_) | T::IntegerUnsigned(_) | T::Int4Unsigned(_) => DataType::UInt32,
        T::BigIntUnsigned(_) | T::Int8Unsigned(_) => DataType::UInt64,
        T::Float(_) | T::Real | T::Float4 => DataType::Float32,
        T::Double(ExactNumberInfo::None) | T::DoublePrecision | T::Float8 => DataType::Float64,
        T::Double(_) => {
            return not_impl_err!("Unsupported SQL type (precision/scale not supported) {named}");
        }
        T::Varchar(_) | T::Char(_) | T::Text | T::String(_) => DataType::Utf8,
        // UTC is the only zone: a time with one is a time.
        T::Timestamp(None | Some(9), _) => DataType::Timestamp(TimeUnit::Nanosecond, None),
        T::Timestamp(Some(6), _) => DataType::Timestamp(TimeUnit::Microsecond, None),
        T::Timestamp(Some(3), _) => DataType::Timestamp(TimeUnit::Millisecond, None),
        T::Timestamp(Some(0), _) => DataType::Timestamp(TimeUnit::Second, None),
        T::Date => DataType::Date32,
        T::Time(None, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => DataType::Time64(TimeUnit::Nanosecond),
        T::Numeric(digits) | T::Decimal(digits) => return decimal(digits),
        T::Bytea => DataType::Binary,
        T::Interval { fields: None, precision: None } => DataType::Interval(IntervalUnit::MonthDayNano),
        other => return not_impl_err!("Unsupported SQL type {other}"),
    })
}

/// All digits, and those after the point.
fn decimal(digits: &ExactNumberInfo) -> Result<DataType> {
    let (precision, scale) = match *digits {
        ExactNumberInfo::None => (DECIMAL128_MAX_PRECISION, DECIMAL_DEFAULT_SCALE),
        ExactNumberInfo::Precision(precision) => (precision as u8, 0),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => (precision as u8, scale as i8),
    };
    if precision == 0 || precision > DECIMAL256_MAX_PRECISION || scale.unsigned_abs() > precision {
        return plan_err!(
            "Decimal(precision = {precision}, scale = {scale}) should satisfy `0 < precision <= 76`, and `scale <= precision`."
        );
    }
    Ok(if precision > DECIMAL128_MAX_PRECISION {
        DataType::Decimal256(precision, scale)
    } else {
        DataType::Decimal128(precision, scale)
    })
}

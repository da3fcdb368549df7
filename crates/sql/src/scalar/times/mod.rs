//! Functions of time over all years that a time column can have. DataFusion's count in nanoseconds, which end in 1677
//! and in 2262; so do its literals, which are read as microseconds here.

mod civil;
mod formatted;

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{ArrayRef, TimestampMicrosecondArray};
use arrow_schema::{DataType, IntervalUnit};
use datafusion_common::tree_node::Transformed;
use datafusion_common::{Result, ScalarValue, exec_datafusion_err, exec_err, plan_err};
use datafusion_expr::{
    Cast, ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TryCast, TypeSignature,
    Volatility, cast,
};

use crate::window::value::Kind;
use civil::{DAY, SECOND, date, days, later};

/// 1 January of the year -9999 and the last microsecond of the year 9999.
const RANGE: std::ops::RangeInclusive<i64> = -377_705_116_800_000_000..=253_402_300_799_999_999;

fn time() -> DataType {
    Kind::Time.arrow()
}

fn nanoseconds(kind: &DataType) -> bool {
    matches!(kind, DataType::Timestamp(..)) && *kind != time()
}

/// Turns a cast to a time, which the planner makes nanoseconds, into one to microseconds.
pub(super) fn in_microseconds(expr: Expr) -> Transformed<Expr> {
    match expr {
        Expr::Cast(made) if nanoseconds(made.field.data_type()) => {
            Transformed::yes(Expr::Cast(Cast::new(made.expr, time())))
        }
        Expr::TryCast(made) if nanoseconds(made.field.data_type()) => {
            Transformed::yes(Expr::TryCast(TryCast::new(made.expr, time())))
        }
        other => Transformed::no(other),
    }
}

/// Turns a date into a time: a comparison with a time would make both nanoseconds.
pub(super) fn dates_as_times(expr: Expr) -> Transformed<Expr> {
    match expr {
        Expr::Cast(made) if *made.field.data_type() == DataType::Date32 => {
            Transformed::yes(cast(Expr::Cast(made), time()))
        }
        Expr::TryCast(made) if *made.field.data_type() == DataType::Date32 => {
            Transformed::yes(cast(Expr::TryCast(made), time()))
        }
        other => Transformed::no(other),
    }
}

/// The functions that replace DataFusion's.
pub(super) fn functions() -> [ScalarUDF; 3] {
    [Called::Trunc, Called::Bin, Called::Timestamp].map(|called| {
        ScalarUDF::from(Function {
            called,
            aliases: match called {
                Called::Trunc => vec!["datetrunc".to_string()],
                _ => Vec::new(),
            },
            signature: called.signature(),
        })
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Called {
    Trunc,
    Bin,
    Timestamp,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Function {
    called: Called,
    aliases: Vec<String>,
    signature: Signature,
}

impl Called {
    fn signature(self) -> Signature {
        let interval = DataType::Interval(IntervalUnit::MonthDayNano);
        let exact = |types: Vec<DataType>| TypeSignature::Exact(types);
        let taken = match self {
            Self::Trunc => vec![exact(vec![DataType::Utf8, time()])],
            Self::Bin => vec![exact(vec![interval.clone(), time()]), exact(vec![interval, time(), time()])],
            Self::Timestamp => vec![TypeSignature::VariadicAny],
        };
        Signature::one_of(taken, Volatility::Immutable)
    }
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        match self.called {
            Called::Trunc => "date_trunc",
            Called::Bin => "date_bin",
            Called::Timestamp => "to_timestamp",
        }
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        match (self.called, given) {
            (Called::Timestamp, [DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View, ..]) => Ok(time()),
            (Called::Timestamp, [DataType::Boolean]) => plan_err!("`to_timestamp` takes text, or a number of seconds"),
            (Called::Timestamp, [_]) | (Called::Trunc | Called::Bin, _) => Ok(time()),
            (Called::Timestamp, []) => plan_err!("`to_timestamp` takes text, or a number of seconds"),
            (Called::Timestamp, _) => plan_err!("`to_timestamp` takes formats for text only"),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let array = match self.called {
            Called::Trunc => trunc(&args.args)?,
            Called::Bin => bin(&args.args)?,
            Called::Timestamp if args.args.len() > 1 => formatted::formatted(&args.args, rows(&args))?,
            Called::Timestamp => timestamp(&args.args)?,
        };
        let scalar = args.args.iter().all(|given| matches!(given, ColumnarValue::Scalar(_)));
        if scalar {
            ScalarValue::try_from_array(&array, 0).map(ColumnarValue::Scalar)
        } else {
            Ok(ColumnarValue::Array(array))
        }
    }
}

/// The number of rows; one for constants alone.
fn rows(args: &ScalarFunctionArgs) -> usize {
    let column = args.args.iter().any(|given| matches!(given, ColumnarValue::Array(_)));
    if column { args.number_rows } else { 1 }
}

fn times(array: &ArrayRef, of: impl Fn(i64) -> Result<i64>) -> Result<ArrayRef> {
    let times = array.as_primitive::<TimestampMicrosecondType>();
    let made: TimestampMicrosecondArray = times.try_unary(of)?;
    Ok(Arc::new(made.with_timezone("UTC")))
}

/// The beginning of the unit that contains a time.
fn trunc(args: &[ColumnarValue]) -> Result<ArrayRef> {
    let [ColumnarValue::Scalar(ScalarValue::Utf8(Some(unit))), given] = args else {
        return exec_err!("`date_trunc` takes the name of a unit, such as 'day', and a time");
    };
    let fixed = |width: i64| move |time: i64| time - time.rem_euclid(width);
    let months = |count: i64| {
        move |time: i64| {
            let (year, month, _) = date(time.div_euclid(DAY));
            days(year, month - (month - 1) % count, 1) * DAY
        }
    };
    // 1970 began on a Thursday, weeks begin on Monday.
    let week = |time: i64| time - (time + 3 * DAY).rem_euclid(7 * DAY);
    let of: Box<dyn Fn(i64) -> i64> = match unit.to_lowercase().as_str() {
        "microsecond" => Box::new(|time| time),
        "millisecond" => Box::new(fixed(1_000)),
        "second" => Box::new(fixed(SECOND)),
        "minute" => Box::new(fixed(60 * SECOND)),
        "hour" => Box::new(fixed(3_600 * SECOND)),
        "day" => Box::new(fixed(DAY)),
        "week" => Box::new(week),
        "month" => Box::new(months(1)),
        "quarter" => Box::new(months(3)),
        "year" => Box::new(months(12)),
        _ => {
            return exec_err!(
                "`date_trunc` knows no unit '{unit}': microsecond, millisecond, second, minute, hour, day, week, month, quarter, year"
            );
        }
    };
    times(&given.to_array(1)?, |time| Ok(of(time)))
}

/// The beginning of the interval that contains a time, of equal intervals counted from an origin.
fn bin(args: &[ColumnarValue]) -> Result<ArrayRef> {
    let [ColumnarValue::Scalar(ScalarValue::IntervalMonthDayNano(Some(width))), given, origin @ ..] = args else {
        return exec_err!("`date_bin` takes an interval that is the same for every row, and a time");
    };
    let origin = match origin {
        [] => 0,
        [ColumnarValue::Scalar(ScalarValue::TimestampMicrosecond(Some(origin), _))] => *origin,
        _ => return exec_err!("`date_bin` takes an origin that is the same for every row"),
    };
    let (months, nanos) = (i64::from(width.months), width.nanoseconds);
    let micros = i64::from(width.days).checked_mul(DAY).and_then(|days| days.checked_add(nanos / 1_000)).unwrap_or(0);
    let beyond = || exec_datafusion_err!("the time is beyond the year 9999");
    let given = given.to_array(1)?;
    match (months, micros) {
        (1.., 0) if nanos == 0 => times(&given, |time| {
            let month = |time: i64| {
                let (year, month, _) = date(time.div_euclid(DAY));
                year * 12 + month
            };
            let count = (month(time) - month(origin)).div_euclid(months);
            let begins = later(origin, count * months);
            Ok(if begins > time { later(origin, (count - 1) * months) } else { begins })
        }),
        (0, 1..) if nanos % 1_000 == 0 => times(&given, |time| {
            let since = time.checked_sub(origin).ok_or_else(beyond)?;
            time.checked_sub(since.rem_euclid(micros)).ok_or_else(beyond)
        }),
        _ => exec_err!(
            "`date_bin` takes an interval of more than 0: of months, or of days and less, in whole microseconds"
        ),
    }
}

/// A time from its text, or from seconds since 1970.
fn timestamp(args: &[ColumnarValue]) -> Result<ArrayRef> {
    let [given] = args else { return exec_err!("`to_timestamp` takes one value") };
    let within = |micros: i64| {
        let beyond = || exec_datafusion_err!("the time is beyond the year 9999");
        RANGE.contains(&micros).then_some(micros).ok_or_else(beyond)
    };
    let kind = given.data_type();
    if kind.is_floating() || kind.is_decimal() {
        let seconds = given.cast_to(&DataType::Float64, None)?.to_array(1)?;
        let seconds = seconds.as_primitive::<Float64Type>();
        // A float beyond the range becomes the nearest integer, which is beyond it, too.
        let made =
            seconds.try_unary::<_, TimestampMicrosecondType, _>(|number| within((number * 1e6).round() as i64))?;
        return Ok(Arc::new(made.with_timezone("UTC")));
    }
    if kind.is_integer() {
        let seconds = given.cast_to(&DataType::Int64, None)?.to_array(1)?;
        let seconds = seconds.as_primitive::<Int64Type>();
        let made =
            seconds.try_unary::<_, TimestampMicrosecondType, _>(|number| within(number.saturating_mul(SECOND)))?;
        return Ok(Arc::new(made.with_timezone("UTC")));
    }
    given.cast_to(&time(), None)?.to_array(1)
}

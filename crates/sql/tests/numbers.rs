//! NaN is NULL and zero has no sign: after every operator, every function of the list and every window, on columns and
//! on computed values.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, TimestampMicrosecondArray};
use gristmill_sql::{Column, Item, Kind, Program, Setting, Windows};

/// Operators, functions and windows over two numbers x and y.
const ASKED: &[&str] = &[
    "x + y",
    "x - y",
    "x * y",
    "x / y",
    "x % y",
    "x ^ y",
    "-x",
    "+x",
    "x / (y - y)",
    "1 / x",
    "n / x",
    "n % x",
    "x - x",
    "x = y",
    "x <> y",
    "x < y",
    "x <= y",
    "x > y",
    "x >= y",
    "x < 100",
    "x > 100",
    "x = 0",
    "x <> 0",
    "0 = -x",
    "x IS DISTINCT FROM y",
    "x IS NOT DISTINCT FROM 0",
    "x BETWEEN y AND 1",
    "x NOT BETWEEN 0 AND y",
    "x IN (0)",
    "x IN (0, 1)",
    "x IN (0, 1, 2)",
    "x IN (0, 1, 2, 3)",
    "x IN (-0.0, 1.5, 2, 3, 4, 5)",
    "x NOT IN (0, 1, 2, 3)",
    "x IN (y, 1)",
    "x IN (y, 1, 2, 3)",
    "-x IN (0, 1, 2, 3)",
    "x * y IN (0, 1, 2, 3)",
    "CASE x WHEN 0 THEN 'zero' WHEN 1 THEN 'one' ELSE 'other' END",
    "CASE -x WHEN y THEN 1 ELSE 2 END",
    "CASE x WHEN -0.0 THEN 1 WHEN 2 THEN 3 END",
    "CASE WHEN x < y THEN x ELSE -y END",
    "CASE WHEN x * y > 0 THEN x END",
    "x IS NULL",
    "x IS NOT NULL",
    "x * y IS NULL",
    "NOT x > 0",
    "x > 0 AND y > 0",
    "x > 0 OR y > 0",
    "(x > y) IS TRUE",
    "(x > y) IS NOT FALSE",
    "(x < y) IS UNKNOWN",
    "CAST(x AS REAL)",
    "CAST(x AS VARCHAR)",
    "CAST(CAST(x AS VARCHAR) AS DOUBLE)",
    "CAST(x AS BIGINT)",
    "TRY_CAST(x AS BIGINT)",
    "x::INT",
    "'=' || x",
    "CAST(x AS VARCHAR) LIKE '%0%'",
    "CAST('NaN' AS DOUBLE) * x",
    "CAST('-0' AS DOUBLE) + x",
    "ln(-3) < 100",
    "acos(-3) < 5",
    "-0.0 + x",
    "abs(x)",
    "acos(x)",
    "acosh(x)",
    "asin(x)",
    "asinh(x)",
    "atan(x)",
    "atan2(x, y)",
    "atanh(x)",
    "cbrt(x)",
    "ceil(x)",
    "ceil(x - 0.5)",
    "cos(x)",
    "cosh(x)",
    "cot(x)",
    "degrees(x)",
    "exp(x)",
    "floor(x)",
    "isnan(x)",
    "isnan(x * y)",
    "iszero(x)",
    "iszero(x * y)",
    "ln(x)",
    "log(x)",
    "log(2, x)",
    "log(x, y)",
    "log10(x)",
    "log2(x)",
    "nanvl(x, y)",
    "nanvl(x * y, 7)",
    "nullif(x, y)",
    "nullif(x, 0)",
    "nullif(y, x * 0)",
    "nvl(x, y)",
    "ifnull(x, y)",
    "nvl2(x, y, x)",
    "coalesce(x, y, 5)",
    "coalesce(x * y, 5)",
    "greatest(x, y)",
    "greatest(x, y, 0)",
    "least(x, y)",
    "least(x, y, 0)",
    "pi() * x",
    "power(x, y)",
    "pow(x, 3)",
    "power(x, -1)",
    "radians(x)",
    "round(x)",
    "round(-x / 4)",
    "round(x, 2)",
    "signum(x)",
    "sin(x)",
    "sinh(x)",
    "sqrt(x)",
    "tan(x)",
    "tanh(x)",
    "trunc(x)",
    "trunc(-x / 4)",
    "trunc(x, 1)",
    "factorial(CAST(x AS BIGINT))",
    "gcd(CAST(x AS BIGINT), 6)",
    "lcm(CAST(x AS BIGINT), 6)",
    "ascii(CAST(x AS VARCHAR))",
    "bit_length(CAST(x AS VARCHAR))",
    "btrim(CAST(x AS VARCHAR), '0')",
    "trim(CAST(x AS VARCHAR))",
    "character_length(CAST(x AS VARCHAR))",
    "char_length(CAST(x AS VARCHAR))",
    "length(CAST(x AS VARCHAR))",
    "concat(x, '!')",
    "concat_ws('-', x, y)",
    "contains(CAST(x AS VARCHAR), '0')",
    "ends_with(CAST(x AS VARCHAR), '0')",
    "initcap(CAST(x AS VARCHAR))",
    "left(CAST(x AS VARCHAR), 2)",
    "levenshtein(CAST(x AS VARCHAR), '0.0')",
    "lower(CAST(x AS VARCHAR))",
    "ltrim(CAST(x AS VARCHAR))",
    "octet_length(CAST(x AS VARCHAR))",
    "replace(CAST(x AS VARCHAR), '0', 'o')",
    "reverse(CAST(x AS VARCHAR))",
    "right(CAST(x AS VARCHAR), 2)",
    "rtrim(CAST(x AS VARCHAR))",
    "split_part(CAST(x AS VARCHAR), '.', 1)",
    "starts_with(CAST(x AS VARCHAR), '-')",
    "strpos(CAST(x AS VARCHAR), '0')",
    "instr(CAST(x AS VARCHAR), '0')",
    "position('0' IN CAST(x AS VARCHAR))",
    "substr(CAST(x AS VARCHAR), 2)",
    "substring(CAST(x AS VARCHAR) FROM 1 FOR 2)",
    "translate(CAST(x AS VARCHAR), '0', 'o')",
    "upper(CAST(x AS VARCHAR))",
    "date_bin(INTERVAL '1 hour', to_timestamp(x))",
    "date_part('year', to_timestamp(x))",
    "datepart('year', to_timestamp(x))",
    "date_trunc('day', to_timestamp(x))",
    "datetrunc('day', to_timestamp(x))",
    "to_timestamp(x)",
    "extract(epoch FROM ts) * x",
];

/// Windows over x: before this row they contain 1 and 3.
const WINDOWS: &[&str] = &[
    "count(x)",
    "sum(x)",
    "avg(x)",
    "mean(x)",
    "min(x)",
    "max(x)",
    "stddev(x)",
    "stddev_pop(x)",
    "stddev_samp(x)",
    "var(x)",
    "variance(x)",
    "var_samp(x)",
    "var_pop(x)",
    "median(x)",
    "approx_median(x)",
    "approx_distinct(x)",
    "approx_percentile_cont(x, 0.25)",
    "first_value(x)",
    "last_value(x)",
    "any_value(x)",
    "lag(x)",
    "sum(x * y)",
    "count(*) FILTER (WHERE x < 100)",
];
const FRAMES: &[&str] = &["ROWS 2 PRECEDING", "RANGE INTERVAL '1 hour' PRECEDING", ""];

const SPECIAL: [Option<f64>; 7] =
    [None, Some(f64::NAN), Some(0.0), Some(-0.0), Some(f64::INFINITY), Some(f64::NEG_INFINITY), Some(2.0)];

fn setting() -> Setting {
    let columns = [("x", Kind::Float), ("y", Kind::Float), ("n", Kind::Int), ("ts", Kind::Time)];
    let columns = columns.map(|(name, kind)| Column { name: name.into(), kind, delay: None });
    Setting { columns: columns.into(), time: Some(3), ..Setting::default() }
}

fn rows(x: Vec<Option<f64>>, y: Vec<Option<f64>>) -> Vec<ArrayRef> {
    let rows = x.len() as i64;
    let times: TimestampMicrosecondArray = (0..rows).map(|row| Some(row * 1_000_000)).collect();
    vec![
        Arc::new(Float64Array::from(x)),
        Arc::new(Float64Array::from(y)),
        Arc::new(Int64Array::from(vec![Some(7); rows as usize])),
        Arc::new(times.with_timezone("UTC")),
    ]
}

/// The result of each row as text; a failure is one, too.
fn given(text: &str, rows: &[ArrayRef]) -> Vec<String> {
    let program = Program::compile(&setting(), &[Item::new("made", text)]);
    let program = program.unwrap_or_else(|mistakes| panic!("{text}: {mistakes:?}"));
    let count = rows[0].len();
    let features = program.evaluate(&mut Windows::new(&program), rows, count);
    let column = &features.columns[0];
    if let Some(numbers) = column.as_primitive_opt::<Float64Type>() {
        for number in numbers.iter().flatten() {
            let clean = !number.is_nan() && (number != 0.0 || number.is_sign_positive());
            assert!(clean, "{text} gives {number}");
        }
    }
    let shown = |row| match features.failures.iter().find(|failure| failure.row == row) {
        Some(_) => "failed".to_string(),
        None => format!("{:?}", column.slice(row, 1)),
    };
    (0..count).map(shown).collect()
}

/// The value that replaces a special one: NULL for NaN, 0 for -0.
fn meant(number: Option<f64>) -> Option<f64> {
    number.filter(|number| !number.is_nan()).map(|number| if number == 0.0 { 0.0 } else { number })
}

#[test]
fn every_operator_and_function_takes_nan_for_null_and_minus_zero_for_zero() {
    let (x, y): (Vec<_>, Vec<_>) = SPECIAL.iter().flat_map(|x| SPECIAL.map(|y| (*x, y))).unzip();
    let special = rows(x.clone(), y.clone());
    let plain = rows(x.iter().copied().map(meant).collect(), y.iter().copied().map(meant).collect());
    for text in ASKED {
        let (ours, meant) = (given(text, &special), given(text, &plain));
        for (row, (ours, meant)) in ours.iter().zip(meant).enumerate() {
            assert_eq!(*ours, meant, "{text} of x {:?} and y {:?}", x[row], y[row]);
        }
    }
}

#[test]
fn every_window_takes_nan_for_null_and_minus_zero_for_zero() {
    for (call, frame) in WINDOWS.iter().flat_map(|call| FRAMES.iter().map(move |frame| (call, frame))) {
        if frame.is_empty() && ["median", "approx"].iter().any(|name| call.starts_with(name)) {
            continue;
        }
        let text = format!("{call} OVER (ORDER BY ts {frame})");
        for special in SPECIAL {
            let x = |special| vec![Some(1.0), special, Some(3.0), Some(0.0), special];
            let y = vec![Some(2.0), Some(0.0), None, Some(-1.0), Some(f64::INFINITY)];
            let (ours, meant) = (given(&text, &rows(x(special), y.clone())), given(&text, &rows(x(meant(special)), y)));
            assert_eq!(ours, meant, "{text} with {special:?}");
        }
    }
}

/// Every function that may be called is tested above.
#[test]
fn the_table_lists_every_function() {
    let mistakes = Program::compile(&setting(), &[Item::new("made", "there_is_none(x)")]).unwrap_err();
    let (_, known) = mistakes[0].unknown.clone().unwrap();
    let text = [ASKED, WINDOWS].concat().join("\n");
    let asked: BTreeSet<&str> = text.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let missing: Vec<&String> = known.iter().filter(|name| !asked.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let guide = include_str!("../../../docs/guide/features.md");
    let unnamed: Vec<&String> = known.iter().filter(|name| !guide.contains(&format!("`{name}`"))).collect();
    assert!(unnamed.is_empty(), "the guide does not name {unnamed:?}");
}

/// The same numbers as any engine that follows the rule.
#[test]
fn what_a_division_and_a_condition_say() {
    let one = |text: &str, x: f64| given(text, &rows(vec![Some(x)], vec![Some(1.0)])).remove(0);
    let same = |text: &str, x: f64, as_of: &str| assert_eq!(one(text, x), one(as_of, x), "{text} of {x}");
    same("y / round(x)", -0.3, "nullif(y, 1)");
    same("y % round(x)", -0.3, "nullif(y, 1)");
    same("nullif(round(x), 0)", -0.3, "nullif(y, 1)");
    same("round(x) IN (0, 1, 2, 3)", -0.3, "TRUE");
    same("CASE round(x) WHEN 0 THEN 'zero' END", -0.3, "'zero'");
    same("ln(x) < 100", -3.0, "CAST(NULL AS BOOLEAN)");
    same("acos(x) < 5", -3.0, "CAST(NULL AS BOOLEAN)");
    same("ln(-3) < 100", 1.0, "CAST(NULL AS BOOLEAN)");
    same("acos(x) > 5", -3.0, "CAST(NULL AS BOOLEAN)");
    let means = given("avg(x) OVER (ORDER BY ts)", &rows(vec![Some(1.0), Some(f64::NAN), Some(3.0)], vec![None; 3]));
    assert_eq!(means, given("x", &rows(vec![Some(1.0), Some(1.0), Some(2.0)], vec![None; 3])));
}

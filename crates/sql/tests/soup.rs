//! Any text is either compiled as an expression or refused with a place inside it, and a compiled one is evaluated
//! without a panic, with the same result for each row alone as for all together.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray};
use gristmill_sql::{Column, Item, Kind, Program, Setting, Windows};
use proptest::prelude::*;

const WORDS: &[&str] = &[
    "x",
    "n",
    "s",
    "b",
    "ts",
    "X",
    "nope",
    "1",
    "0",
    "-1",
    "2.5",
    "1e308",
    "9223372036854775807",
    "'a'",
    "''",
    "'1'",
    "NULL",
    "TRUE",
    "+",
    "-",
    "*",
    "/",
    "%",
    "||",
    "=",
    "<>",
    "<",
    ">=",
    "AND",
    "OR",
    "NOT",
    "IS NULL",
    "IN",
    "(",
    ")",
    "(",
    ")",
    ",",
    "BETWEEN",
    "LIKE",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "CAST(",
    "AS BIGINT)",
    "AS DOUBLE)",
    "AS TEXT)",
    "::",
    "INT",
    "ln(",
    "sqrt(",
    "abs(",
    "lower(",
    "substr(",
    "left(",
    "power(",
    "round(",
    "coalesce(",
    "nullif(",
    "date_trunc('day',",
    "extract(hour FROM",
    "INTERVAL '1 day'",
    "INTERVAL '1 month'",
    "count(*)",
    "sum(x)",
    "avg(n)",
    "median(",
    "lag(x, 2)",
    "FILTER (WHERE b)",
    "OVER (",
    "OVER (ORDER BY ts)",
    "OVER (PARTITION BY s ORDER BY ts ROWS 2 PRECEDING)",
    "OVER (ORDER BY ts RANGE INTERVAL '1 hour' PRECEDING)",
    "PARTITION BY",
    "ORDER BY",
    "DISTINCT",
    "SELECT",
    "[",
    "]",
    "{",
    "$1",
    "?",
    "@",
    "^",
    "~",
    "->",
    "--",
    "/*",
    "\"x\"",
    "ä",
    "\\",
    "\n",
];

fn soup() -> impl Strategy<Value = String> {
    proptest::collection::vec(0..WORDS.len(), 1..12)
        .prop_map(|words| words.into_iter().map(|word| WORDS[word]).collect::<Vec<_>>().join(" "))
}

/// Expressions that are probably valid: operators and functions over the columns.
fn sense() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("x".to_string()),
        Just("n".to_string()),
        Just("1".to_string()),
        Just("0.5".to_string()),
        Just("NULL".to_string()),
        Just("9223372036854775807".to_string()),
        Just("length(s)".to_string()),
        Just("CAST(s AS BIGINT)".to_string()),
        Just("sum(x) OVER (PARTITION BY s ORDER BY ts ROWS 2 PRECEDING)".to_string()),
        Just("count(n) FILTER (WHERE b) OVER (ORDER BY ts RANGE INTERVAL '1 hour' PRECEDING)".to_string()),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let two = (inner.clone(), inner.clone());
        prop_oneof![
            (two.clone(), 0..5_usize).prop_map(|((a, b), op)| format!("({a} {} {b})", ["+", "-", "*", "/", "%"][op])),
            (inner.clone(), 0..8_usize).prop_map(|(a, f)| format!(
                "{}({a})",
                ["ln", "sqrt", "abs", "round", "exp", "floor", "cbrt", "signum"][f]
            )),
            two.prop_map(|(a, b)| format!("CASE WHEN {a} > {b} THEN {a} ELSE power({b}, 2) END")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("coalesce(nullif({a}, {b}), greatest({a}, {b}))")),
        ]
    })
}

fn setting() -> Setting {
    let columns = [("x", Kind::Float), ("n", Kind::Int), ("s", Kind::Text), ("b", Kind::Boolean), ("ts", Kind::Time)];
    let columns = columns.map(|(name, kind)| Column { name: name.into(), kind, delay: None });
    Setting { columns: columns.into(), time: Some(4), ..Setting::default() }
}

fn rows() -> Vec<ArrayRef> {
    let times: TimestampMicrosecondArray = (0..6).map(|row| Some(row * 1_800_000_000)).collect();
    vec![
        Arc::new(Float64Array::from(vec![
            Some(1.5),
            None,
            Some(f64::NAN),
            Some(-0.0),
            Some(f64::INFINITY),
            Some(1e300),
        ])),
        Arc::new(Int64Array::from(vec![Some(1), Some(i64::MAX), None, Some(0), Some(i64::MIN), Some(-7)])),
        Arc::new(StringArray::from(vec![Some("a"), Some("12"), None, Some(""), Some("ä"), Some("a")])),
        Arc::new(BooleanArray::from(vec![Some(true), None, Some(false), Some(true), Some(true), None])),
        Arc::new(times.with_timezone("UTC")),
    ]
}

/// Whether it was compiled.
fn try_out(text: &str) -> Result<bool, TestCaseError> {
    let program = match Program::compile(&setting(), &[Item::new("f", text)]) {
        Ok(program) => program,
        Err(mistakes) => {
            for mistake in mistakes {
                prop_assert!(mistake.from <= mistake.to && mistake.to <= text.len(), "{text}: {mistake:?}");
                prop_assert!(
                    !mistake.message.is_empty() && !mistake.message.contains("Internal"),
                    "{text}: {mistake:?}"
                );
            }
            return Ok(false);
        }
    };
    let all = rows();
    let whole = program.evaluate(&mut Windows::new(&program), &all, 6);
    prop_assert!(program.may_fail() || whole.failures.is_empty(), "{} failed: {:?}", text, whole.failures);
    let mut alone = Windows::new(&program);
    for row in 0..6 {
        let one: Vec<ArrayRef> = all.iter().map(|column| column.slice(row, 1)).collect();
        let single = program.evaluate(&mut alone, &one, 1);
        let failed = whole.failures.iter().any(|failure| failure.row == row);
        prop_assert_eq!(failed, !single.failures.is_empty(), "{} at {}", text, row);
        if !failed {
            let (ours, theirs) = (whole.columns[0].slice(row, 1), &single.columns[0]);
            prop_assert_eq!(format!("{ours:?}"), format!("{theirs:?}"), "{} at {}", text, row);
        }
    }
    Ok(true)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_text_is_compiled_or_refused(text in soup()) {
        try_out(&text)?;
    }

    #[test]
    fn what_makes_sense_is_evaluated(text in sense()) {
        try_out(&text)?;
    }

    #[test]
    fn any_characters_are_compiled_or_refused(text in "\\PC{0,40}") {
        try_out(&text)?;
    }
}

#[test]
fn what_is_too_long_or_too_deep_is_refused() {
    let mut long = "x".to_string();
    (0..1_000).for_each(|_| long += " + x");
    let deep = "(".repeat(300) + "x" + &")".repeat(300);
    let nested = "abs(".repeat(150) + "x" + &")".repeat(150);
    for text in [long, deep, nested] {
        let mistakes = Program::compile(&setting(), &[Item::new("f", &text)]).unwrap_err();
        assert!(mistakes[0].message.contains("too long or too deep"), "{:?}", mistakes[0]);
    }
}

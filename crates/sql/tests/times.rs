//! Time over all years that a time column can have, and text that is converted only by an explicit cast.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, ArrayRef, BooleanArray, Int64Array, StringArray, TimestampMicrosecondArray};
use gristmill_sql::{Column, Item, Kind, Mistake, Program, Setting, Windows};

/// Texts of times, with DuckDB 2.0.1's results for the expressions below and for the time itself, in microseconds.
const TIMES: [(&str, [i64; 15]); 9] = [
    (
        "0001-01-01T00:00:00",
        [
            -62_135_596_800_000_000,
            -62_135_596_800_000_000,
            -62_135_596_800_000_000,
            -62_135_596_800_000_000,
            -62_135_596_800_000_000,
            -62_135_596_800_000_000,
            -62_135_596_800_000_000,
            -62_135_596_800_000_000,
            -62_135_596_800_000_000,
            -62_135_596_800_000_000,
            -62_135_942_400_000_000,
            -62_135_596_800_000_000,
            -62_140_867_200_000_000,
            -62_135_597_400_000_000,
            -62_135_596_800_000_000,
        ],
    ),
    (
        "1582-10-15T12:34:56.789012",
        [
            -12_219_247_503_211_000,
            -12_219_247_504_000_000,
            -12_219_247_560_000_000,
            -12_219_249_600_000_000,
            -12_219_292_800_000_000,
            -12_219_638_400_000_000,
            -12_220_502_400_000_000,
            -12_220_502_400_000_000,
            -12_244_089_600_000_000,
            -12_219_249_600_000_000,
            -12_219_379_200_000_000,
            -12_220_502_400_000_000,
            -12_228_451_200_000_000,
            -12_219_248_400_000_000,
            -12_219_247_503_210_988,
        ],
    ),
    (
        "1677-09-21T00:12:43",
        [
            -9_223_372_037_000_000,
            -9_223_372_037_000_000,
            -9_223_372_080_000_000,
            -9_223_372_800_000_000,
            -9_223_372_800_000_000,
            -9_223_459_200_000_000,
            -9_225_100_800_000_000,
            -9_230_457_600_000_000,
            -9_246_096_000_000_000,
            -9_223_372_800_000_000,
            -9_223_804_800_000_000,
            -9_225_100_800_000_000,
            -9_230_457_600_000_000,
            -9_223_372_500_000_000,
            -9_223_372_037_000_000,
        ],
    ),
    (
        "1969-12-31T23:59:59.999999",
        [
            -1_000,
            -1_000_000,
            -60_000_000,
            -3_600_000_000,
            -86_400_000_000,
            -259_200_000_000,
            -2_678_400_000_000,
            -7_948_800_000_000,
            -31_536_000_000_000,
            -5_400_000_000,
            -604_800_000_000,
            -2_678_400_000_000,
            -13_219_200_000_000,
            -600_000_000,
            -1,
        ],
    ),
    ("1970-01-01T00:00:00", [0, 0, 0, 0, 0, -259_200_000_000, 0, 0, 0, 0, 0, 0, 0, -600_000_000, 0]),
    (
        "2024-02-29T13:14:15.161718",
        [
            1_709_212_455_161_000,
            1_709_212_455_000_000,
            1_709_212_440_000_000,
            1_709_211_600_000_000,
            1_709_164_800_000_000,
            1_708_905_600_000_000,
            1_706_745_600_000_000,
            1_704_067_200_000_000,
            1_704_067_200_000_000,
            1_709_208_000_000_000,
            1_709_164_800_000_000,
            1_706_745_600_000_000,
            1_696_118_400_000_000,
            1_709_211_900_000_000,
            1_709_212_455_161_718,
        ],
    ),
    (
        "2262-04-11T23:47:16.854776",
        [
            9_223_372_036_854_000,
            9_223_372_036_000_000,
            9_223_372_020_000_000,
            9_223_369_200_000_000,
            9_223_286_400_000_000,
            9_222_940_800_000_000,
            9_222_422_400_000_000,
            9_222_422_400_000_000,
            9_214_646_400_000_000,
            9_223_367_400_000_000,
            9_223_200_000_000_000,
            9_222_422_400_000_000,
            9_217_324_800_000_000,
            9_223_371_300_000_000,
            9_223_372_036_854_776,
        ],
    ),
    (
        "2263-05-06T07:08:09",
        [
            9_257_008_089_000_000,
            9_257_008_089_000_000,
            9_257_008_080_000_000,
            9_257_007_600_000_000,
            9_256_982_400_000_000,
            9_256_809_600_000_000,
            9_256_550_400_000_000,
            9_253_958_400_000_000,
            9_246_182_400_000_000,
            9_257_004_000_000_000,
            9_256_464_000_000_000,
            9_256_550_400_000_000,
            9_256_550_400_000_000,
            9_257_007_900_000_000,
            9_257_008_089_000_000,
        ],
    ),
    (
        "9999-12-31T23:59:59.999999",
        [
            253_402_300_799_999_000,
            253_402_300_799_000_000,
            253_402_300_740_000_000,
            253_402_297_200_000_000,
            253_402_214_400_000_000,
            253_401_868_800_000_000,
            253_399_622_400_000_000,
            253_394_352_000_000_000,
            253_370_764_800_000_000,
            253_402_295_400_000_000,
            253_402_128_000_000_000,
            253_399_622_400_000_000,
            253_389_081_600_000_000,
            253_402_300_200_000_000,
            253_402_300_799_999_999,
        ],
    ),
];

const ASKED: [&str; 15] = [
    "date_trunc('millisecond', ts)",
    "date_trunc('second', ts)",
    "date_trunc('minute', ts)",
    "date_trunc('hour', ts)",
    "date_trunc('day', ts)",
    "date_trunc('week', ts)",
    "date_trunc('month', ts)",
    "date_trunc('quarter', ts)",
    "datetrunc('YEAR', ts)",
    "date_bin(INTERVAL '90 minutes', ts)",
    "date_bin(INTERVAL '7 days', ts, TIMESTAMP '1970-01-01')",
    "date_bin(INTERVAL '1 month', ts)",
    "date_bin(INTERVAL '5 months', ts, TIMESTAMP '1970-01-01')",
    "date_bin(INTERVAL '15 minutes', ts, TIMESTAMP '2020-01-01 00:05:00')",
    "CAST(s AS TIMESTAMP)",
];

fn compile(text: &str) -> Result<Program, Vec<Mistake>> {
    let columns = [("ts", Kind::Time), ("s", Kind::Text), ("n", Kind::Int), ("b", Kind::Boolean), ("x", Kind::Float)];
    let columns = columns.map(|(name, kind)| Column { name: name.into(), kind, delay: None });
    Program::compile(
        &Setting { columns: columns.into(), time: Some(0), ..Setting::default() },
        &[Item::new("made", text)],
    )
}

fn rows() -> Vec<ArrayRef> {
    let times: TimestampMicrosecondArray = TIMES.iter().map(|(_, times)| Some(times[14])).collect();
    let count = TIMES.len();
    vec![
        Arc::new(times.with_timezone("UTC")),
        Arc::new(StringArray::from_iter_values(TIMES.map(|(text, _)| text))),
        Arc::new(Int64Array::from(vec![1; count])),
        Arc::new(BooleanArray::from(vec![true; count])),
        Arc::new(arrow_array::Float64Array::from(vec![1.5; count])),
    ]
}

fn evaluate(text: &str) -> ArrayRef {
    let program = compile(text).unwrap_or_else(|mistakes| panic!("{text}: {mistakes:?}"));
    let features = program.evaluate(&mut Windows::new(&program), &rows(), TIMES.len());
    assert!(features.failures.is_empty(), "{text}: {:?}", features.failures);
    Arc::clone(&features.columns[0])
}

#[test]
fn functions_of_time_say_what_duckdb_says() {
    for (asked, text) in ASKED.iter().enumerate() {
        let made = evaluate(text);
        for (row, (time, expected)) in TIMES.iter().enumerate() {
            let ours = made.as_primitive::<TimestampMicrosecondType>().value(row);
            assert_eq!(ours, expected[asked], "{text} of {time}");
        }
    }
}

/// The time itself, as in DuckDB, however it is read; the second format is used where the first does not match.
#[test]
fn a_time_is_read_by_its_format_in_every_year() {
    for (asked, later) in [
        ("to_timestamp(s, '%Y-%m-%dT%H:%M:%S%.f')", 0),
        ("to_timestamp(s, '%d.%m.%Y', '%Y-%m-%dT%H:%M:%S%.f')", 0),
        ("to_timestamp(s || '+01:00', '%Y-%m-%dT%H:%M:%S%.f%:z')", -3_600_000_000),
        ("to_timestamp(s || ' Etc/GMT+2', '%Y-%m-%dT%H:%M:%S%.f %Z')", 7_200_000_000),
    ] {
        let program = compile(asked).unwrap_or_else(|mistakes| panic!("{asked}: {mistakes:?}"));
        let features = program.evaluate(&mut Windows::new(&program), &rows(), TIMES.len());
        let made = features.columns[0].as_primitive::<TimestampMicrosecondType>();
        for (row, (time, expected)) in TIMES.iter().enumerate() {
            let expected = expected[14] + later;
            // An offset may lead beyond the year 9999: that is refused, not clamped.
            if expected > 253_402_300_799_999_999 {
                assert!(features.failures.iter().any(|failure| failure.row == row), "{asked} of {time}");
                continue;
            }
            assert_eq!(made.value(row), expected, "{asked} of {time}: {:?}", features.failures);
        }
    }
    let whole = evaluate("to_timestamp('31.12.2999', '%d.%m.%Y')");
    assert_eq!(whole.as_primitive::<TimestampMicrosecondType>().value(0), 32_503_593_600_000_000);
}

#[test]
fn no_year_is_too_far_away() {
    for condition in [
        "ts < TIMESTAMP '9999-12-31'",
        "ts < '9999-12-31'",
        "ts < DATE '9999-12-31'",
        "ts < CAST('9999-12-31' AS TIMESTAMP)",
        "ts < to_timestamp('9999-12-31')",
        "ts < to_timestamp(253402214400)",
        "ts < to_timestamp(253402214400.0)",
        "NOT ts >= '9999-12-31T02:00:00+02:00'",
        "ts NOT IN (TIMESTAMP '9999-12-31 23:59:59.999999', TIMESTAMP '0001-01-02')",
        "ts - INTERVAL '1 day' < TIMESTAMP '9999-12-30'",
        "date_trunc('day', ts) < '9999-12-31'",
        "CAST(ts AS DATE) < DATE '9999-12-31'",
        "CASE WHEN ts >= TIMESTAMP '9999-12-31' THEN TIMESTAMP '0001-01-01' ELSE ts END = ts",
    ] {
        let made = evaluate(condition);
        let held: Vec<bool> = (0..TIMES.len()).map(|row| made.as_boolean().value(row)).collect();
        assert_eq!(held, [vec![true; 8], vec![false]].concat(), "{condition}");
    }
    for text in [
        "extract(epoch FROM ts)",
        "extract(year FROM ts)",
        "extract(dow FROM ts)",
        "date_part('week', ts)",
        "CAST(ts AS VARCHAR)",
        "CAST(ts AS DATE)",
        "CAST(ts AS BIGINT)",
        "greatest(ts, TIMESTAMP '9999-12-31')",
        "nullif(ts, '1600-01-01')",
        "ts - INTERVAL '1 year'",
        "count(*) FILTER (WHERE ts < '9999-12-31') OVER (ORDER BY ts RANGE INTERVAL '1 day' PRECEDING)",
    ] {
        assert_eq!(evaluate(text).null_count(), 0, "{text}");
    }
}

#[test]
fn text_is_taken_for_something_else_only_where_that_was_asked_for() {
    for (text, part, wanted) in [
        ("coalesce(s, n)", "coalesce(s, n", "BIGINT"),
        ("coalesce(n, s)", "coalesce(n, s", "BIGINT"),
        ("nullif(n, s)", "nullif(n, s", "BIGINT"),
        ("1 + greatest(s, x)", "greatest(s, x", "DOUBLE"),
        ("1 / s", "1 / s", "BIGINT"),
        ("s > 5", "s > 5", "BIGINT"),
        ("s > x", "s > x", "DOUBLE"),
        ("n = s", "n = s", "BIGINT"),
        ("s IS DISTINCT FROM n", "s IS DISTINCT FROM n", "BIGINT"),
        ("s BETWEEN 1 AND n", "s BETWEEN 1 AND n", "BIGINT"),
        ("n IN (1, s)", "n IN (1, s", "BIGINT"),
        ("s IN (1, 2, 3, 4)", "s IN (1, 2, 3, 4", "BIGINT"),
        ("CASE n WHEN s THEN 1 END", "CASE n WHEN s THEN 1 END", "BIGINT"),
        ("ts > s", "ts > s", "TIMESTAMP"),
        ("lower(s) < ts", "lower(s) < ts", "TIMESTAMP"),
        ("extract(hour FROM s)", "s", "TIMESTAMP"),
        ("date_trunc('day', s)", "date_trunc('day', s", "TIMESTAMP"),
        ("sum(coalesce(s, n)) OVER (ORDER BY ts)", "coalesce(s, n", "BIGINT"),
        ("count(*) FILTER (WHERE s > 5) OVER (ORDER BY ts)", "s > 5", "BIGINT"),
    ] {
        let Err(mistakes) = compile(text) else { panic!("{text} is compiled") };
        let mistake = &mistakes[0];
        assert!(mistake.message.contains(" is text, where "), "{text}: {}", mistake.message);
        assert_eq!(&text[mistake.from..mistake.to], part, "{text}");
        let help = mistake.help.as_deref().unwrap_or_default();
        assert!(help.contains(&format!("`TRY_CAST(… AS {wanted})`")), "{text}: {help}");
    }
    for text in ["s + 1", "ln(s)", "power(s, 2)", "left(s, s)", "b = s"] {
        assert!(compile(text).is_err(), "{text}");
    }
}

#[test]
fn text_is_taken_for_something_else_where_that_was_asked_for() {
    for text in [
        "coalesce(s, 'none')",
        "coalesce(CAST(s AS DOUBLE), n)",
        "coalesce(TRY_CAST(s AS DOUBLE), n)",
        "s || n",
        "concat(s, n, x, b)",
        "nvl(n, s)",
        "n > '5'",
        "ts > '2020-01-01'",
        "CASE WHEN b THEN s ELSE 'x' END",
        "CASE WHEN b THEN s ELSE n END",
        "coalesce(x, n)",
        "to_timestamp(s)",
        "n::DOUBLE / s::DOUBLE",
        "extract(hour FROM CAST(s AS TIMESTAMP))",
        "CAST(s AS DATE) < ts",
        "s LIKE '1%' AND length(s) > 2",
        "s IN ('1', '2')",
    ] {
        compile(text).unwrap_or_else(|mistakes| panic!("{text}: {mistakes:?}"));
    }
}

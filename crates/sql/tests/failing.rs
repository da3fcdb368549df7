//! The compiler knows which expressions a row can make fail before one does.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use gristmill_sql::{Column, Item, Kind, Program, Setting};

#[test]
fn what_cannot_fail_is_known() {
    let columns = [("ts", Kind::Time), ("k", Kind::Text), ("n", Kind::Int), ("x", Kind::Float), ("b", Kind::Boolean)];
    let columns = columns.map(|(name, kind)| Column { name: name.into(), kind, delay: None });
    let setting = Setting { columns: columns.into(), time: Some(0), ..Setting::default() };
    let may_fail = |text: &str| {
        let program = Program::compile(&setting, &[Item::new("made", text)]);
        program.unwrap_or_else(|mistakes| panic!("{text}: {mistakes:?}")).may_fail()
    };
    for safe in [
        "x / 3 + ln(1 + x)",
        "CASE WHEN extract(hour FROM ts) <= 6 OR k = 'a' THEN 1 ELSE 0 END",
        "CAST(n AS DOUBLE) * 2.5",
        "coalesce(x, 0) > 1 AND b IS NOT NULL",
        "upper(k) || '!'",
        "avg(x) OVER (ORDER BY ts RANGE INTERVAL '1 day' PRECEDING)",
        "x - avg(n) OVER (PARTITION BY k ORDER BY ts)",
        "TRY_CAST(k AS DOUBLE)",
    ] {
        assert!(!may_fail(safe), "{safe}");
    }
    for unsafe_one in
        ["n + 1", "abs(n)", "CAST(k AS DOUBLE)", "-n", "sum(n) OVER (ORDER BY ts)", "to_timestamp(k) > ts"]
    {
        assert!(may_fail(unsafe_one), "{unsafe_one}");
    }
}

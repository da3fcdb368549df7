//! Names of functions in other engines, and their equivalents here.

/// The name elsewhere, and the expression.
const SPELLED: &[(&str, &str)] = &[
    ("year", "extract(year FROM ts)"),
    ("quarter", "extract(quarter FROM ts)"),
    ("month", "extract(month FROM ts)"),
    ("week", "extract(week FROM ts)"),
    ("weekofyear", "extract(week FROM ts)"),
    ("day", "extract(day FROM ts)"),
    ("dayofmonth", "extract(day FROM ts)"),
    ("dayofweek", "extract(dow FROM ts)"),
    ("weekday", "extract(dow FROM ts)"),
    ("dow", "extract(dow FROM ts)"),
    ("isodow", "extract(isodow FROM ts)"),
    ("dayofyear", "extract(doy FROM ts)"),
    ("hour", "extract(hour FROM ts)"),
    ("minute", "extract(minute FROM ts)"),
    ("second", "extract(second FROM ts)"),
    ("epoch", "extract(epoch FROM ts)"),
    ("unix_timestamp", "extract(epoch FROM ts)"),
    ("to_unixtime", "extract(epoch FROM ts)"),
    ("from_unixtime", "to_timestamp(seconds)"),
    ("time_bucket", "date_bin(INTERVAL '15 minutes', ts)"),
    ("to_date", "CAST(… AS DATE)"),
    ("date", "CAST(… AS DATE)"),
    ("datediff", "(extract(epoch FROM b) - extract(epoch FROM a)) / 86400"),
    ("date_diff", "(extract(epoch FROM b) - extract(epoch FROM a)) / 86400"),
    ("timestampdiff", "extract(epoch FROM b) - extract(epoch FROM a)"),
    ("age", "extract(epoch FROM b) - extract(epoch FROM a)"),
    ("dateadd", "ts + INTERVAL '1 day'"),
    ("date_add", "ts + INTERVAL '1 day'"),
    ("date_sub", "ts - INTERVAL '1 day'"),
    ("if", "CASE WHEN condition THEN a ELSE b END"),
    ("iif", "CASE WHEN condition THEN a ELSE b END"),
    ("ifelse", "CASE WHEN condition THEN a ELSE b END"),
    ("decode", "CASE x WHEN 1 THEN a ELSE b END"),
    ("isnull", "x IS NULL"),
    ("isna", "x IS NULL"),
    ("notnull", "x IS NOT NULL"),
    ("fillna", "coalesce(x, 0)"),
    ("zeroifnull", "coalesce(x, 0)"),
    ("log1p", "ln(1 + x)"),
    ("expm1", "exp(x) - 1"),
    ("mod", "a % b"),
    ("sign", "signum(x)"),
    ("ceiling", "ceil(x)"),
    ("truncate", "trunc(x)"),
    ("square", "power(x, 2)"),
    ("clip", "least(greatest(x, 0), 1)"),
    ("clamp", "least(greatest(x, 0), 1)"),
    ("int", "CAST(x AS BIGINT)"),
    ("float", "CAST(x AS DOUBLE)"),
    ("to_number", "CAST(x AS DOUBLE)"),
    ("str", "CAST(x AS VARCHAR)"),
    ("to_char", "CAST(x AS VARCHAR)"),
    ("len", "length(s)"),
    ("charindex", "strpos(s, 'part')"),
    ("locate", "strpos(s, 'part')"),
    ("includes", "contains(s, 'part')"),
    ("startswith", "starts_with(s, 'part')"),
    ("endswith", "ends_with(s, 'part')"),
    ("regexp_like", "s LIKE '%part%'"),
    ("regexp_matches", "s LIKE '%part%'"),
    ("ucase", "upper(s)"),
    ("lcase", "lower(s)"),
    ("toupper", "upper(s)"),
    ("tolower", "lower(s)"),
    ("strip", "trim(s)"),
    ("row_number", "count(*) OVER (ORDER BY ts)"),
    ("count_distinct", "approx_distinct(x) OVER (… ORDER BY ts RANGE INTERVAL '1 day' PRECEDING)"),
    ("nunique", "approx_distinct(x) OVER (… ORDER BY ts RANGE INTERVAL '1 day' PRECEDING)"),
    ("std", "stddev(x) OVER (… ORDER BY ts)"),
    ("quantile", "approx_percentile_cont(x, 0.5) OVER (… ORDER BY ts RANGE INTERVAL '1 day' PRECEDING)"),
    ("percentile_cont", "approx_percentile_cont(x, 0.5) OVER (… ORDER BY ts RANGE INTERVAL '1 day' PRECEDING)"),
    ("shift", "lag(x) OVER (… ORDER BY ts)"),
];

/// The equivalent here of another engine's function.
pub(crate) fn spelled(name: &str) -> Option<&'static str> {
    SPELLED.iter().find(|(other, _)| *other == name).map(|(_, here)| *here)
}

/// What to do about an unknown function.
pub(crate) fn help(name: &str) -> String {
    match (spelled(name), name) {
        (Some(here), _) => format!("write `{here}`"),
        (None, "now" | "current_date" | "current_time" | "current_timestamp" | "getdate" | "sysdate" | "today") => {
            "nothing reads a clock: event time, the column after `ORDER BY`, is the only time".into()
        }
        (None, "random" | "rand" | "uuid" | "gen_random_uuid") => {
            "nothing is drawn at random: a feature is a function of its record and those before it".into()
        }
        (None, "lead") => "what comes later is the future: a row is answered before it comes; `lag` looks back".into(),
        _ => {
            "the functions are those of one row that DataFusion has, such as `ln`, `round`, `lower`, `date_trunc`, and \
              the windows, such as `avg(x) OVER (…)`; the guide's page about features lists them all"
                .into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Column, Item, Kind, Program, Setting};

    #[test]
    fn what_is_advised_is_compiled() {
        let columns = [
            ("ts", Kind::Time),
            ("a", Kind::Time),
            ("b", Kind::Time),
            ("x", Kind::Float),
            ("s", Kind::Text),
            ("seconds", Kind::Int),
            ("condition", Kind::Boolean),
        ];
        let columns = columns.map(|(name, kind)| Column { name: name.into(), kind, delay: None });
        let setting = Setting { columns: columns.into(), time: Some(0), ..Setting::default() };
        for (name, here) in SPELLED {
            let text = here.replace("CAST(…", "CAST(s").replace("(… ORDER", "(ORDER").replace("a % b", "seconds % x");
            let made = Program::compile(&setting, &[Item::new("made", &text)]);
            assert!(made.is_ok(), "{name}: {text}: {made:?}");
            let unknown = Program::compile(&setting, &[Item::new("made", format!("{name}(x)"))]);
            let mistake = unknown.unwrap_err().remove(0);
            let told = mistake.help.as_deref().is_some_and(|help| help.contains(here));
            assert!(told || mistake.message.contains("not SQL"), "{name}: {mistake:?}");
        }
    }
}

//! Records of every kind, valid and invalid.

use gristmill::plan::Plan;
use gristmill::rows::{Cell, Partition, Position, RawRecord, RawRows};
use proptest::prelude::*;

use super::*;

const DOCUMENT: &str = "
name: t
input:
  file: {path: '-'}
  format: FORMAT
  columns:
    id: string
    amount: float64
    count: int64
    flag: {boolean: {optional: true}}
    ts: timestamp
    at: {timestamp: {unit: auto, optional: true}}
    class: boolean
  id: id
features: [amount, count, flag, ts]
label: {column: class}
model: [logistic_regression]
";

fn decoder(format: &str, header: Option<&[&str]>) -> Decoder {
    let plan = Plan::read("t.yaml", &DOCUMENT.replace("FORMAT", format), &|_| None).unwrap_or_else(|p| panic!("{p}"));
    let header: Option<Vec<String>> = header.map(|names| names.iter().map(|name| name.to_string()).collect());
    Decoder::new(&plan, header.as_deref()).unwrap()
}

fn raw(values: &[Option<&[u8]>]) -> RawRows {
    let mut rows = RawRows::new(Partition::new("t", 0));
    for (number, value) in (0..).zip(values) {
        let position = Position::number(number);
        rows.push(RawRecord { position, timestamp: None, key: None, value: *value, headers: &[] });
    }
    rows
}

fn good(text: &str, format: &str, expected: [Cell<'_>; 7]) {
    let mut refusals = Vec::new();
    let rows = decoder(format, None).decode(&raw(&[Some(text.as_bytes())]), &mut refusals);
    assert_eq!(refusals, [], "{text}");
    let cells: Vec<Cell<'_>> = rows.columns.iter().map(|column| column.cell(0)).collect();
    assert_eq!(cells, expected, "{text}");
}

const TIME: i64 = 1_522_540_831_000_000;

#[test]
fn json_values_find_their_columns() {
    use Cell::*;
    let all = [String("a"), Float64(1.5), Int64(3), Boolean(true), Timestamp(TIME), Timestamp(TIME), Boolean(false)];
    good(
        r#"{"id":"a","amount":1.5,"count":3,"flag":true,"ts":"2018-04-01T00:00:31Z","at":1522540831,"class":false}"#,
        "json",
        all,
    );
    good(
        r#" { "extra": {"deep": [1, "x", null]}, "class": false, "ts": "2018-04-01 00:00:31", "count": 3.0, "at": 1522540831000,
              "amount": 15e-1, "flag": true, "id": "\u0061" } "#,
        "json",
        all,
    );
    good(
        r#"{"id":"b","id":"a","amount":2,"amount":null,"count":-7,"ts":"2018-04-01T00:00:31Z"}"#,
        "json",
        [String("a"), Missing, Int64(-7), Missing, Timestamp(TIME), Missing, Missing],
    );
}

#[test]
fn csv_values_find_their_columns() {
    use Cell::*;
    good(
        "a,1.5,3,True,2018-04-01 00:00:31,1522540831,0",
        "csv",
        [String("a"), Float64(1.5), Int64(3), Boolean(true), Timestamp(TIME), Timestamp(TIME), Boolean(false)],
    );
    good(
        "\"a, \"\"b\"\"\nc\",,3,,2018-04-01T00:00:31Z,,",
        "csv",
        [String("a, \"b\"\nc"), Missing, Int64(3), Missing, Timestamp(TIME), Missing, Missing],
    );
}

fn bad(value: Option<&[u8]>, format: &str, reason: &str, words: &str) {
    let fine: &[u8] =
        if format == "csv" { b"a,1,3,,2018-04-01,,1" } else { br#"{"id":"a","amount":1,"count":3,"ts":"2018-04-01"}"# };
    let mut refusals = Vec::new();
    let rows = decoder(format, None).decode(&raw(&[Some(fine), value, Some(fine)]), &mut refusals);
    let shown = value.map(String::from_utf8_lossy);
    assert_eq!(rows.records, [0, 2], "{shown:?}");
    assert!(rows.columns.iter().all(|column| column.array().len() == 2), "{shown:?}");
    assert_eq!((refusals.len(), refusals[0].record, refusals[0].reason), (1, 1, reason), "{shown:?} {refusals:?}");
    assert!(refusals[0].message.contains(words), "{shown:?} {refusals:?}");
}

#[test]
fn a_bad_record_is_refused_and_its_neighbours_are_not() {
    let json = |text: &str, reason, words| bad(Some(text.as_bytes()), "json", reason, words);
    bad(None, "json", "null_value", "tombstone");
    json("", "empty", "empty");
    json(" \n", "empty", "empty");
    json("{", "invalid_json", "line 1 column 1");
    json(r#"{"id":"a","amount":NaN}"#, "invalid_json", "not valid JSON");
    json(r#"{"id":"a","amount":1,"count":3,"ts":"2018-04-01"} x"#, "invalid_json", "trailing");
    json("[1]", "not_an_object", "not an object");
    json("5", "not_an_object", "not an object");
    json(&"[".repeat(100_000), "not_an_object", "not an object");
    json(&format!("{{\"x\":{}", "[".repeat(100_000)), "invalid_json", "not valid JSON");
    bad(Some(b"{\"id\":\"caf\xe9\"}"), "json", "invalid_utf8", "byte 0xe9 at byte 10; if the text is Latin-1");
    json(
        r#"{"id":"a","amount":"1","count":3,"ts":"2018-04-01"}"#,
        "wrong_type",
        "column `amount`: expected a number, found \"1\"",
    );
    json(
        r#"{"id":"a","amount":1,"count":3.5,"ts":"2018-04-01"}"#,
        "wrong_type",
        "column `count`: expected a whole number, found 3.5",
    );
    json(r#"{"id":"a","amount":1,"count":9223372036854775808,"ts":"2018-04-01"}"#, "wrong_type", "a whole number");
    let large = r#"{"id":"a","amount":1e999,"count":3,"ts":"2018-04-01"}"#;
    json(large, "wrong_type", "column `amount`: number out of range");
    json(r#"{"id":"a","amount":-,"count":3}"#, "invalid_json", "invalid number");
    json(r#"{"id":"a","amount":01,"count":3}"#, "invalid_json", "invalid number");
    json(r#"{"id":"a","amount":[1],"count":3,"ts":"2018-04-01"}"#, "wrong_type", "found a list");
    json(r#"{"id":{},"amount":1,"count":3,"ts":"2018-04-01"}"#, "wrong_type", "found an object");
    json(r#"{"id":"a","amount":1,"count":3,"ts":1522540831}"#, "wrong_type", "a time such as");
    json(r#"{"id":"a","amount":1,"count":3,"ts":"2018-04-31"}"#, "wrong_type", "a time such as");
    json(r#"{"id":"a","amount":1,"ts":"2018-04-01"}"#, "missing_column", "column `count` is missing");
    json(r#"{"id":null,"amount":1,"count":3,"ts":"2018-04-01"}"#, "missing_column", "column `id` has no value");
    let csv = |text: &str, reason, words| bad(Some(text.as_bytes()), "csv", reason, words);
    csv("a,1,3", "invalid_csv", "expected 7 fields, found 3");
    csv("a,1,3,,2018-04-01,,1,9", "invalid_csv", "expected 7 fields, found 8");
    csv("a,x,3,,2018-04-01,,1", "wrong_type", "column `amount`: expected a number, found \"x\"");
    csv("a,1,3,maybe,2018-04-01,,1", "wrong_type", "column `flag`");
    csv(",1,3,,2018-04-01,,1", "missing_column", "column `id` has no value");
}

#[test]
fn a_csv_header_may_have_other_columns_and_orders() {
    let mut decoder = decoder("csv", Some(&["count", "junk", "ts", "amount", "id"]));
    let rows = decoder.decode(&raw(&[Some(b"3,?,2018-04-01,1.5,a")]), &mut Vec::new());
    assert_eq!(rows.columns[0].cell(0), Cell::String("a"));
    assert_eq!(rows.columns[1].cell(0), Cell::Float64(1.5));
    assert_eq!(rows.columns[6].cell(0), Cell::Missing);
}

#[test]
fn a_header_that_lacks_a_column_says_which() {
    let plan = Plan::read("t.yaml", &DOCUMENT.replace("FORMAT", "csv"), &|_| None).unwrap();
    let lacks = |names: &[&str]| {
        let header: Vec<String> = names.iter().map(|name| name.to_string()).collect();
        Decoder::new(&plan, Some(&header)).err().unwrap()
    };
    assert!(lacks(&["id", "Amount", "count", "ts"]).contains("no column `amount`; did you mean `Amount`?"));
    assert!(lacks(&["id;amount;count;ts"]).contains("add `delimiter: ';'`"));
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_or_refused(values in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..20)) {
        for format in ["json", "csv"] {
            let values: Vec<Option<&[u8]>> = values.iter().map(|value| Some(value.as_slice())).collect();
            let mut refusals = Vec::new();
            let rows = decoder(format, None).decode(&raw(&values), &mut refusals);
            prop_assert_eq!(rows.len() + refusals.len(), values.len());
            prop_assert!(rows.columns.iter().all(|column| column.array().len() == rows.len()));
        }
    }

    #[test]
    fn a_float_is_read_to_the_bit(value in any::<f64>().prop_filter("finite", |value| value.is_finite())) {
        let text = format!(r#"{{"id":"a","amount":{value:e},"count":3,"ts":"2018-04-01"}}"#);
        let rows = decoder("json", None).decode(&raw(&[Some(text.as_bytes())]), &mut Vec::new());
        prop_assert_eq!(rows.columns[1].cell(0), Cell::Float64(value));
    }
}

/// A decoder's result for a record: its cells, or why it is rejected, and how it differs from the document.
fn made(decoder: &mut Decoder, text: &str) -> (Vec<String>, Vec<Refusal>, SchemaDrift) {
    let mut refusals = Vec::new();
    let rows = decoder.decode(&raw(&[Some(text.as_bytes())]), &mut refusals);
    let cells = rows.columns.iter().filter(|_| rows.len() == 1).map(|column| format!("{:?}", column.cell(0)));
    (cells.collect(), refusals, rows.drift)
}

/// Values of all kinds, most of them plain.
fn a_value() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "-?[0-9]{1,4}(\\.[0-9]{1,5})?",
        1 => "-?[0-9]{14,20}",
        1 => "-?[0-9.]{0,4}e-?[0-9]{0,3}",
        4 => "\"[a-z0-9 éß\\\\nu]{0,6}\"",
        2 => Just("\"2018-04-01T00:00:31Z\"".to_string()),
        2 => prop_oneof![Just("true"), Just("false"), Just("null"), Just("[1]"), Just("{}"), Just("nul")].prop_map(Into::into),
    ]
}

const KEYS: [&str; 9] = ["id", "amount", "count", "flag", "ts", "at", "class", "other", "id"];

/// A value for each key, most of them of the right type.
fn values() -> impl Strategy<Value = Vec<String>> {
    let text = || "\"[a-z0-9 éß]{0,6}\"".boxed();
    let number = || "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,5})?".boxed();
    let truth = || prop_oneof![Just("true".to_string()), Just("null".to_string())].boxed();
    let time = || Just("\"2018-04-01T00:00:31Z\"".to_string()).boxed();
    let seconds = "15225408[0-9]{2}".boxed();
    let fitting = [text(), number(), "-?[1-9][0-9]{0,4}".boxed(), truth(), time(), seconds, truth(), text(), text()];
    fitting.map(|fitting| prop_oneof![20 => fitting, 1 => a_value().boxed()]).to_vec()
}

proptest! {
    #[test]
    fn an_object_is_the_same_however_those_before_it_were_laid_out(
        order in Just((0..KEYS.len()).collect::<Vec<_>>()).prop_shuffle(),
        width in 4..=KEYS.len(),
        first in values(),
        second in values(),
        space in any::<bool>(),
        cut in proptest::option::weighted(0.2, 0..120_usize),
    ) {
        let object = |values: &[String], space: &str| {
            let pair = |place: &usize| format!("\"{}\":{space}{}", KEYS[*place], values[*place]);
            let pairs: Vec<String> = order.iter().take(width).map(pair).collect();
            format!("{{{}}}", pairs.join(&format!(",{space}")))
        };
        let (before, mut text) = (object(&first, ""), object(&second, if space { " " } else { "" }));
        if let Some(cut) = cut.filter(|cut| text.is_char_boundary(*cut)) {
            text.truncate(cut);
        }
        let mut warm = decoder("json", None);
        made(&mut warm, &before);
        prop_assert_eq!(made(&mut warm, &text), made(&mut decoder("json", None), &text), "{} after {}", text, before);
    }
}

#[test]
fn columns_that_are_new_or_gone_are_counted() {
    let mut refusals = Vec::new();
    let record = |more: &str| format!(r#"{{"id":"a","amount":1,"count":3,"ts":"2018-04-01"{more}}}"#).into_bytes();
    let records = [record(r#","note":1,"flag":true"#), record(r#","note":2,"colour":"red""#)];
    let values: Vec<Option<&[u8]>> = records.iter().map(|record| Some(record.as_slice())).collect();
    let rows = decoder("json", None).decode(&raw(&values), &mut refusals);
    let named =
        |names: &[(&str, u64)]| names.iter().map(|(name, count)| (name.to_string(), *count)).collect::<Vec<_>>();
    assert_eq!(rows.drift.unknown, named(&[("note", 2), ("colour", 1)]));
    assert_eq!(rows.drift.absent, named(&[("at", 2), ("class", 2), ("flag", 1)]));
    let header = ["ts", "count", "id", "amount", "note"];
    let lines: Vec<Option<&[u8]>> = vec![Some(b"2018-04-01,3,a,1,x"); 3];
    let rows = decoder("csv", Some(&header)).decode(&raw(&lines), &mut refusals);
    assert_eq!(rows.drift.unknown, named(&[("note", 3)]));
    assert_eq!(rows.drift.absent, named(&[("flag", 3), ("at", 3), ("class", 3)]));
    assert_eq!(refusals, []);
    // A producer with ever new columns does not fill the memory.
    let many: Vec<Vec<u8>> = (0..1_000).map(|number| record(&format!(r#","x{number}":1"#))).collect();
    let many: Vec<Option<&[u8]>> = many.iter().map(|record| Some(record.as_slice())).collect();
    let drift = decoder("json", None).decode(&raw(&many), &mut refusals).drift;
    assert_eq!((drift.unknown.len(), drift.unknown.last().cloned()), (101, Some(("others".to_string(), 900))));
}

/// The result for one record, or why it is rejected.
fn said(decoder: &mut Decoder, record: &[u8]) -> Result<Vec<String>, String> {
    let mut refusals = Vec::new();
    let rows = decoder.decode(&raw(&[Some(record)]), &mut refusals);
    match refusals.pop() {
        Some(refusal) => Err(refusal.message),
        None => Ok(rows.columns.iter().map(|column| format!("{:?}", column.cell(0))).collect()),
    }
}

#[test]
fn a_header_that_names_a_column_twice_is_refused() {
    let plan = Plan::read("t.yaml", &DOCUMENT.replace("FORMAT", "csv"), &|_| None).unwrap_or_else(|p| panic!("{p}"));
    let header = |names: &str| -> Vec<String> { names.split(',').map(String::from).collect() };
    for (names, column, first, second) in [
        ("id,amount,count,ts,amount,class", "amount", 2, 5),
        ("id,id,amount,count,ts,class", "id", 1, 2),
        ("id,amount,count,ts,flag,class,flag", "flag", 5, 7),
    ] {
        let Err(why) = Decoder::new(&plan, Some(&header(names))) else { panic!("{names} is taken") };
        let words = format!("`{column}` twice, as field {first} and as field {second}");
        assert!(why.contains(&words), "{names}: {why}");
    }
    // Columns that the document does not name may be repeated.
    assert!(Decoder::new(&plan, Some(&header("id,note,amount,note,count,ts,class"))).is_ok());
}

#[test]
fn what_is_no_text_is_called_by_its_name() {
    for (bytes, name) in [
        (&b"\x1f\x8b\x08\x00\x00"[..], "gzip"),
        (b"PK\x03\x04\x14\x00\x00\x00\xff", "zip"),
        (b"PK\x03\x04\x14\x00", "zip"),
        (b"\x28\xb5\x2f\xfd\x04", "zstd"),
        (b"BZh91AY&SY\xff", "bzip2"),
        (b"\xfd7zXZ\x00", "xz"),
        (b"PAR1\x15\x04", "Parquet"),
        (b"ARROW1\x00\x00", "Arrow"),
        (b"Obj\x01\x04\x16avro", "Avro"),
        (b"\xff\xfe{\x00", "UTF-16"),
    ] {
        let why = said(&mut decoder("json", None), bytes).unwrap_err();
        assert!(why.contains(name) && !why.contains("Latin-1"), "{name}: {why}");
    }
    assert!(said(&mut decoder("json", None), b"{\"id\": \"\xe9\"}").unwrap_err().contains("Latin-1"));
    for (text, words) in [
        ("[{\"id\": \"a\"}, {\"id\": \"b\"}]", "jq -c '.[]'"),
        ("[", "jq -c '.[]'"),
        ("[{\"id\": \"a\"},", "jq -c '.[]'"),
        ("{", "jq -c ."),
        ("},", "jq -c ."),
        ("{\"id\": {\"of\": \"a\"}}", "nested"),
        ("{\"id\": \"a\", \"amount\": [1, 2]}", "nested"),
    ] {
        let why = said(&mut decoder("json", None), text.as_bytes()).unwrap_err();
        assert!(why.contains(words), "{text}: {why}");
    }
}

#[test]
fn digits_that_spell_a_date_are_no_count_of_seconds() {
    let csv = |at: &str| said(&mut decoder("csv", None), format!("a,-0.0,3,,2018-04-01,{at},true").as_bytes());
    let json = |at: &str| {
        let text = format!(r#"{{"id":"a","amount":-0.0,"count":3,"ts":"2018-04-01","at":{at},"class":true}}"#);
        said(&mut decoder("json", None), text.as_bytes())
    };
    let expected = |micros: i64| format!("{:?}", Cell::Timestamp(micros));
    for (digits, micros) in [
        ("20240229", 1_709_164_800_000_000),
        ("202402291314", 1_709_212_440_000_000),
        ("20240229131415", 1_709_212_455_000_000),
        ("1709212455", 1_709_212_455_000_000),
    ] {
        assert_eq!(csv(digits).unwrap()[5], expected(micros), "{digits}");
        let number = json(digits);
        if digits.len() == 10 {
            assert_eq!(number.unwrap()[5], expected(micros));
            continue;
        }
        assert!(number.unwrap_err().contains("`unit: s`"), "{digits}");
        assert_eq!(json(&format!("\"{digits}\"")).unwrap()[5], expected(micros), "{digits}");
    }
    // Not a date: seconds after all.
    assert_eq!(csv("20241399").unwrap()[5], expected(20_241_399_000_000));
    assert_eq!(json("20241399").unwrap()[5], expected(20_241_399_000_000));
    assert_eq!(csv("253402214400").unwrap()[5], expected(253_402_214_400_000_000 / 1_000));
    // Zero has no sign.
    for row in [csv("1").unwrap(), json("1").unwrap()] {
        assert_eq!(row[1], format!("{:?}", Cell::Float64(0.0)));
    }
}

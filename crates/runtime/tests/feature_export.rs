//! Exported features: every format has the same content, and it is what a run computes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use gristmill::plan::Plan;
use gristmill_runtime::feature_export::{self, FeatureExportError};

const DOCUMENT: &str = "
name: t
input:
  file: {path: FILE}
  columns: {id: string, ts: timestamp, card: string, amount: float64, fraud: string, unused: string}
  id: id
  time: ts
clean:
  - impute: {of: [amount], with: mean}
  - check: {is: amount < 1000}
features:
  - amount
  - whole: CAST(amount AS BIGINT)
  - n: count(*) OVER (PARTITION BY card ORDER BY ts RANGE INTERVAL '1 hour' PRECEDING)
  - odd: amount / (n - 1)
label: {column: fraud, positive: yes}
model: [standard_scaler, logistic_regression]
dead_letters: {file: {path: dead}}
";

const RECORDS: &str = "id,ts,card,amount,fraud,unused
1,2026-01-05T08:00:00Z,a,20,no,x
2,2026-01-05T08:30:00.25Z,a,40,no,x
3,2026-01-05T08:40:00Z,b,,yes,x
4,2026-01-05T08:41:00Z,b,5000,yes,x
5,not a time,b,1,yes,x
";

fn plan(folder: &Path) -> Arc<Plan> {
    let file = folder.join("records.csv");
    std::fs::write(&file, RECORDS).unwrap();
    let text = DOCUMENT.replace("FILE", &file.display().to_string());
    Arc::new(Plan::read("t.yaml", &text, &|_| None).unwrap_or_else(|problems| panic!("{problems}")))
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("history-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn whole(batches: impl Iterator<Item = RecordBatch>) -> RecordBatch {
    let batches: Vec<RecordBatch> = batches.collect();
    arrow_select::concat::concat_batches(&batches[0].schema(), &batches).unwrap()
}

fn check(batch: &RecordBatch, what: &str) {
    let names: Vec<String> = batch.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["id", "ts", "amount", "whole", "n", "odd", "fraud"], "{what}");
    assert_eq!(batch.column(2).as_primitive::<Float64Type>().values(), &[20.0, 40.0, 30.0], "{what}");
    assert_eq!(batch.column(3).as_primitive::<Int64Type>().values(), &[20, 40, 30], "{what}");
    assert_eq!(batch.column(4).as_primitive::<Int64Type>().values(), &[1, 2, 1], "{what}");
    let odd: Vec<Option<f64>> = batch.column(5).as_primitive::<Float64Type>().iter().collect();
    assert_eq!(odd, [None, Some(40.0), None], "{what}: what is not finite is missing");
    assert_eq!(batch.column(1).data_type().to_string(), "Timestamp(µs, \"UTC\")", "{what}");
}

#[test]
fn every_format_holds_the_same() {
    let folder = folder("formats");
    let plan = plan(&folder);
    for ending in ["csv", "arrow", "parquet"] {
        let out = folder.join(format!("features.{ending}"));
        let written = feature_export::write(&plan, &out).unwrap();
        assert_eq!((written.rows, written.columns.len()), (3, 7));
        let refused: Vec<(String, u64)> = written.refused.into_iter().collect();
        assert_eq!(refused, [("check_failed".to_string(), 1), ("wrong_type".into(), 1)]);
        assert!(!folder.join(format!("features.{ending}.part")).exists());
    }
    let text = std::fs::read_to_string(folder.join("features.csv")).unwrap();
    assert_eq!(
        text,
        "id,ts,amount,whole,n,odd,fraud\n1,2026-01-05T08:00:00Z,20.0,20,1,,no\n\
         2,2026-01-05T08:30:00.250Z,40.0,40,2,40.0,no\n3,2026-01-05T08:40:00Z,30.0,30,1,,yes\n"
    );
    let arrow =
        arrow_ipc::reader::FileReader::try_new(File::open(folder.join("features.arrow")).unwrap(), None).unwrap();
    check(&whole(arrow.map(Result::unwrap)), "arrow");
    let file = File::open(folder.join("features.parquet")).unwrap();
    let parquet =
        parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    check(&whole(parquet.map(Result::unwrap)), "parquet");
}

#[test]
fn what_cannot_be_written_is_said() {
    let folder = folder("mistakes");
    let plan = plan(&folder);
    let said = |out: &str| feature_export::write(&plan, &folder.join(out)).unwrap_err().to_string();
    assert!(said("features.xlsx").contains("end it with `.parquet`, `.arrow`, `.csv`"), "{}", said("features.xlsx"));
    assert!(said("nowhere/features.csv").contains("cannot write"), "{}", said("nowhere/features.csv"));
    let text = DOCUMENT.replace("file: {path: FILE}", "kafka: {topics: [t]}\n  format: json\n  key: card");
    let text = text.replace("input:", "kafka: {bootstrap.servers: nowhere}\ninput:");
    let topic = Arc::new(Plan::read("t.yaml", &text, &|_| None).unwrap_or_else(|problems| panic!("{problems}")));
    assert!(matches!(feature_export::write(&topic, &folder.join("a.csv")), Err(FeatureExportError::Topic)));
}

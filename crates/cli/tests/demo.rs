//! A short demo: it ends by itself, and the model beats its baselines.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

use support::*;

#[test]
fn the_demo_ends_and_the_model_beats_its_baselines() {
    let said = run(&folder("demo"), &["demo", "--seconds", "5"]);
    assert_eq!(said.code, 0, "{said:?}");
    for words in ["a group of three members", "member 1 leaves the group", "alert ", "What to try next"] {
        assert!(said.out.contains(words), "`{words}` is not in\n{}", said.out);
    }
    let row = |metric: &str| -> Vec<f64> {
        let line = said.out.lines().find(|line| line.starts_with(metric)).unwrap();
        line.split_whitespace().skip(1).map(|value| value.parse().unwrap()).collect()
    };
    let (f1, auc) = (row("f1 "), row("roc_auc "));
    assert!(f1[0] > 0.5 && f1[0] > f1[1] && f1[0] > f1[2], "{f1:?}");
    assert!(auc[0] > 0.9 && auc[0] > auc[1] && auc[0] > auc[2], "{auc:?}");
    let rows: u64 = said.out.lines().find(|line| line.starts_with("rows")).unwrap()[14..]
        .split(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    assert!(rows >= 10_000, "{rows}");
    assert!(said.out.contains("invalid_json"), "a broken payment is a dead letter");
}

//! The meaning of scikit-learn's exported models: every common one, in every form of its scores, compared with
//! scikit-learn's own results for the rows (`xtask/frameworks/sklearn_table.py` writes the table).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
#![allow(clippy::disallowed_methods)] // A test reads the files that it is about.

use gristmill_learn::Features;
use gristmill_models::{ForeignModel, InputKind, Output, Runtime, find_onnxruntime};
use serde_json::Value;
use table::{Case, cases};

#[path = "../../../tests/data.rs"]
#[allow(dead_code)] // It finds data, too, and the table is here.
mod data;
#[path = "../../../tests/sklearn.rs"]
mod table;

/// The rows of a case as inputs of the model.
fn rows_of(case: &Case, model: &ForeignModel) -> Vec<f64> {
    let columns = case.columns();
    let inputs = &model.signature().inputs;
    let cell = |row: usize, place: usize| match &columns[place][row] {
        Value::String(text) => inputs[place].code(text),
        number => number.as_f64().unwrap(),
    };
    (0..columns[0].len()).flat_map(|row| (0..columns.len()).map(move |place| cell(row, place))).collect()
}

/// Models that skl2onnx exports as different ones: the file is scored as ONNX Runtime scores it.
const WRITTEN_OTHERWISE: [&str; 6] =
    ["isotonic_svc", "lda", "neighbors_distance", "one_vs_rest_svc", "sigmoid_pipeline", "voting_hard"];
/// For three classes it exports margins of pairs of classes, which do not determine a class.
const REFUSED: &str = "svc_one_against_one";
/// Its classes win by votes, which may be equal.
const BY_VOTES: [&str; 3] = ["svc", "nu_svc", "pipeline"];

fn pair(classes: &[String]) -> [String; 2] {
    classes.to_vec().try_into().unwrap()
}

/// The meaning of the output, from scikit-learn's name for it.
fn meaning(case: &Case) -> Output {
    let mut classes = case.texts("classes");
    let width = case.matrix("scores").unwrap()[0].len();
    if classes.is_empty() {
        classes = (0..width).map(|class| class.to_string()).collect();
    }
    match case.line["meaning"].as_str().unwrap() {
        "probability" | "votes" if classes.len() == 2 => Output::Probability(pair(&classes)),
        "probability" | "votes" => Output::Probabilities(classes),
        "margin" if classes.len() == 2 => Output::Margin(pair(&classes)),
        "margin" => Output::Margins(classes),
        "anomaly" => Output::AnomalyScore,
        "distance" => Output::Distances(width),
        _ => Output::Values(width),
    }
}

/// The numbers of the file in our form.
fn expected(case: &Case, output: &Output) -> Vec<f64> {
    let exported = case.matrix("exported");
    let rows = exported.clone().unwrap_or_else(|| case.matrix("scores").unwrap());
    let one = |row: &Vec<f64>| match (output, row.as_slice()) {
        (Output::AnomalyScore, [score]) => -score,
        (Output::Margin(_), [number]) => *number,
        // If one is not the other's negative, their difference decides.
        (Output::Margin(_), [first, second]) => second - first,
        (_, row) => row[1],
    };
    match output {
        Output::Probability(_) | Output::Margin(_) | Output::AnomalyScore => rows.iter().map(one).collect(),
        _ => rows.into_iter().flatten().collect(),
    }
}

/// The label that a row's numbers decide.
fn decided(output: &Output, row: &[f64]) -> Option<String> {
    let most = |row: &[f64]| (0..row.len()).max_by(|a, b| row[*a].total_cmp(&row[*b]).then(b.cmp(a))).unwrap();
    Some(match output {
        Output::Probability(classes) => classes[usize::from(row[0] > 0.5)].clone(),
        Output::Margin(classes) => classes[usize::from(row[0] > 0.0)].clone(),
        Output::Probabilities(classes) | Output::Margins(classes) => classes[most(row)].clone(),
        Output::AnomalyScore => if row[0] > 0.0 { "-1" } else { "1" }.into(),
        Output::Distances(_) => most(&row.iter().map(|x| -x).collect::<Vec<_>>()).to_string(),
        Output::Values(_) => return None,
    })
}

/// Whether the two largest numbers are equal in single precision, as some are far away from the training data.
fn is_tied(row: &[f64]) -> bool {
    let mut row: Vec<f64> = row.to_vec();
    row.sort_by(|a, b| b.total_cmp(a));
    row.len() > 2 && row[0] - row[1] < 1e-7
}

fn check(case: &Case, model: &ForeignModel) {
    let what = &case.what;
    let output = &model.signature().output;
    assert_eq!(*output, meaning(case), "{what}");
    let name = case.line["name"].as_str().unwrap();
    let otherwise = case.line["exported"].is_array();
    assert!(!otherwise || WRITTEN_OTHERWISE.contains(&name), "{what} is exported as something else");
    let numbers = rows_of(case, model);
    let rows = Features::new(&numbers, model.signature().inputs.len());
    let mut ours = Vec::new();
    model.predict(&rows, &mut ours).unwrap();
    let theirs = expected(case, output);
    assert_eq!(ours.len(), theirs.len(), "{what}");
    // One against one is exported with a vote for each class, which scikit-learn's number has for the second alone.
    let votes = name == "one_vs_one_svc" && matches!(output, Output::Margin(_));
    for (ours, theirs) in ours.iter().zip(&theirs).filter(|_| !votes) {
        assert!((ours - theirs).abs() <= 2e-5 * theirs.abs().max(1.0), "{what}: {ours} beside {theirs}");
    }
    if name == "svc_probability" {
        // Platt's curve is fitted separately from the margins that `predict` uses: scikit-learn says that they may
        // disagree.
        return;
    }
    // The framework's prediction; the file's own label if the file is a different model.
    let labels = case.texts(if otherwise { "label" } else { "predicted" });
    for ((row, label), number) in ours.chunks(output.width()).zip(&labels).zip(0..) {
        let Some(decided) = decided(output, row).filter(|_| !is_tied(row)) else { continue };
        if BY_VOTES.contains(&name) && matches!(output, Output::Margins(_)) && decided != *label {
            let scores = &case.matrix("scores").unwrap()[number];
            let tied = scores.iter().all(|score| (score - 1.0).abs() < 0.34);
            assert!(tied, "{what}, row {number}: {decided} beside {label}, {scores:?}");
            continue;
        }
        assert_eq!(decided, *label, "{what}, row {number}: {row:?}");
    }
}

#[test]
fn every_output_means_what_scikit_learn_says() {
    let cases = cases();
    assert_eq!(cases.len(), 257);
    for case in &cases {
        let model = gristmill_models::read(&case.file);
        if case.line["name"] == REFUSED && case.texts("classes").len() == 3 {
            let error = model.unwrap_err().to_string();
            assert!(error.contains("each pair of classes; train it with `decision_function_shape=\"ovr\"`"), "{error}");
            continue;
        }
        check(case, &model.unwrap_or_else(|error| panic!("{}: {error}", case.what)));
    }
}

#[test]
fn onnx_runtime_says_the_same() {
    let Some(library) = std::env::var_os("ORT_DYLIB_PATH") else {
        data::not_run("`ORT_DYLIB_PATH` names no library of ONNX Runtime");
        return;
    };
    find_onnxruntime(library.into());
    let (mut checked, mut refused) = (0, 0);
    for case in cases().iter().filter(|case| case.line["name"] != REFUSED) {
        match gristmill_models::read_on(&case.file, &|_| Err("one file".into()), Runtime::OnnxRuntime) {
            Ok(model) => {
                check(case, &model);
                checked += 1;
            }
            // Text in any position, and lists of maps, are not passed to the library.
            Err(error) => {
                let error = error.to_string();
                assert!(error.contains("ONNX Runtime does not take this model"), "{}: {error}", case.what);
                refused += 1;
            }
        }
    }
    assert!(checked > 150, "{checked} checked, {refused} refused");
    println!("{checked} checked, {refused} refused");
}

#[test]
fn columns_of_text_have_the_words_of_their_own_encoders() {
    let mut seen = 0;
    for case in cases().iter().filter(|case| case.what.contains("encoder")) {
        let model = gristmill_models::read(&case.file).unwrap_or_else(|error| panic!("{}: {error}", case.what));
        let words = |name: &str| match &model.signature().inputs.iter().find(|input| input.name == name).unwrap().kind {
            InputKind::Category(words) => words.clone(),
            other => panic!("{}: {name} is {other:?}", case.what),
        };
        assert_eq!(words("colour"), ["blue", "green", "red"], "{}", case.what);
        assert_eq!(words("shop"), ["east", "north", "south", "west"], "{}", case.what);
        assert!(model.signature().to_string().contains("category: blue, green, red\n"), "{}", model.signature());
        // An encoder with default settings refuses words that it has not seen; the rest of the batch is scored.
        let strict = ["one_hot ", "one_hot_drop_first ", "one_hot_infrequent ", "one_hot_most "]
            .iter()
            .any(|name| case.what.starts_with(name));
        assert_eq!(model.may_refuse(), strict, "{}", case.what);
        let mut row: Vec<f64> = rows_of(case, &model)[..model.signature().inputs.len()].to_vec();
        row[0] = f64::NAN;
        assert_eq!(model.predict(&Features::row(&row), &mut Vec::new()).is_err(), strict, "{}", case.what);
        seen += 1;
    }
    assert_eq!(seen, 14);
}

//! The Numenta Anomaly Benchmark by its own scorer, with one configuration for all series.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods, missing_docs)]

mod corpus;
#[path = "../../../tests/data.rs"]
mod data;

use corpus::{PROFILES, Series};
use gristmill_learn::anomaly::KnnAnomalyDetectorSettings;
use gristmill_learn::{Features, Labels, Learner, Model, Predictions, Signature};

/// The scores of each row before it is learned: a series by a model that has seen nothing else.
fn scores(settings: &KnnAnomalyDetectorSettings, series: &Series) -> Vec<f64> {
    let mut model = settings.build(&Signature::numeric(1));
    let mut out = Predictions::default();
    for value in &series.values {
        let row = Features::row(std::slice::from_ref(value));
        model.predict(&row, &mut out).unwrap();
        model.learn(&row, Labels::None).unwrap();
    }
    out.values().to_vec()
}

#[test]
fn the_scorer_gives_the_published_scores() {
    let Some(folder) = data::find(corpus::FILE) else { return };
    let files = corpus::files(&folder.join(corpus::FILE));
    let (series, windows) = corpus::series(&files);
    assert_eq!((series.len(), windows), (58, 116));
    let published: serde_json::Value = serde_json::from_str(&files["nab/results/final_results.json"]).unwrap();
    let read = |series: &Series| -> Vec<f64> {
        let (folder, file) = series.name.split_once('/').unwrap();
        let file = &files[&format!("nab/results/windowedGaussian/{folder}/windowedGaussian_{file}")];
        corpus::column(file, "anomaly_score").iter().map(|score| score.parse().unwrap()).collect()
    };
    let scores: Vec<Vec<f64>> = series.iter().map(read).collect();
    for (name, profile) in PROFILES {
        let (score, threshold) = corpus::score(&series, windows, &scores, &profile);
        let theirs = published["windowedGaussian"][name].as_f64().unwrap();
        assert!((score - theirs).abs() < 1e-9, "{name}: {score} where {theirs} is published");
        assert_eq!(threshold, 1.0);
    }
}

#[test]
fn nearest_neighbours_score_more_than_every_published_detector_but_one() {
    let Some(folder) = data::find(corpus::FILE) else { return };
    let files = corpus::files(&folder.join(corpus::FILE));
    let (series, windows) = corpus::series(&files);
    for (hold_off, least) in [(400, [70.75, 63.25, 75.62]), (0, [66.08, 56.77, 71.73])] {
        let settings = KnnAnomalyDetectorSettings { hold_off, ..Default::default() };
        let scores: Vec<Vec<f64>> = series.iter().map(|series| scores(&settings, series)).collect();
        for ((name, profile), least) in PROFILES.into_iter().zip(least) {
            let (score, threshold) = corpus::score(&series, windows, &scores, &profile);
            println!("hold_off {hold_off}, {name}: {score:.2} at {threshold:.4}");
            assert!(score >= least, "hold_off {hold_off}, {name}: {score} at {threshold}");
        }
    }
}

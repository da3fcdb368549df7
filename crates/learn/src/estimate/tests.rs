//! The figures of NannyML 0.13.1 (with scikit-learn 1.9.1 and NumPy 2.4.6), and the fold.

use super::*;
use crate::metric::Window;
use crate::random::Random;
use crate::tree::HoeffdingTreeRegressorSettings;
use crate::{Component, Prediction, Signature, StateReader, StateWriter, Stateful, Truth};

const CLASSES: [Estimated; 7] = [
    Estimated::RocAuc,
    Estimated::AveragePrecision,
    Estimated::F1,
    Estimated::Precision,
    Estimated::Recall,
    Estimated::Specificity,
    Estimated::Accuracy,
];

fn share(row: u32, factor: u32, of: u32) -> f64 {
    f64::from(row * factor % of) / f64::from(of)
}

fn close(found: &[f64], expected: &[f64]) {
    let same = found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6);
    assert!(same, "{found:?}, expected {expected:?}");
}

/// The score of a row, and whether it is positive: the square of the score is the probability.
fn binary(row: u32) -> (f64, bool) {
    let score = share(row, 37, 101);
    (score, share(row, 71, 89) < score * score)
}

/// The scores of three classes, and the class. Hardly any scores are equal: in which order NannyML counts equal ones is not defined,
/// and probabilities that sum to 1 differ among them.
fn many(row: u32) -> (Vec<f64>, u32) {
    let parts =
        [(37, 101), (53, 97), (29, 89)].map(|(factor, of)| f64::from(row * factor % of + 1) + f64::from(row) / 1_000.0);
    let sum = parts[0] + parts[1] + parts[2];
    let scores = parts.map(|part| part / sum);
    let squares = scores.map(|score| score * score);
    let all: f64 = squares.iter().sum();
    let at = share(row, 71, 89);
    let upto = [squares[0] / all, squares[0] / all + squares[1] / all];
    (scores.to_vec(), upto.iter().filter(|upto| at > **upto).count() as u32)
}

/// `CBPE(chunk_size=300)`, fitted on the first 600 rows: the estimate of the next 300, and the realised metrics.
#[test]
fn estimates_of_two_classes_are_nannymls() {
    let mut estimation = Estimation::of_classes(&CLASSES, Window::Rows(300), &CbpeSettings::default());
    feed_binary(&mut estimation);
    let estimates = estimation.estimates();
    let last: Vec<f64> = estimates.metrics.iter().map(|estimate| estimate.last.value()).collect();
    close(&last, &[0.8752211226, 0.7776566700, 0.6951754980, 0.5770777880, 0.8740473886, 0.6874620041, 0.7486465885]);
    let realised = [0.8535804054, 0.7677101708, 0.7063492063, 0.5973154362, 0.8640776699, 0.6954314721, 0.7533333333];
    let errors: Vec<f64> = estimates.metrics.iter().map(|estimate| estimate.error.value()).collect();
    let apart: Vec<f64> = last.iter().zip(realised).map(|(estimate, realised)| (estimate - realised).abs()).collect();
    close(&errors, &apart);
    assert_eq!((estimates.chunks, estimates.given_up, estimates.metrics[0].error.weight()), (1, 0, 1.0));
}

fn feed_binary(estimation: &mut Estimation) {
    for row in 0..600 {
        let (score, positive) = binary(row);
        estimation.labelled(None, &[], score.into(), Truth::Class(u32::from(positive))).unwrap();
    }
    let chunks: Vec<_> = (600..900).map(|row| estimation.scored(&[], binary(row).0.into(), None).unwrap()).collect();
    for (row, chunk) in (600..900).zip(chunks) {
        let (score, positive) = binary(row);
        estimation.labelled(chunk, &[], score.into(), Truth::Class(u32::from(positive))).unwrap();
    }
}

#[test]
fn estimates_of_many_classes_are_nannymls() {
    let mut estimation = Estimation::of_classes(&CLASSES, Window::Rows(300), &CbpeSettings::default());
    for row in 0..600 {
        let (scores, truth) = many(row);
        estimation.labelled(None, &[], Prediction::Classes(&scores), Truth::Class(truth)).unwrap();
    }
    let chunks: Vec<_> =
        (600..900).map(|row| estimation.scored(&[], Prediction::Classes(&many(row).0), None).unwrap()).collect();
    let last: Vec<f64> = estimation.estimates().metrics.iter().map(|estimate| estimate.last.value()).collect();
    close(&last, &[0.8331617564, 0.7018100078, 0.6352195189, 0.6390288859, 0.6343209630, 0.8180499486, 0.6390180698]);
    for (row, chunk) in (600..900).zip(chunks) {
        let (scores, truth) = many(row);
        estimation.labelled(chunk, &[], Prediction::Classes(&scores), Truth::Class(truth)).unwrap();
    }
    let realised = [0.8166033861, 0.6816293367, 0.6182763597, 0.6216053760, 0.6165266334, 0.8076342966, 0.62];
    let errors: Vec<f64> = estimation.estimates().metrics.iter().map(|estimate| estimate.error.value()).collect();
    let apart: Vec<f64> = last.iter().zip(realised).map(|(estimate, realised)| (estimate - realised).abs()).collect();
    close(&errors, &apart);
}

/// `needs_calibration(…, IsotonicCalibrator())` on 600 rows.
#[test]
fn scores_need_calibration_where_nannyml_says_so() {
    let rows = |positive: fn(f64, f64) -> bool| -> Vec<(f64, bool)> {
        (0..600).map(|row| (share(row, 37, 101), positive(share(row, 71, 89), share(row, 37, 101)))).collect()
    };
    let asked = [
        (rows(|at, score| at < score * score), true),
        (rows(|at, score| at < score), false),
        (rows(|at, score| at < 0.2 + 0.6 * score), true),
        (rows(|at, _| at < 0.5), true),
        // The classes are apart; one class alone.
        (rows(|_, score| score > 0.4), false),
        (rows(|_, _| true), false),
    ];
    for (place, (rows, needs)) in asked.iter().enumerate() {
        assert_eq!(needs_calibration(rows), *needs, "{place}");
    }
    assert!(!needs_calibration(&[]));
}

/// Without calibration the scores are the probabilities.
#[test]
fn uncalibrated_scores_are_taken_as_they_are() {
    let settings = CbpeSettings { calibrate: Calibrate::Never, ..Default::default() };
    let mut cbpe = settings.build(&[Estimated::Accuracy]);
    (0..100).for_each(|_| cbpe.labelled(0.9.into(), Truth::Class(0)));
    cbpe.scored(0.9.into());
    cbpe.scored(0.4.into());
    cbpe.scored(f64::NAN.into());
    close(&cbpe.end().estimates, &[0.75]);
    assert!(cbpe.end().estimates[0].is_nan(), "a chunk without rows");
}

#[test]
fn nothing_is_estimated_before_there_are_labels_enough() {
    let mut cbpe = CbpeSettings::default().build(&[Estimated::Accuracy]);
    for rows in [LEAST_REFERENCE - 1, 1] {
        cbpe.scored(0.9.into());
        (0..rows).for_each(|_| cbpe.labelled(0.9.into(), Truth::Class(1)));
        assert!(cbpe.end().estimates[0].is_nan());
    }
    cbpe.scored(0.9.into());
    assert!(cbpe.end().estimates[0].is_finite());
}

/// `DLE.estimate` and the realised metrics of `DLE`; `Loss` is what its nannies learn.
#[test]
fn losses_are_nannymls() {
    let metrics = [Estimated::Mae, Estimated::Mse, Estimated::Rmse, Estimated::Mape, Estimated::Msle, Estimated::Rmsle];
    let rows = (0..300).map(|row| {
        let truth = 1.0 + share(row, 37, 101) * 3.0;
        (truth, truth * 0.8 + 0.3 * share(row, 53, 97))
    });
    let expected = [0.3503183968, 0.1568347009, 0.3960236115, 0.1341211609, 0.0115746421, 0.1075855107];
    close(&super::dle::realised(&metrics, rows), &expected);
    assert!(
        [(Loss::Relative, 0.0, 1.0), (Loss::SquaredLog, -2.0, 1.0), (Loss::SquaredLog, 1.0, -2.0)]
            .into_iter()
            .all(|(loss, truth, prediction)| loss.of(truth, prediction).is_nan())
    );
}

fn numbers() -> Estimation {
    let model = Box::new(Component::HoeffdingTreeRegressor(HoeffdingTreeRegressorSettings::default()));
    let settings = DleSettings { model, ..Default::default() };
    let metrics = [Estimated::Mae, Estimated::Rmse];
    Estimation::of_numbers(&metrics, Window::Rows(50), &settings, &Signature::numeric(1)).unwrap()
}

/// Labels come 120 rows late, in another order, some never; the estimation is saved now and then.
fn late(
    empty: &dyn Fn() -> Estimation,
    predict: &dyn Fn(f64) -> f64,
    truth: &dyn Fn(f64, &mut Random) -> Truth,
) -> Estimation {
    let (mut estimation, mut random, mut waiting) = (empty(), Random::new(3), Vec::new());
    for row in 0..2_000_u32 {
        let feature = random.uniform();
        let prediction = predict(feature);
        let truth = truth(feature, &mut random);
        let chunk = estimation.scored(&[feature], prediction.into(), Some(i64::from(row) * 1_000)).unwrap();
        waiting.push((chunk, feature, prediction, truth));
        if waiting.len() > 120 {
            let (chunk, feature, prediction, truth) = waiting.swap_remove(random.below(100));
            if random.below(10) == 0 {
                estimation.unlabelled(chunk);
            } else {
                estimation.labelled(chunk, &[feature], prediction.into(), truth).unwrap();
            }
        }
        if row % 333 == 0 {
            let saved = StateWriter::of(&estimation);
            estimation = empty();
            StateReader::into(&saved, &mut estimation).unwrap();
            assert_eq!(StateWriter::of(&estimation), saved);
        }
    }
    estimation
}

/// An absolute error of (1 + 4 x) |u - 0.5| is 0.75 in the mean.
#[test]
fn a_nanny_learns_losses_from_late_labels() {
    let estimation = late(&numbers, &|feature| 3.0 * feature, &|feature, random| {
        Truth::Value(3.0 * feature + (1.0 + 4.0 * feature) * (random.uniform() - 0.5))
    });
    let estimates = estimation.estimates();
    let mae = estimates.metrics[0];
    assert!((mae.last.value() - 0.75).abs() < 0.2, "{mae:?}");
    assert!(mae.error.weight() > 20.0 && mae.error.value() < 0.2, "{mae:?}");
    assert_eq!(estimates.chunks, 40);
    assert!((mae.unlabelled.value() - 0.75).abs() < 0.2 && mae.unlabelled.weight() > 50.0, "{mae:?}");
}

#[test]
fn late_labels_correct_the_probabilities() {
    let empty = || {
        let settings = CbpeSettings { reference: 500, ..Default::default() };
        Estimation::of_classes(&CLASSES, Window::Rows(50), &settings)
    };
    // The probability of the positive class is the feature, and the model says its square.
    let estimates = late(&empty, &|feature| feature * feature, &|feature, random| {
        Truth::Class(u32::from(random.uniform() < feature))
    })
    .estimates();
    for estimate in &estimates.metrics {
        assert!(estimate.error.value() < 0.12 && estimate.error.weight() > 20.0, "{estimate:?}");
    }
}

#[test]
fn stretches_of_time_are_chunks() {
    let hour = 3_600_000_000;
    let settings = CbpeSettings::default();
    let mut estimation = Estimation::of_classes(&[Estimated::Accuracy], Window::Time(hour), &settings);
    let times = [10, hour - 1, hour, hour + 5, 7, 3 * hour, 3 * hour + 1];
    let chunk = |estimation: &mut Estimation, time| estimation.scored(&[], 0.9.into(), Some(time)).unwrap().unwrap();
    let chunks = times.map(|time| chunk(&mut estimation, time));
    // A row that comes late belongs to the current chunk; an hour without rows is none.
    assert_eq!(chunks, [0, 0, 1, 1, 1, 2, 2]);
    assert_eq!(estimation.estimates().chunks, 2);
    assert_eq!(estimation.scored(&[], f64::NAN.into(), None).unwrap(), None);
}

#[test]
fn what_waits_is_bounded() {
    let settings = CbpeSettings::default();
    let mut estimation = Estimation::of_classes(&[Estimated::Accuracy], Window::Rows(1), &settings);
    for _ in 0..3_000 {
        estimation.scored(&[], 0.9.into(), None).unwrap();
    }
    assert_eq!(estimation.estimates().given_up, 2_000);
    // A label of a chunk that was given up is learned from all the same.
    estimation.labelled(Some(0), &[], 0.9.into(), Truth::Class(1)).unwrap();
    assert!(estimation.size() < 1 << 20, "{}", estimation.size());
}

#[test]
fn shards_come_to_one() {
    let estimation = || Estimation::of_classes(&CLASSES, Window::Rows(300), &CbpeSettings::default());
    let mut one = estimation();
    feed_binary(&mut one);
    let mut both = Estimates::default();
    both.absorb(&one.estimates());
    both.absorb(&estimation().estimates());
    both.absorb(&one.estimates());
    assert_eq!((both.chunks, both.metrics[0].error.weight()), (2, 2.0));
    let alone = one.estimates();
    assert!((both.metrics[0].error.value() - alone.metrics[0].error.value()).abs() < 1e-12);
    assert!((both.metrics[0].last.value() - alone.metrics[0].last.value()).abs() < 1e-12);
}

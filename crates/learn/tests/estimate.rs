//! Estimates of a model on Elec2 before its labels come, beside NannyML's and beside what they turned out to be.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods, missing_docs)]

#[path = "../../../tests/data.rs"]
mod data;
#[path = "../../../tests/table.rs"]
mod table;

use gristmill_learn::estimate::{CbpeSettings, DleSettings, Estimate, Estimated, Estimation};
use gristmill_learn::metric::Window;
use gristmill_learn::{Signature, Truth};

/// For each metric the estimates of `CBPE(chunk_size=1000)` of NannyML 0.13.1 for rows 30,000 to 44,999, fitted on rows 20,000
/// to 29,999, and what the metric was.
const NANNYML: [(Estimated, [f64; 15], [f64; 15]); 7] = [
    (
        Estimated::RocAuc,
        [
            0.7630639, 0.7572095, 0.7343249, 0.7602153, 0.7392148, 0.8361423, 0.8333769, 0.8787069, 0.8400880,
            0.8357839, 0.8377654, 0.8581743, 0.8700541, 0.8048362, 0.8093597,
        ],
        [
            0.7893643, 0.6894766, 0.7253392, 0.7427368, 0.7530266, 0.8329237, 0.7599770, 0.8821063, 0.9049185,
            0.8684375, 0.9182618, 0.9329063, 0.8949231, 0.8628606, 0.8526742,
        ],
    ),
    (
        Estimated::AveragePrecision,
        [
            0.6396155, 0.6635157, 0.5568449, 0.6577753, 0.5361874, 0.8081466, 0.7863711, 0.9184803, 0.9216725,
            0.9342217, 0.9154603, 0.9027041, 0.9027428, 0.8210869, 0.8355697,
        ],
        [
            0.7111101, 0.6550680, 0.7011335, 0.6239671, 0.7093908, 0.7673358, 0.7028579, 0.8066013, 0.8916340,
            0.8592045, 0.8966761, 0.9090714, 0.8842773, 0.8408145, 0.8373692,
        ],
    ),
    (
        Estimated::F1,
        [
            0.3356069, 0.3661762, 0.1624321, 0.3993726, 0.1976577, 0.6595824, 0.6151389, 0.8450808, 0.8807211,
            0.9077565, 0.8705716, 0.8357413, 0.8255186, 0.6755209, 0.6923165,
        ],
        [
            0.3304721, 0.3339731, 0.1425662, 0.3438735, 0.1810345, 0.6376812, 0.5919440, 0.6813671, 0.7577019,
            0.8120855, 0.8252427, 0.8718894, 0.8056112, 0.6972222, 0.7055838,
        ],
    ),
    (
        Estimated::Precision,
        [
            0.8306256, 0.8397050, 0.8084814, 0.8039504, 0.7699688, 0.8854747, 0.8673371, 0.8961668, 0.8897411,
            0.9010619, 0.8903826, 0.8935158, 0.8990868, 0.8412185, 0.8659209,
        ],
        [
            0.8850575, 0.8529412, 0.9722222, 0.7190083, 0.9767442, 0.7154472, 0.7681818, 0.5440141, 0.6207367,
            0.6861768, 0.7234043, 0.8169257, 0.7542214, 0.7110482, 0.7637363,
        ],
    ),
    (
        Estimated::Recall,
        [
            0.2102854, 0.2341396, 0.0902857, 0.2656751, 0.1133819, 0.5255182, 0.4765663, 0.7995050, 0.8718822,
            0.9145512, 0.8516231, 0.7849845, 0.7630793, 0.5643575, 0.5766971,
        ],
        [
            0.2031662, 0.2076372, 0.0769231, 0.2259740, 0.0997625, 0.5751634, 0.4814815, 0.9115044, 0.9722222,
            0.9945848, 0.9604520, 0.9347826, 0.8645161, 0.6839237, 0.6556604,
        ],
    ),
    (
        Estimated::Specificity,
        [
            0.9775492, 0.9742191, 0.9898253, 0.9625745, 0.9860290, 0.9518819, 0.9513250, 0.8376747, 0.6792686,
            0.6195854, 0.7060622, 0.8191678, 0.8554122, 0.8817080, 0.8923695,
        ],
        [
            0.9838969, 0.9741824, 0.9981651, 0.9447154, 0.9982729, 0.8991354, 0.9214176, 0.6081694, 0.4774436,
            0.4349776, 0.5842217, 0.7854251, 0.7551402, 0.8388626, 0.8506944,
        ],
    ),
    (
        Estimated::Accuracy,
        [
            0.7138796, 0.7034928, 0.6998415, 0.7074019, 0.7312073, 0.7751545, 0.7612346, 0.8133731, 0.8233463,
            0.8529494, 0.8133531, 0.7966392, 0.7974272, 0.7147265, 0.7198380,
        ],
        [
            0.6880000, 0.6530000, 0.5790000, 0.6680000, 0.6200000, 0.8000000, 0.7670000, 0.7110000, 0.7090000,
            0.7450000, 0.7840000, 0.8610000, 0.8060000, 0.7820000, 0.7680000,
        ],
    ),
];
const REFERENCE: usize = 10_000;

/// The scores of a model and the labels, from row 20,000 on; see `scores/README.md`.
fn rows() -> Option<Vec<(f64, Truth)>> {
    let table = table::read("elec2/electricity.csv.zst", "class")?;
    let scores = scores(include_bytes!("scores/elec2.u16.zst"), 10_000.0);
    let labels = table.rows.into_iter().skip(20_000).map(|(_, label)| Truth::Class(u32::from(label == "UP")));
    Some(scores.into_iter().zip(labels).collect())
}

fn scores(packed: &[u8], scale: f64) -> Vec<f64> {
    let bytes = zstd::decode_all(packed).unwrap();
    bytes.chunks_exact(2).map(|pair| f64::from(u16::from_le_bytes([pair[0], pair[1]])) / scale).collect()
}

fn metrics() -> Vec<Estimated> {
    NANNYML.map(|(metric, _, _)| metric).to_vec()
}

fn last(estimation: &Estimation) -> Vec<f64> {
    estimation.estimates().metrics.iter().map(|estimate| estimate.last.value()).collect()
}

fn fitted(rows: &[(f64, Truth)], reference: usize) -> Estimation {
    let settings = CbpeSettings { reference, ..Default::default() };
    let mut estimation = Estimation::of_classes(&metrics(), Window::Rows(1_000), &settings);
    for (score, truth) in &rows[..REFERENCE] {
        estimation.labelled(None, &[], (*score).into(), *truth).unwrap();
    }
    estimation
}

#[test]
fn estimates_of_a_fixed_reference_are_nannymls() {
    let Some(rows) = rows() else { return };
    let mut estimation = fitted(&rows, REFERENCE);
    for (place, chunk) in rows[REFERENCE..].chunks(1_000).enumerate() {
        for (score, _) in chunk {
            estimation.scored(&[], (*score).into(), None).unwrap();
        }
        for ((metric, estimates, _), found) in NANNYML.iter().zip(last(&estimation)) {
            assert!((found - estimates[place]).abs() < 1e-6, "{metric:?} of chunk {place}: {found}");
        }
    }
}

/// Each label is known `late` rows after its row.
fn followed(rows: &[(f64, Truth)], reference: usize, late: usize) -> Vec<Estimate> {
    let mut estimation = fitted(rows, reference);
    let mut chunks = Vec::new();
    for row in REFERENCE..rows.len() + late {
        if let Some((score, _)) = rows.get(row) {
            chunks.push(estimation.scored(&[], (*score).into(), None).unwrap());
        }
        if row >= REFERENCE + late {
            let (score, truth) = rows[row - late];
            estimation.labelled(chunks[row - late - REFERENCE], &[], score.into(), truth).unwrap();
        }
    }
    let estimates = estimation.estimates();
    assert_eq!((estimates.chunks, estimates.given_up), (15, 0));
    estimates.metrics
}

/// NannyML's reference never changes: its estimates are 0.0396 off, and the reference's own value 0.0793.
#[test]
fn labels_correct_the_estimates() {
    let Some(rows) = rows() else { return };
    let realised: f64 =
        NANNYML[0].1.iter().zip(NANNYML[0].2).map(|(one, other)| (one - other).abs()).sum::<f64>() / 15.0;
    assert!((realised - 0.0396).abs() < 1e-4, "{realised}");
    for late in [0, 500, 1_000, 2_000] {
        for estimate in followed(&rows, 2_000, late) {
            let (error, kept) = (estimate.error.value(), estimate.reference_error.value());
            println!("{late} rows late: {} {error:.4}, the reference's value {kept:.4}", estimate.metric.name());
        }
    }
    let auc = followed(&rows, CbpeSettings::default().reference, 0)[0];
    assert_eq!(auc.error.weight(), 15.0);
    assert!(auc.error.value() <= 0.035, "{auc:?}");
    assert!(auc.error.value() < auc.reference_error.value(), "{auc:?}");
}

/// Features, predictions and truths of the demand for bikes, from row 6,000 on; see `scores/README.md`.
fn bikes() -> Option<Vec<(Vec<f64>, f64, f64)>> {
    let file = "uci_bike_sharing/hour.csv.zst";
    let packed = std::fs::read(data::find(file)?.join(file)).unwrap();
    let text = String::from_utf8(zstd::decode_all(packed.as_slice()).unwrap()).unwrap();
    let row = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        let features = [2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13].map(|place| fields[place].parse().unwrap());
        (features.to_vec(), fields[16].parse().unwrap())
    };
    let rows = text.lines().skip(6_001).map(row);
    let predictions = scores(include_bytes!("scores/bikes.u16.zst"), 10.0);
    Some(rows.zip(predictions).map(|((features, truth), prediction)| (features, prediction, truth)).collect())
}

/// How far off the error of the last five chunks is estimated, and the reference's own; labels are known `late` rows later, or
/// never after the reference.
fn demand(rows: &[(Vec<f64>, f64, f64)], settings: &DleSettings, late: Option<usize>) -> [Estimate; 2] {
    let reference = 6_000;
    let metrics = [Estimated::Mae, Estimated::Rmse];
    let signature = Signature::numeric(rows[0].0.len());
    let mut estimation = Estimation::of_numbers(&metrics, Window::Rows(1_000), settings, &signature).unwrap();
    for (features, prediction, truth) in &rows[..reference] {
        estimation.labelled(None, features, (*prediction).into(), Truth::Value(*truth)).unwrap();
    }
    let (mut chunks, end) = (Vec::new(), rows.len());
    let late = late.unwrap_or(end);
    for row in reference..end + late {
        if let Some((features, prediction, _)) = rows.get(row) {
            chunks.push(estimation.scored(features, (*prediction).into(), None).unwrap());
        }
        if row >= reference + late && row - late < end {
            let (features, prediction, truth) = &rows[row - late];
            let chunk = chunks[row - late - reference];
            estimation.labelled(chunk, features, (*prediction).into(), Truth::Value(*truth)).unwrap();
        }
    }
    estimation.estimates().metrics.try_into().unwrap()
}

/// NannyML's DLE, whose reference never changes, is 54.8 off: demand had grown. The error over the reference was 34.7 off.
#[test]
fn labels_correct_the_estimates_of_losses() {
    let Some(rows) = bikes() else { return };
    let settings = DleSettings::default();
    for (late, most) in [(None, 20.0), (Some(0), 8.0), (Some(200), 10.0), (Some(1_000), 14.0)] {
        let [mae, rmse] = demand(&rows, &settings, late);
        println!("{late:?} rows late: {mae:?}\n{rmse:?}");
        assert_eq!((mae.error.weight(), rmse.error.weight()), (5.0, 5.0));
        assert!(mae.error.value() < most, "{late:?}: {mae:?}");
    }
    let [mae, rmse] = demand(&rows, &settings, Some(200));
    assert!(mae.error.value() < mae.reference_error.value() && rmse.error.value() < rmse.reference_error.value());
}

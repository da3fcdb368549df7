//! Reading any bytes ends with a model that answers or with an error message.
//!
//! A few thousand corrupted files in every run; `GRISTMILL_FUZZ=1000000` tests as many of each format.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
#![allow(clippy::disallowed_methods)] // A test reads the files that it is about.

use gristmill_learn::Features;

#[path = "../../../tests/data.rs"]
mod data;

/// A small generator (SplitMix64): a failure can be reproduced from its seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

/// Inputs that trip up parsers.
const TRAPS: [&str; 14] = [
    "-1",
    "0",
    "1e999",
    "99999999999999999999",
    "4294967295",
    "null",
    "[]",
    "{}",
    "\"",
    "NaN",
    "-2147483648",
    "\n",
    "=",
    "L",
];

fn change(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        match random.below(6) {
            0 => bytes.truncate(at),
            1 | 2 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
            3 => {
                let trap = TRAPS[random.below(TRAPS.len())];
                let end = (at + random.below(8)).min(bytes.len());
                bytes.splice(at..end, trap.bytes());
            }
            4 => {
                let end = (at + random.below(64)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                let to = random.below(bytes.len());
                bytes.splice(to..to, copy);
            }
            _ => {
                let end = (at + random.below(64)).min(bytes.len());
                bytes.drain(at..end);
            }
        }
    }
}

fn answers(bytes: &[u8]) -> bool {
    let Ok(model) = gristmill_models::read(bytes) else { return false };
    let width = model.signature().inputs.len();
    let values = [f64::NAN, 0.0, -1.0, 1e30, f64::INFINITY, 2.5];
    let rows: Vec<f64> = (0..2 * width).map(|place| values[place % values.len()]).collect();
    let mut out = Vec::new();
    // A graph may refuse such rows, with a message.
    match model.predict(&Features::new(&rows, width), &mut out) {
        Ok(()) => assert_eq!(out.len(), 2 * model.signature().output.width()),
        Err(error) => assert!(error.to_string().len() > 10, "{error}"),
    }
    assert!(!model.signature().to_string().is_empty());
    true
}

/// Corrupts one member of an archive: corruption of the whole would stop at its checksums.
fn change_member(bytes: &mut Vec<u8>, random: &mut Random) {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes.as_slice())).unwrap();
    let mut written = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let chosen = random.below(archive.len());
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).unwrap();
        let mut member = Vec::new();
        std::io::Read::read_to_end(&mut file, &mut member).unwrap();
        if index == chosen {
            change(&mut member, random);
        }
        let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        written.start_file(file.name().unwrap(), stored).unwrap();
        std::io::Write::write_all(&mut written, &member).unwrap();
    }
    let packed = written.finish().unwrap().into_inner();
    *bytes = packed;
}

/// Corrupts the files whose folder has one of these prefixes and whose name has this ending.
fn fuzz(prefixes: &[&str], ending: &str) {
    fuzz_with(prefixes, ending, change);
}

fn fuzz_with(prefixes: &[&str], ending: &str, change: fn(&mut Vec<u8>, &mut Random)) {
    let Some(data) = data::find("models/made/README.md") else { return };
    let count: usize =
        std::env::var_os("GRISTMILL_FUZZ").and_then(|count| count.to_str()?.parse().ok()).unwrap_or(3_000);
    let inside = |folder: &std::path::Path| {
        std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect::<Vec<_>>()
    };
    let chosen = |folder: &std::path::PathBuf| {
        let name = folder.file_name().unwrap().to_string_lossy();
        prefixes.iter().any(|prefix| name.starts_with(prefix))
    };
    let folders = inside(&data.join("models/made")).into_iter().filter(chosen);
    let mut paths: Vec<_> = folders.flat_map(|folder| inside(&folder)).collect();
    paths.retain(|path| path.file_name().unwrap().to_string_lossy().ends_with(ending));
    paths.sort();
    let files: Vec<Vec<u8>> = paths.iter().map(|path| std::fs::read(path).unwrap()).collect();
    assert!(files.len() > 5, "too few files to begin with");
    let mut random = Random(7);
    let mut read = 0;
    for index in 0..count {
        let mut bytes = files[index % files.len()].clone();
        change(&mut bytes, &mut random);
        read += usize::from(answers(&bytes));
    }
    println!("{prefixes:?} {ending}: {count} changed files, {read} of them still read and answered");
    assert!(read > 0 && read < count, "{read} of {count} read: the changes are too many or too few");
}

#[test]
fn xgboost_json() {
    fuzz(&["xgb_"], "model.json");
}

#[test]
fn xgboost_ubjson() {
    fuzz(&["xgb_"], "model.ubj");
}

#[test]
fn lightgbm() {
    fuzz(&["lgb_"], "model.txt");
}

#[test]
fn catboost() {
    fuzz(&["cat_"], "model.json");
}

#[test]
fn classical_onnx() {
    fuzz(&["sk_", "cat_", "lgb_", "xgb_"], ".onnx");
}

#[test]
fn neural_onnx() {
    fuzz(&["torch_", "savedmodel_"], ".onnx");
}

#[test]
fn keras_hdf5() {
    fuzz(&["keras"], "model.h5");
}

#[test]
fn keras_archive() {
    fuzz_with(&["keras"], "model.keras", change_member);
    fuzz(&["keras"], "model.keras");
}

#[test]
fn what_is_no_model_is_named() {
    let cases: [(&[u8], &str); 13] = [
        (b"", "the file is empty"),
        (b"hello", "no model file of a known format"),
        (b"{}", "no model of a known format"),
        (b"{\"learner\": ", "damaged JSON file"),
        (b"{\"learner\": 1}", "has no `learner_model_param`"),
        (b"CBM1....", "CatBoost's binary format"),
        (b"\x80\x04\x95", "pickle, which runs whatever code it holds"),
        (b"binf", "old binary format of XGBoost"),
        (b"{\"tree_info\": []}", "`dump_model`"),
        (b"PK\x03\x04 data.pkl", "PyTorch's own format, which holds Python code"),
        (b"PK\x03\x04 something", "an archive without a model"),
        (b"\x89HDF\r\n\x1a\n....", "damaged Keras file"),
        (b"\x08\x08\x3a\x7f....", "damaged ONNX file"),
    ];
    for (bytes, expected) in cases {
        let error = gristmill_models::read(bytes).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn trees_without_end_are_refused() {
    let tree = |left: &str| {
        format!(
            "tree\nversion=v4\nnum_tree_per_iteration=1\nmax_feature_idx=0\nobjective=regression\nfeature_names=x\n\
             feature_infos=[0:1]\n\nTree=0\nnum_leaves=2\nsplit_feature=0\nthreshold=0\ndecision_type=2\n\
             left_child={left}\nright_child=-2\nleaf_value=1 2\n\nend of trees\n"
        )
    };
    assert!(gristmill_models::read(tree("-1").as_bytes()).is_ok());
    let error = gristmill_models::read(tree("0").as_bytes()).unwrap_err().to_string();
    assert_eq!(
        error,
        "damaged LightGBM file: tree 0 reaches one of its 4 nodes by more than one way; save the model again"
    );
    let error = gristmill_models::read(tree("7").as_bytes()).unwrap_err().to_string();
    assert_eq!(
        error,
        "damaged LightGBM file: tree 0 has no entry 7 in `split_feature`, which has 1; save the model again"
    );
}

/// The results of the frameworks' other ways of saving, and what to do instead.
#[test]
fn what_is_known_and_not_read_is_told_apart() {
    const SKLEARN: &[u8] =
        b"ccopy_reg\n_reconstructor\np0\n(csklearn.svm._classes\nSVC\np1\nc__builtin__\nobject\np2\n.";
    let cases: [(&[u8], &str, &str); 24] = [
        (SKLEARN, "is a Python pickle", "skl2onnx"),
        (b"\x80\x05\x95\x00sklearn.ensemble", "as joblib writes it too", "skl2onnx"),
        (b"\x80\x04\x95\x00lightgbm.sklearn", "is a Python pickle", "booster_.save_model(\"model.txt\")"),
        (b"\x80\x04\x95\x00xgboost.sklearn", "is a Python pickle", "model.save_model(\"model.json\")"),
        (b"\x80\x04\x95\x00catboost.core", "is a Python pickle", "format=\"json\""),
        (b"\x80\x02ctorch.nn", "is a Python pickle", "torch.onnx.export"),
        (b"\x80\x04\x95\x00mine", "is a Python pickle", "`python: {path: …}`"),
        (b"(dp0\nVmodel\np1\nccopy_reg\n_reconstructor\np2\n.", "is a Python pickle", "Python"),
        (b"]q\0ccopy_reg\n_reconstructor\nq\x01.", "is a Python pickle", "Python"),
        (b"cmine.models\nModel\n)\x81.", "is a Python pickle", "Python"),
        (b"\x1f\x8b\x08\0\0", "compressed (gzip)", "unpack it"),
        (b"BZh91AY&SY", "compressed (bzip2)", "unpack it"),
        (b"\xfd7zXZ\0\0", "compressed (xz)", "unpack it"),
        (b"\x5d\0\0\x40\0\xff", "compressed (LZMA)", "unpack it"),
        (b"\x04\x22\x4d\x18\x40", "compressed (LZ4)", "unpack it"),
        (b"\x28\xb5\x2f\xfd\x04", "compressed (Zstandard)", "unpack it"),
        (b"x\x9c\xdd\x56", "compressed (zlib)", "what joblib has compressed is a Python pickle"),
        (b"PK\x03\x04 1.npy schema.json", "skops' format", "skl2onnx"),
        (b"PK\x03\x04 something", "an archive without a model", "unpack it"),
        (b"booster[0]:\n0:[f0<0.5] yes=1", "XGBoost's `dump_model`", "save_model(\"model.json\")"),
        (b"[\n  { \"nodeid\": 0, \"depth\": 0", "XGBoost's `dump_model`", "save_model(\"model.json\")"),
        (b"{\"name\": \"tree\", \"tree_info\": []}", "LightGBM's `dump_model`", "save_model(\"model.txt\")"),
        (b"<?xml version=\"1.0\"?>\n<PMML version=\"4.3\">", "this is PMML", "ONNX"),
        (b"\x08\x01\x12\x05\x0a\x03saved_model_main_op", "TensorFlow's SavedModel", "tf2onnx.convert --saved-model"),
    ];
    for (bytes, what, instead) in cases {
        let error = gristmill_models::read(bytes).unwrap_err().to_string();
        assert!(error.contains(what) && error.contains(instead), "{what}, {instead}: {error}");
    }
}

/// Found with a million corrupted files: three sums a row where the objective has one probability.
#[test]
fn more_outputs_than_the_objective_has_are_refused() {
    let text = "tree\nversion=v4\nnum_tree_per_iteration=3\nmax_feature_idx=0\nobjective=binary sigmoid:1\n\
                feature_names=x\nfeature_infos=[0:1]\n\nTree=0\nnum_leaves=1\nleaf_value=1\n\nend of trees\n";
    let error = gristmill_models::read(text.as_bytes()).unwrap_err().to_string();
    let expected = "damaged LightGBM file: the head has 3 outputs, and `binary sigmoid:1` has 1; save the model again";
    assert_eq!(error, expected);
    assert!(gristmill_models::read(text.replace("iteration=3", "iteration=1").as_bytes()).is_ok());
}

//! The page of supported elements matches the code: `UPDATE_EXPECTED=1` writes it again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
#![allow(clippy::disallowed_methods)] // A test reads the files that it is about.

use gristmill_models::{Kind, supported};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/models.md");

fn names(kind: Kind) -> String {
    let names: Vec<String> =
        supported().iter().filter(|one| one.kind == kind).map(|one| format!("`{}`", one.name)).collect();
    let mut lines = vec![String::new()];
    for name in names {
        if lines.last().unwrap().len() + name.len() > 115 {
            lines.push(String::new());
        }
        let line = lines.last_mut().unwrap();
        *line += &if line.is_empty() { format!("{name},") } else { format!(" {name},") };
    }
    let all = lines.join("\n");
    format!("{}.\n", all.trim_end_matches(','))
}

fn page() -> String {
    format!(
        "# Model files

What `model: [{{file: {{path: …}}}}]` reads. Whatever is not listed is refused when the document is checked, by its name, with
what to do instead.

| format | files | read | refused |
|---|---|---|---|
| Keras 2 and 3 | `.h5`, `.keras` (whole models) | sequential and functional models of the layers below | weights alone, `Lambda`, layers with code of their own, quantised weights |
| ONNX | `.onnx`, with weights beside it | graphs of the operators below | free text, functions, sparse tensors |
| XGBoost 1.3 and later | `.json`, `.ubj` | `gbtree`, `dart`, `gblinear`; categories; several targets | the old binary format |
| LightGBM 3 and later | `.txt` | all boosting kinds; categories; linear trees | what `dump_model` writes |
| CatBoost | `.json` | numeric features | categories, texts, embeddings; `.cbm` |
| PyTorch | | | `.pt`, which holds Python code: export to ONNX |
| pickle, joblib, skops | | | they run whatever code they hold |

## Layers of Keras

{}
## Operators of ONNX

{}
## Operators of `ai.onnx.ml`

{}",
        names(Kind::KerasLayer),
        names(Kind::Operator),
        names(Kind::ClassicalOperator)
    )
}

#[test]
fn the_page_says_what_is_read() {
    let page = page();
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(PAGE, &page).unwrap();
    }
    assert_eq!(std::fs::read_to_string(PAGE).unwrap(), page, "run this test with UPDATE_EXPECTED=1");
}

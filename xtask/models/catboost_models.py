"""CatBoost's trees and categories, as its binary files and as JSON; some as ONNX, too."""

import catboost as cb
import numpy as np
import pandas as pd

from case import SEED, Case, numeric, onnxruntime_answers, rng, target

NAMES = ["f0", "amount", "age", "x3", "x4"]
FRAMEWORK = f"catboost {cb.__version__}"
BASE = {"random_seed": SEED, "thread_count": 1, "verbose": False, "allow_writing_files": False, "depth": 3,
        "learning_rate": 0.3}
EXPORTED = {"onnx_domain": "ai.catboost", "onnx_model_version": 1, "onnx_doc_string": "made", "onnx_graph_name": "made"}


def of_class(model, rows):
    return {
        "raw": model.predict(rows, prediction_type="RawFormulaVal"),
        "probability": model.predict(rows, prediction_type="Probability"),
        "label": np.asarray(model.predict(rows, prediction_type="Class")).ravel(),
    }


def of_number(model, rows):
    answers = {"raw": model.predict(rows, prediction_type="RawFormulaVal")}
    return {**answers, "value": model.predict(rows)} if model.get_param("loss_function") == "Poisson" else answers


def saved(case, model, rows, answers, **settings):
    for file, form in (("model.cbm", "cbm"), ("model.json", "json")):
        model.save_model(case.path(file), format=form, **settings)
        again = type(model)()
        try:
            again.load_model(case.path(file), format=form)
        except cb.CatBoostError:
            # Its own JSON of combined categories it does not read.
            case.files[file] = {"expect": "score"}
            continue
        case.scored(file, **{name: answer for name, answer in answers(again, rows).items() if name in case.outputs})


def converted(case, model, x):
    model.save_model(case.path("model.onnx"), format="onnx", export_parameters=EXPORTED)
    first, *rest = onnxruntime_answers(case.path("model.onnx"), [x]).values()
    if not rest:
        # The link is left out.
        case.scored("model.onnx", raw=np.asarray(first).ravel())
        return
    classes = model.classes_.tolist()
    shares = [[share[one] for one in (classes if classes[0] in share else share)] for share in rest[0]]
    case.scored("model.onnx", label=first, probability=np.array(shares))


def make(folder, kind, rounds, nan=0.0, also_onnx=True, words=False, **settings):
    x = numeric(150, 5, 80, nan=nan, huge=1e6).astype("float32")
    y = target(x, kind, 80)
    if settings.get("loss_function") == "Poisson":
        y = np.round(np.abs(np.clip(y, -20, 20)), 0)
    if words:
        y = np.array(["low", "mid", "high"])[y]
    of = cb.CatBoostRegressor if kind == "reg" else cb.CatBoostClassifier
    model = of(iterations=rounds, **BASE, **settings).fit(cb.Pool(x[:130], y[:130], feature_names=NAMES))
    answers, case = of_number if kind == "reg" else of_class, Case(folder, FRAMEWORK)
    case.tensors(columns=NAMES, features=x)
    case.answered(**answers(model, x))
    saved(case, model, x, answers)
    if also_onnx:
        converted(case, model, x)
    case.close()


def categories(folder, **settings):
    """Text and whole numbers as categories; the last rows have ones that are unknown, empty, of another case."""
    chance, count = rng(81), 160
    colours = ["red", "green", "blue", "yellow", "violet", "black", "Übergrün", "7"]
    rows = pd.DataFrame({
        "x0": np.round(chance.normal(size=count), 3),
        "colour": chance.choice(colours, count),
        "x1": np.round(chance.normal(size=count) * 3, 3),
        "size": chance.integers(0, 3, count),
    })
    known = rows.colour.isin(["green", "violet", "7"]).values
    y = (known ^ (rows.x0.values > 0.2) ^ (rows["size"].values == 2)).astype(int)
    rows.loc[count - 1, ["x0", "x1"]] = 0.0
    rows.loc[count - 2, "colour"] = "mauve"
    rows.loc[count - 3, "size"] = 99
    rows.loc[count - 4, ["x0", "x1"]] = [1e6, -1e6]
    rows.loc[count - 5, "colour"] = ""
    rows.loc[count - 6, "colour"] = "RED"
    rows.loc[count - 7, "x0"] = np.nan
    rows["colour"] = rows["colour"].astype(object)
    pool = lambda part, labels=None: cb.Pool(part, labels, cat_features=["colour", "size"])
    learned, asked = pool(rows[:140], y[:140]), pool(rows)
    model = cb.CatBoostClassifier(**{"iterations": 8, **BASE, **settings}).fit(learned)
    case = Case(folder, FRAMEWORK)
    case.table({
        "x0": ("float64", rows.x0.values),
        "colour": ("string", rows.colour.tolist()),
        "x1": ("float64", rows.x1.values),
        "size": ("int64 as category", rows["size"].tolist()),
    })
    case.answered(**of_class(model, asked))
    saved(case, model, asked, of_class, pool=learned)
    case.close()


COMBINED = {
    "iterations": 16, "depth": 4, "one_hot_max_size": 3, "max_ctr_complexity": 3,
    "simple_ctr": ["Borders:Prior=0.5/1", "Counter", "Buckets"], "combinations_ctr": ["Borders", "Counter"],
}
# What there is to learn, how many rounds, and settings.
TREES = {
    "binary": ("binary", 10, {}),
    "binary_nan": ("binary", 8, {"nan_mode": "Max", "nan": 0.1}),
    "binary_nan_min": ("binary", 8, {"nan": 0.1}),
    "multi": ("multi", 6, {"loss_function": "MultiClass", "words": True}),
    "regression": ("reg", 10, {}),
    "poisson": ("reg", 6, {"loss_function": "Poisson"}),
    "depthwise": ("binary", 6, {"grow_policy": "Depthwise", "min_data_in_leaf": 3, "also_onnx": False}),
}


def models():
    def trees(kind, rounds, settings):
        return lambda folder: make(folder, kind, rounds, **settings)

    return {
        **{f"cat_{name}": trees(*of) for name, of in TREES.items()},
        "cat_categorical_ctr": lambda folder: categories(folder, one_hot_max_size=2),
        "cat_categorical_combined": lambda folder: categories(folder, **COMBINED),
        "cat_categorical_onehot": lambda folder: categories(folder, one_hot_max_size=20),
    }

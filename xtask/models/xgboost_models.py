"""XGBoost's boosters, objectives and categories, as JSON and as UBJSON; some as ONNX, too."""

import numpy as np
import onnxmltools
import pandas as pd
import xgboost as xgb
from onnxmltools.convert.common.data_types import FloatTensorType

from case import SEED, Case, numeric, onnxruntime_answers, rng, target

NAMES = ["f0", "amount", "age", "x3", "x4"]
FRAMEWORK = f"xgboost {xgb.__version__}"


def saved(case, model, asked, also_onnx=False):
    """Both formats, read again."""

    def answers(booster):
        return {"predict": booster.predict(asked), "output_margin": booster.predict(asked, output_margin=True)}

    case.answered(**answers(model))
    for file in ("model.json", "model.ubj"):
        model.save_model(case.path(file))
        case.scored(file, **answers(xgb.Booster(model_file=case.path(file))))
    if also_onnx:
        converted(case)
    case.close()


def converted(case):
    booster = xgb.Booster(model_file=case.path("model.json"))
    booster.feature_names = None
    x = np.array(case.input["inputs"][0]["data"], dtype="float32")
    kind = [("X", FloatTensorType([None, x.shape[1]]))]
    model = onnxmltools.convert_xgboost(booster, initial_types=kind, target_opset=15)
    with open(case.path("model.onnx"), "wb") as file:
        file.write(model.SerializeToString())
    answer = np.asarray(list(onnxruntime_answers(case.path("model.onnx"), [x]).values())[-1], dtype=float)
    # Of two classes the second one's probability.
    positive = answer[:, -1] if answer.ndim == 2 and case.outputs["predict"].ndim == 1 else answer
    case.scored("model.onnx", predict=positive)


def make(folder, kind, rounds, nan=0.0, early=False, also_onnx=False, **settings):
    x = numeric(150, 5, 60, nan=nan, huge=1e6).astype("float32")
    y = target(x, "multi" if kind == "rank" else kind, 60)
    if settings["objective"].startswith("count"):
        y = np.round(np.abs(np.clip(y, -20, 20)), 0)
    rows = xgb.DMatrix(x[:130], y[:130], feature_names=NAMES)
    if kind == "rank":
        rows.set_group([13] * 10)
    stop = {}
    if early:
        watched = xgb.DMatrix(x[130:140], y[130:140], feature_names=NAMES)
        stop = {"evals": [(watched, "val")], "early_stopping_rounds": 3, "verbose_eval": False}
    depth = {} if settings.get("booster") == "gblinear" else {"max_depth": 3}
    model = xgb.train({"seed": SEED, "nthread": 1, **depth, "eta": 0.3, **settings}, rows, rounds, **stop)
    case, asked = Case(folder, FRAMEWORK), xgb.DMatrix(x, feature_names=NAMES)
    case.tensors(columns=NAMES, features=x)
    if early:
        # As the scikit-learn wrapper predicts.
        case.answered(predict_best=model.predict(asked, iteration_range=(0, model.best_iteration + 1)))
    saved(case, model, asked, also_onnx)


def two_targets(folder, strategy):
    x = numeric(120, 4, 61, nan=0.05, huge=1e6).astype("float32")
    y = np.stack([target(x, "reg", 61), target(x[:, ::-1], "reg", 62)], axis=1)
    settings = {"seed": SEED, "nthread": 1, "max_depth": 3, "multi_strategy": strategy, "tree_method": "hist"}
    model = xgb.train(settings, xgb.DMatrix(x[:105], y[:105]), 4)
    case = Case(folder, FRAMEWORK)
    case.tensors(features=x)
    saved(case, model, xgb.DMatrix(x))


def categories(folder, texts, one_hot):
    """Categories in no alphabetical order; up to `one_hot` of them are split off one by one."""
    chance, count = rng(63), 150
    colours = ["red", "green", "blue", "yellow", "violet", "black", "white"] if texts else list(range(7))
    sizes = ["S", "M", "L"] if texts else [0, 1, 2]
    code = chance.integers(0, 7, count)
    x0 = np.round(chance.normal(size=count), 3).astype("float32")
    x1 = np.round(chance.normal(size=count) * 3, 3).astype("float32")
    size = chance.integers(0, 3, count)
    y = ((np.isin(code, [1, 4, 6])) ^ (x0 > 0.2) ^ (size == 2)).astype(int)
    x0[chance.random(count) < 0.08] = np.nan
    x0[-1], x1[-1], x0[-2], x1[-2] = 0, 0, 1e6, -1e6
    colour = pd.Series(pd.Categorical.from_codes(code, categories=colours))
    colour[chance.random(count) < 0.08] = np.nan
    size = pd.Series(pd.Categorical.from_codes(size, categories=sizes))
    rows = pd.DataFrame({"x0": x0, "colour": colour, "x1": x1, "size": size})
    settings = {"objective": "binary:logistic", "seed": SEED, "nthread": 1, "max_depth": 4, "tree_method": "hist"}
    learned = xgb.DMatrix(rows[:130], y[:130], enable_categorical=True)
    model = xgb.train({**settings, "max_cat_to_onehot": one_hot}, learned, 6)
    case = Case(folder, FRAMEWORK)
    case.table({
        "x0": ("float32", rows.x0.values),
        "colour": ("category", [None if value is None or value != value else value for value in rows.colour.tolist()]),
        "x1": ("float32", rows.x1.values),
        "size": ("category", rows["size"].tolist()),
    })
    saved(case, model, xgb.DMatrix(rows, enable_categorical=True))


TWO, SQUARED = "binary:logistic", "reg:squarederror"
# What there is to learn, how many rounds, and settings.
BOOSTERS = {
    "binary": ("binary", 8, {"objective": TWO}),
    "binary_missing": ("binary", 8, {"objective": TWO, "nan": 0.12, "also_onnx": True}),
    "multi": ("multi", 5, {"objective": "multi:softprob", "num_class": 3, "nan": 0.05, "also_onnx": True}),
    "multi_softmax": ("multi", 4, {"objective": "multi:softmax", "num_class": 3, "nan": 0.05}),
    "regression": ("reg", 8, {"objective": SQUARED, "max_depth": 4, "nan": 0.05, "also_onnx": True}),
    "poisson": ("reg", 6, {"objective": "count:poisson"}),
    "hinge": ("binary", 5, {"objective": "binary:hinge"}),
    "ranking": ("rank", 6, {"objective": "rank:ndcg"}),
    "dart": ("binary", 10, {"objective": TWO, "booster": "dart", "rate_drop": 0.3, "skip_drop": 0.2, "nan": 0.05}),
    "gblinear": ("binary", 6, {"objective": TWO, "booster": "gblinear"}),
    "random_forest": ("binary", 2, {"objective": TWO, "num_parallel_tree": 4, "subsample": 0.8, "eta": 1.0}),
    "early_stopping": ("reg", 30, {"objective": SQUARED, "eta": 0.8, "early": True}),
}


def models():
    def booster(kind, rounds, settings):
        return lambda folder: make(folder, kind, rounds, **settings)

    return {
        **{f"xgb_{name}": booster(*of) for name, of in BOOSTERS.items()},
        "xgb_one_output_per_tree": lambda folder: two_targets(folder, "one_output_per_tree"),
        "xgb_multi_output_tree": lambda folder: two_targets(folder, "multi_output_tree"),
        "xgb_categorical_text": lambda folder: categories(folder, True, 1),
        "xgb_categorical_onehot": lambda folder: categories(folder, True, 10),
        "xgb_categorical_int": lambda folder: categories(folder, False, 1),
    }

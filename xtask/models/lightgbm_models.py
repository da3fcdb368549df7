"""LightGBM's boosters, objectives, ways of missing and categories, as text; some as ONNX, too."""

import lightgbm as lgb
import numpy as np
import onnxmltools
import pandas as pd
from onnxmltools.convert.common.data_types import FloatTensorType

from case import SEED, Case, numeric, onnxruntime_answers, rng, target

NAMES = ["f0", "amount", "age", "x3", "x4"]
FRAMEWORK = f"lightgbm {lgb.__version__}"
BASE = {"verbose": -1, "seed": SEED, "num_threads": 1, "num_leaves": 7, "min_data_in_leaf": 5, "deterministic": True}


def saved(case, model, asked, also_onnx=False):
    def answers(booster):
        return {"predict": booster.predict(asked), "raw_score": booster.predict(asked, raw_score=True)}

    case.answered(**answers(model))
    model.save_model(case.path("model.txt"))
    case.scored("model.txt", **answers(lgb.Booster(model_file=case.path("model.txt"))))
    if also_onnx:
        converted(case, asked)
    case.close()


def converted(case, x):
    kind = [("X", FloatTensorType([None, x.shape[1]]))]
    booster = lgb.Booster(model_file=case.path("model.txt"))
    model = onnxmltools.convert_lightgbm(booster, initial_types=kind, target_opset=15, zipmap=False)
    with open(case.path("model.onnx"), "wb") as file:
        file.write(model.SerializeToString())
    answered = onnxruntime_answers(case.path("model.onnx"), [x.astype("float32")])
    answer = np.asarray(list(answered.values())[-1], dtype=float)
    # Of two classes the second one's probability.
    positive = answer[:, -1] if answer.ndim == 2 and case.outputs["predict"].ndim == 1 else answer
    case.scored("model.onnx", predict=positive)


def coded(x, columns):
    """Codes in these columns; among the last rows ones that are negative, unknown, between two, missing."""
    chance = rng(71)
    for column in columns:
        x[:, column] = chance.integers(0, 40 if column == 1 else 5, 200)
        x[-1, column], x[-2, column], x[-3, column], x[-4, column], x[-5, column] = 0, -1, 999, 2.7, np.nan
    return ((x[:, columns[0]] % 3 == 1) ^ (np.nan_to_num(x[:, 0]) > 0.3)).astype(int)


def make(folder, kind, rounds, nan=0.0, columns=(), also_onnx=False, **settings):
    x = numeric(200, 5, 70, nan=nan, huge=1e6)
    y = coded(x, columns) if columns else target(x, "multi" if kind == "rank" else kind, 70)
    if settings["objective"] == "poisson":
        y = np.round(np.abs(np.clip(y, -20, 20)), 0)
    settings = {**BASE, **settings}
    rows = lgb.Dataset(x[:180], y[:180], feature_name=NAMES, categorical_feature=list(columns), params=settings)
    if kind == "rank":
        rows.set_group([18] * 10)
    case = Case(folder, FRAMEWORK)
    case.tensors(columns=NAMES, features=x)
    saved(case, lgb.train(settings, rows, rounds), x, also_onnx)


def of_pandas(folder):
    """Text in a column of pandas, a name with a space, a colour that the model has never seen."""
    chance, count = rng(72), 160
    colours = ["red", "green", "blue", "yellow", "violet"]
    first = np.round(chance.normal(size=count), 3)
    colour = pd.Categorical.from_codes(chance.integers(0, 5, count), categories=colours)
    rows = pd.DataFrame({"x 0": first, "colour": colour})
    y = (rows.colour.isin(["green", "violet"]).values ^ (rows["x 0"].values > 0)).astype(int)
    rows.loc[count - 1, "x 0"] = np.nan
    rows.loc[count - 2, "colour"] = np.nan
    settings = {**BASE, "objective": "binary", "min_data_per_group": 5, "cat_smooth": 1}
    model = lgb.train(settings, lgb.Dataset(rows[:140], y[:140]), 6)
    asked = rows.copy()
    asked["colour"] = asked["colour"].cat.add_categories(["mauve"])
    asked.loc[count - 3, "colour"] = "mauve"
    case = Case(folder, FRAMEWORK)
    colours = [None if value != value else value for value in asked.colour.tolist()]
    case.table({"x 0": ("float64", asked["x 0"].values), "colour": ("category", colours)})
    saved(case, model, asked)


# What there is to learn, how many rounds, and settings.
FEW = {"min_data_per_group": 5, "cat_smooth": 1}
DRAWN = {"bagging_freq": 1, "bagging_fraction": 0.6, "feature_fraction": 0.8}
BOOSTERS = {
    "binary": ("binary", 8, {"objective": "binary"}),
    "binary_sigmoid2": ("binary", 6, {"objective": "binary", "sigmoid": 2.0, "is_unbalance": True}),
    "multi": ("multi", 5, {"objective": "multiclass", "num_class": 3, "also_onnx": True}),
    "multi_ova": ("multi", 4, {"objective": "multiclassova", "num_class": 3}),
    "regression": ("reg", 8, {"objective": "regression", "num_leaves": 15, "also_onnx": True}),
    "regression_sqrt": ("reg", 6, {"objective": "regression", "reg_sqrt": True}),
    "poisson": ("reg", 6, {"objective": "poisson"}),
    "lambdarank": ("rank", 5, {"objective": "lambdarank"}),
    "missing": ("binary", 8, {"objective": "binary", "nan": 0.12, "also_onnx": True}),
    "zero_as_missing": ("binary", 6, {"objective": "binary", "zero_as_missing": True, "nan": 0.08}),
    "no_missing": ("reg", 6, {"objective": "regression", "use_missing": False, "nan": 0.08}),
    "categorical": ("binary", 8, {"objective": "binary", **FEW, "nan": 0.05, "columns": [1, 3]}),
    "random_forest": ("binary", 6, {"objective": "binary", "boosting": "rf", **DRAWN}),
    "dart": ("reg", 8, {"objective": "regression", "boosting": "dart", "drop_rate": 0.3}),
    "linear_tree": ("reg", 5, {"objective": "regression", "linear_tree": True, "linear_lambda": 0.1, "nan": 0.03}),
}


def models():
    def booster(kind, rounds, settings):
        return lambda folder: make(folder, kind, rounds, **settings)

    return {**{f"lgb_{name}": booster(*of) for name, of in BOOSTERS.items()}, "lgb_pandas_categorical": of_pandas}

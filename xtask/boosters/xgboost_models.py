"""Small models of every objective and booster of XGBoost, each with what XGBoost itself answers.

Runs with any version from 1.7 on; what a version does not have is left out.
"""

import json
import os
import sys
import tempfile

import numpy as np
import xgboost

from common import Cases, asked, made, ranks

xgboost.set_config(verbosity=0)
VERSION = tuple(int(part) for part in xgboost.__version__.split(".")[:2])
cases = Cases("XGBoost", xgboost.__version__)
rows, signal = made()
X, asked_rows = np.array(rows), np.array(asked())
signal = np.array(signal)
BOOSTERS = {"gbtree": {}, "gblinear": {}, "dart": {"rate_drop": 0.5, "skip_drop": 0.0}}
binary = (signal > 0.5).astype(float)
positive = np.exp(signal / 3)
QUERIES = [20] * 8

OBJECTIVES = {
    "binary:logistic": (binary, {}),
    "binary:logitraw": (binary, {}),
    "binary:hinge": (binary, {}),
    "multi:softmax": (np.array(ranks(signal, 3)), {"num_class": 3}),
    "multi:softprob": (np.array(ranks(signal, 3)), {"num_class": 3}),
    "reg:squarederror": (signal, {}),
    "reg:squaredlogerror": (positive, {}),
    "reg:logistic": (1 / (1 + np.exp(-signal)), {}),
    "reg:pseudohubererror": (signal, {}),
    "reg:absoluteerror": (signal, {}),
    "reg:quantileerror": (signal, {"quantile_alpha": [0.2, 0.8]}),
    "reg:expectileerror": (signal, {"expectile_alpha": [0.2, 0.8]}),
    "reg:gamma": (positive, {}),
    "reg:tweedie": (positive, {"tweedie_variance_power": 1.3}),
    "count:poisson": (np.round(positive), {}),
    "survival:cox": (np.where(signal > 0, positive, -positive), {}),
    "survival:aft": (positive, {}),
    "rank:pairwise": (np.array(ranks(signal, 3)), {}),
    "rank:ndcg": (np.array(ranks(signal, 3)), {}),
    "rank:map": (binary, {}),
}


def matrix(objective, label):
    data = xgboost.DMatrix(X, label=label)
    if objective == "survival:aft":
        data.set_float_info("label_lower_bound", label)
        data.set_float_info("label_upper_bound", label * 1.5)
    if objective.startswith("rank:"):
        data.set_group(QUERIES)
    return data


def saved(model, ending="json"):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model." + ending)
        model.save_model(path)
        with open(path, "rb") as file:
            return file.read() if ending == "ubj" else file.read().decode()


def native(name, parameters, data, rounds=2, **more):
    model = xgboost.train({"max_depth": 2, "nthread": 1, "seed": 1, **parameters}, data, rounds)
    ask = xgboost.DMatrix(asked_rows)
    answers = {"predict": model.predict(ask), "raw": model.predict(ask, output_margin=True)}
    if parameters.get("objective") == "multi:softmax":
        answers["class"] = answers.pop("predict")
    cases.add(name, saved(model, more.get("ending", "json")), **answers)


def attempt(name, make):
    try:
        make()
    except Exception as error:  # A version that lacks an objective says so in words of its own.
        print(f"  {name} is left out: {str(error).strip().splitlines()[0][:100]}")


for objective, (label, settings) in OBJECTIVES.items():
    for booster, more in BOOSTERS.items():
        if booster == "dart" and objective not in ("binary:logistic", "multi:softprob", "count:poisson", "reg:absoluteerror"):
            continue
        parameters = {"objective": objective, "booster": booster, **settings, **more}
        name = f"{objective} {booster}"
        attempt(name, lambda: native(name, parameters, matrix(objective, label)))
    if objective in ("binary:logistic", "binary:logitraw", "count:poisson", "multi:softprob", "reg:gamma"):
        for booster in ("gbtree", "gblinear"):
            parameters = {"objective": objective, "booster": booster, "base_score": 0.3, **settings}
            name = f"{objective} {booster} base_score"
            attempt(name, lambda: native(name, parameters, matrix(objective, label)))

# Several labels or targets for each row.
labels = np.stack([binary, (X[:, 1] > 0).astype(float)], axis=1)
targets = np.stack([signal, X[:, 1] * 2], axis=1)
for strategy in ("one_output_per_tree", "multi_output_tree"):
    settings = {"multi_strategy": strategy, "tree_method": "hist"}
    for objective, label in (("binary:logistic", labels), ("reg:squarederror", targets)):
        name = f"{objective} {strategy}"
        attempt(name, lambda: native(name, {"objective": objective, **settings}, matrix(objective, label)))
name = "binary:logistic gblinear several labels"
attempt(name, lambda: native(name, {"objective": "binary:logistic", "booster": "gblinear"}, matrix("binary:logistic", labels)))

# Forests, and the other encoding.
name = "multi:softprob forest"
attempt(name, lambda: native(name, {"objective": "multi:softprob", "num_class": 3, "num_parallel_tree": 2, "subsample": 0.7},
                             matrix("multi:softprob", np.array(ranks(signal, 3)))))
name = "binary:logistic ubj"
attempt(name, lambda: native(name, {"objective": "binary:logistic"}, matrix("binary:logistic", binary), ending="ubj"))


def custom(name):
    def squares(margin, data):
        return margin - data.get_label(), np.ones_like(margin)
    model = xgboost.train({"max_depth": 2, "nthread": 1}, matrix("reg:squarederror", signal), 2, obj=squares)
    ask = xgboost.DMatrix(asked_rows)
    cases.add(name, saved(model), predict=model.predict(ask), raw=model.predict(ask, output_margin=True))


attempt("an objective of one's own", lambda: custom("an objective of one's own"))


# Early stopping: noise to overfit, so that the best round is not the last.
noisy = np.array([float((place * 7919) % 5 < 2) for place in range(len(binary))])
wanted = np.where(noisy > 0, 1 - binary, binary)
train, check = slice(0, 100), slice(100, 160)


def by_wrapper(name, make, label, forest=1, **more):
    model = make(n_estimators=30, max_depth=3, learning_rate=0.8, n_jobs=1, early_stopping_rounds=4,
                 num_parallel_tree=forest, **more)
    model.fit(X[train], label[train], eval_set=[(X[check], label[check])], verbose=False)
    best = model.best_iteration
    answers = model.predict_proba(asked_rows) if hasattr(model, "predict_proba") else model.predict(asked_rows)
    if hasattr(model, "predict_proba") and answers.shape[1] == 2:
        answers = answers[:, 1]
    booster = model.get_booster()
    ask = xgboost.DMatrix(asked_rows)
    rounds = booster.num_boosted_rounds()
    assert more.get("booster") == "gblinear" or best + 1 < rounds, (name, best, rounds)
    first = {} if more.get("booster") == "gblinear" else {"first 1": booster.predict(ask, iteration_range=(0, 1))}
    cases.add(name, saved(model), predict=answers, best=best + 1, rounds=rounds, all=booster.predict(ask), **first)


def by_booster(name, save_best):
    data, held = (xgboost.DMatrix(X[part], label=wanted[part]) for part in (train, check))
    stop = xgboost.callback.EarlyStopping(4, save_best=save_best)
    model = xgboost.train({"objective": "binary:logistic", "max_depth": 3, "eta": 0.8, "nthread": 1}, data, 30,
                          evals=[(held, "held")], callbacks=[stop], verbose_eval=False)
    ask = xgboost.DMatrix(asked_rows)
    best = model.best_iteration + 1
    cases.add(name, saved(model), predict=model.predict(ask), best=best, rounds=model.num_boosted_rounds(),
              **{"first best": model.predict(ask, iteration_range=(0, best))})


three = np.array(ranks(signal, 3))
three = np.where(noisy > 0, (three + 1) % 3, three)
for name, make in {
    "early stopping, wrapper": lambda name: by_wrapper(name, xgboost.XGBClassifier, wanted),
    "early stopping, wrapper of several classes": lambda name: by_wrapper(name, xgboost.XGBClassifier, three, eval_metric="mlogloss"),
    "early stopping, wrapper of a regression": lambda name: by_wrapper(name, xgboost.XGBRegressor, wanted * 3),
    "early stopping, wrapper of dart": lambda name: by_wrapper(name, xgboost.XGBClassifier, wanted, booster="dart", rate_drop=0.3),
    "early stopping, wrapper of forests": lambda name: by_wrapper(name, xgboost.XGBClassifier, wanted, forest=2, subsample=0.7),
    "early stopping, wrapper of gblinear": lambda name: by_wrapper(name, xgboost.XGBClassifier, wanted, booster="gblinear"),
    "early stopping, booster": lambda name: by_booster(name, False),
    "early stopping, booster that keeps the best": lambda name: by_booster(name, True),
}.items():
    attempt(name, lambda: make(name))

# Categories of pandas: whole numbers, truth values and texts.
if VERSION >= (2, 0):
    import pandas

    def categories(name, values, unseen):
        column = pandas.Series([values[place % len(values)] for place in range(len(X))]).astype("category")
        frame = pandas.DataFrame({"k": column, "x": X[:, 1]})
        y = signal + 2 * column.cat.codes.to_numpy()
        parameters = {"tree_method": "hist", "max_depth": 3, "max_cat_to_onehot": 1, "nthread": 1}
        model = xgboost.train(parameters, xgboost.DMatrix(frame, label=y, enable_categorical=True), 3)
        asks = [values[place % len(values)] for place in range(6)]
        ask = pandas.DataFrame({"k": pandas.Categorical(asks, categories=column.cat.categories), "x": asked_rows[:6, 1]})
        # Files before 3.1 hold no categories, only their codes.
        given = asks if VERSION >= (3, 1) else ask["k"].cat.codes.tolist()
        rows = [[value, x] for value, x in zip(given, asked_rows[:6, 1].tolist())]
        cases.add(name, saved(model), rows=rows, predict=model.predict(xgboost.DMatrix(ask, enable_categorical=True)))

    for name, values in {
        "categories of whole numbers": [30, 10, 20, 7],
        "categories of truth values": [True, False],
        "categories of texts": ["red", "green", "blue"],
        "categories of fractions": [0.5, 2.5, 1.0],
        "categories of negative numbers": [-3, 4, 11],
    }.items():
        attempt(name, lambda: categories(name, values, None))

cases.write(sys.argv[1])

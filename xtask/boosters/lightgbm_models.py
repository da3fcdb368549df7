"""Small models of every objective and boosting kind of LightGBM, each with what LightGBM itself answers."""

import sys

import lightgbm
import numpy as np
import pandas

from common import Cases, asked, made, ranks

cases = Cases("LightGBM", lightgbm.__version__)
rows, signal = made()
X, asked_rows = np.array(rows), np.array(asked())
signal = np.array(signal)
binary = (signal > 0.5).astype(float)
share = 1 / (1 + np.exp(-signal))
positive = np.exp(signal / 3)
three = np.array(ranks(signal, 3))
BASE = {"num_leaves": 4, "min_data_in_leaf": 5, "num_threads": 1, "verbosity": -1, "deterministic": True, "seed": 1}
KINDS = {
    "gbdt": {},
    "dart": {"boosting": "dart", "drop_rate": 0.5, "skip_drop": 0.0},
    "rf": {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6},
    "goss": {"data_sample_strategy": "goss"},
}
OBJECTIVES = {
    "regression": signal, "regression_l1": signal, "huber": signal, "fair": signal, "quantile": signal,
    "mape": positive + 1, "poisson": np.round(positive), "gamma": positive, "tweedie": positive,
    "binary": binary, "multiclass": three, "multiclassova": three, "cross_entropy": share,
    "cross_entropy_lambda": share, "lambdarank": three, "rank_xendcg": three,
}


def text(model, **more):
    """The file, less the settings of training: they are most of a small one, and no reader looks at them."""
    head, rest = model.model_to_string(**more).split("\nparameters:", 1)
    return head + rest.split("end of parameters", 1)[1]


def add(name, model, **more):
    cases.add(name, text(model), predict=model.predict(asked_rows),
              raw=model.predict(asked_rows, raw_score=True), **more)


def train(name, parameters, label, rounds=2):
    group = [20] * 8 if parameters["objective"] in ("lambdarank", "rank_xendcg") else None
    try:
        data = lightgbm.Dataset(X, label=label, group=group, params={"verbosity": -1, "min_data_in_bin": 1})
        model = lightgbm.train({**BASE, **parameters}, data, rounds)
    except Exception as error:
        print(f"  {name} is left out: {str(error)[:100]}")
        return
    add(name, model)


for objective, label in OBJECTIVES.items():
    settings = {"objective": objective}
    if objective.startswith("multiclass"):
        settings["num_class"] = 3
    for kind, more in KINDS.items():
        train(f"{objective} {kind}", {**settings, **more}, label)
    if objective in ("regression", "regression_l1", "huber", "fair", "quantile", "mape"):
        for kind in ("gbdt", "rf"):
            train(f"{objective} sqrt {kind}", {**settings, **KINDS[kind], "reg_sqrt": True}, positive + 1)
for objective, label in (("binary", binary), ("multiclassova", three)):
    settings = {"objective": objective, "sigmoid": 2.0, **({"num_class": 3} if objective != "binary" else {})}
    train(f"{objective} sigmoid 2", settings, label)
train("binary unbalanced", {"objective": "binary", "is_unbalance": True}, binary)
train("regression linear", {"objective": "regression", "linear_tree": True}, signal)
train("an objective of one's own", {"objective": lambda margin, data: (margin - data.get_label(), np.ones_like(margin))}, signal)

# Early stopping: the file holds the best rounds, or all that were asked for.
noisy = np.array([float((place * 7919) % 5 < 2) for place in range(len(binary))])
wanted = np.where(noisy > 0, 1 - binary, binary)
model = lightgbm.LGBMClassifier(n_estimators=30, learning_rate=0.8, num_leaves=4, min_child_samples=5, n_jobs=1, verbosity=-1)
model.fit(X[:100], wanted[:100], eval_X=X[100:], eval_y=wanted[100:], callbacks=[lightgbm.early_stopping(4, verbose=False)])
best, rounds = model.best_iteration_, model.booster_.current_iteration()
assert best == rounds < 26, (best, rounds)
answers = model.predict_proba(asked_rows)[:, 1]
cases.add("early stopping, wrapper", text(model.booster_), predict=answers, rounds=best)
held = lightgbm.Dataset(X[100:], label=wanted[100:])
model = lightgbm.train({**BASE, "objective": "binary", "learning_rate": 0.8}, lightgbm.Dataset(X[:100], label=wanted[:100]), 30,
                       valid_sets=[held], callbacks=[lightgbm.early_stopping(4, verbose=False)], keep_training_booster=True)
best, rounds = model.best_iteration, model.current_iteration()
assert best < rounds, (best, rounds)
cases.add("early stopping, best rounds", text(model), predict=model.predict(asked_rows), rounds=best)
cases.add("early stopping, all rounds", text(model, num_iteration=-1), rounds=rounds,
          predict=model.predict(asked_rows, num_iteration=-1),
          **{"first 1": model.predict(asked_rows, num_iteration=1), f"first {best}": model.predict(asked_rows)})
forest = lightgbm.train({**BASE, "objective": "regression", **KINDS["rf"]}, lightgbm.Dataset(X, label=signal), 4)
cases.add("a forest of four", text(forest), predict=forest.predict(asked_rows), rounds=4,
          **{"first 1": forest.predict(asked_rows, num_iteration=1), "first 3": forest.predict(asked_rows, num_iteration=3)})

# Names: blanks are written as underscores.
frame = pandas.DataFrame(X, columns=["total amount", "hour of day", "c"])
model = lightgbm.train({**BASE, "objective": "regression"}, lightgbm.Dataset(frame, label=signal), 2)
add("names with blanks", model, names=list(frame.columns))

# Categories of pandas: whole numbers, truth values and texts.
for name, values in {
    "categories of whole numbers": [30, 10, 20, 7],
    "categories of truth values": [True, False],
    "categories of texts": ["red", "green", "blue"],
    "categories of fractions": [0.5, 2.5, 1.0],
    "categories of negative numbers": [-3, 4, 11],
}.items():
    column = pandas.Series([values[place % len(values)] for place in range(len(X))]).astype("category")
    frame = pandas.DataFrame({"k": column, "x": X[:, 1]})
    data = lightgbm.Dataset(frame, label=signal + 3 * column.cat.codes.to_numpy(), params={"verbosity": -1})
    settings = {**BASE, "objective": "regression", "min_data_per_group": 1, "cat_smooth": 1, "max_cat_to_onehot": 1}
    model = lightgbm.train(settings, data, 3)
    asks = [values[place % len(values)] for place in range(6)]
    ask = pandas.DataFrame({"k": pandas.Categorical(asks, categories=column.cat.categories), "x": asked_rows[:6, 1]})
    rows = [[value, x] for value, x in zip(asks, asked_rows[:6, 1].tolist())]
    cases.add(name, text(model), rows=rows, predict=model.predict(ask))

cases.write(sys.argv[1])

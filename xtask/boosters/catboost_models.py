"""Small models of every loss of CatBoost, each with what CatBoost itself answers."""

import json
import os
import sys
import tempfile

import catboost
import numpy as np
from catboost import CatBoost, CatBoostClassifier, CatBoostRanker, CatBoostRegressor, Pool

from common import Cases, asked, made, ranks

cases = Cases("CatBoost", catboost.__version__)
rows, signal = made()
X, asked_rows = np.array(rows), np.array(asked())
signal = np.array(signal)
binary = (signal > 0.5).astype(int)
share = 1 / (1 + np.exp(-signal))
positive = np.exp(signal / 3)
three = np.array(ranks(signal, 3))
labels = np.stack([binary, (X[:, 1] > 0).astype(int), (X[:, 2] > 1).astype(int)], axis=1)
shares = np.stack([share, 1 / (1 + np.exp(-X[:, 1]))], axis=1)
targets = np.stack([signal, X[:, 1] * 2], axis=1)
groups = np.repeat(np.arange(16), 10)
BASE = {"iterations": 2, "depth": 2, "thread_count": 1, "verbose": False, "random_seed": 1, "allow_writing_files": False}

CLASSIFIERS = {
    "Logloss": binary, "CrossEntropy": share, "Focal:focal_alpha=0.3;focal_gamma=2": binary,
    "MultiClass": three, "MultiClassOneVsAll": three, "MultiLogloss": labels, "MultiCrossEntropy": shares,
}
REGRESSORS = {
    "RMSE": signal, "MAE": signal, "MAPE": positive + 1, "Poisson": np.round(positive), "Quantile:alpha=0.3": signal,
    "MultiQuantile:alpha=0.2,0.8": signal, "RMSEWithUncertainty": signal, "LogLinQuantile:alpha=0.4": positive,
    "Lq:q=3": signal, "Huber:delta=1": signal, "Expectile:alpha=0.3": signal,
    "Tweedie:variance_power=1.5": positive, "LogCosh": signal, "MultiRMSE": targets,
    "MultiRMSEWithMissingValues": targets, "Cox": np.where(signal > 0, positive, -positive),
    "SurvivalAft:dist=Normal;scale=1.0": np.stack([positive, positive * 1.5], axis=1),
}
RANKERS = {
    "QueryRMSE": signal, "QuerySoftMax": binary, "QueryCrossEntropy": binary, "YetiRank": three, "YetiRankPairwise": three,
    "PairLogit": three, "PairLogitPairwise": three, "StochasticRank:metric=DCG": three, "LambdaMart": three,
    "StochasticFilter": binary, "GroupQuantile:alpha=0.4": signal,
}


def saved(model):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.json")
        model.save_model(path, format="json")
        with open(path) as file:
            document = json.load(file)
    # Settings of training are most of a small file, and only the loss tells a reader anything.
    info = document["model_info"]
    info["params"] = {"loss_function": info["params"]["loss_function"]}
    return json.dumps(document, separators=(",", ":"))


def add(name, made, label, answer, **more):
    try:
        model = made()
        model.fit(Pool(X, label, group_id=more.get("group")))
        answers = answer(model)
    except Exception as error:
        print(f"  {name} is left out: {str(error).strip().splitlines()[-1][:140]}")
        return
    raw = CatBoost.predict(model, asked_rows, prediction_type="RawFormulaVal")
    cases.add(name, saved(model), predict=answers, raw=raw)


def probabilities(model):
    answers = model.predict_proba(asked_rows)
    one = len(model.classes_) == 2 and "Multi" not in model.get_all_params()["loss_function"]
    return answers[:, 1] if one or model.get_all_params()["loss_function"] == "CrossEntropy" else answers


for loss, label in CLASSIFIERS.items():
    add(loss, lambda: CatBoostClassifier(loss_function=loss, **BASE), label, probabilities)
    # The same without the class that knows of classes.
    name = loss.split(":")[0]
    two = name in ("Logloss", "CrossEntropy", "Focal")
    whole = lambda model: model.predict(asked_rows, prediction_type="Probability")
    add(f"{loss} by CatBoost", lambda: CatBoost({"loss_function": loss, **BASE}), label,
        (lambda model: whole(model)[:, 1]) if two else whole)
for loss, label in REGRESSORS.items():
    add(loss, lambda: CatBoostRegressor(loss_function=loss, **BASE), label, lambda model: model.predict(asked_rows))
for loss, label in RANKERS.items():
    add(loss, lambda: CatBoostRanker(loss_function=loss, **BASE), label, lambda model: model.predict(asked_rows), group=groups)
words = np.array(["no", "yes"])[binary]
add("Logloss of words", lambda: CatBoostClassifier(loss_function="Logloss", **BASE), words, probabilities)
words = np.array(["low", "middle", "high"])[three]
add("MultiClass of words", lambda: CatBoostClassifier(loss_function="MultiClass", **BASE), words, probabilities)
add("MultiClass of two classes", lambda: CatBoostClassifier(loss_function="MultiClass", **BASE), binary,
    lambda model: model.predict_proba(asked_rows))
add("MultiClassOneVsAll of two classes", lambda: CatBoostClassifier(loss_function="MultiClassOneVsAll", **BASE), binary,
    lambda model: model.predict_proba(asked_rows))
add("MultiLogloss of two labels", lambda: CatBoostClassifier(loss_function="MultiLogloss", **BASE), labels[:, :2],
    lambda model: model.predict_proba(asked_rows))
for policy in ("Depthwise", "Lossguide"):
    add(f"MultiLogloss {policy}", lambda: CatBoostClassifier(loss_function="MultiLogloss", grow_policy=policy, **BASE), labels,
        lambda model: model.predict_proba(asked_rows))

# Early stopping: the file holds the best rounds, or all of them where `use_best_model` is off.
noisy = np.array([float((place * 7919) % 5 < 2) for place in range(len(binary))])
wanted = np.where(noisy > 0, 1 - binary, binary)
for best in (True, False):
    model = CatBoostClassifier(**{**BASE, "iterations": 40, "learning_rate": 0.9, "depth": 3})
    model.fit(X[:100], wanted[:100], eval_set=(X[100:], wanted[100:]), early_stopping_rounds=5, use_best_model=best)
    first = {"first 1": model.predict_proba(asked_rows, ntree_end=1)[:, 1]}
    name = "early stopping" + ("" if best else " without use_best_model")
    assert not best or model.tree_count_ == model.get_best_iteration() + 1
    cases.add(name, saved(model), predict=model.predict_proba(asked_rows)[:, 1], rounds=model.tree_count_, **first)

cases.write(sys.argv[1])

"""River's half of docs/reference/parity.md: test, then train, on the same rows as ours.

`cargo xtask parity` runs this and others.py in a virtual environment; they print one line a case: steps of ours as
JSON, data, metric, reference, version, value, tolerance.
"""

import csv
import io
import json
import statistics
import sys
from pathlib import Path

import river
import zstandard
from river import (ensemble, feature_extraction, feature_selection, forest, linear_model, metrics, multiclass,
                   naive_bayes, neighbors, optim, preprocessing, stats, tree)

import streams

DATA = Path(sys.argv[1])
SETS = {
    "elec2": ("elec2/electricity.csv.zst", "class", "UP"),
    "phishing": ("phishing/phishing.csv.zst", "is_phishing", "1"),
    "bananas": ("bananas/bananas.csv.zst", "label", None),
    "segment": ("segment/segment.csv.zst", "category", None),
    "trump_approval": ("trump_approval/trump_approval.csv.zst", "five_thirty_eight", None),
    "chick_weights": ("chick_weights/chick_weights.csv.zst", "weight", None),
    "kdd99_smtp": ("kdd99_smtp/smtp.csv.zst", "service", "1"),
}
EXACT, TREE, FOREST = 1e-6, 0.005, 0.01
# One adaptive tree differs by 0.03 from seed to seed, so that ten are too few.
FEW, MANY = 10, 60
cache = {}


def rows(name):
    if name in streams.STREAMS:
        return cache.setdefault(name, streams.rows(name, 10_000))
    if name not in cache:
        file, label, positive = SETS[name]
        text = zstandard.ZstdDecompressor().stream_reader((DATA / file).open("rb")).read().decode()
        found = []
        for row in csv.DictReader(io.StringIO(text)):
            y = row.pop(label)
            if name in ("trump_approval", "chick_weights"):
                y = float(y)
            elif positive:
                y = y == positive
            found.append(({key: float(value) for key, value in row.items()}, y))
        cache[name] = found
    return cache[name]


def classify(model, data, metric):
    right, measure = 0, metrics_by_name.get(metric)
    measure = measure() if measure else None
    for x, y in data:
        if measure is not None and not measure.requires_labels:
            measure.update(y, model.predict_proba_one(x))
        else:
            said = model.predict_one(x)
            right += said == y
            if measure is not None and said is not None:
                measure.update(y, said)
        model.learn_one(x, y)
    return right / len(data) if measure is None else measure.get()


def regress(model, data, metric):
    measure = {"mae": metrics.MAE, "rmse": metrics.RMSE, "r2": metrics.R2, "smape": metrics.SMAPE,
               "mape": metrics.MAPE}[metric]()
    for x, y in data:
        measure.update(y, model.predict_one(x))
        model.learn_one(x, y)
    return measure.get()


metrics_by_name = {
    "f1": metrics.F1, "precision": metrics.Precision, "recall": metrics.Recall, "mcc": metrics.MCC,
    "kappa": metrics.CohenKappa, "balanced_accuracy": metrics.BalancedAccuracy, "log_loss": metrics.LogLoss,
    "f1 macro": metrics.MacroF1, "f1 micro": metrics.MicroF1, "f1 weighted": metrics.WeightedF1,
}


def scaled(model):
    return preprocessing.StandardScaler() | model


def sgd(lr):
    return {"sgd": {"lr": lr}}


SCALER = "standard_scaler"
lin, log = linear_model.LinearRegression, linear_model.LogisticRegression
CASES = [
    (lambda: scaled(lin()), ["trump_approval", "chick_weights"], [SCALER, "linear_regression"], "mae", EXACT),
    (lambda: scaled(lin()), ["trump_approval"], [SCALER, "linear_regression"], "rmse", EXACT),
    (lambda: scaled(lin()), ["trump_approval"], [SCALER, "linear_regression"], "r2", EXACT),
    (lambda: scaled(lin()), ["trump_approval"], [SCALER, "linear_regression"], "smape", EXACT),
    (lambda: scaled(lin(loss=optim.losses.Huber())), ["trump_approval"],
     [SCALER, {"linear_regression": {"loss": {"huber": {}}}}], "mae", EXACT),
    (lambda: scaled(lin(loss=optim.losses.Quantile(0.3))), ["trump_approval"],
     [SCALER, {"linear_regression": {"loss": {"quantile": {"alpha": 0.3}}}}], "mae", EXACT),
    (lambda: scaled(lin(optimizer=optim.AdaGrad())), ["trump_approval"],
     [SCALER, {"linear_regression": {"optimizer": {"ada_grad": {}}}}], "mae", EXACT),
    (lambda: scaled(lin(optimizer=optim.Adam())), ["trump_approval"],
     [SCALER, {"linear_regression": {"optimizer": {"adam": {}}}}], "mae", EXACT),
    (lambda: scaled(lin(optimizer=optim.FTRLProximal())), ["trump_approval"],
     [SCALER, {"linear_regression": {"optimizer": {"ftrl_proximal": {}}}}], "mae", EXACT),
    (lambda: scaled(lin(l2=0.1)), ["trump_approval"], [SCALER, {"linear_regression": {"l2": 0.1}}], "mae", EXACT),
    (lambda: scaled(lin(l1=0.1)), ["trump_approval"], [SCALER, {"linear_regression": {"l1": 0.1}}], "mae", EXACT),
    (lambda: scaled(log()), ["elec2", "phishing"], [SCALER, "logistic_regression"], "accuracy", EXACT),
    (lambda: scaled(log(loss=optim.losses.Hinge())), ["phishing"],
     [SCALER, {"logistic_regression": {"loss": {"hinge": {}}}}], "accuracy", EXACT),
    *[(lambda: scaled(log()), ["phishing"], [SCALER, "logistic_regression"], metric, EXACT)
      for metric in ("f1", "precision", "recall", "mcc", "kappa", "balanced_accuracy", "log_loss")],
    (lambda: scaled(linear_model.Perceptron()), ["elec2", "phishing"], [SCALER, "perceptron"], "accuracy", EXACT),
    (lambda: scaled(linear_model.PAClassifier()), ["elec2", "phishing"],
     [SCALER, "passive_aggressive_classifier"], "accuracy", EXACT),
    (lambda: scaled(linear_model.ALMAClassifier()), ["elec2", "phishing"], [SCALER, "alma_classifier"], "accuracy", EXACT),
    (lambda: scaled(linear_model.BayesianLinearRegression()), ["trump_approval", "chick_weights"],
     [SCALER, "bayesian_linear_regression"], "mae", EXACT),
    (lambda: scaled(linear_model.BayesianLinearRegression(smoothing=0.9)), ["chick_weights"],
     [SCALER, {"bayesian_linear_regression": {"smoothing": 0.9}}], "mae", EXACT),
    (lambda: scaled(linear_model.SoftmaxRegression()), ["segment"], [SCALER, "softmax_regression"], "accuracy", EXACT),
    *[(lambda: scaled(linear_model.SoftmaxRegression()), ["segment"], [SCALER, "softmax_regression"], metric, EXACT)
      for metric in ("f1 macro", "f1 micro", "f1 weighted")],
    (lambda: scaled(multiclass.OneVsRestClassifier(log())), ["segment"], [SCALER, "one_vs_rest"], "accuracy", EXACT),
    (lambda: naive_bayes.GaussianNB(), ["elec2", "phishing", "bananas", "segment"], ["gaussian_nb"], "accuracy", EXACT),
    (lambda: naive_bayes.BernoulliNB(), ["phishing"], ["bernoulli_nb"], "accuracy", EXACT),
    (lambda: naive_bayes.MultinomialNB(), ["phishing"], ["multinomial_nb"], "accuracy", EXACT),
    (lambda: preprocessing.MinMaxScaler() | log(), ["phishing", "elec2"], ["min_max_scaler", "logistic_regression"],
     "accuracy", EXACT),
    (lambda: preprocessing.MaxAbsScaler() | log(), ["phishing", "elec2"], ["max_abs_scaler", "logistic_regression"],
     "accuracy", EXACT),
    (lambda: preprocessing.AdaptiveStandardScaler() | log(), ["phishing", "elec2"],
     ["adaptive_standard_scaler", "logistic_regression"], "accuracy", TREE),
    (lambda: preprocessing.RobustScaler() | log(), ["phishing"], ["robust_scaler", "logistic_regression"], "accuracy",
     FOREST),
    (lambda: scaled(neighbors.KNNClassifier(engine=neighbors.LazySearch(window_size=1000))), ["phishing", "bananas"],
     [SCALER, "knn_classifier"], "accuracy", TREE),
    (lambda: scaled(neighbors.KNNRegressor(engine=neighbors.LazySearch(window_size=1000))),
     ["trump_approval", "chick_weights"], [SCALER, "knn_regressor"], "mae", TREE),
    (lambda: tree.HoeffdingTreeClassifier(), ["elec2", "phishing", "bananas", "segment"],
     ["hoeffding_tree_classifier"], "accuracy", TREE),
    (lambda: tree.HoeffdingTreeClassifier(grace_period=50, delta=0.01, split_criterion="gini", leaf_prediction="mc"),
     ["elec2", "bananas"],
     [{"hoeffding_tree_classifier": {"grace_period": 50, "delta": 0.01, "split_criterion": "gini",
                                     "leaf_prediction": "mc"}}], "accuracy", TREE),
    (lambda: scaled(tree.HoeffdingTreeRegressor()), ["trump_approval", "chick_weights"],
     [SCALER, "hoeffding_tree_regressor"], "mae", TREE),
    # Streams that reach second splits; River's linear leaves take no categories.
    (lambda: tree.HoeffdingTreeRegressor(leaf_prediction="mean"), ["friedman", "friedman3"],
     [{"hoeffding_tree_regressor": {"leaf_prediction": "mean"}}], "mae", TREE),
    (lambda: tree.HoeffdingTreeRegressor(), ["friedman"], ["hoeffding_tree_regressor"], "mae", TREE),
    (lambda: tree.HoeffdingTreeRegressor(leaf_prediction="mean", nominal_attributes=streams.STREAMS["mv"][1]), ["mv"],
     [{"hoeffding_tree_regressor": {"leaf_prediction": "mean"}}], "mae", TREE),
    (FEW, lambda seed: tree.HoeffdingAdaptiveTreeRegressor(leaf_prediction="mean", seed=seed), ["friedman"],
     [{"hoeffding_adaptive_tree_regressor": {"tree": {"leaf_prediction": "mean"}}}], "mae", FOREST),
    (FEW, lambda seed: forest.ARFRegressor(leaf_prediction="mean", n_models=3, seed=seed), ["friedman"],
     [{"adaptive_random_forest_regressor": {"leaf_prediction": "mean", "n_models": 3}}], "mae", FOREST),
    (MANY, lambda seed: scaled(tree.HoeffdingAdaptiveTreeRegressor(seed=seed)), ["trump_approval"],
     [SCALER, "hoeffding_adaptive_tree_regressor"], "mae", FOREST),
    (lambda: feature_selection.SelectKBest(similarity=stats.PearsonCorr(), k=4) | log(), ["phishing"],
     [{"select_k_best": {"k": 4}}, "logistic_regression"], "accuracy", TREE),
    (lambda: feature_selection.VarianceThreshold(threshold=0.4) | log(), ["phishing"],
     [{"variance_threshold": {"threshold": 0.4}}, "logistic_regression"], "accuracy", TREE),
    (lambda: feature_extraction.PolynomialExtender(degree=2) | log(), ["phishing"],
     [{"polynomial_extender": {"degree": 2}}, "logistic_regression"], "accuracy", EXACT),
    (lambda: scaled(lin()), ["trump_approval"], [SCALER, "linear_regression"], "mape", EXACT),
    (MANY, lambda seed: tree.HoeffdingAdaptiveTreeClassifier(seed=seed), ["phishing", "bananas", "segment"],
     ["hoeffding_adaptive_tree_classifier"], "accuracy", FOREST),
    (lambda: tree.ExtremelyFastDecisionTreeClassifier(), ["elec2", "phishing", "bananas", "segment"],
     ["extremely_fast_decision_tree_classifier"], "accuracy", TREE),
    (FEW, lambda seed: forest.ARFClassifier(seed=seed), ["phishing", "bananas"],
     ["adaptive_random_forest_classifier"], "accuracy", FOREST),
    (FEW, lambda seed: scaled(forest.ARFRegressor(seed=seed)), ["trump_approval"],
     [SCALER, "adaptive_random_forest_regressor"], "mae", FOREST),
    (FEW, lambda seed: ensemble.LeveragingBaggingClassifier(tree.HoeffdingTreeClassifier(), seed=seed), ["phishing"],
     ["leveraging_bagging_classifier"], "accuracy", FOREST),
    (FEW, lambda seed: ensemble.BaggingClassifier(tree.HoeffdingTreeClassifier(), n_models=10, seed=seed),
     ["phishing", "bananas"], ["bagging_classifier"], "accuracy", FOREST),
    (FEW, lambda seed: ensemble.AdaBoostClassifier(tree.HoeffdingTreeClassifier(), n_models=10, seed=seed),
     ["phishing", "bananas"], ["ada_boost_classifier"], "accuracy", FOREST),
]


def value(make, data, metric):
    run = regress if data in ("trump_approval", "chick_weights", *streams.STREAMS) else classify
    return run(make(), rows(data), metric)


def show(steps, data, metric, reference, version, found, tolerance):
    print(json.dumps(steps), data, metric, reference, version, repr(float(found)), tolerance, sep="\t", flush=True)


def main():
    for case in CASES:
        seeded = isinstance(case[0], int)
        make, sets, steps, metric, tolerance = case[1:] if seeded else case
        for data in sets:
            if seeded:
                found = statistics.mean(value(lambda: make(seed), data, metric) for seed in range(case[0]))
            else:
                found = value(make, data, metric)
            what = f"river, mean of {case[0]} seeds" if seeded else "river"
            show(steps, data, metric, what, river.__version__, found, tolerance)


if __name__ == "__main__":
    main()

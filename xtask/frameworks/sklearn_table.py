"""What scikit-learn's models mean once skl2onnx has exported them: every common one, in every form of its scores.

    pip install scikit-learn==1.9.1 skl2onnx==1.20.0 onnxruntime==1.32.0 pandas==3.1.1
    python xtask/frameworks/sklearn_table.py crates/models/tests/sklearn.zip

Each line of the table that it writes is one exported file with rows and what scikit-learn itself says of them: `predict`, and
`predict_proba`, `decision_function`, `transform` or the prediction as `scores`. Where ONNX Runtime itself scores the export
as something else than was trained, the line says how far `apart`, and what it was `exported` as.
"""

import base64
import json
import sys
import warnings
import zipfile

import numpy as np
import onnxruntime
import pandas
from skl2onnx import to_onnx
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.compose import ColumnTransformer
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    Perceptron,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
    SGDOneClassSVM,
)
from sklearn.mixture import GaussianMixture
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.naive_bayes import BernoulliNB, GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor, LocalOutlierFactor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC, NuSVC, OneClassSVM
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

warnings.filterwarnings("ignore")
OPSETS = {"": 17, "ai.onnx.ml": 3}
ROWS = 10

CLASSIFIERS = {
    "linear_svc": lambda: LinearSVC(),
    "ridge": lambda: RidgeClassifier(),
    "perceptron": lambda: Perceptron(),
    "sgd_hinge": lambda: SGDClassifier(loss="hinge", random_state=1),
    "sgd_log_loss": lambda: SGDClassifier(loss="log_loss", random_state=1),
    "sgd_modified_huber": lambda: SGDClassifier(loss="modified_huber", random_state=1),
    "svc": lambda: SVC(),
    "svc_one_against_one": lambda: SVC(decision_function_shape="ovo"),
    "svc_probability": lambda: SVC(probability=True, random_state=1),
    "nu_svc": lambda: NuSVC(nu=0.2),
    "logistic": lambda: LogisticRegression(),
    "isotonic_svc": lambda: CalibratedClassifierCV(LinearSVC(), method="isotonic", cv=2),
    "isotonic_tree": lambda: CalibratedClassifierCV(DecisionTreeClassifier(max_depth=2), method="isotonic", cv=2),
    "sigmoid_svc": lambda: CalibratedClassifierCV(LinearSVC(), cv=2),
    "sigmoid_pipeline": lambda: CalibratedClassifierCV(make_pipeline(StandardScaler(), LogisticRegression()), cv=2),
    "neighbors": lambda: KNeighborsClassifier(3),
    "neighbors_distance": lambda: KNeighborsClassifier(3, weights="distance"),
    "tree": lambda: DecisionTreeClassifier(max_depth=2),
    "forest": lambda: RandomForestClassifier(3, max_depth=2, random_state=1),
    "extra_trees": lambda: ExtraTreesClassifier(3, max_depth=2, random_state=1),
    "gradient_boosting": lambda: GradientBoostingClassifier(n_estimators=2, max_depth=2),
    "ada_boost": lambda: AdaBoostClassifier(n_estimators=2, random_state=1),
    "bagging": lambda: BaggingClassifier(DecisionTreeClassifier(max_depth=2), n_estimators=2, random_state=1),
    "gaussian_nb": lambda: GaussianNB(),
    "bernoulli_nb": lambda: BernoulliNB(),
    "mlp": lambda: MLPClassifier((3,), max_iter=300, random_state=1),
    "lda": lambda: LinearDiscriminantAnalysis(),
    "qda": lambda: QuadraticDiscriminantAnalysis(),
    "voting_soft": lambda: VotingClassifier(
        [("a", LogisticRegression()), ("b", GaussianNB())], voting="soft", flatten_transform=False
    ),
    "voting_hard": lambda: VotingClassifier([("a", LogisticRegression()), ("b", GaussianNB())], flatten_transform=False),
    "stacking": lambda: StackingClassifier([("a", LogisticRegression()), ("b", GaussianNB())], cv=2),
    "one_vs_rest": lambda: OneVsRestClassifier(LogisticRegression()),
    "one_vs_rest_svc": lambda: OneVsRestClassifier(LinearSVC()),
    "one_vs_one_svc": lambda: OneVsOneClassifier(LinearSVC()),
    "pipeline": lambda: make_pipeline(StandardScaler(), SVC()),
    "pipeline_logistic": lambda: make_pipeline(StandardScaler(), LogisticRegression()),
}
OUTLIERS = {
    "isolation_forest": lambda: IsolationForest(n_estimators=3, max_samples=16, random_state=1),
    "isolation_forest_contamination": lambda: IsolationForest(
        n_estimators=3, max_samples=16, contamination=0.1, random_state=1
    ),
    "local_outlier_factor": lambda: LocalOutlierFactor(5, novelty=True),
    "one_class_svm": lambda: OneClassSVM(nu=0.2),
    "sgd_one_class_svm": lambda: SGDOneClassSVM(nu=0.2, random_state=1),
    "pipeline_isolation_forest": lambda: make_pipeline(
        StandardScaler(), IsolationForest(n_estimators=3, max_samples=16, random_state=1)
    ),
}
CLUSTERS = {
    "k_means": lambda: KMeans(3, n_init=1, random_state=1),
    "mini_batch_k_means": lambda: MiniBatchKMeans(3, n_init=1, random_state=1),
}
REGRESSORS = {
    "linear_regression": lambda: LinearRegression(),
    "ridge_regression": lambda: Ridge(),
    "svr": lambda: SVR(),
    "tree_regressor": lambda: DecisionTreeRegressor(max_depth=3),
    "forest_regressor": lambda: RandomForestRegressor(3, max_depth=3, random_state=1),
    "gradient_boosting_regressor": lambda: GradientBoostingRegressor(n_estimators=2, max_depth=2),
    "mlp_regressor": lambda: MLPRegressor(hidden_layer_sizes=(3,), max_iter=300, random_state=1),
    "neighbors_regressor": lambda: KNeighborsRegressor(3),
}
ENCODERS = {
    "one_hot": lambda: OneHotEncoder(),
    "one_hot_ignore": lambda: OneHotEncoder(handle_unknown="ignore"),
    "one_hot_drop_first": lambda: OneHotEncoder(drop="first"),
    "one_hot_drop_binary": lambda: OneHotEncoder(drop="if_binary", handle_unknown="ignore"),
    "one_hot_infrequent": lambda: OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=6),
    "one_hot_most": lambda: OneHotEncoder(max_categories=2, handle_unknown="infrequent_if_exist"),
    "ordinal": lambda: OrdinalEncoder(),
    "ordinal_unknown": lambda: OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
}

random = np.random.RandomState(7)
X = random.normal(size=(36, 3)).astype(np.float32)
TRIED = np.vstack([random.normal(size=(ROWS - 2, 3)), [[9, -8, 7], [-0.1, 0.1, 0.0]]]).astype(np.float32)
SCORE = X[:, 0] + 0.5 * X[:, 1] * X[:, 2] + random.normal(scale=0.4, size=36)
NUMBERS = {2: (SCORE > 0.3).astype(int), 3: np.digitize(SCORE, [-0.6, 0.6])}
NAMES = {2: np.array(["no", "yes"])[NUMBERS[2]], 3: np.array(["low", "mid", "high"])[NUMBERS[3]]}
COLOURS, SHOPS = ["blue", "green", "red"], ["east", "north", "south", "west"]
TABLE = pandas.DataFrame(
    {
        "colour": [COLOURS[place % 3 if place % 5 else 0] for place in range(36)],
        "amount": X[:, 0],
        "shop": [SHOPS[(place // 2) % 4 if place % 3 else 1] for place in range(36)],
        "hour": X[:, 1],
    }
)

written = []


def onnx_answers(onnx, feeds):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(onnx, options).run(None, feeds)


def matrix(answers, rows):
    """The scores of an export as a matrix, however `zipmap` has laid them out."""
    scores = answers[1:]
    if isinstance(scores[0], list):
        return np.array([list(row.values()) for row in scores[0]])
    return np.hstack([np.asarray(part).reshape(rows, -1) for part in scores])


def keep(name, form, onnx, columns, model, meaning, predicted, scores, feeds):
    answers = onnx_answers(onnx, feeds)
    line = {
        "name": name,
        "form": form,
        "meaning": meaning,
        "classes": [str(each) for each in getattr(model, "classes_", [])],
        "columns": columns,
        "predicted": [str(each) for each in np.ravel(predicted)],
        "scores": np.round(np.asarray(scores, dtype=float).reshape(len(predicted), -1), 9).tolist(),
    }
    if meaning != "value":
        line["label"] = [str(each) for each in np.ravel(answers[0])]
        ours = np.asarray(scores, dtype=float).reshape(len(predicted), -1)
        theirs = matrix(answers, len(predicted)).astype(float)
        # Of two classes scikit-learn has one margin, a file one for each, in either order.
        forms = [theirs[:, -1:], theirs[:, :1]] if ours.shape[1] == 1 else [theirs]
        apart = min(float(np.abs(form - ours).max()) for form in forms)
        if not apart < 1e-4:
            line["apart"] = round(apart, 3)
            line["exported"] = theirs.round(9).tolist()
    line["onnx"] = base64.b64encode(onnx).decode()
    written.append(json.dumps(line))


def table_of(rows):
    return [[float(value) for value in column] for column in rows.T]


def score_of(model, rows):
    """What scikit-learn calls the scores of these rows, and what they mean."""
    if hasattr(model, "predict_proba"):
        return "probability", model.predict_proba(rows)
    if hasattr(model, "decision_function"):
        return "margin", model.decision_function(rows)
    return "votes", np.zeros((len(rows), len(model.classes_)))


def classifiers():
    for name, make in CLASSIFIERS.items():
        for labels, kind in ((NUMBERS, "numbers"), (NAMES, "names")):
            for count in (2, 3):
                if kind == "names" and name not in ("svc", "logistic", "isotonic_svc"):
                    continue
                model = make().fit(X, labels[count])
                meaning, scores = score_of(model, TRIED)
                before = set()
                for zipmap in (False, True, "columns"):
                    # A lone LinearSVC has one form, and knows no such option.
                    options = None if isinstance(model, LinearSVC) else {"zipmap": zipmap}
                    form = f"{count} {kind}, zipmap {zipmap}"
                    try:
                        onnx = to_onnx(model, X[:1], options=options, target_opset=OPSETS).SerializeToString()
                    except Exception as error:
                        print(f"{name}, {form}: not exported: {str(error)[:150]}", file=sys.stderr)
                        continue
                    if onnx in before:
                        continue
                    before.add(onnx)
                    try:
                        keep(name, form, onnx, table_of(TRIED), model, meaning, model.predict(TRIED), scores, {"X": TRIED})
                    except Exception as error:
                        print(f"{name}, {form}: ONNX Runtime cannot run it: {str(error)[:150]}", file=sys.stderr)


def others():
    for name, make in OUTLIERS.items():
        model = make().fit(X)
        onnx = to_onnx(model, X[:1], target_opset=OPSETS).SerializeToString()
        scores = model.decision_function(TRIED)
        keep(name, "", onnx, table_of(TRIED), model, "anomaly", model.predict(TRIED), scores, {"X": TRIED})
    for name, make in CLUSTERS.items():
        model = make().fit(X)
        onnx = to_onnx(model, X[:1], target_opset=OPSETS).SerializeToString()
        keep(name, "", onnx, table_of(TRIED), model, "distance", model.predict(TRIED), model.transform(TRIED), {"X": TRIED})
    model = GaussianMixture(2, random_state=1).fit(X)
    onnx = to_onnx(model, X[:1], target_opset=OPSETS).SerializeToString()
    scores = model.predict_proba(TRIED)
    keep("mixture", "", onnx, table_of(TRIED), model, "probability", model.predict(TRIED), scores, {"X": TRIED})
    for name, make in REGRESSORS.items():
        model = make().fit(X, SCORE)
        onnx = to_onnx(model, X[:1], target_opset=OPSETS).SerializeToString()
        predicted = model.predict(TRIED)
        keep(name, "", onnx, table_of(TRIED), model, "value", predicted, predicted, {"X": TRIED})


def columns():
    """Pipelines that prepare two columns of text, each with words of its own, and two of numbers."""
    rows = TABLE.iloc[::3].reset_index(drop=True)
    listed = [[value if isinstance(value, str) else float(value) for value in rows[name]] for name in TABLE]
    feeds = {name: rows[name].to_numpy().reshape(-1, 1) for name in TABLE}
    feeds = {name: part.astype(object) if part.dtype.kind not in "f" else part for name, part in feeds.items()}
    for name, make in ENCODERS.items():
        for split in (False, True):
            text = [("text", make(), ["colour", "shop"])]
            if split:
                text = [("colour", make(), ["colour"]), ("shop", make(), ["shop"])]
            prepare = ColumnTransformer(text + [("numbers", StandardScaler(), ["amount", "hour"])])
            model = make_pipeline(prepare, LogisticRegression()).fit(TABLE, NAMES[2])
            form = "two encoders" if split else "one encoder"
            try:
                onnx = to_onnx(model, TABLE[:1], options={"zipmap": False}, target_opset=OPSETS).SerializeToString()
                scores = model.predict_proba(rows)
                keep(name, form, onnx, listed, model, "probability", model.predict(rows), scores, feeds)
            except Exception as error:
                print(f"{name}, {form}: {str(error)[:300]}", file=sys.stderr)


classifiers()
others()
columns()
with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED) as to:
    # A date of its own would make every file another one.
    to.writestr(zipfile.ZipInfo("table.ndjson"), "".join(line + "\n" for line in written), zipfile.ZIP_DEFLATED)
print(f"{len(written)} exports, {sum(map(len, written)) // 1024} KiB")
for line in map(json.loads, written):
    if "apart" in line:
        print(f"  {line['name']}, {line['form']}: the export is {line['apart']} from scikit-learn")

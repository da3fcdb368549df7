"""scikit-learn's models as skl2onnx converts them: labels, probabilities, numbers, clusters, anomalies."""

import numpy as np
import onnx
import skl2onnx
import sklearn
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR

import sklearn_columns
from case import SEED, Case, numeric, onnxruntime_answers, target

FRAMEWORK = f"scikit-learn {sklearn.__version__}, skl2onnx {skl2onnx.__version__}"
DRAWN = {"random_state": SEED}


def plain_numbers():
    """The converter hands booleans and numbers of numpy to onnx, which takes Python's only."""
    made = onnx.helper.make_attribute

    def of_python(key, value, *rest, **named):
        if isinstance(value, list):
            value = [int(one) if isinstance(one, (bool, np.bool_, np.integer)) else one for one in value]
        return made(key, value, *rest, **named)

    onnx.helper.make_attribute = of_python


def written(case, file, model, x, **settings):
    """The converted model and what ONNX Runtime makes of it."""
    kind = DoubleTensorType if x.dtype == np.float64 else FloatTensorType
    converted = skl2onnx.to_onnx(model, initial_types=[("X", kind([None, x.shape[1]]))], **settings)
    with open(case.path(file), "wb") as to:
        to.write(converted.SerializeToString())
    return list(onnxruntime_answers(case.path(file), [x]).values())


def classifier(model, x, y, train=140, forms=(True, False)):
    """`forms`: probabilities as maps, as a table, or as a column for each class."""
    files = {True: "model.onnx", False: "model_nozipmap.onnx", "columns": "model_columns.onnx"}

    def make(folder):
        np.random.seed(SEED)
        model.fit(x[:train], y[:train])
        case = Case(folder, FRAMEWORK)
        case.tensors(X=x)
        case.answered(label=model.predict(x), probability=model.predict_proba(x))
        for form in forms:
            label, *rest = written(case, files[form], model, x, options={id(model): {"zipmap": form}})
            shares = rest[0]
            if form is True:
                shares = np.array([[row[one] for one in model.classes_.tolist()] for row in shares])
            elif form == "columns":
                shares = np.stack([column.ravel() for column in rest], axis=1)
            case.scored(files[form], label=label, probability=shares)
        case.close()

    return make


def other(model, x, y=None, train=140, answers=None, **settings):
    """`answers`: the outputs in the file's order, each asked of the model."""
    answers = answers or {"value": lambda model, x: model.predict(x)}

    def make(folder):
        np.random.seed(SEED)
        model.fit(x[:train], *([] if y is None else [y[:train]]))
        case = Case(folder, FRAMEWORK)
        case.tensors(X=x)
        case.answered(**{name: ask(model, x) for name, ask in answers.items()})
        case.scored("model.onnx", **dict(zip(answers, written(case, "model.onnx", model, x, **settings))))
        case.close()

    return make


def trees(x, two, three, number):
    missing = numeric(150, 5, 41, nan=0.1, huge=100).astype("float32")
    boosted = GradientBoostingClassifier(n_estimators=6, max_depth=2, **DRAWN)
    binned = HistGradientBoostingClassifier(max_iter=5, max_leaf_nodes=6, **DRAWN)
    return {
        "random_forest": classifier(RandomForestClassifier(6, max_depth=5, **DRAWN), x, three),
        "random_forest_binary": classifier(RandomForestClassifier(5, max_depth=4, **DRAWN), x, two),
        "random_forest_reg": other(RandomForestRegressor(6, max_depth=5, **DRAWN), x, number),
        "gradient_boosting": classifier(GradientBoostingClassifier(n_estimators=12, max_depth=3, **DRAWN), x, two),
        "gradient_boosting_multi": classifier(boosted, x, three),
        "gradient_boosting_reg": other(GradientBoostingRegressor(n_estimators=12, max_depth=3, **DRAWN), x, number),
        "hist_gb": classifier(HistGradientBoostingClassifier(max_iter=10, max_leaf_nodes=8, **DRAWN), missing, two),
        "hist_gb_multi": classifier(binned, missing, three),
        "hist_gb_reg": other(HistGradientBoostingRegressor(max_iter=10, max_leaf_nodes=8, **DRAWN), missing, number),
    }


def scaled(*models):
    return make_pipeline(StandardScaler(), *models)


def of_distances(x, two, three, number):
    """The converter forgets the weights of `knn_reg_distance`: the file is scored as it is."""
    clusters = {"label": lambda model, x: model.predict(x), "distance": lambda model, x: model.transform(x)}
    unusual = {"label": lambda model, x: model.predict(x)[:, None],
               "score": lambda model, x: model.decision_function(x)[:, None]}
    forest = IsolationForest(n_estimators=20, max_samples=64, **DRAWN)
    opsets = {"": 17, "ai.onnx.ml": 3}
    return {
        "svc": classifier(scaled(SVC(probability=True, **DRAWN)), x, two),
        "svc_multi": classifier(scaled(SVC(probability=True, kernel="poly", degree=2, **DRAWN)), x, three),
        "svr": other(scaled(SVR()), x, number),
        "knn": classifier(KNeighborsClassifier(4), x, three, train=70),
        "knn_reg": other(KNeighborsRegressor(3), x, number, train=70),
        "knn_reg_distance": other(KNeighborsRegressor(3, weights="distance"), x, number, train=70),
        "kmeans": other(KMeans(4, n_init=3, **DRAWN), x, answers=clusters),
        "isolation_forest": other(forest, x, train=120, answers=unusual, target_opset=opsets),
    }


def networks(x, three, number):
    two_layers = MLPClassifier(hidden_layer_sizes=(8, 4), max_iter=300, **DRAWN)
    one_layer = MLPRegressor(hidden_layer_sizes=(8,), activation="tanh", max_iter=300, **DRAWN)
    return {"mlp": classifier(scaled(two_layers), x, three), "mlp_reg": other(scaled(one_layer), x, number)}


def of_several(x, two):
    logistic = ("lr", LogisticRegression(max_iter=500))
    forest = ("rf", RandomForestClassifier(4, max_depth=3, **DRAWN))
    boosting = GradientBoostingClassifier(n_estimators=4, max_depth=2, **DRAWN)
    three = [logistic, forest, ("nb", GaussianNB())]
    weights = np.array([2.0, 1.0, 1.0])
    voting = VotingClassifier(three, voting="soft", weights=weights, flatten_transform=False)
    stacking = StackingClassifier([logistic, forest], final_estimator=LogisticRegression(), cv=2)
    return {
        "calibrated_sigmoid": classifier(CalibratedClassifierCV(GaussianNB(), method="sigmoid", cv=2), x, two),
        "calibrated_isotonic": classifier(CalibratedClassifierCV(boosting, method="isotonic", cv=2), x, two),
        "voting": classifier(voting, x, two),
        "stacking": classifier(stacking, x, two),
    }


def models():
    plain_numbers()
    x = numeric(150, 5, 40, huge=100).astype("float32")
    two, three, number = (target(x, kind, 40) for kind in ("binary", "multi", "reg"))
    named, near = np.array(["low", "mid", "high"])[three], np.clip(x, -5, 5)
    double = numeric(100, 4, 43, huge=1e6)
    found = {
        "logistic_text_labels": classifier(scaled(LogisticRegression()), x, named, forms=(True, False, "columns")),
        **trees(x, two, three, number),
        **of_distances(near, two, three, number),
        "gaussian_nb": classifier(GaussianNB(), near, three),
        **networks(near, three, number),
        "pca_logistic": classifier(scaled(PCA(3, **DRAWN), LogisticRegression()), x, two),
        **of_several(near, two),
        "linear_double": other(scaled(Ridge()), double, np.round(target(double, "reg", 43), 3), train=90),
        **sklearn_columns.models(FRAMEWORK),
    }
    return {f"sk_{name}": make for name, make in found.items()}

"""scikit-learn's pipelines of columns: numbers beside text, and free text."""

import numpy as np
import pandas as pd
import skl2onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from case import SEED, Case, onnxruntime_answers, rng

NUMBERS, TEXTS = ["age", "income"], ["city", "plan"]


def people(count):
    """The last rows: zeros, unknown words, an empty one, missing numbers, another case."""
    chance = rng(44)
    rows = pd.DataFrame({
        "age": np.round(chance.normal(45, 15, count), 1),
        "income": np.round(chance.lognormal(8, 1, count), 2),
        "city": chance.choice(["Bern", "Genève", "Zürich", "Basel"], count),
        "plan": chance.choice(["a", "b", "c"], count, p=[0.6, 0.3, 0.1]),
    })
    rows.loc[chance.random(count) < 0.1, "age"] = np.nan
    rows.loc[chance.random(count) < 0.1, "income"] = np.nan
    signal = (rows.age.fillna(40) > 42).astype(int) + (rows.city == "Bern") + (chance.random(count) < 0.3)
    label = (signal > 1).astype(int).values
    rows.loc[count - 1, NUMBERS + TEXTS] = [0.0, 0.0, "Bern", "a"]
    rows.loc[count - 2, NUMBERS + TEXTS] = [-5.0, -100.0, "Oslo", "z"]
    rows.loc[count - 3, NUMBERS + TEXTS] = [1e6, 1e9, "", "a"]
    rows.loc[count - 4, NUMBERS + TEXTS] = [np.nan, np.nan, "Zürich", "c"]
    rows.loc[count - 5, TEXTS] = ["bern", "A"]
    rows[NUMBERS] = rows[NUMBERS].astype("float32").astype("float64").round(4)
    rows[NUMBERS] = rows[NUMBERS].astype("float32")
    for name in TEXTS:
        rows[name] = rows[name].astype(object)
    return rows, label


def mixed(folder, framework):
    np.random.seed(SEED)
    count = 160
    rows, label = people(count)
    filled = Pipeline([("fill", SimpleImputer(strategy="median")), ("scale", StandardScaler())])
    prepared = ColumnTransformer([("num", filled, NUMBERS), ("cat", OneHotEncoder(handle_unknown="ignore"), TEXTS)])
    model = Pipeline([("prep", prepared), ("clf", LogisticRegression(max_iter=500))])
    model.fit(rows.iloc[: count - 8], label[: count - 8])
    case = Case(folder, framework)
    kinds = {**dict.fromkeys(NUMBERS, "float32"), **dict.fromkeys(TEXTS, "string")}
    case.table({name: (kind, rows[name].tolist()) for name, kind in kinds.items()})
    case.answered(label=model.predict(rows), probability=model.predict_proba(rows))
    types = [(name, FloatTensorType([None, 1])) for name in NUMBERS]
    types += [(name, StringTensorType([None, 1])) for name in TEXTS]
    feeds = {name: rows[name].values.reshape(-1, 1) for name in kinds}
    for form, file in ((True, "model.onnx"), (False, "model_nozipmap.onnx")):
        converted = skl2onnx.to_onnx(model, initial_types=types, options={id(model): {"zipmap": form}})
        with open(case.path(file), "wb") as to:
            to.write(converted.SerializeToString())
        labels, shares = onnxruntime_answers(case.path(file), feeds).values()
        case.scored(file, label=labels, probability=np.array([[row[0], row[1]] for row in shares]) if form else shares)
    case.close()


def reviews():
    chance = rng(45)
    good = "great fast lovely works perfect thanks recommend happy".split()
    bad = "broken slow awful refund useless late angry never".split()
    between = "the a box phone it was order it's my screen".split()
    texts = []
    for row in range(110):
        words = chance.choice(good if row % 2 else bad, 3).tolist() + chance.choice(between, 4).tolist()
        texts.append(" ".join(words))
    edges = ["great great great great", "a b c", "broken   slow\tawful", "GREAT, fast! (works) perfect.",
             "Zzz qqq unseen", ""]
    texts[-len(edges) :] = edges
    return texts, [row % 2 for row in range(110)]


def free_text(folder, framework, **settings):
    """To be refused: its splitting of texts into words is not read here."""
    np.random.seed(SEED)
    texts, labels = reviews()
    model = Pipeline([("tfidf", TfidfVectorizer(**settings)), ("clf", LogisticRegression(C=10))])
    model.fit(texts[:100], labels[:100])
    case = Case(folder, framework)
    case.table({"text": ("string", texts)})
    case.answered(label=model.predict(texts), probability=model.predict_proba(texts))
    types = [("text", StringTensorType([None, 1]))]
    converted = skl2onnx.to_onnx(model, initial_types=types, options={id(model): {"zipmap": False}})
    with open(case.path("model.onnx"), "wb") as to:
        to.write(converted.SerializeToString())
    case.refused("model.onnx")
    case.close()


def models(framework):
    ngrams = {"ngram_range": (1, 2), "max_features": 60}
    return {
        "mixed_columns": lambda folder: mixed(folder, framework),
        "tfidf": lambda folder: free_text(folder, framework),
        "tfidf_sublinear": lambda folder: free_text(folder, framework, sublinear_tf=True),
        "tfidf_ngram": lambda folder: free_text(folder, framework, **ngrams),
    }

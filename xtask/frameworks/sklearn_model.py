"""A scikit-learn pipeline: exported to ONNX by skl2onnx, and pickled for the process that keeps it live."""

import os
import pickle
import sys

import skl2onnx
import sklearn
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from rows import leave, made

folder = sys.argv[1]
rows, labels = made()
model = make_pipeline(StandardScaler(), RandomForestClassifier(50, max_depth=6, random_state=3)).fit(rows, labels)
onnx = skl2onnx.to_onnx(model, rows[:1], options={"zipmap": False})
with open(os.path.join(folder, "model.onnx"), "wb") as to:
    to.write(onnx.SerializeToString())
with open(os.path.join(folder, "model.pickle"), "wb") as to:
    pickle.dump(model, to)
with open(os.path.join(folder, "live.py"), "w") as to:
    to.write(
        """import os
import pickle


def load():
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "model.pickle"), "rb") as file:
        return pickle.load(file)


def predict(model, batch):
    return model.predict_proba(batch.matrix.astype("float32"))
"""
    )
leave(folder, rows[:500], model.predict_proba(rows[:500])[:, 1])
print(f"scikit-learn {sklearn.__version__}, skl2onnx {skl2onnx.__version__}")

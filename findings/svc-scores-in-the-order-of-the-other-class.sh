#!/usr/bin/env bash
# The scores of a binary SVC, exported by skl2onnx, are largest in ONNX Runtime for the class that does *not* win.
#
# Seen on 2026-11-28 with scikit-learn 1.9.1, skl2onnx 1.20.0, onnxruntime 1.32.0 (Python 3.11):
# the label is right in every row, and `argmax` over the two columns beside it is the other class in every row:
# the columns are (d, -d) where the classes are (0, 1) and d > 0 means class 1. Linear models have (-d, d).
# Valid input, nothing changed between training and export. Exits non-zero once the behaviour is another one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet scikit-learn==1.9.1 skl2onnx==1.20.0 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import warnings

warnings.filterwarnings("ignore")
import numpy as np
import onnxruntime

options = onnxruntime.SessionOptions()
options.log_severity_level = 3
random = np.random.RandomState(0)
x = random.normal(size=(600, 4)).astype(np.float32)
y = (x[:, 0] + x[:, 1] * x[:, 2] + random.normal(scale=0.3, size=600) > 0).astype(int)


def exported(model):
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return session.run(None, {session.get_inputs()[0].name: x})


from skl2onnx import to_onnx
from sklearn.linear_model import SGDClassifier
from sklearn.svm import SVC

for name, model in (("SVC", SVC()), ("SGDClassifier", SGDClassifier(random_state=0))):
    model.fit(x, y)
    label, scores = exported(to_onnx(model, x[:1], options={"zipmap": False}))
    right, same = (label == model.predict(x)).mean(), (scores.argmax(axis=1) == label).mean()
    print(f"{name}: the label is scikit-learn's in {right:.0%} of the rows, the largest score is the label's in {same:.0%}")
    assert right == 1 and same == (0 if name == "SVC" else 1)
PYTHON

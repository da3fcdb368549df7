#!/usr/bin/env bash
# OneVsRestClassifier(LinearSVC()) of two classes is exported by skl2onnx with other labels.
#
# Seen on 2026-11-28 with scikit-learn 1.9.1, skl2onnx 1.20.0, onnxruntime 1.32.0 (Python 3.11):
# about a quarter of the rows have another label: the export takes the margin d for a probability (1 - d, d) and so
# decides at d = 0.5, where scikit-learn decides at 0.
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
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import LinearSVC

model = OneVsRestClassifier(LinearSVC()).fit(x, y)
label = exported(to_onnx(model, x[:1], options={"zipmap": False}))[0]
other, at_half = (label != model.predict(x)).mean(), (label == (model.decision_function(x).ravel() > 0.5)).mean()
print(f"another label in {other:.0%} of the rows; decided at 0.5 in {at_half:.0%}")
assert other > 0.05 and at_half == 1
PYTHON

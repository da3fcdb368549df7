#!/usr/bin/env bash
# An isotonic CalibratedClassifierCV is exported by skl2onnx as steps: the nearest known point, where scikit-learn interpolates.
#
# Seen on 2026-11-28 with scikit-learn 1.9.1, skl2onnx 1.20.0, onnxruntime 1.32.0 (Python 3.11):
# probabilities of the export are up to 0.06 from `predict_proba`, without a warning.
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
from sklearn.calibration import CalibratedClassifierCV
from sklearn.svm import LinearSVC

model = CalibratedClassifierCV(LinearSVC(), method="isotonic").fit(x[:300], y[:300])
onnx = to_onnx(model, x[:1], options={"zipmap": False})
apart = np.abs(exported(onnx)[1] - model.predict_proba(x)).max()
print(f"{apart:.3f} apart; the graph looks for the nearest point by {[n.op_type for n in onnx.graph.node].count('ArgMin')} ArgMin")
assert apart > 0.02 and any(node.op_type == "ArgMin" for node in onnx.graph.node)
PYTHON

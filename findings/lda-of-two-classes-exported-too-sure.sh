#!/usr/bin/env bash
# LinearDiscriminantAnalysis of two classes is exported by skl2onnx with doubled log odds.
#
# Seen on 2026-11-28 with scikit-learn 1.9.1, skl2onnx 1.20.0, onnxruntime 1.32.0 (Python 3.11):
# probabilities are up to 0.15 from `predict_proba`: a softmax is taken of (-d, d), which is the logistic function of
# 2 d, not of d. The labels are right, and so are probabilities of three classes.
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
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

model = LinearDiscriminantAnalysis().fit(x, y)
ours, theirs = exported(to_onnx(model, x[:1], options={"zipmap": False}))[1][:, 1], model.predict_proba(x)[:, 1]
doubled = 1 / (1 + np.exp(-2 * model.decision_function(x)))
print(f"{np.abs(ours - theirs).max():.3f} apart from predict_proba, {np.abs(ours - doubled).max():.1e} from the doubled log odds")
assert np.abs(ours - theirs).max() > 0.1 and np.abs(ours - doubled).max() < 1e-4
PYTHON

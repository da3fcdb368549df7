#!/usr/bin/env bash
# KNeighborsClassifier(weights="distance") scores rows that it was trained on otherwise once skl2onnx has exported it.
#
# Seen on 2026-11-28 with scikit-learn 1.9.1, skl2onnx 1.20.0, onnxruntime 1.32.0 (Python 3.11):
# for a row that is one of the training rows scikit-learn gives its neighbour at distance 0 all the weight (probability
# 1), the export up to 0.8 less. On other rows up to 0.2 apart. Uniform weights are exported right to 1e-7.
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
from sklearn.neighbors import KNeighborsClassifier

for weights in ("distance", "uniform"):
    model = KNeighborsClassifier(weights=weights).fit(x[:300], y[:300])
    apart = np.abs(exported(to_onnx(model, x[:1], options={"zipmap": False}))[1] - model.predict_proba(x)).max(axis=1)
    print(f"{weights}: {apart[:300].max():.3f} apart on training rows, {apart[300:].max():.3f} on others")
    assert (apart[:300].max() > 0.5 and apart[300:].max() > 0.1) if weights == "distance" else apart.max() < 1e-5
PYTHON

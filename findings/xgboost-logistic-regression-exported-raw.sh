#!/usr/bin/env bash
# XGBRegressor(objective="reg:logistic") is exported by onnxmltools without its logistic function.
#
# Seen on 2026-11-28 with xgboost 3.2.0, onnxmltools 1.16.0, onnxruntime 1.32.0 (Python 3.11):
# values reach beyond 0 and 1 (up to 2.99 from `predict`), and are not the raw margin either (0.54 from it).
# reg:squarederror and count:poisson are exported right to 1e-6.
# Valid input, nothing changed between training and export. Exits non-zero once the behaviour is another one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet xgboost==3.2.0 onnxmltools==1.16.0 skl2onnx==1.20.0 scikit-learn==1.9.1 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
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


import onnxmltools
from onnxmltools.convert.common.data_types import FloatTensorType
from xgboost import XGBRegressor

for objective in ("reg:logistic", "reg:squarederror", "count:poisson"):
    model = XGBRegressor(n_estimators=10, max_depth=3, objective=objective).fit(x, y)
    ours = exported(onnxmltools.convert_xgboost(model, initial_types=[("x", FloatTensorType([None, 4]))]))[0].ravel()
    apart = np.abs(ours - model.predict(x)).max()
    print(f"{objective}: {apart:.2g} apart, from {ours.min():.2f} to {ours.max():.2f}")
    assert apart > 0.5 and (ours.min() < 0 or ours.max() > 1) if objective == "reg:logistic" else apart < 1e-5
PYTHON

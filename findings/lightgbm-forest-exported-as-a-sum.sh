#!/usr/bin/env bash
# LightGBM's random forest (boosting_type="rf") is exported by onnxmltools as if its trees were boosted.
#
# Seen on 2026-11-28 with lightgbm 4.7.0, onnxmltools 1.16.0, onnxruntime 1.32.0 (Python 3.11):
# probabilities are up to 0.87 apart (0.99 beside 0.17): the trees' average is exported as their sum. Boosted trees are
# exported right to 1e-7.
# Valid input, nothing changed between training and export. Exits non-zero once the behaviour is another one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet lightgbm==4.7.0 onnxmltools==1.16.0 skl2onnx==1.20.0 scikit-learn==1.9.1 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
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
from lightgbm import LGBMClassifier
from onnxmltools.convert.common.data_types import FloatTensorType

for name, settings in (("rf", dict(boosting_type="rf", bagging_freq=1, bagging_fraction=0.6)), ("gbdt", {})):
    model = LGBMClassifier(n_estimators=20, verbose=-1, **settings).fit(x, y)
    onnx = onnxmltools.convert_lightgbm(model, initial_types=[("x", FloatTensorType([None, 4]))], zipmap=False)
    apart = np.abs(exported(onnx)[1] - model.predict_proba(x)).max()
    print(f"{name}: {apart:.2g} apart")
    assert apart > 0.3 if name == "rf" else apart < 1e-5
PYTHON

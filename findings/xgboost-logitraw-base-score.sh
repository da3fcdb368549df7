#!/usr/bin/env bash
# XGBoost's `binary:logitraw` adds the base score as it is, where `binary:logistic` adds its logit.
#
# Versions: xgboost-cpu 3.2.0 and 2.1.4 from PyPI, Python 3.
#
# Behaviour: both objectives are trained by the same gradients and differ, by the documentation, in the last step alone.
# With `base_score=0.3` a model without rounds answers a margin of logit(0.3) = -0.847 under `binary:logistic`, and of 0.3
# under `binary:logitraw`. A base score that XGBoost estimates for `binary:logitraw` may thus be below 0 or above 1, of
# which a logit is NaN.
#
# Output seen:
#   3.2.0: binary:logistic -0.847, binary:logitraw 0.3
#   2.1.4: binary:logistic -0.847, binary:logitraw 0.3
#
# It exits with 0 while that is so, and with 1 when it has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat > finding.py <<'PYTHON'
import sys
import numpy, xgboost

data = xgboost.DMatrix(numpy.arange(20.0).reshape(10, 2), label=numpy.arange(10) % 2)
margin = {}
for objective in ("binary:logistic", "binary:logitraw"):
    model = xgboost.train({"objective": objective, "base_score": 0.3}, data, 0)
    margin[objective] = float(model.predict(data, output_margin=True)[0])
print(f"{xgboost.__version__}: " + ", ".join(f"{name} {round(value, 3)}" for name, value in margin.items()))
logit = numpy.log(0.3 / 0.7)
sys.exit(0 if abs(margin["binary:logistic"] - logit) < 1e-5 and abs(margin["binary:logitraw"] - 0.3) < 1e-5 else 1)
PYTHON
for version in 3.2.0 2.1.4; do
  python3 -m venv "venv-$version"
  "venv-$version/bin/pip" install --quiet "xgboost-cpu==$version" numpy
  "venv-$version/bin/python" -W ignore finding.py
done

#!/usr/bin/env bash
# XGBoost 2 writes models with categories as documents that are not JSON.
#
# Versions: xgboost-cpu 2.1.4 and 3.2.0 from PyPI, pandas 2.2.3, Python 3.
#
# Behaviour: `save_model("model.json")` writes a bare `NaN` into `split_conditions` for each split by category, and for
# each leaf of a tree of several targets. RFC 8259 has no NaN: strict readers (serde_json, Go, JavaScript, jq of old)
# refuse the file as damaged. Python's own reader takes it, so that nobody notices there. Version 3.2 does not write it.
#
# Output seen:
#   2.1.4: bare NaN: True
#   3.2.0: bare NaN: False
#
# It exits with 0 while that is so, and with 1 when it has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat > finding.py <<'PYTHON'
import json, sys
import numpy, pandas, xgboost

frame = pandas.DataFrame({"colour": pandas.Categorical(["red", "green", "blue", "red"] * 25), "x": numpy.arange(100.0)})
label = (frame["colour"] == "green").astype(float)
data = xgboost.DMatrix(frame, label=label, enable_categorical=True)
xgboost.train({"tree_method": "hist", "max_depth": 2}, data, 2).save_model("model.json")
bare = []
json.loads(open("model.json").read(), parse_constant=lambda name: bare.append(name))
print(f"{xgboost.__version__}: bare NaN: {bool(bare)}")
sys.exit(0 if bool(bare) == (sys.argv[1] == "2.1.4") else 1)
PYTHON
for version in 2.1.4 3.2.0; do
  python3 -m venv "venv-$version"
  "venv-$version/bin/pip" install --quiet "xgboost-cpu==$version" pandas==2.2.3
  "venv-$version/bin/python" -W ignore finding.py "$version"
done

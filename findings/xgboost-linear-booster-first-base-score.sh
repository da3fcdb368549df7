#!/usr/bin/env bash
# XGBoost's linear booster adds the base score of the first class to every class.
#
# Versions: xgboost-cpu 3.2.0 from PyPI, Python 3.
#
# Behaviour: since 3.1 a model of several classes has a base score for each class, which XGBoost estimates by itself.
# `gbtree` adds to each class its own; `gblinear` adds the first one to all of them, though its file holds all. A row
# without values shows it: what is left is the base score and the intercept. The same holds for several labels and for
# several quantiles, where it moves answers by whole units. A program that scores such a file by what is written in it
# gives other answers than XGBoost.
#
# Output seen:
#   base scores 0.462 -0.231 -0.231, intercepts 0.296 -0.154 -0.157
#   answers     0.758 0.309 0.305
#
# It exits with 0 while that is so, and with 1 when it has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet xgboost-cpu==3.2.0 numpy
cat > finding.py <<'PYTHON'
import json, sys
import numpy, xgboost

chance = numpy.random.default_rng(0)
rows = chance.normal(size=(200, 3))
# Half of the rows are of class 0.
label = numpy.arange(200) % 4
label[label == 3] = 0
model = xgboost.train({"booster": "gblinear", "objective": "multi:softprob", "num_class": 3, "nthread": 1},
                      xgboost.DMatrix(rows, label=label), 2)
model.save_model("model.json")
learner = json.load(open("model.json"))["learner"]
scores = numpy.array(json.loads(learner["learner_model_param"]["base_score"]))
intercepts = numpy.array(learner["gradient_booster"]["model"]["weights"][-3:])
answers = model.predict(xgboost.DMatrix(numpy.full((1, 3), numpy.nan)), output_margin=True)[0]
shown = lambda numbers: " ".join(str(round(float(x), 3)) for x in numbers)
print(f"base scores {shown(scores)}, intercepts {shown(intercepts)}")
print(f"answers     {shown(answers)}")
own = numpy.allclose(answers, scores + intercepts, atol=1e-5)
first = numpy.allclose(answers, scores[0] + intercepts, atol=1e-5)
sys.exit(0 if first and not own else 1)
PYTHON
venv/bin/python -W ignore finding.py

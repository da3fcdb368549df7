#!/usr/bin/env bash
# CatBoost predicts the logarithm for `LogLinQuantile`, though its leaves are logarithms as those of `Poisson` are.
#
# Versions: catboost 1.2.10 from PyPI, Python 3.
#
# Behaviour: the loss `LogLinQuantile` is computed on exp(a), where a is the sum of the leaves, as `Poisson` and `Tweedie`
# are. `CatBoostRegressor.predict` gives exp(a) for those two, and a itself for `LogLinQuantile`: a regression that was
# trained on amounts of about 20 answers 3. `prediction_type="Exponent"` gives the amounts.
#
# Output seen:
#   Poisson: predict about 17.8, Exponent about 17.8
#   LogLinQuantile: predict about 2.9, Exponent about 17.3
#
# It exits with 0 while that is so, and with 1 when it has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet catboost==1.2.10
cat > finding.py <<'PYTHON'
import sys
import numpy
from catboost import CatBoostRegressor

chance = numpy.random.default_rng(0)
rows = chance.normal(size=(400, 2))
label = numpy.round(20 + chance.normal(size=400))
right = True
for loss in ("Poisson", "LogLinQuantile"):
    model = CatBoostRegressor(loss_function=loss, iterations=40, learning_rate=0.05, depth=2, verbose=False,
                              random_seed=1, allow_writing_files=False).fit(rows, label)
    answers, exponents = model.predict(rows), model.predict(rows, prediction_type="Exponent")
    print(f"{loss}: predict about {numpy.median(answers):.1f}, Exponent about {numpy.median(exponents):.1f}")
    right = right and numpy.allclose(answers, exponents if loss == "Poisson" else numpy.log(exponents))
sys.exit(0 if right else 1)
PYTHON
venv/bin/python finding.py

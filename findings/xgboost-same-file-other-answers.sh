#!/usr/bin/env bash
# One file of XGBoost gives two answers: those of its scikit-learn class and those of its booster differ after early stopping.
#
# Versions: xgboost-cpu 3.2.0, scikit-learn 1.9.1 from PyPI, Python 3.
#
# Behaviour: after early stopping the file holds all rounds, with the best in the attribute `best_iteration`.
# `XGBClassifier.load_model` predicts with the rounds up to the best, `Booster.load_model` with all of them, from the same
# file, without a word. LightGBM saves the best rounds alone, and CatBoost shrinks the model. A service that loads the
# file with `Booster` answers otherwise than the notebook in which the model was measured.
#
# Output seen:
#   best round 1 of 11, the class and the booster are up to 0.43 apart
#
# It exits with 0 while that is so, and with 1 when it has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet xgboost-cpu==3.2.0 scikit-learn==1.9.1
cat > finding.py <<'PYTHON'
import sys
import numpy, xgboost

chance = numpy.random.default_rng(0)
rows = chance.normal(size=(300, 5))
label = (rows[:, 0] + 2 * chance.normal(size=300) > 0).astype(int)
trained = xgboost.XGBClassifier(n_estimators=200, learning_rate=0.5, early_stopping_rounds=10, n_jobs=1)
trained.fit(rows[:150], label[:150], eval_set=[(rows[150:], label[150:])], verbose=False)
trained.save_model("model.json")
booster, wrapper = xgboost.Booster(), xgboost.XGBClassifier()
booster.load_model("model.json")
wrapper.load_model("model.json")
ask = rows[150:]
apart = numpy.abs(wrapper.predict_proba(ask)[:, 1] - booster.predict(xgboost.DMatrix(ask))).max()
best, rounds = wrapper.best_iteration + 1, booster.num_boosted_rounds()
print(f"best round {best} of {rounds}, the class and the booster are up to {apart:.2f} apart")
sys.exit(0 if best < rounds and apart > 0.01 else 1)
PYTHON
venv/bin/python -W ignore finding.py

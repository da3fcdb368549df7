#!/usr/bin/env bash
# DataFusion 55.0.0 (the newest on PyPI when this was written): whether -0.0 is 0 depends on how the question is put.
#
#   x = 0, x IN (0.0, 1, 2)            true for -0.0
#   x IN (0.0, 1, 2, 3)                false: from four items on a list is looked up by bits
#   nullif(x, 0.0)                     -0.0, not NULL: so the usual guard `y / nullif(x, 0)` gives -inf
#   CASE x WHEN 0.0 THEN …             not taken
#
# And NaN is ordered by its sign bit: `x < 100` is false for NaN and true for -NaN, which is what some processors give for
# ln(-3) (x86) and others do not (ARM).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet datafusion==55.0.0 pyarrow==26.0.1
"$folder/venv/bin/python" - <<'PYTHON'
import pyarrow
from datafusion import SessionContext

nan = float("nan")
context = SessionContext()
rows = pyarrow.record_batch({"x": pyarrow.array([0.0, -0.0, nan, -nan]), "y": pyarrow.array([1.0] * 4)})
context.register_record_batches("t", [[rows]])

def ask(expression):
    return [str(value) for value in context.sql(f"SELECT {expression} AS made FROM t").collect()[0]["made"].to_pylist()]

expected = {
    "x = 0": ["True", "True", "False", "False"],
    "x IN (0.0, 1, 2)": ["True", "True", "False", "False"],
    "x IN (0.0, 1, 2, 3)": ["True", "False", "False", "False"],
    "nullif(x, 0.0)": ["None", "-0.0", "nan", "nan"],
    "y / nullif(x, 0.0)": ["None", "-inf", "nan", "nan"],
    "CASE x WHEN 0.0 THEN 'zero' ELSE 'other' END": ["zero", "other", "other", "other"],
    "x < 100": ["True", "True", "False", "True"],
}
for expression, wanted in expected.items():
    found = ask(expression)
    print(f"{expression:48} {found}")
    assert found == wanted, f"changed: {wanted} before"
PYTHON

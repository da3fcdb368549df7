#!/usr/bin/env bash
# DataFusion 55.0.0 (the newest on PyPI when this was written): where text and a number meet, which of them is converted
# differs from function to function, and is not said before rows come.
#
#   nvl(s, n), CASE WHEN … THEN s ELSE n END     the number becomes text
#   coalesce(s, n), greatest(s, n), s = n, s > 1 the text becomes a number: planned without a word, and the first row whose
#                                                text is no number fails the query
#
# nvl and coalesce of two arguments are the same function in most engines.
#
# Output seen:
#   nvl(s, n)                          ['a', '5']
#   CASE WHEN n = 1 THEN s ELSE n END  ['a', '2']
#   coalesce(s, n), planned; then      Cannot cast string 'a' to value of Int64 type
#   greatest(s, n), planned; then      Cannot cast string 'a' to value of Int64 type
#   s = n, planned; then               Cannot cast string 'a' to value of Int64 type
#   s > 1, planned; then               Cannot cast string 'a' to value of Int64 type
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet datafusion==55.0.0 pyarrow==26.0.1
"$folder/venv/bin/python" - <<'PYTHON'
import pyarrow
from datafusion import SessionContext

context = SessionContext()
rows = pyarrow.record_batch({"s": pyarrow.array(["a", "5"]), "n": pyarrow.array([1, 2])})
context.register_record_batches("t", [[rows]])

for expression, wanted in {"nvl(s, n)": ["a", "5"], "CASE WHEN n = 1 THEN s ELSE n END": ["a", "2"]}.items():
    found = context.sql(f"SELECT {expression} AS made FROM t").collect()[0]["made"].to_pylist()
    print(f"{expression:34} {found}")
    assert found == wanted, "changed"
for expression in ["coalesce(s, n)", "greatest(s, n)", "s = n", "s > 1"]:
    planned = context.sql(f"SELECT {expression} AS made FROM t")
    planned.optimized_logical_plan()
    try:
        found = planned.collect()[0]["made"].to_pylist()
        raise SystemExit(f"changed: {expression} gives {found}")
    except Exception as error:
        words = "Cannot cast string 'a' to value of Int64 type"
        assert words in str(error), error
        print(f"{expression + ', planned; then':34} {words}")
PYTHON

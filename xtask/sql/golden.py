"""What DuckDB says of windows over random tables, as crates/sql/tests/golden holds it.

`cargo xtask sql-golden` runs this in a virtual environment: golden.py SEED TABLES ORDER prints one JSON object for each
table. ORDER is `sorted`, rows in the order of their time, or `late`, rows out of order: then each row is answered from
those that had arrived by then. Ties in time are broken by arrival here as they are in a stream: each row gets its arrival
as microseconds, and the ends of frames are moved by less than a second, all times being whole seconds. NaN is NULL.
"""

import json
import math
import random
import sys

import duckdb

DAY = 86_400


def table(draw, late):
    """Rows in the order in which they arrive."""
    rows, span = draw.randint(1, 60), draw.choice([100, DAY, 40 * DAY])
    if late:
        # Half of the tables are so short that nothing a window may need is ever let go.
        rows = draw.choice([draw.randint(1, 16), draw.randint(20, 150)])
    times = sorted(draw.randint(0, span) for _ in range(rows))
    if draw.random() < 0.5:
        times = sorted(draw.choice(times) for _ in range(rows))
    if late:
        share, delay = draw.choice([0.1, 0.3, 1]), draw.choice([span / 50, span / 5, span])
        come = {number: time + (draw.uniform(0, delay) if draw.random() < share else 0) for number, time in enumerate(times)}
        times = [times[number] for number in sorted(come, key=come.get)]

    def maybe(value, share=0.15):
        return None if draw.random() < share else value

    def number():
        return draw.choice([draw.uniform(-100, 100), draw.uniform(0, 1) * 1e9, float(draw.randint(-3, 3)), -0.0])
    return [{"ts": time, "k": maybe(draw.choice("abc")), "k2": draw.randint(0, 1),
             "x": maybe(draw.choice([number(), number(), number(), math.nan])), "y": maybe(number()),
             "n": maybe(draw.randint(-5, 5)), "s": maybe(draw.choice(["", "a", "b", "ä", "B"])),
             "b": maybe(draw.random() < 0.5)} for time in times]


FUNCTIONS = [("count(*)", "count(*)"), ("count({v})", "count({v})"), ("sum(x)", "sum(x)"), ("sum(y)", "sum(y)"),
             ("sum(n)", "sum(n)"), ("avg(x)", "avg(x)"), ("avg(n)", "avg(n)"), ("min({v})", "min({v})"),
             ("max({v})", "max({v})"), ("stddev(y)", "stddev(y)"), ("stddev_pop(y)", "stddev_pop(y)"),
             ("var(y)", "var_samp(y)"), ("var_pop(n)", "var_pop(n)"), ("first_value({v})", "first_value({v})"),
             ("last_value({v})", "last_value({v})"), ("lag({v}, {l})", "lag({v}, {l})"), ("lag({v})", "lag({v})"),
             ("median(y)", "median(y)"), ("median(n)", "median(n)"), ("approx_distinct(s)", "count(DISTINCT s)"),
             ("approx_percentile_cont(y, {q})", "quantile_cont(y, {q})")]
FILTERS = ["n > 0", "b", "s = 'a' OR y > 0", "x IS NOT NULL", "y * n > 1"]
UNBOUNDED = ("median", "approx")


def seconds(count):
    for unit, size in draw_units:
        if count % size == 0 and count:
            return f"'{count // size} {unit}'"
    return f"'{count} seconds'"


draw_units = [("days", DAY), ("hours", 3600), ("minutes", 60)]


def case(draw, late):
    ours, theirs = draw.choice(FUNCTIONS)
    value = draw.choice(["x", "y", "n", "s", "b", "ts"] if "count" in ours or "value" in ours or "lag" in ours
                        else ["x", "y", "n", "s", "ts"])
    fill = {"v": value, "l": draw.randint(1, 4), "q": draw.choice([0, 0.1, 0.5, 0.75, 0.99, 1])}
    ours = ours.format(**fill)
    theirs = theirs.format(**{**fill, "v": {"ts": "t"}.get(value, value)})
    if not ours.startswith(("lag", "first", "last")) and draw.random() < 0.3:
        condition = draw.choice(FILTERS)
        ours, theirs = f"{ours} FILTER (WHERE {condition})", f"{theirs} FILTER (WHERE {condition})"
    by = draw.choice(["", "PARTITION BY k ", "PARTITION BY k ", "PARTITION BY k, k2 ", "PARTITION BY n "])
    kind = draw.choice(["range", "range", "between", "rows", "rows between", "none", "unbounded"])
    if ours.startswith(UNBOUNDED) and kind in ("none", "unbounded"):
        kind = "range"
    a, b = sorted([draw.choice([0, 1, 10, 60, 3600, DAY, 7 * DAY]), draw.choice([0, 5, 30, 7200, 3 * DAY])], reverse=True)
    r, s = sorted([draw.randint(0, 6), draw.randint(0, 6)], reverse=True)
    frame, frame_theirs = {
        "range": (f"RANGE INTERVAL {seconds(a)} PRECEDING", f"RANGE {a}999999 PRECEDING"),
        "between": (f"RANGE BETWEEN INTERVAL {seconds(a)} PRECEDING AND INTERVAL {seconds(b)} PRECEDING",
                    f"RANGE BETWEEN {a}999999 PRECEDING AND {max(b * 1_000_000 - 999_000, 0)} PRECEDING"),
        "rows": (f"ROWS {r} PRECEDING",) * 2,
        "rows between": (f"ROWS BETWEEN {r} PRECEDING AND {s} PRECEDING",) * 2,
        "unbounded": (f"RANGE BETWEEN UNBOUNDED PRECEDING AND INTERVAL {seconds(b)} PRECEDING",
                      f"RANGE BETWEEN UNBOUNDED PRECEDING AND {max(b * 1_000_000 - 999_000, 0)} PRECEDING"),
        "none": ("", ""),
    }[kind]
    theirs_by = f"PARTITION BY upto, {by.removeprefix('PARTITION BY ')}" if late and by else "PARTITION BY upto " if late else by
    return f"{ours} OVER ({by}ORDER BY ts {frame})", f"{theirs} OVER ({theirs_by}ORDER BY place {frame_theirs})"


def number(value):
    """NaN is NULL, and there is no negative zero."""
    return None if value is None or math.isnan(value) else value + 0.0


def shown(value):
    if isinstance(value, float):
        return {"nan": "NaN", "inf": "inf", "-inf": "-inf"}.get(str(value), value)
    return value


def main():
    draw, late = random.Random(int(sys.argv[1])), sys.argv[3] == "late"
    for _ in range(int(sys.argv[2])):
        rows = table(draw, late)
        base = duckdb.connect()
        base.execute("CREATE TABLE t (place BIGINT, t BIGINT, k TEXT, k2 BIGINT, x DOUBLE, y DOUBLE, n BIGINT, s TEXT, b BOOLEAN)")
        for arrival, row in enumerate(rows):
            base.execute("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                         [row["ts"] * 1_000_000 + arrival, row["ts"] * 1_000_000, row["k"], row["k2"], number(row["x"]),
                          row["y"], row["n"], row["s"], row["b"]])
        cases = [case(draw, late) for _ in range(40)]
        columns = ", ".join(f"{theirs} AS c{number}" for number, (_, theirs) in enumerate(cases))
        if late:
            # A copy of the table for each row: what had arrived by then.
            arrived = "SELECT a.arrival AS upto, b.* FROM (SELECT place % 1000000 AS arrival FROM t) a " \
                "JOIN (SELECT place % 1000000 AS arrival, * FROM t) b ON b.arrival <= a.arrival"
            answered = f"SELECT upto, arrival, {columns} FROM ({arrived}) QUALIFY arrival = upto"
            found = [row[2:] for row in base.execute(f"SELECT * FROM ({answered}) ORDER BY arrival").fetchall()]
        else:
            found = base.execute(f"SELECT {columns} FROM t ORDER BY place").fetchall()
        print(json.dumps({
            "duckdb": duckdb.__version__,
            "rows": [[shown(row[key]) for key in ("ts", "k", "k2", "x", "y", "n", "s", "b")] for row in rows],
            "cases": [{"sql": ours, "values": [shown(row[number]) for row in found]}
                      for number, (ours, _) in enumerate(cases)],
        }), flush=True)


main()

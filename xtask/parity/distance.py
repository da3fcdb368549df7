"""Distances as SciPy measures them, for crates/learn/tests/distance.rs, which makes the same numbers.

`distance.py DATA` prints one line a case: name, KS, Wasserstein over the reference's standard deviation, PSI over its
tenths, Jensen-Shannon (root, base 2) over the same; for categories chi-square and Jensen-Shannon. numpy, scipy; rows of
Elec2 need zstandard. With `permuted` behind the folder: the ten chunks of facts about Elec2, permuted by numpy.
"""

import csv
import io
import sys
from pathlib import Path

import numpy as np
import scipy
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2_contingency, ks_2samp, wasserstein_distance

from streams import Random


def noise(random):
    return sum((random.uniform() for _ in range(12)), 0.0) - 6.0


def tenths(r, c):
    edges = np.quantile(r, np.linspace(0, 1, 11))
    edges[0], edges[-1] = -np.inf, np.inf
    edges = np.unique(edges)
    p, q = np.histogram(r, edges)[0] / len(r), np.histogram(c, edges)[0] / len(c)
    some, other = np.maximum(p, 1e-4), np.maximum(q, 1e-4)
    return ((other - some) * np.log(other / some)).sum(), jensenshannon(p, q, base=2)


def numbers(name, r, c):
    r, c = np.array(r), np.array(c)
    psi, js = tenths(r, c)
    print(name, *(f"{x:.6f}" for x in (ks_2samp(r, c).statistic, wasserstein_distance(r, c) / r.std(), psi, js)))


def categories(name, r, c):
    every = sorted(set(r) | set(c))
    table = np.array([[list(side).count(k) for k in every] for side in (r, c)])
    p, q = table[0] / table[0].sum(), table[1] / table[1].sum()
    found = chi2_contingency(table, correction=False)
    print(name, f"{found.statistic:.6f} {found.dof} {jensenshannon(p, q, base=2):.6f}")


def elec2(folder):
    import zstandard
    raw = (Path(folder) / "elec2/electricity.csv.zst").read_bytes()
    text = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(raw)).read().decode()
    return list(csv.DictReader(io.StringIO(text)))


def main():
    print(f"scipy {scipy.__version__}, numpy {np.__version__}")
    of = Random(1)
    some = lambda count, make: [make() for _ in range(count)]
    normal = lambda: noise(of)
    numbers("same", some(10_000, normal), some(1_000, normal))
    numbers("shifted", some(10_000, normal), [x + 0.5 for x in some(1_000, normal)])
    numbers("wider", some(5_000, normal), [2.0 * x for x in some(300, normal)])
    numbers("skewed", [float(np.exp(x)) for x in some(30_000, normal)], [1.2 * float(np.exp(x)) for x in some(5_000, normal)])
    numbers("tied", [float(np.floor(3.0 * x)) for x in some(10_000, normal)], [float(np.floor(4.0 * x)) for x in some(1_000, normal)])
    drifting = lambda count: [index / 10_000 + normal() for index in range(count)]
    numbers("drifting", drifting(100_000), [x + 0.1 for x in drifting(20_000)])
    numbers("short", some(40, normal), some(25, normal))
    of = Random(2)
    draw = lambda count, of_many: [int(of.uniform() * of.uniform() * of_many) for _ in range(count)]
    reference = draw(10_000, 12)
    categories("alike", reference, draw(1_000, 12))
    categories("more", reference, draw(1_000, 15))
    rows = elec2(sys.argv[1])
    if "permuted" in sys.argv:
        order = np.random.default_rng(0).permutation(20_000)
        rows = [rows[20_000 + i] for i in order]
    else:
        rows = [rows[20_000 + i * 7_919 % 20_000] for i in range(20_000)]
    price, day = [float(row["nswprice"]) for row in rows], [row["day"] for row in rows]
    half = 0.5 * np.std(price[:10_000])
    for chunk in range(10):
        c = price[10_000 + chunk * 1_000:11_000 + chunk * 1_000]
        numbers(f"elec2.{chunk}", price[:10_000], [x + half * (chunk >= 5) for x in c])
    for chunk in range(2):
        categories(f"day.{chunk}", day[:10_000], day[10_000 + chunk * 1_000:11_000 + chunk * 1_000])


main()

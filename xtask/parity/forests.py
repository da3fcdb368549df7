"""River's forests and bagging on ten streams that River makes, seed by seed.

`forests.py FOLDER [ROWS SEEDS]` writes each stream to FOLDER/NAME.SEED.csv, the nominal columns marked, and adds to
FOLDER/river.tsv one line a run: model, stream, seed, accuracy (test, then train). What is there is not run again, so
that a run that was cut off goes on. `cargo xtask parity forests` runs this, then ours on the same rows.
"""

import csv
import sys
import time
from pathlib import Path

from river import ensemble, forest, tree
from river.datasets import synth

# A seed makes the stream and the model; where a generator has several functions they take turns.
STREAMS = {
    "random_tree": (lambda k: synth.RandomTree(seed_tree=k, seed_sample=k), [f"x_cat_{i}" for i in range(5)]),
    "agrawal": (lambda k: synth.Agrawal(classification_function=k % 10, seed=k), ["elevel", "car", "zipcode"]),
    "random_rbf": (lambda k: synth.RandomRBF(seed_model=k, seed_sample=k, n_classes=4), []),
    "sea": (lambda k: synth.SEA(variant=k % 4, seed=k), []),
    "hyperplane": (lambda k: synth.Hyperplane(seed=k, n_drift_features=2, mag_change=0.01), []),
    "led": (lambda k: synth.LED(seed=k, noise_percentage=0.1), list(range(7))),
    "waveform": (lambda k: synth.Waveform(seed=k), []),
    "stagger": (lambda k: synth.STAGGER(classification_function=k % 3, seed=k), ["size", "color", "shape"]),
    "sine": (lambda k: synth.Sine(classification_function=k % 4, seed=k), []),
    "mixed": (lambda k: synth.Mixed(classification_function=k % 2, seed=k), [0, 1]),
}


def single(nominal):
    return tree.HoeffdingTreeClassifier(nominal_attributes=nominal)


MODELS = {
    "adaptive_random_forest_classifier": lambda nominal, k: forest.ARFClassifier(nominal_attributes=nominal, seed=k),
    "bagging_classifier": lambda nominal, k: ensemble.BaggingClassifier(single(nominal), seed=k),
    "leveraging_bagging_classifier":
        lambda nominal, k: ensemble.LeveragingBaggingClassifier(single(nominal), seed=k),
}


def written(folder, name, seed, count):
    """The rows of a stream: from its file, which is made where it is not there."""
    make, nominal = STREAMS[name]
    # A category is a whole number.
    found = [({key: float(value) for key, value in x.items()}, int(y)) for x, y in make(seed).take(count)]
    path = folder / f"{name}.{seed}.csv"
    if not path.exists():
        with path.open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow([f"{key} nominal" if key in nominal else key for key in found[0][0]] + ["class"])
            rows.writerows([*map(repr, x.values()), y] for x, y in found)
    return found, nominal


def accuracy(model, rows):
    right = 0
    for x, y in rows:
        right += model.predict_one(x) == y
        model.learn_one(x, y)
    return right / len(rows)


def main():
    folder, count, seeds = Path(sys.argv[1]), *map(int, sys.argv[2:4] or (2_000, 30))
    folder.mkdir(parents=True, exist_ok=True)
    record = folder / "river.tsv"
    done = {tuple(line.split("\t")[:3]) for line in record.read_text().splitlines()} if record.exists() else set()
    for model, make in MODELS.items():
        for seed in range(seeds):
            for name in STREAMS:
                if (model, name, str(seed)) in done:
                    continue
                rows, nominal = written(folder, name, seed, count)
                begun = time.monotonic()
                found = accuracy(make(nominal, seed), rows)
                print(f"{model}, {name}, seed {seed}: {time.monotonic() - begun:.1f} s", file=sys.stderr, flush=True)
                with record.open("a") as file:
                    print(model, name, seed, found, sep="\t", file=file)


if __name__ == "__main__":
    main()

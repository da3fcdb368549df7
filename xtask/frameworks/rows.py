"""What the frameworks' programs share: made-up rows with a label, and what a program leaves for the comparison."""

import os

import numpy as np

WIDTH = 6
NAMES = [f"x{place}" for place in range(WIDTH)]


def made(count=2000):
    """Rows of float32 and whether they are of the positive class."""
    random = np.random.RandomState(11)
    rows = random.normal(size=(count, WIDTH)).astype(np.float32)
    odds = 1.5 * rows[:, 0] - rows[:, 1] + rows[:, 2] * rows[:, 3]
    return rows, (odds + random.normal(scale=0.5, size=count) > 0).astype(np.int64)


def leave(folder, rows, scores):
    """The rows as CSV, and the framework's own scores of the positive class."""
    with open(os.path.join(folder, "rows.csv"), "w") as to:
        to.write(",".join(NAMES) + "\n")
        for row in rows:
            to.write(",".join(repr(float(value)) for value in row) + "\n")
    with open(os.path.join(folder, "expected.txt"), "w") as to:
        to.writelines(f"{float(score)!r}\n" for score in np.asarray(scores).ravel())

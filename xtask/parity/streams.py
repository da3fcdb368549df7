"""Streams that are made, not read: the same numbers here and in crates/learn/tests/streams/mod.rs.

A row is its columns and its label; a category is a whole number in one of the stream's nominal columns.
"""

import math

MASK = (1 << 64) - 1


class Random:
    """SplitMix64."""

    def __init__(self, seed):
        self.state = seed

    def bits(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        mixed = self.state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & MASK
        return mixed ^ (mixed >> 31)

    def uniform(self):
        return (self.bits() >> 11) / (1 << 53)

    def between(self, low, high):
        return low + (high - low) * self.uniform()

    def noise(self):
        """Nearly normal, of variance 1: a sum needs no function whose last digit differs."""
        total = 0.0
        for _ in range(12):
            total += self.uniform()
        return total - 6.0


def friedman(random):
    """J. H. Friedman, "Multivariate Adaptive Regression Splines", 1991: five of ten columns matter."""
    x = [random.uniform() for _ in range(10)]
    half = x[2] - 0.5
    y = 10.0 * math.sin(math.pi * x[0] * x[1]) + 20.0 * half * half + 10.0 * x[3] + 5.0 * x[4]
    return x, y + random.noise()


def friedman3(random):
    """The third of Friedman's functions: a phase of an electric circuit."""
    x = [random.between(0.0, 100.0), random.between(40.0 * math.pi, 560.0 * math.pi), random.uniform(),
         random.between(1.0, 11.0)]
    return x, math.atan((x[1] * x[2] - 1.0 / (x[1] * x[3])) / x[0])


def mv(random):
    """L. Torgo's artificial data with dependences between columns, three of them nominal."""
    x1, x2 = random.between(-5.0, 5.0), random.between(-15.0, -10.0)
    green = x1 > 0.0
    x3 = 0 if green else 1 if random.uniform() < 0.4 else 2
    x4 = x1 + 2.0 * x2 if x3 == 0 else x1 / 2.0 if x3 == 1 else x2 / 2.0
    x5 = random.between(-1.0, 1.0)
    x6 = x4 * random.between(0.0, 5.0)
    x7 = 0 if random.uniform() < 0.3 else 1
    x8 = 0 if x5 < 0.5 else 1
    x9, x10 = random.between(100.0, 500.0), math.floor(random.between(1000.0, 1201.0))
    if x2 > 2.0:
        y = 35.0 - 0.5 * x4
    elif -2.0 <= x4 <= 2.0:
        y = 10.0 - 2.0 * x1
    elif x7 == 0:
        y = 3.0 - x1 / x4
    elif x8 == 0:
        y = x6 + x1
    else:
        y = x1 / 2.0
    return [x1, x2, x3, x4, x5, x6, x7, x8, x9, x10], y


STREAMS = {"friedman": (friedman, []), "friedman3": (friedman3, []), "mv": (mv, [2, 6, 7])}


def rows(name, count, seed=1):
    """So many rows of a stream, as the rows of files are."""
    make, random = STREAMS[name][0], Random(seed)
    found = []
    for _ in range(count):
        x, y = make(random)
        found.append(({place: value for place, value in enumerate(x)}, y))
    return found

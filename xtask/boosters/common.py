"""What the boosters' programs share: rows to train on, rows to ask about, and the file that is left for the tests."""

import base64
import io
import json
import math
import random
import zipfile


def made(count=160):
    """Rows of three numbers, of which some are missing, and a signal that a model can learn."""
    chance = random.Random(7)
    rows, signal = [], []
    for _ in range(count):
        a, b, c = (chance.uniform(-3, 3) for _ in range(3))
        signal.append(a + 0.5 * b * b - (2.0 if c > 1 else 0.0) + chance.gauss(0, 0.3))
        rows.append([round(a, 3) if chance.random() > 0.1 else math.nan, round(b, 3), round(c, 3)])
    return rows, signal


def asked():
    return [[math.nan, 0.5, 1.5]] + made(9)[0]


def ranks(signal, count):
    """Classes of about the same size."""
    order = sorted(signal)
    borders = [order[len(order) * place // count] for place in range(1, count)]
    return [sum(value >= border for border in borders) for value in signal]


def plain(value):
    """Numbers as JSON has them: what is not finite is null."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


class Cases:
    """One line a case: the model's file, what it is asked, and what its framework answers."""

    def __init__(self, framework, version):
        self.framework, self.version, self.lines = framework, version, []

    def add(self, name, file, rows=None, **answers):
        case = {"name": name, "rows": plain(asked() if rows is None else rows)}
        case.update({key: plain(value) for key, value in answers.items()})
        if isinstance(file, bytes):
            packed = io.BytesIO()
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(zipfile.ZipInfo("model"), file, zipfile.ZIP_DEFLATED)
            case["zip"] = base64.b64encode(packed.getvalue()).decode()
        else:
            case["file"] = file
        self.lines.append(json.dumps(case, separators=(",", ":")))

    def write(self, path):
        with open(path, "w") as to:
            head = {"framework": self.framework, "version": self.version}
            to.write("\n".join([json.dumps(head)] + self.lines) + "\n")
        print(f"{self.framework} {self.version}: {len(self.lines)} models")

"""What the frameworks' programs share: rows, and the folder that one model leaves for the tests."""

import json
import logging
import math
import os
import pathlib

import numpy as np

SEED = 7


def rng(number):
    return np.random.default_rng(SEED * 1000 + number)


def numeric(count, width, number, nan=0.0, huge=1e4):
    """Rows of rounded numbers; the last ones are zeros, minus ones, large, tiny, of mixed signs, and missing."""
    chance = rng(number)
    x = np.round(chance.normal(size=(count, width)) * (1 + np.arange(width) % 3), 3)
    if nan:
        x[chance.random((count, width)) < nan] = np.nan
    even = np.arange(width) % 2 == 0
    x[-1], x[-2], x[-3], x[-4], x[-5] = 0, -1, huge, -huge, 1e-30
    x[-6] = np.where(even, huge, -huge)
    x[-7] = -0.0
    if nan:
        x[-8] = np.nan
        x[-9] = np.where(even, np.nan, 0.5)
    return x


def target(x, kind, number):
    """What there is to learn: two classes, three classes or a number."""
    z = np.nan_to_num(x)
    signal = z[:, 0] + 0.7 * z[:, 1] * z[:, 2] - np.abs(z[:, 3]) + 0.3 * rng(500 + number).normal(size=len(x))
    if kind == "binary":
        return (signal > np.median(signal)).astype(int)
    if kind == "multi":
        return np.digitize(signal, np.quantile(signal, [0.33, 0.66])).astype(int)
    return np.round(3 + 2 * signal, 3)


def plain(value):
    """As JSON has it: NaN is null, infinities are text."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def apart(ours, theirs):
    """The largest difference, in parts of the larger of 1 and what is expected; a text that differs counts as 1."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    ours = ours.reshape(theirs.shape)
    if theirs.dtype.kind in "OUS":
        return float((ours.astype(str) != theirs.astype(str)).sum())
    ours, theirs = ours.astype(float), theirs.astype(float)
    same = (np.isnan(ours) & np.isnan(theirs)) | (ours == theirs)
    with np.errstate(invalid="ignore"):
        distance = np.where(same, 0.0, np.abs(ours - theirs) / np.maximum(1.0, np.abs(theirs)))
    return float(distance.max())


def shown(name, array):
    array = np.asarray(array)
    kind = "string" if array.dtype.kind in "OUS" else str(array.dtype)
    return {"name": name, "dtype": kind, "shape": list(array.shape), "data": plain(array)}


class Case:
    """The folder of one model: its files, what it was asked, what the framework answered, how near each file comes."""

    def __init__(self, folder, framework):
        self.folder, self.framework = pathlib.Path(folder), framework
        self.input, self.outputs, self.files, self.own = {}, {}, {}, {}

    def path(self, file):
        return str(self.folder / file)

    def tensors(self, columns=None, **arrays):
        names = {"columns": columns} if columns else {}
        inputs = [{**shown(name, array), **names} for name, array in arrays.items()]
        self.input = {"format": "tensors", "inputs": inputs}

    def table(self, columns):
        """Of each column its kind and its values."""
        named = [{"name": name, "dtype": kind, "values": list(values)} for name, (kind, values) in columns.items()]
        self.input = {"format": "table", "columns": named}

    def answered(self, **outputs):
        """What the framework answers before it saves."""
        self.outputs.update({name: np.asarray(output) for name, output in outputs.items()})

    def scored(self, file, **outputs):
        """What the file answers once it is read again: by its framework, or by ONNX Runtime."""
        distances = {name: apart(output, self.outputs[name]) for name, output in outputs.items()}
        worst = max(distances.values())
        self.files[file] = {"expect": "score", "reloaded_worst_rel": worst, "compared": sorted(outputs)}
        if worst > 1e-5 and file.endswith(".onnx"):
            # The converter wrote another model than was trained: the file is scored as it is.
            self.own[file] = [shown(name, outputs[name]) for name, distance in distances.items() if distance > 1e-5]
        elif worst > 1e-5:
            raise ValueError(f"{file} read again is {worst:.1e} apart: {distances}")

    def refused(self, file):
        self.files[file] = {"expect": "refuse"}

    def close(self):
        outputs = [shown(name, output) for name, output in self.outputs.items()]
        expected = {"framework": self.framework, "files": self.files, "outputs": outputs}
        if self.own:
            expected["file_outputs"] = self.own
        for name, content in (("input.json", plain(self.input)), ("expected.json", expected)):
            (self.folder / name).write_text(json.dumps(content, allow_nan=False, ensure_ascii=False) + "\n", "utf-8")


def onnxruntime_answers(path, feeds):
    """What ONNX Runtime makes of a file, by the names of its outputs; `feeds` by name or in order."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    if not isinstance(feeds, dict):
        feeds = dict(zip([one.name for one in session.get_inputs()], feeds))
    return dict(zip([one.name for one in session.get_outputs()], session.run(None, feeds)))


def calm():
    """One thread, no accelerator and few words, so that a model comes out the same every time."""
    settings = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "TF_ENABLE_ONEDNN_OPTS": "0",
                "OMP_NUM_THREADS": "1", "KERAS_BACKEND": "tensorflow"}
    for name, value in settings.items():
        os.environ.setdefault(name, value)
    logging.getLogger("absl").setLevel(logging.ERROR)

"""The Python side of a model that lives in Python: answers requests on standard input.

A message is the length of its head (4 bytes, little-endian), the head as JSON, the length of its body (8 bytes), the body:
an Arrow IPC stream, or bytes that the model saved.
"""

import importlib.util
import inspect
import json
import os
import struct
import sys
import traceback

# Whatever the model prints, or its libraries do, belongs to the log.
answers = os.fdopen(os.dup(1), "wb")
requests = os.fdopen(os.dup(0), "rb")
os.dup2(2, 1)
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
sys.stdout = sys.stderr


def tell(head, body=b""):
    text = json.dumps(head).encode()
    answers.write(struct.pack("<I", len(text)) + text + struct.pack("<Q", len(body)))
    answers.write(body)
    answers.flush()


def read(count):
    data = requests.read(count)
    if len(data) < count:
        sys.exit(0)
    return data


def hear():
    head = json.loads(read(struct.unpack("<I", read(4))[0]))
    return head, read(struct.unpack("<Q", read(8))[0])


class Batch:
    """Rows: `batch["amount"]` is a column as a numpy array, `batch.matrix` all as float64, `batch.arrow` as Arrow has them."""

    def __init__(self, arrow):
        self.arrow = arrow
        self.names = arrow.schema.names

    def __len__(self):
        return self.arrow.num_rows

    def __getitem__(self, name):
        column = self.arrow.column(self.names.index(name))
        if pa.types.is_string(column.type):
            return column.to_numpy(zero_copy_only=False)
        return numbers(column)

    @property
    def matrix(self):
        columns = [numbers(column) for column in self.arrow.columns]
        return np.column_stack(columns) if columns else np.empty((len(self), 0))


def numbers(column):
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64())
        return column.to_numpy(zero_copy_only=False).astype(np.float64) / 1e6
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    column = column.cast(pa.float64())
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)


def batch_of(body):
    with pa.ipc.open_stream(body) as stream:
        return stream.read_next_batch()


def stream_of(values):
    columns = [pa.array(np.ascontiguousarray(values[:, place])) for place in range(values.shape[1])]
    batch = pa.record_batch(columns, names=[str(place) for place in range(len(columns))])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    return sink.getvalue().to_pybytes()


def predictions(answer, rows, width):
    """What the model answered, as a matrix of `rows` by `width`."""
    if hasattr(answer, "detach"):
        answer = answer.detach().cpu().numpy()
    values = np.asarray(answer, dtype=np.float64)
    if values.ndim == 1:
        values = values.reshape(-1, 1)
    if width == 1 and values.ndim == 2 and values.shape == (rows, 2):
        values = values[:, 1:]  # Of two classes the second one's, as `predict_proba` orders them.
    if values.shape != (rows, width):
        raise ValueError(f"`predict` gave {list(np.shape(answer))} for {rows} rows: ({rows}, {width}) is expected")
    return values


def loaded(saved):
    # A `load` without parameters makes the model that nothing was learned by.
    return module.load(saved) if inspect.signature(module.load).parameters else module.load()


def serve(head, body):
    what, name = head["do"], head.get("of", "")
    if what == "open":
        models[name] = loaded(body or None)
        return {}, b""
    if what == "close":
        models.pop(name, None)
        return {}, b""
    if name not in models:
        return {"unknown": True}, b""
    if what == "score":
        arrow = batch_of(body)
        answer = module.predict(models[name], Batch(arrow))
        return {}, stream_of(predictions(answer, arrow.num_rows, head["width"]))
    if what == "learn":
        arrow = batch_of(body)
        labels = numbers(arrow.column(arrow.num_columns - 1))
        rows = arrow.select(arrow.schema.names[:-1])
        model = module.learn(models[name], Batch(rows), labels)
        models[name] = models[name] if model is None else model
        return {}, b""
    saved = module.save(models[name])
    if not isinstance(saved, (bytes, bytearray, memoryview)):
        raise TypeError(f"`save` gave {type(saved).__name__}, not bytes")
    return {}, bytes(saved)


models = {}
try:
    try:
        import numpy as np
        import pyarrow as pa
        import pyarrow.ipc
    except ImportError as missing:
        raise ImportError(f"{missing}; install it: {sys.executable} -m pip install pyarrow numpy") from None
    path, learns = sys.argv[1], sys.argv[2] == "learns"
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    specification = importlib.util.spec_from_file_location("model", path)
    module = importlib.util.module_from_spec(specification)
    sys.modules["model"] = module
    specification.loader.exec_module(module)
    for needed in ["load", "predict"] + (["learn", "save"] if learns else []):
        if not callable(getattr(module, needed, None)):
            raise AttributeError(f"{path} has no function `{needed}`")
    if not learns:
        models[""] = loaded(None)
    tell({"ok": True})
except BaseException as error:
    traceback.print_exc()
    tell({"ok": False, "error": f"{type(error).__name__}: {error}"})
    sys.exit(1)

while True:
    head, body = hear()
    try:
        answer, body = serve(head, body)
        tell({"ok": True, **answer}, body)
    except Exception as error:
        traceback.print_exc()
        tell({"ok": False, "error": f"{type(error).__name__}: {error}"})

"""Networks of PyTorch by both of its exporters: on two rows, with a free number of rows, asked about one and all."""

import logging
import pathlib

import numpy as np
import onnx
import torch
from torch import nn

from case import SEED, Case, apart, numeric, onnxruntime_answers, rng, target

torch.set_num_threads(1)
# That there are no operators for pictures is no news.
logging.getLogger("torch.onnx").setLevel(logging.ERROR)


class Dense(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(6, 16), nn.ReLU(), nn.BatchNorm1d(16), nn.Dropout(0.3),
            nn.Linear(16, 8), nn.GELU(), nn.Linear(8, 1),
        )

    def forward(self, features):
        return torch.sigmoid(self.net(features))


class Cnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.second = nn.Conv2d(4, 6, 3, stride=2, groups=2)
        self.head = nn.Linear(6, 3)

    def forward(self, image):
        x = torch.max_pool2d(torch.relu(self.norm(self.first(image))), 2)
        x = nn.functional.leaky_relu(self.second(x), 0.1)
        x = nn.functional.adaptive_avg_pool2d(x, 1).flatten(1)
        return torch.softmax(self.head(x), dim=1)


class Lstm(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(3, 5, num_layers=2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(10, 1)

    def forward(self, series):
        steps, _ = self.rnn(series)
        return self.head(steps[:, -1])


class Gru(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(3, 6, batch_first=True)
        self.head = nn.Linear(6, 2)

    def forward(self, series):
        steps, _ = self.rnn(series)
        return self.head(steps)


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.up = nn.Linear(4, 8)
        self.encoder = nn.TransformerEncoderLayer(
            8, 2, dim_feedforward=16, batch_first=True, dropout=0.1, activation="gelu"
        )
        self.head = nn.Linear(8, 1)

    def forward(self, series):
        return self.head(self.encoder(self.up(series)).mean(dim=1))


def make(folder, network, x, y, loss, names):
    """`names`: of the input and of the output."""
    torch.manual_seed(SEED)
    model, rows = network(), torch.tensor(x)
    optimizer, labels = torch.optim.Adam(model.parameters(), 0.01), torch.tensor(y)
    for _ in range(30):
        optimizer.zero_grad()
        loss(model(rows), labels).backward()
        optimizer.step()
    model.eval()
    (asked, answered), case = names, Case(folder, f"torch {torch.__version__}")
    case.tensors(**{asked: x})
    with torch.no_grad():
        case.answered(**{answered: model(rows).numpy()})
    exported = {"input_names": [asked], "output_names": [answered]}
    older = {"dynamo": False, "opset_version": 17, "dynamic_axes": {asked: {0: "batch"}, answered: {0: "batch"}}}
    newer = {"dynamo": True, "dynamic_shapes": {asked: {0: torch.export.Dim("batch")}}}
    kinds = {"model_ts.onnx": older, "model_dynamo.onnx": {**newer, "external_data": False}}
    if network is Dense:
        # Weights in a file of their own.
        kinds["model_external.onnx"] = {**newer, "external_data": True}
    for file, settings in kinds.items():
        torch.onnx.export(model, (rows[:2],), case.path(file), verbose=False, **exported, **settings)
        without_places(case.path(file))
        of_all, of_one = (list(onnxruntime_answers(case.path(file), [part]).values())[0] for part in (x, x[:1]))
        case.scored(file, **{answered: of_all})
        if apart(of_one, case.outputs[answered][:1]) > 1e-5:
            raise ValueError(f"{file} answers one row otherwise than all")
    case.close()


def without_places(path):
    """Takes out the places in this machine's source files that the exporter writes beside each node."""
    model = onnx.load(path, load_external_data=False)
    graphs = [model.graph, *model.functions]
    parts = [part for graph in graphs for part in graph.node]
    parts += [*model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer]
    for part in parts:
        part.doc_string = ""
    for part in [model, *graphs, *parts]:
        del part.metadata_props[:]
    model.doc_string = ""
    pathlib.Path(path).write_bytes(model.SerializeToString())


def models():
    chance = rng(30)

    def edged(*shape, digits=3):
        x = np.round(chance.normal(size=shape), digits).astype("float32")
        x[-1], x[-2], x[-3] = 0, -1, 50
        return x

    def noise(*shape):
        return chance.normal(size=shape).astype("float32")

    features = numeric(120, 6, 31, huge=50).astype("float32")
    label = target(features, "binary", 31).astype("float32")[:, None]
    image, series, longer = edged(60, 1, 8, 8, digits=2), edged(60, 7, 3), edged(60, 5, 4)
    kinds = {
        "torch_dense": (Dense, features, label, nn.BCELoss(), ("features", "probability")),
        "torch_cnn": (Cnn, image, chance.integers(0, 3, 60), nn.NLLLoss(), ("image", "probability")),
        "torch_lstm": (Lstm, series, noise(60, 1), nn.MSELoss(), ("series", "value")),
        "torch_gru": (Gru, series, noise(60, 7, 2), nn.MSELoss(), ("series", "value")),
        "torch_transformer": (Transformer, longer, noise(60, 1), nn.MSELoss(), ("series", "value")),
    }
    return {name: lambda folder, kind=kind: make(folder, *kind) for name, kind in kinds.items()}

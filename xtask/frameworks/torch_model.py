"""A PyTorch network: exported to ONNX, and as TorchScript for the process that keeps it live."""

import os
import sys

import torch

from rows import WIDTH, leave, made

folder = sys.argv[1]
rows, labels = made()
torch.manual_seed(3)
torch.set_num_threads(1)
net = torch.nn.Sequential(
    torch.nn.Linear(WIDTH, 32),
    torch.nn.ReLU(),
    torch.nn.LayerNorm(32),
    torch.nn.Linear(32, 16),
    torch.nn.GELU(),
    torch.nn.Linear(16, 1),
    torch.nn.Sigmoid(),
)
x, y = torch.tensor(rows), torch.tensor(labels, dtype=torch.float32).reshape(-1, 1)
optimizer, loss = torch.optim.Adam(net.parameters(), lr=0.01), torch.nn.BCELoss()
for _ in range(100):
    optimizer.zero_grad()
    loss(net(x), y).backward()
    optimizer.step()
net.eval()
torch.onnx.export(
    net,
    (x[:2],),
    os.path.join(folder, "model.onnx"),
    dynamo=True,
    input_names=["x"],
    output_names=["probability"],
    dynamic_shapes=({0: torch.export.Dim("batch")},),
)
torch.jit.trace(net, x[:2]).save(os.path.join(folder, "model.pt"))
with open(os.path.join(folder, "live.py"), "w") as to:
    to.write(
        """import os
import torch

torch.set_num_threads(1)


def load():
    return torch.jit.load(os.path.join(os.path.dirname(os.path.abspath(__file__)), "model.pt")).eval()


def predict(model, batch):
    with torch.no_grad():
        return model(torch.tensor(batch.matrix, dtype=torch.float32))
"""
    )
with torch.no_grad():
    leave(folder, rows[:500], net(x[:500]).numpy())
print(f"PyTorch {torch.__version__}")

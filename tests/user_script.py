"""What a user writes: two type checkers accept it as it stands, and it runs.

>>> main()
learnt
"""

import tempfile
from pathlib import Path

import numpy as np

import nn
from microgradnd import Tensor, grad, no_grad


class Residual(nn.Module):
    """Adds a correction to its input, which a small network computes."""

    def __init__(self, size: int, hidden: int = 16) -> None:
        self.inside = nn.Sequential(nn.Linear(size, hidden), nn.Tanh(), nn.Linear(hidden, size))
        self.scale = nn.Parameter(np.ones(size))

    def forward(self, x: Tensor) -> Tensor:
        correction: Tensor = self.scale * self.inside(x)
        return x + correction


def main() -> None:
    w = Tensor([[0.1, 0.3], [-0.3, -0.2]], requires_grad=True, name="w")
    loss = np.sum(np.tanh(w @ np.array([2.0, 5.0])) ** 2) / 2
    loss.backward()
    with no_grad():
        w.data -= 0.1 * w.grad
    slope = grad(lambda x: np.sum(x**3))(np.array([1.0, 2.0]))
    assert slope.shape == (2,)

    nn.manual_seed(0)
    model = nn.Sequential(Residual(2), nn.Linear(2, 2))
    optimizer = nn.optim.Adam(model.parameters(), lr=0.05)
    data = nn.data.moons(200, seed=0)
    history = nn.fit(
        model, data, loss=nn.CrossEntropyLoss(), optimizer=optimizer, epochs=30, progress=False
    )
    with tempfile.TemporaryDirectory() as folder:
        nn.save(model, Path(folder, "model.npz"))
        nn.load(model, Path(folder, "model.npz"))
    if history.accuracy[-1] > 0.9 and nn.accuracy(model(data.inputs), data.labels) > 0.9:
        print("learnt")


if __name__ == "__main__":
    main()

"""Draw the pictures of the README: `python notebooks/pictures/make.py`."""

import pathlib

import numpy as np

import nn
from microgradnd import Tensor, draw, paths
from microgradnd.draw.picture import Drawing

HERE = pathlib.Path(__file__).parent


def lecture() -> tuple[Tensor, Tensor]:
    """The worked example of a lecture: 4 inputs, 4 hidden neurons, 2 outputs."""
    rng = np.random.default_rng(0)
    w1 = Tensor(rng.normal(size=(4, 4)).round(1), requires_grad=True, name="W1")
    w2 = Tensor(rng.normal(size=(2, 4)).round(1), requires_grad=True, name="W2")
    x = Tensor([1.0, 0.5, -1.0, 2.0], name="x")
    h = nn.functional.sigmoid(w1 @ x)
    outputs = nn.functional.softmax(w2 @ h, dim=0)
    h.name, outputs.name = "h", "ŷ"
    return np.sum((outputs - [1.0, 0.0]) ** 2), w1


def digits() -> Drawing:
    """The network that reads digits, with ten examples."""
    nn.manual_seed(0)
    model = nn.Sequential(nn.Linear(784, 30), nn.Sigmoid(), nn.Linear(30, 10), nn.Sigmoid())
    ten = nn.data.digits().train[:10]
    return draw(lambda x: nn.QuadraticLoss()(model(x), ten.labels), ten.inputs)


def main() -> None:
    loss, w1 = lecture()
    draw(loss, highlight=paths(loss, w1, (2, 0)), direction="TB").save(HERE / "paths.svg")
    digits().save(HERE / "digits.svg")
    nn.manual_seed(0)
    small = nn.Sequential(nn.Linear(4, 5), nn.Sigmoid(), nn.Linear(5, 2), nn.Softmax(dim=-1))
    nn.draw_network(small, [1.0, 0.5, -1.0, 2.0]).save(HERE / "network.svg")


if __name__ == "__main__":
    main()

"""Training steps of dense networks, in float32: ours and PyTorch's, which have the same names.

`by_hand` and `functional` have the same steps for NumPy and for JAX, autograd and MyGrad. Libraries
are imported where they are used, so that a process has only those that it measures.
"""

import functools
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .timing import LeftOutError, Run


@dataclass(frozen=True)
class Setting:
    """A dense network and how it is trained, the same for every system."""

    widths: tuple[int, ...]
    batch: int
    activation: str = "ReLU"
    cost: str = "cross-entropy"  # or "quadratic", of activations, or "hinge", with L2
    rate: float | None = None  # of gradient descent; without one it is Adam
    dropout: float = 0.0  # before each layer but the first

    def weights(self) -> list[np.ndarray]:
        rng = np.random.default_rng(0)
        return [
            rng.standard_normal((outputs, inputs), np.float32) / np.float32(np.sqrt(inputs))
            for inputs, outputs in itertools.pairwise(self.widths)
        ]

    def parameters(self) -> list[np.ndarray]:
        """A matrix and a vector for each layer."""
        pairs = [(w, np.zeros(len(w), np.float32)) for w in self.weights()]
        return [parameter for pair in pairs for parameter in pair]

    def batches(self, convert: Callable[[np.ndarray], Any]) -> Iterator[tuple[Any, Any]]:
        """Yields inputs and targets, without end.

        Targets are independent of the inputs and the pairs are always new, so that nothing can be
        memorised. Otherwise gradients would vanish, and processors are slow with numbers that
        are almost zero.
        """
        inputs, wanted = _drawn(self)
        return zip(
            itertools.cycle([convert(x) for x in inputs]),
            itertools.cycle([convert(y) for y in wanted]),
            strict=True,
        )


@functools.lru_cache(maxsize=1)
def _drawn(setting: Setting) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    inputs = rng.standard_normal((8, setting.batch, setting.widths[0]), np.float32)
    if setting.cost == "hinge":
        return inputs, rng.choice(np.float32([-1, 1]), (7, setting.batch, 1))
    labels = rng.integers(0, setting.widths[-1], (7, setting.batch))
    if setting.cost == "quadratic":
        return inputs, np.eye(setting.widths[-1], dtype=np.float32)[labels]
    return inputs, labels


SIGMOID = Setting((784, 30, 10), 10, "Sigmoid", "quadratic", rate=0.05)
RELU = Setting((784, 100, 10), 64)
DROPOUT = Setting((784, 256, 256, 10), 128, dropout=0.5)
DEEP = Setting((64,) * 30 + (10,), 32, "Tanh", rate=0.01)
DEMO = Setting((2, 16, 16, 1), 100, cost="hinge", rate=0.01)


class Trainer(NamedTuple):
    """How a system trains: its step returns loss and gradients for arrays it has converted."""

    step: Callable[[Any, Any], list[Any]]
    convert: Callable[[np.ndarray], Any] = np.asarray


def steps(system: Callable[[Setting], Trainer], setting: Setting) -> Run:
    """One step after another, each on the next batch. With dropout no two systems agree."""
    trainer = system(setting)
    batches = setting.batches(trainer.convert)
    if setting.dropout:
        return lambda: trainer.step(*next(batches))[:0]
    return lambda: trainer.step(*next(batches))


# ---- torch.nn's names: ours and PyTorch's --------------------------------------------------------


def model_of(setting: Setting, library: Any, convert: Callable[[np.ndarray], Any]) -> Any:
    """The network with the setting's parameters."""
    layers: list[Any] = []
    for inputs, outputs in itertools.pairwise(setting.widths):
        if layers and setting.dropout:
            layers.append(library.Dropout(setting.dropout))
        layers += [library.Linear(inputs, outputs), getattr(library, setting.activation)()]
    model = library.Sequential(*layers if setting.cost == "quadratic" else layers[:-1])
    for parameter, values in zip(model.parameters(), setting.parameters(), strict=True):
        parameter.data = convert(values)
    return model


def optimizer_of(setting: Setting, optim: Any, parameters: Any) -> Any:
    if setting.rate is None:
        return optim.Adam(parameters)
    return optim.SGD(parameters, lr=setting.rate)


def _ours(setting: Setting) -> tuple[Callable[[Any, Any], Any], list[Any]]:
    """Returns a step that returns its loss, and the parameters."""
    import nn

    model = model_of(setting, nn, np.array).astype(np.float32)
    parameters = list(model.parameters())
    optimizer = optimizer_of(setting, nn.optim, parameters)

    def hinge(scores, signs):
        margins = np.mean(np.maximum(1 - scores * signs, 0))
        return margins + 1e-4 * sum(np.vdot(p, p) for p in parameters)

    costs = {
        "quadratic": nn.QuadraticLoss(),
        "cross-entropy": nn.CrossEntropyLoss(),
        "hinge": hinge,
    }
    cost = costs[setting.cost]

    def step(x, wanted):
        loss = cost(model(x), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step, parameters


def _with_gradients(step, parameters):
    return lambda x, wanted: [step(x, wanted).item(), *[p.grad for p in parameters]]


def eager(setting: Setting) -> Trainer:
    return Trainer(_with_gradients(*_ours(setting)))


def replayed(setting: Setting) -> Trainer:
    from microgradnd import replay

    step, parameters = _ours(setting)
    return Trainer(_with_gradients(replay(step), parameters))


def pytorch(setting: Setting, compiled: Callable[[Any], Any] = lambda function: function):
    import torch

    model = model_of(setting, torch.nn, torch.from_numpy)
    parameters = list(model.parameters())
    optimizer = optimizer_of(setting, torch.optim, parameters)
    total = torch.nn.MSELoss(reduction="sum")

    def quadratic(activations, wanted):
        return total(activations, wanted) / (2 * len(wanted))

    def hinge(scores, signs):
        margins = torch.relu(1 - scores * signs).mean()
        return margins + 1e-4 * sum((p * p).sum() for p in parameters)

    costs = {
        "quadratic": quadratic,
        "cross-entropy": torch.nn.CrossEntropyLoss(),
        "hinge": hinge,
    }
    cost = costs[setting.cost]
    loss_of = compiled(lambda x, wanted: cost(model(x), wanted))
    update = compiled(optimizer.step)

    def step(x, wanted):
        loss = loss_of(x, wanted)
        optimizer.zero_grad()
        loss.backward()
        update()
        return loss

    return Trainer(_with_gradients(step, parameters), torch.from_numpy)


def torch_compile(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function compiled by `torch.compile`, if it finds a C++ compiler."""
    _try_to_compile()
    import torch

    return torch.compile(function)


@functools.cache
def _try_to_compile() -> None:
    import torch

    try:
        torch.compile(lambda x: x + 1)(torch.ones(1))
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise LeftOutError(f"it does not run here ({reason})") from error


def compiled(setting: Setting) -> Trainer:
    return pytorch(setting, torch_compile)

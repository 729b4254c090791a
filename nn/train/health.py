"""How the layers of a model are: gradients that vanish or explode, units that are stuck."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from microgradnd import history

from ..module import Module
from .checkpoint import Callback, Run

Array = Any  # a NumPy array


class TrainingWarning(UserWarning):
    """Something about a model that keeps it from learning.

    >>> from nn.train.health import TrainingWarning
    >>> issubclass(TrainingWarning, UserWarning)
    True
    """


# The activations that are looked at, as the graph names them. Outputs are saturated where the slope
# is below a twentieth of the steepest.
_SATURATED: dict[str, Any] = {
    "sigmoid": lambda y: y * (1 - y) < 0.05 / 4,
    "tanh": lambda y: 1 - y * y < 0.05,
}
_FIRES: dict[str, Any] = {"relu": lambda y: y > 0}

_EXPLODES = 1e3  # a gradient that is so many times longer than the weights
_VANISHES = 1e-4  # entries of a gradient that are so small beside those of another layer's


class Health(Callback):
    """Looks at the layers in every `every`th batch, the first of an epoch among them, and records
    for each epoch in `history.health`:

    - `gradient` and `weight` of a layer with parameters: the norm of its gradient, in the mean, and
      that of its parameters;
    - `saturated` of sigmoids and tanhs: the share of their outputs where they hardly have a slope;
    - `dead` of ReLUs: the share of units that did not fire for the last `examples` looked at, or
      for as many as there are.

    It warns, once for each layer, when a gradient explodes (is 1000 times longer than the weights
    and 1), when gradients vanish (are 10,000 times smaller, entry by entry, than in another layer,
    in the mean over an epoch), and when a unit never fires. `fit` has one of these by itself.

    >>> import nn
    >>> from nn.train.health import Health
    >>> from nn.train import fit
    >>> model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2))
    >>> optimizer = nn.optim.SGD(model.parameters(), lr=0.1)
    >>> history = fit(model, nn.data.moons(50), loss=nn.CrossEntropyLoss(), optimizer=optimizer,
    ...               epochs=2, callbacks=[Health(every=10)], progress=False)
    >>> list(history.health), list(history.health["0 (Linear)"]), list(history.health["1 (ReLU)"])
    (['0 (Linear)', '2 (Linear)', '1 (ReLU)'], ['gradient', 'weight'], ['dead'])
    """

    def __init__(self, every: int = 100, examples: int = 1000) -> None:
        if every < 1 or examples < 1:
            raise ValueError(f"{every=} and {examples=} are to be 1 or more")
        self.every, self.examples = every, examples

    def begin(self, run: Run) -> None:
        self._gradients: dict[str, list[float]] = {}  # in this epoch, one for each look
        self._saturated: dict[str, list[float]] = {}
        self._silent: dict[str, Array] = {}  # for how many examples each unit has not fired
        self._warned: list[str] = []
        self._owners = {
            module._where(): owned
            for module in run.model.modules()
            if (owned := [p for p in module.parameters(recurse=False) if p.requires_grad])
        }
        self._names = layers_by_scope(run.model)

    def looks(self, run: Run) -> bool:
        return run.batch % self.every == 0

    def after_backward(self, run: Run) -> None:
        self._look_at_gradients()
        self._look_at_units(run.cost)

    def after_epoch(self, run: Run) -> None:
        sizes = {layer: sum(p.size for p in owned) for layer, owned in self._owners.items()}
        gradients = {layer: sum(norms) / len(norms) for layer, norms in self._gradients.items()}
        for layer, norm in gradients.items():
            weight = _norm(p.numpy() for p in self._owners[layer])
            run.history.append_health(layer, gradient=norm, weight=weight)
        for layer, shares in self._saturated.items():
            run.history.append_health(layer, saturated=sum(shares) / len(shares))
        long = min(self.examples, len(run.batches.data))
        for layer, silent in self._silent.items():
            run.history.append_health(layer, dead=float(np.mean(silent >= long)))
            self._warn_of_dead(layer, np.flatnonzero(silent >= long).tolist(), len(silent), long)
        entries = {layer: norm / sizes[layer] ** 0.5 for layer, norm in gradients.items()}
        self._warn_of_vanishing(entries)
        self._gradients, self._saturated = {}, {}

    def state_dict(self) -> dict[str, Any]:
        names = ("_gradients", "_saturated", "_silent", "_warned")
        return {name: getattr(self, name) for name in names}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._gradients = {k: [float(n) for n in v] for k, v in state_dict["_gradients"].items()}
        self._saturated = {k: [float(n) for n in v] for k, v in state_dict["_saturated"].items()}
        self._silent = {k: np.array(v, int) for k, v in state_dict["_silent"].items()}
        self._warned = list(map(str, state_dict["_warned"]))

    # ---- looking ---------------------------------------------------------------------------------

    def _look_at_gradients(self) -> None:
        for layer, owned in self._owners.items():
            gradients = [p.grad for p in owned if p.grad is not None]
            if gradients:
                norm, weight = _norm(gradients), _norm(p.numpy() for p in owned)
                self._gradients.setdefault(layer, []).append(norm)
                if not norm <= _EXPLODES * (1 + weight):
                    self._warn(
                        f"the gradient of {layer} explodes: its norm is {norm:.2g}, that of the "
                        f"weights {weight:.2g}. A smaller learning rate, clip_norm=, or inputs and "
                        "weights of a smaller scale may help",
                        layer,
                    )

    def _look_at_units(self, cost: Any) -> None:
        seen: dict[str, int] = {}
        for node in history(cost):
            name = node.operation.name if node.operation else ""
            if name in _SATURATED or name in _FIRES:
                layer = self._names.get(node.scope, ".".join(node.scope))
                seen[layer] = seen.get(layer, 0) + 1
                if seen[layer] > 1:
                    layer += f", {name} {seen[layer]}"
                y = node.numpy()
                if name in _SATURATED:
                    share = float(np.mean(_SATURATED[name](y)))
                    self._saturated.setdefault(layer, []).append(share)
                elif y.ndim > 1:
                    fired = _FIRES[name](y).any(axis=(0, *range(2, y.ndim)))  # in any place
                    silent = self._silent.get(layer, np.zeros(y.shape[1], int))
                    self._silent[layer] = np.where(fired, 0, silent + len(y))

    # ---- warning ---------------------------------------------------------------------------------

    def _warn_of_vanishing(self, entries: dict[str, float]) -> None:
        if entries and (largest := max(entries.values())) > 0:
            strongest = max(entries, key=lambda layer: entries[layer])
            for layer, entry in entries.items():
                if entry < _VANISHES * largest:
                    self._warn(
                        f"the gradient vanishes in {layer}: its entries are around {entry:.1g}, in "
                        f"{strongest} {largest:.1g}. Other activations than sigmoids, initial "
                        "weights of another scale, normalisation or fewer layers may help",
                        layer,
                    )

    def _warn_of_dead(self, layer: str, dead: list[int], units: int, long: int) -> None:
        if dead:
            which = ", ".join(map(str, dead[:10])) + ", ..." * (len(dead) > 10)
            self._warn(
                f"{len(dead)} of the {units} units of {layer} never fired for the {long} examples "
                f"looked at: {which}. A unit that never fires cannot learn; a smaller learning "
                "rate, He's initialisation or a leaky ReLU may help",
                f"{layer} dead",
            )

    def _warn(self, message: str, subject: str) -> None:
        if subject not in self._warned:
            self._warned.append(subject)
            warnings.warn(message, TrainingWarning, stacklevel=2)


def layers_by_scope(model: Module) -> dict[tuple[str, ...], str]:
    """How each layer is called, by the scope in which it computes.

    >>> from nn.containers import Sequential
    >>> from nn.layers.dense import Linear
    >>> from nn.train.health import layers_by_scope
    >>> layers_by_scope(Sequential(Linear(3, 2)))
    {('Sequential',): 'Sequential', ('Sequential', 'Linear0'): '0 (Linear)'}
    """
    scopes: dict[str, tuple[str, ...]] = {"": (model._heading or type(model).__name__,)}
    names = {scopes[""]: model._where()}
    for path, module in model.named_modules():
        if path:
            scopes[path] = (*scopes[path.rpartition(".")[0]], module._heading)
            names[scopes[path]] = module._where()
    return names


def _norm(arrays: Iterable[Array]) -> float:
    return math.sqrt(sum(float(np.vdot(array, array)) for array in arrays))

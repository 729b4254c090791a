"""The state of a model's layers: gradients that vanish or explode, units that are stuck."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from microgradnd import history
from microgradnd.arrays import Array
from microgradnd.context import warn_user
from microgradnd.habits import at_least
from microgradnd.operators import plain
from microgradnd.table import table

from ..containers import Sequential
from ..functions import Sigmoid, Softmax, operations, relu, sigmoid
from ..losses import BCEWithLogitsLoss, CrossEntropyLoss, NLLLoss
from ..module import Module, Parameter
from .run import Callback, Run


class TrainingWarning(UserWarning):
    """Something about a model that keeps it from learning.

    >>> issubclass(TrainingWarning, UserWarning)
    True
    """


# Where the outputs of an activation are saturated: the slope is below a twentieth of the steepest.
_SATURATED: dict[Any, Callable[[Array], Array]] = {
    operations[sigmoid]: lambda y: y * (1 - y) < 0.05 / 4,
    table[np.tanh]: lambda y: 1 - y * y < 0.05,
}
_EXPECTS: dict[Any, str] = {  # instead of what a last layer such as Softmax makes of the scores
    CrossEntropyLoss: "scores, and does the softmax; leave {} out",
    BCEWithLogitsLoss: "scores, and does the sigmoid; leave {} out",
    NLLLoss: "logarithms of probabilities; use LogSoftmax in place of {}",
}
_EXPLODES = 1e3  # a gradient that is so many times longer than the weights
_WHERE = "microgradnd.why_zero(loss, parameter) names where a gradient ends"
_VANISHES = 1e-4  # entries of a gradient that are so small beside those of another layer's


class Health(Callback):
    """Looks at the layers in some batches, and records what it found for each epoch in
    `history.health`:

    - `gradient` and `weight` of a layer with parameters: the norm of its gradient, averaged, and
      that of its parameters;
    - `saturated` of sigmoids and tanhs: the share of their outputs where they hardly have a slope;
    - `dead` of ReLUs: the share of units that did not fire for the last examples looked at.

    It warns, once for each layer, when a gradient explodes (is 1000 times longer than the weights
    and 1), when gradients vanish (are 10,000 times smaller, entry by entry, than in another layer),
    and when a unit never fires; at the beginning also of a softmax or sigmoid before a loss that
    expects scores, of an optimiser of other parameters, and of a layer that `forward` makes anew.
    `fit` has one of these by itself.

    Arguments:
        every: look at every so many batches of an epoch, beginning with the first.
        examples: a unit is dead if it did not fire for so many examples, or all there are.

    >>> often = Health(every=10)         # for fit(callbacks=[often])
    """

    _kept = "_gradients", "_saturated", "_silent", "_warned"

    def __init__(self, every: int = 100, examples: int = 1000) -> None:
        at_least(1, every=every, examples=examples)
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
        parts = [part for part in (run.model, run.loss) if isinstance(part, Module)]
        known = {id(p) for part in parts for p in part.parameters()}
        moved = {id(p) for group in run.optimizer.param_groups for p in group["params"]}
        self._trained = known | moved
        missed = {id(p) for p in run.model.parameters() if p.requires_grad} - moved
        if missed and (strange := moved - known):
            found = f"{len(strange)} of the {len(moved)} parameters of the optimiser are not the"
            lacks = f"model's, and {len(missed)} of the model's are missing"
            use = "make it from model.parameters(), after the last layer was put in its place"
            self._warn("optimizer", f"{found} {lacks}; {use}")
        last: Any = run.model
        while getattr(type(last), "forward", None) is Sequential.forward and len(last):
            last = last[-1]
        if isinstance(last, Softmax | Sigmoid) and (what := _EXPECTS.get(type(run.loss))):
            loss, name = type(run.loss).__name__, type(last).__name__
            self._warn("loss", f"{loss} expects {what.format(name)}")

    def looks(self, run: Run) -> bool:
        return run.batch % self.every == 0

    def after_backward(self, run: Run) -> None:
        for layer, owned in self._owners.items():
            gradients = [p.grad for p in owned if p.grad is not None]
            if gradients:
                norm, weight = _norm_of_all(gradients), _norm_of_all(map(plain, owned))
                self._gradients.setdefault(layer, []).append(norm)
                if not norm <= _EXPLODES * (1 + weight):
                    found = f"its norm is {norm:.2g}, that of the weights {weight:.2g}"
                    use = "A smaller learning rate, clip_norm=, or smaller inputs and weights may"
                    self._warn(layer, f"the gradient of {layer} explodes: {found}. {use} help")
        seen = Counter[str]()
        for node in history(run.cost):
            operation = node.operation
            learned = (p for p in node.parents if isinstance(p, Parameter) and p.requires_grad)
            for p in learned if node.scope[:1] in self._names else ():
                if id(p) not in self._trained:
                    found = f"{'.'.join(node.scope)} computes with {p.title}, which is not trained"
                    use = "make layers in __init__ and not in forward, or freeze them by"
                    self._warn("untrained", f"{found}: {use} requires_grad_(False)")
            if operation in _SATURATED or operation is operations[relu]:
                layer = self._names.get(node.scope, ".".join(node.scope))
                seen[layer] += 1
                layer += f", {operation.name} {seen[layer]}" * (seen[layer] > 1)
                y = plain(node)
                if operation in _SATURATED:
                    share = float(np.mean(_SATURATED[operation](y)))
                    self._saturated.setdefault(layer, []).append(share)
                elif y.ndim > 1:
                    fired = (y > 0).any(axis=(0, *range(2, y.ndim)))  # in any place
                    self._silent[layer] = np.where(fired, 0, self._silent.get(layer, 0) + len(y))

    def after_epoch(self, run: Run) -> None:
        measured = dict[str, float]()
        entries = {}  # how large the entries of each gradient are
        for layer, norms in self._gradients.items():
            owned, norm = self._owners[layer], sum(norms) / len(norms)
            entries[layer] = norm / sum(p.size for p in owned) ** 0.5
            measured[f"health/{layer}/gradient"] = norm
            measured[f"health/{layer}/weight"] = _norm_of_all(map(plain, owned))
        for layer, shares in self._saturated.items():
            measured[f"health/{layer}/saturated"] = sum(shares) / len(shares)
        long = min(self.examples, run.batches.examples)
        for layer, silent in self._silent.items():
            dead = np.flatnonzero(silent >= long).tolist()
            measured[f"health/{layer}/dead"] = len(dead) / len(silent)
            if dead:
                which = ", ".join(map(str, dead[:10])) + ", ..." * (len(dead) > 10)
                found = f"{len(dead)} of the {len(silent)} units of {layer} never fired"
                looked = f"for the {long} examples looked at: {which}. Such a unit cannot learn"
                use = "A smaller learning rate, He's initialisation or a leaky ReLU may help"
                self._warn(f"{layer} dead", f"{found} {looked}. {use}; {_WHERE}")
        strongest = max(entries, key=entries.__getitem__, default="")
        for layer, entry in entries.items():
            if entry < _VANISHES * entries[strongest]:
                found = f"its entries are around {entry:.1g}, in {strongest} "
                found += f"{entries[strongest]:.1g}"
                use = "Other activations than sigmoids, initial weights of another scale,"
                use += " normalisation or fewer layers may help"
                self._warn(layer, f"the gradient vanishes in {layer}: {found}. {use}; {_WHERE}")
        run.history.append(**measured)
        self._gradients, self._saturated = {}, {}

    def _warn(self, subject: str, message: str) -> None:
        if subject not in self._warned:
            self._warned.append(subject)
            warn_user(message, TrainingWarning)


def layers_by_scope(model: Module) -> dict[tuple[str, ...], str]:
    """The name of each layer, by the scope in which it computes: ("Sequential", "Linear0")."""
    scopes: dict[str, tuple[str, ...]] = {}
    names = {}
    for path, module in model.named_modules():
        outer = scopes.get(path.rpartition(".")[0], ())
        scopes[path] = (*outer, module._heading or type(module).__name__)
        names[scopes[path]] = module._where()
    return names


def _norm_of_all(arrays: Iterable[Array]) -> float:
    return math.sqrt(sum(float(np.vdot(array, array)) for array in arrays))

"""Looking into a network while it works: functions called before, after and on the way back."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from microgradnd import Tensor, primitive

Hook = Callable[..., Any]

_numbers = itertools.count()


class Handle:
    """What registering a hook gives: `remove()` takes the hook away, and so does leaving `with`."""

    def __init__(self, hooks: dict[int, tuple[str, Hook]], kind: str, hook: Hook) -> None:
        self._hooks, self._number = hooks, next(_numbers)
        hooks[self._number] = kind, hook

    def remove(self) -> None:
        """Take the hook away; doing so twice does no harm."""
        self._hooks.pop(self._number, None)

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *error: object) -> None:
        self.remove()


def call_with_hooks(module: Any, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """What `module(*inputs)` does when it has hooks."""
    hooks = list(module._hooks.values())
    before, after, gradient = (
        [hook for kind, hook in hooks if kind == wanted] for wanted in ("before", "after", "back")
    )
    for hook in before:
        changed = hook(module, inputs)
        if changed is not None:
            inputs = changed if isinstance(changed, tuple) else (changed,)
    way_back = _WayBack(module, gradient)
    if gradient:
        inputs = way_back.entering(inputs)
    output = module.forward(*inputs, **options)
    for hook in after:
        changed = hook(module, inputs, output)
        output = output if changed is None else changed
    return way_back.leaving(output) if gradient else output


class _WayBack:
    """One call of a module, and the gradients that come back through it.

    They are seen by two identities, one before the module and one behind it. The one behind has its
    turn first in a backward pass, so that the one before can report for both.
    """

    def __init__(self, module: Any, hooks: list[Hook]) -> None:
        self._module, self._hooks = module, hooks
        self._of_output: tuple[Any, ...] = ()

    def entering(self, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """The inputs behind the first identity."""
        self._inputs = len(list(_leaves(inputs)))
        self._nothing_before = not any(map(_is_recorded, _leaves(inputs)))
        return _watched(inputs, self._report)  # type: ignore[no-any-return]

    def leaving(self, output: Any) -> Any:
        """The output behind the second."""

        def look(of_output: tuple[Any, ...]) -> None:
            self._of_output = of_output
            if self._nothing_before:
                self._report((None,) * self._inputs)

        return _watched(output, look)

    def _report(self, of_inputs: tuple[Any, ...]) -> None:
        of_output, self._of_output = self._of_output, ()
        for hook in self._hooks:
            if hook(self._module, of_inputs, of_output) is not None:
                raise TypeError(
                    f"a backward hook of {self._module._where()} returned something: it can look "
                    "at gradients and not change them"
                )


def _watched(value: Any, look: Callable[[tuple[Any, ...]], Any]) -> Any:
    """The same value; `look` is shown the gradients of what is in it, None where there is none."""
    recorded = [_is_recorded(leaf) for leaf in _leaves(value)]
    if not any(recorded):
        return value

    def rule(position: int) -> Callable[..., Any]:
        def pull_back(g: Any, *_: Any) -> Any:
            if position == 0:
                found = iter(g)
                look(tuple(next(found) if each else None for each in recorded))
            return g[position]

        return pull_back

    identity = primitive(lambda *values: values, *map(rule, range(sum(recorded))), name="watched")
    return _with(value, iter(identity(*filter(_is_recorded, _leaves(value)))))


def _leaves(value: Any) -> Iterator[Any]:
    """What is in a value, which may be a tuple of tuples, as the state of an LSTM is."""
    if isinstance(value, tuple):
        for part in value:
            yield from _leaves(part)
    else:
        yield value


def _is_recorded(leaf: Any) -> bool:
    return isinstance(leaf, Tensor) and leaf.requires_grad


def _with(value: Any, tensors: Iterator[Tensor]) -> Any:
    """The value with these Tensors in place of its own."""
    if isinstance(value, tuple):
        return tuple(_with(part, tensors) for part in value)
    return next(tensors) if _is_recorded(value) else value

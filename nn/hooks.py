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
        self._of_inputs: tuple[Any, ...] = ()
        self._of_output: tuple[Any, ...] = ()

    def entering(self, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        self._of_inputs = (None,) * len(inputs)
        self._reports = any(True for _ in _recorded(inputs))

        def seen(gradients: list[Any]) -> None:
            # An input that is no recorded Tensor has no gradient.
            found = iter(gradients)
            self._tell(
                tuple(next(found) if any(True for _ in _recorded(x)) else None for x in inputs)
            )

        return seen_on_the_way_back(inputs, seen)  # type: ignore[no-any-return]

    def leaving(self, output: Any) -> Any:
        def seen(gradients: list[Any]) -> None:
            self._of_output = tuple(gradients)
            if not self._reports:
                self._tell(self._of_inputs)

        return seen_on_the_way_back(output, seen)

    def _tell(self, of_inputs: tuple[Any, ...]) -> None:
        of_output, self._of_output = self._of_output, ()
        for hook in self._hooks:
            if hook(self._module, of_inputs, of_output) is not None:
                raise TypeError(
                    f"a backward hook of {self._module._where()} returned something: it can look "
                    "at gradients and not change them"
                )


def seen_on_the_way_back(value: Any, look: Callable[[list[Any]], Any]) -> Any:
    """The same value; `look` is shown the gradients of the recorded Tensors in it."""
    tensors = list(_recorded(value))
    if not tensors:
        return value

    def rule(position: int) -> Callable[..., Any]:
        def pull(g: list[Any], *_: Any) -> Any:
            if position == 0:
                look(list(g))
            return g[position]

        return pull

    identity = primitive(lambda *values: values, *map(rule, range(len(tensors))), name="watched")
    return _with(value, iter(identity(*tensors)))


def _recorded(value: Any) -> Iterator[Tensor]:
    """The Tensors with a gradient in a value, which may be a tuple or list of others."""
    if isinstance(value, tuple | list):
        for part in value:
            yield from _recorded(part)
    elif isinstance(value, Tensor) and value.requires_grad:
        yield value


def _with(value: Any, tensors: Iterator[Tensor]) -> Any:
    """The value with these Tensors in place of its own."""
    if isinstance(value, tuple | list):
        return type(value)([_with(part, tensors) for part in value])
    return next(tensors) if any(True for _ in _recorded(value)) else value

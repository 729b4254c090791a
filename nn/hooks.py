"""How a module is called: in a scope with its name, between hooks that look into the network."""

from __future__ import annotations

import contextlib
import functools
import inspect
import itertools
import re
import weakref
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from microgradnd import Tensor, primitive
from microgradnd.context import USUALLY, State, current, leave
from microgradnd.habits import instead, require
from microgradnd.tree import flatten

Hook = Callable[..., Any]
_new = tuple.__new__  # in half the time of the __new__ that Python writes for a named tuple


class Handle(contextlib.AbstractContextManager["Handle"]):
    """A registered hook: `remove()` or the end of a `with` block takes it away."""

    def __init__(self, module: Hooked, kind: str, hook: Hook) -> None:
        self._hooks: dict[Handle, tuple[str, Hook]] = vars(module).setdefault("_hooks", {})
        self._hooks[self] = kind, hook

    def remove(self) -> None:
        """Removes the hook; a second call does nothing."""
        self._hooks.pop(self, None)

    def __exit__(self, *error: object) -> None:
        self.remove()


def _forward_is_missing(self: Hooked, *inputs: Any, **options: Any) -> Any:
    raise NotImplementedError(f"{type(self).__name__} needs a method forward(self, ...)")


class Hooked:
    """The part of a Module that is about calling it."""

    _path: str = ""  # its place in the outermost model, such as "encoder.0"
    _heading: str = ""  # its scope, such as "Linear0"
    _named_errors: tuple[type[Exception], ...] = ()  # those that begin with its name
    _hooks: Mapping[Handle, tuple[str, Hook]] = {}
    _formulas: Mapping[str, Callable[[Any], Any]] = {}  # of the module, for computed attributes

    # What the module computes; declared as a Callable, so that a subclass may take any arguments.
    forward: Callable[..., Any] = _forward_is_missing

    extra_repr: Callable[[], str]

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        # `with scope(name)` in fewer calls
        outer, block, kind = current.get(), weakref.ref(self), type(self).__name__
        how = USUALLY if outer is None else outer.how
        inside = _new(State, (how, outer, block, self._heading or kind, kind))
        current.set(inside)
        try:
            if self._hooks:
                return _call_with_hooks(self, inputs, options)
            return self.forward(*inputs, **options)
        except self._named_errors as error:
            error.args = (f"{self._where()}: {error}", *error.args[1:])
            raise
        finally:
            if current.get() is inside:
                current.set(outer)
            else:
                leave(block)

    def _picture_options(self) -> str:
        """The options of the repr that are not those of a call without them."""
        usual = inspect.signature(type(self)).parameters
        written = " ".join(self.extra_repr().split())
        options = map(str.strip, re.findall(r"(?:[^,(\[]|\([^)]*\)|\[[^\]]*\])+", written))
        return ", ".join(option for option in options if not _is_default(option, usual))

    if not TYPE_CHECKING:  # which knows the attributes

        def __getattr__(self, name: str) -> Any:
            if (formula := self._formulas.get(name)) is not None:
                return formula(self)
            meant = "" if name[0] == "_" else instead(name, dir(type(self)), None)
            for kind in type(self).__mro__[1:]:  # one of which may have been to assign it
                made = inspect.unwrap(vars(kind).get("__init__", id))
                assigned = getattr(getattr(made, "__code__", None), "co_names", ())
                if name in assigned or inspect.get_annotations(kind).get(name) == "Parameter":
                    meant = f"; call super().__init__(...) in {type(self).__name__}.__init__"
            raise AttributeError(f"{self._where()} has no attribute {name!r}{meant}")

    def _where(self) -> str:
        """The name of this module in errors: its place in the model and its class."""
        kind = type(self).__name__
        return f"{self._path} ({kind})" if self._path else kind

    def register_forward_pre_hook(self, hook: Hook) -> Handle:
        """Calls `hook(module, inputs)` before `forward`; what it returns replaces the inputs."""
        return Handle(self, "before", hook)

    def register_forward_hook(self, hook: Hook) -> Handle:
        """Calls `hook(module, inputs, output)` after `forward`; its result replaces the output."""
        return Handle(self, "after", hook)

    def register_full_backward_hook(self, hook: Hook) -> Handle:
        """Calls `hook(module, gradients_of_inputs, gradients_of_output)` in the backward pass.

        Both are tuples, with None for an input that has no gradient. A hook cannot change them.

        >>> from nn.layers.dense import Linear
        >>> layer = Linear(3, 2)
        >>> with layer.register_full_backward_hook(lambda module, *gradients: print(gradients)):
        ...     layer([1.0, 2.0, 3.0]).sum().backward()
        ((None, None, None), (array([1., 1.]),))
        """
        return Handle(self, "backward", hook)


def _is_default(option: str, parameters: Mapping[str, inspect.Parameter]) -> bool:
    """Whether "stride=(1, 1)" is what a call without it has, as 1 for each axis is."""
    name, _, value = option.partition("=")
    default = parameters[name].default if name in parameters else inspect.Parameter.empty
    return {*value.strip("()").replace(",", "").split()} in ({str(default)}, {repr(default)})


def _call_with_hooks(module: Hooked, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    before, after, backward = (
        [hook for kind, hook in module._hooks.values() if kind == wanted]
        for wanted in ("before", "after", "backward")
    )
    for hook in before:
        changed = hook(module, inputs)
        if changed is not None:
            inputs = changed if isinstance(changed, tuple) else (changed,)
    of_output: list[tuple[Any, ...]] = [()]

    def report(of_inputs: tuple[Any, ...]) -> None:
        gradients, of_output[0] = of_output[0], ()
        for hook in backward:
            nothing = hook(module, of_inputs, gradients) is None
            where = f"a backward hook of {module._where()}"
            require(nothing, f"{where} returned something: it cannot change gradients", TypeError)

    def keep(gradients: tuple[Any, ...]) -> None:
        of_output[0] = gradients
        if watched is inputs:  # nothing goes on to them
            report((None,) * len(flatten(inputs)[0]))

    # A backward pass meets the identity behind the module first, then the one before it.
    watched = _watched(inputs, report) if backward else inputs
    output = module.forward(*watched, **options)
    for hook in after:
        changed = hook(module, watched, output)
        output = output if changed is None else changed
    return _watched(output, keep) if backward else output


def _watched(value: Any, look: Callable[[tuple[Any, ...]], None]) -> Any:
    """The same value; a backward pass calls `look` with the gradients of what is in it, or None."""
    leaves, rebuild = flatten(value)
    recorded = [isinstance(leaf, Tensor) and leaf.requires_grad for leaf in leaves]
    if not any(recorded):
        return value

    def rule(position: int, g: Any, *_: Any) -> Any:
        if position == 0:
            found = iter(g)
            look(tuple(next(found) if each else None for each in recorded))
        return g[position]

    rules = (functools.partial(rule, position) for position in range(sum(recorded)))
    identity = primitive(lambda *values: values, *rules, name="watched")
    behind = iter(identity(*itertools.compress(leaves, recorded)))
    pairs = zip(leaves, recorded, strict=True)
    return rebuild(next(behind) if each else leaf for leaf, each in pairs)

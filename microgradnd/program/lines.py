"""The lines of a program: how its arrays, values and calls are spelled in Python."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..arrays import Array
from ..tensor import Tensor, constant
from .calls import Call, Calls
from .layout import Block, Layout
from .recording import Recording, Result
from .surroundings import put
from .value import Value, bounds, form, viewed


class Lines:
    """A recording as lines of Python, and what these use."""

    def __init__(self, layout: Layout, calls: Calls, recording: Recording) -> None:
        self._layout, self._calls, self._recording = layout, calls, recording
        self.given: dict[str, Any] = {"put": put, "constant": constant}  # by name
        self.lying: dict[str, tuple[Block, int, Any]] = {}  # where arrays lie, and their forms
        self._names: dict[Any, str] = {}
        inputs = [(n, leaf) for n, leaf in enumerate(recording.inputs) if leaf is not None]
        self._numbers = {leaf: f"x{n}" for n, leaf in inputs if leaf.is_number}
        self._inputs = {id(leaf.place): n for n, leaf in inputs}
        self._views: list[str] = []  # lines that make views of the arguments

    def source(self, gradients: list[tuple[Tensor, str]]) -> str:
        """The program as a function in Python, with a parameter for all that it uses."""
        recording, calls = self._recording, list(map(self._line, self._layout.calls))
        lines = list[str]()
        for number, (holder, key, new) in enumerate(recording.left):
            self.given |= {f"to{number}": holder, f"at{number}": key}
            lines.append(f"put(to{number}, at{number}, {self._text(new)})")
        for number, (tensor, name) in enumerate(gradients):
            self.given[f"t{number}"] = tensor
            lines.append(f"t{number}._grad = {name}")
        lines.append(f"return {self._text(recording.result)}")
        lines = [*self._views, *calls, *lines]
        arguments = [f"x{number}" for number in range(len(recording.inputs))]
        head = ", ".join([*arguments, *(f"{name}=None" for name in self.parameters())])
        return f"def replayed({head}):\n    " + "\n    ".join(lines) + "\n"

    def parameters(self) -> list[str]:
        return list(dict.fromkeys([*self.given, *self.lying]))

    def _line(self, call: Call) -> str:
        arguments = list(map(self._text, call.arguments))
        arguments += [f"{name}={self._text(value)}" for name, value in call.keywords.items()]
        made = "" if call.number is None else f"{self._text(call.number)} = "
        return f"{made}{self._constant(call.function)}({', '.join(arguments)})"

    def _text(self, value: Any) -> str:
        if isinstance(value, np.ndarray):
            return self.name(value)
        if isinstance(value, Value):
            return self._numbers.setdefault(value, f"n{len(self._numbers)}")
        if isinstance(value, Result):
            return value.made.format(self.name(value.array))
        if type(value) is list:
            return f"[{', '.join(map(self._text, value))}]"
        if isinstance(value, tuple):
            parts = f"({''.join(self._text(part) + ', ' for part in value)})"
            make = getattr(type(value), "_make", type(value))  # if it is a named one
            return parts if make is tuple else f"{self._constant(make)}({parts})"
        if type(value) is dict:
            pairs = (f"{self._text(key)}: {self._text(part)}" for key, part in value.items())
            return f"{{{', '.join(pairs)}}}"
        plain = value is None or type(value) in (bool, int, str)
        if plain or (type(value) is float and math.isfinite(value)):
            return repr(value)
        return self._constant(value)

    def _constant(self, value: Any) -> str:
        """The name of a value that never changes, such as a function."""
        key = "constant", id(value)
        if key not in self._names:
            self._names[key] = self._given_as(getattr(value, "__name__", "constant"), value)
        return self._names[key]

    def _given_as(self, name: str, value: Any) -> str:
        """A name like this one, for a value that the lines use; no other ends in _ and a number."""
        name = f"{name if name.isidentifier() else 'constant'}_{len(self.given)}"
        self.given[name] = value
        return name

    def name(self, array: Array) -> str:
        """The name of an array: the same for arrays of the same form at the same place."""
        memory, start = self._layout.at(array)
        key = memory, start, *form(array)
        if key not in self._names:
            self._names[key] = self._new_name(array, memory, start)
        return self._names[key]

    def _new_name(self, array: Array, memory: Block, start: int) -> str:
        first = array.__array_interface__["data"][0] - bounds(array)[0]  # behind its lowest byte
        whole, start = memory.array, start + first
        number = self._inputs.get(id(whole))
        if number is not None:
            if form(array) == form(whole):
                return f"x{number}"
            name, its_form = f"view{len(self._views)}", self._given_as("form", form(array))
            given = f"x{number}, {start}, {its_form}"
            self._views.append(f"{name} = {self._constant(viewed)}({given})")
            return name
        if not memory.movable:
            if id(whole) in self._calls.known:  # and not a constant
                array = whole if form(array) == form(whole) else viewed(whole, start, form(array))
            return self._given_as("held", array)
        name = f"a{len(self.lying)}"
        self.lying[name] = memory, start, form(array)
        return name

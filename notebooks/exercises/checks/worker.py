"""The process in which one answer runs: it gets a cell, then arguments, and returns values.

It knows no exercise, no truth and no verdict: those stay with whoever started it. So nothing that
an answer prints, patches or writes can make it right. Every message is one line of JSON.
"""

import contextlib
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

MAY_IMPORT = {
    "numpy", "math", "cmath", "functools", "itertools", "operator", "collections", "dataclasses",
    "typing", "types", "abc", "copy", "random", "__future__",
}  # fmt: skip
_DIFFERENTIATES = {
    "microgradnd", "nn", "checks", "solutions", "torch", "jax", "autograd", "mygrad", "micrograd",
    "tensorflow", "keras", "aesara", "pytensor", "theano", "casadi", "sympy", "scipy",
    "numdifftools", "tinygrad", "mxnet", "paddle",
}  # fmt: skip
_OUTSIDE = (
    "os.", "subprocess.", "socket.", "ctypes.", "shutil.", "signal.", "pty.", "urllib.", "gc.",
)  # fmt: skip
LARGEST = 1_000_000  # entries in a value that is given back
CELL = "<the answer>"


def encode(value: Any) -> Any:
    """A value as JSON: numbers, booleans, words, arrays of them, and lists of all that."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biuf":
        if value.size > LARGEST:
            return {"strange": f"an array of {value.size:,} entries"}
        kind = {"b": "bool", "f": "float64"}.get(value.dtype.kind, "int64")
        entries = np.asarray(value).astype(kind).ravel().tolist()
        return {"shape": list(value.shape), "kind": kind, "entries": entries}
    if isinstance(value, list | tuple) and len(value) <= LARGEST:
        return [encode(part) for part in value]
    kind = f" of {value.dtype}" if isinstance(value, np.ndarray) else ""
    return {"strange": f"{type(value).__module__}.{type(value).__qualname__}{kind}"[:100]}


def decode(message: Any) -> Any:
    """The value that was encoded. What is not of that form is a ValueError."""
    if message is None or isinstance(message, bool | int | float | str):
        return message
    if isinstance(message, list):
        return [decode(part) for part in message]
    if isinstance(message, dict) and isinstance(message.get("strange"), str):
        return Strange(message["strange"])
    try:
        shape, kind, entries = message["shape"], message["kind"], message["entries"]
        if kind not in ("bool", "int64", "float64") or not all(type(n) is int for n in shape):
            raise ValueError("an array of another kind")
        if not all(isinstance(entry, bool | int | float) for entry in entries):
            raise ValueError("an entry that is not a number")
        return np.array(entries, kind).reshape(shape)
    except (TypeError, KeyError, OverflowError) as error:
        raise ValueError(f"not an encoded value: {error}") from None


class Strange:
    """Stands for a value that is neither a number nor an array of numbers."""

    def __init__(self, kind: str) -> None:
        self.kind = kind


class Cell:
    """The names a cell defines, and calls of them."""

    def __init__(self, source: str) -> None:
        self.names: dict[str, Any] = {"np": np, "__name__": "answer"}
        self.names["check"] = self.names["hint"] = lambda *_: None  # if they stand in the cell too
        self.source = source

    def run(self) -> dict[str, Any]:
        """Run the cell; what it raised, if it did."""
        return self._caught(lambda: exec(compile(self.source, CELL, "exec"), self.names))

    def call(self, name: str, arguments: list[Any]) -> dict[str, Any]:
        """Call a function of the cell: its value, and the numbers of the arguments it changed."""
        if not callable(self.names.get(name)):
            return {"raised": f"NameError: the cell defines no function {name}", "line": None}
        before = [json.dumps(encode(argument)) for argument in arguments]
        reply = self._caught(lambda: self.names[name](*arguments))
        changed = [
            k for k, (a, was) in enumerate(zip(arguments, before, strict=True))
            if json.dumps(encode(a)) != was
        ]  # fmt: skip
        return reply | {"changed": changed}

    def _caught(self, action: Callable[[], Any]) -> dict[str, Any]:
        try:
            return {"value": encode(action())}
        except BaseException as error:  # whatever an answer may raise, SystemExit included
            frames = traceback.walk_tb(error.__traceback__)
            lines = [line for frame, line in frames if frame.f_code.co_filename == CELL]
            line = lines[-1] if lines else getattr(error, "lineno", None)
            text = str(error).strip() or "(no message)"
            return {"raised": f"{type(error).__name__}: {text}"[:500], "line": line}


def _guard() -> Callable[[str, tuple[Any, ...]], None]:
    """An audit hook: no files but those of Python itself, no other processes, no network.

    It cannot be removed, and looks up no name that an answer could replace.
    """
    libraries = tuple({os.path.abspath(p) + os.sep for p in (sys.prefix, sys.base_prefix)})
    differentiates, outside = frozenset(_DIFFERENTIATES), _OUTSIDE
    listing, number, word = ("os.listdir", "os.scandir"), int, str
    kind, refusal, no_module, separator = type, PermissionError, ImportError, os.sep

    def is_library(path: Any) -> bool:
        if kind(path) is not word or not path.startswith(libraries) or ".." in path:
            return False
        package = path.rpartition("-packages" + separator)[2].partition(separator)[0]
        return package.partition(".")[0] not in differentiates

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "import":
            if arguments[0].partition(".")[0] in differentiates:
                raise no_module(f"an answer is written with NumPy alone, without {arguments[0]}")
        elif event == "open":
            path, mode = arguments[0], arguments[1] or "r"
            if kind(path) is not number and not (mode in ("r", "rb") and is_library(path)):
                raise refusal("an answer opens no files")
        elif event.startswith(outside) and not (event in listing and is_library(arguments[0])):
            raise refusal(f"an answer may not use {event}")

    return refuse


def _limit(seconds: int, megabytes: int) -> None:
    """Limits that the system keeps, where it has them: of time, memory, files and core dumps."""
    if sys.platform == "win32":  # has no such limits
        return
    import resource

    for limit, amount in (
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, megabytes * 2**20),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(ValueError, OSError):  # a system may not keep every limit
            resource.setrlimit(limit, (amount, amount + 1))


def main() -> NoReturn:
    """Answer the messages on standard input until it ends."""
    incoming, outgoing = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # what an answer prints is not for us
        os.dup2(nowhere, stream)
    _limit(*map(int, sys.argv[1:]))
    sys.addaudithook(_guard())
    for reply in _replies(incoming):
        outgoing.write(json.dumps(reply) + "\n")
        outgoing.flush()
    os._exit(0)


def _replies(messages: Iterator[str]) -> Iterator[dict[str, Any]]:
    """First the cell, then calls of its function."""
    cell = Cell(json.loads(next(messages)))
    yield cell.run()
    for message in messages:
        name, arguments = json.loads(message)
        yield cell.call(name, decode(arguments))


if __name__ == "__main__":
    main()

"""Calling an answer that runs in a process of its own, with limits of time and memory."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, NamedTuple

from .worker import decode, encode

_WORKER = Path(__file__).with_name("worker.py").read_text(encoding="utf-8")  # not where it lies
_LONGEST = 64 * 2**20  # characters in a reply
_PATIENCE = 3  # times the limit is waited for, where the machine has other things to do


class Limits(NamedTuple):
    """What an answer may use, all its calls together: seconds of computing, and memory."""

    seconds: int = 10
    megabytes: int = 2048


class Failure(Exception):  # noqa: N818  (what an answer did, not an error of ours)
    """An answer that gave no value: what happened, in words."""


class Answer:
    """The function `name` of a cell, to be called with arguments. `changed` are those it changed.

    The process gets arguments and returns numbers; nothing of it is unpickled, evaluated or
    believed. `with` ends it.
    """

    def __init__(self, cell: str, name: str, limits: Limits | None = None) -> None:
        self.cell, self.name, self.limits = cell, name, limits or Limits()
        self.changed: set[int] = set()
        self.called = False
        self._late = False

    def __enter__(self) -> Answer:
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", _WORKER, *map(str, self.limits)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True, encoding="utf-8", errors="replace", cwd=self._folder.name,
            env=_environment(), start_new_session=True,
        )  # fmt: skip
        self._alarm = threading.Timer(_PATIENCE * self.limits.seconds, self._stop)
        self._alarm.daemon = True
        self._alarm.start()
        try:
            self._ask(self.cell)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._alarm.cancel()
        self._kill()
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):  # what was still to be written
                stream.close()  # type: ignore[union-attr]
        self._process.wait()
        self._folder.cleanup()

    def __call__(self, *arguments: Any) -> Any:
        """The value for these arguments, or a Failure."""
        self.called = True
        reply = self._ask([self.name, [encode(argument) for argument in arguments]])
        changed = reply.get("changed")
        self.changed |= {
            k for k in range(len(arguments)) if isinstance(changed, list) and k in changed
        }
        return decode(reply.get("value"))

    def _ask(self, message: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        line = ""
        with contextlib.suppress(OSError):  # it has ended, and nobody reads
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline(_LONGEST)
        if not line.endswith("\n"):
            raise Failure(self._ending(len(line)))
        return read_reply(line, self.limits)

    def _ending(self, length: int) -> str:
        if length >= _LONGEST:
            return "it returned far too much"
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        code = self._process.returncode
        if self._late or (code and code == -getattr(signal, "SIGXCPU", 0)):  # not on Windows
            return (
                f"it did not finish within {self.limits.seconds} seconds: look for a loop that "
                "does not end"
            )
        if code is not None and code < 0:
            return f"it crashed Python ({signal.Signals(-code).name})"
        return f"it ended its process (exit code {code}) instead of returning a value"

    def _stop(self) -> None:
        self._late = True
        self._kill()

    def _kill(self) -> None:
        """End the process and all it has started."""
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        else:
            self._process.kill()


_ADVICE = {
    "NameError": ". A cell is run alone: all that its answer needs must stand in it",
    "MemoryError": ". It may use {1} MB",
    "_ArrayMemoryError": ". It may use {1} MB",
}


def read_reply(message: str, limits: Limits) -> dict[str, Any]:
    """The reply of a process, if it is of the form agreed on."""
    try:
        reply = json.loads(message)
        if isinstance(reply.get("raised"), str):
            line = reply.get("line")
            where = f", in line {line} of the cell" if isinstance(line, int) else ""
            advice = _ADVICE.get(reply["raised"].partition(":")[0], "")
            raise Failure(f"it raised {reply['raised'][:500]}{where}{advice.format(*limits)}")
        decode(reply.get("value"))
        return dict(reply)
    except (ValueError, AttributeError, RecursionError) as error:
        kind = type(error).__name__
        raise Failure(f"it returned something that is not a value ({kind})") from None


def _environment() -> dict[str, str]:
    """What Python needs, and one thread for each process."""
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    return kept | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

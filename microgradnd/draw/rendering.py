"""From DOT to a picture, with Graphviz or, where that is not installed, a port of it from PyPI."""

from __future__ import annotations

import functools
import importlib.metadata
import shutil
import subprocess
from pathlib import Path

from .pdf import pdf_of

PATIENCE = 120  # seconds


class RenderingError(RuntimeError):
    """No program was found that makes pictures of DOT, or those that were could not."""


def rendered(source: str, form: str, resolution: int = 192) -> bytes:
    """The picture as "svg", "png" or "pdf"."""
    failures = []
    for program in programs():
        # the port writes no PDF
        through = "json" if form == "pdf" and Path(program).stem == "graphviz-pure" else form
        command = [program, f"-T{through}", *([f"-Gdpi={resolution}"] if form == "png" else [])]
        try:
            done = subprocess.run(
                command, input=source.encode(), capture_output=True, timeout=PATIENCE, check=False
            )
        except subprocess.TimeoutExpired:
            raise RenderingError(
                f"{program} did not finish within {PATIENCE} seconds: draw less, with a smaller "
                "limit= or depth=, or only= some scopes"
            ) from None
        except OSError as error:
            failures.append(f"{program}: {error}")
            continue
        if done.returncode == 0 and done.stdout:
            return pdf_of(done.stdout) if through == "json" else done.stdout
        failures.append(f"{program}: {done.stderr.decode(errors='replace').strip()[-500:]}")
    if failures:
        raise RenderingError("\n".join(["no picture could be made", *failures]))
    raise RenderingError(
        "a picture needs Graphviz: `pip install graphviz-pure`, or install Graphviz from "
        "https://graphviz.org/download so that `dot` is on the PATH. Saving as .dot needs neither"
    )


def programs() -> list[str]:
    """The programs that can lay out a graph, the best first."""
    return [program for program in (shutil.which("dot"), _ported()) if program]


@functools.cache
def _ported() -> str | None:
    """The program of the package graphviz-pure, also where its folder is not on the PATH."""
    try:
        files = importlib.metadata.files("graphviz-pure") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    paths = (Path(str(file.locate())) for file in files)
    found = (str(path) for path in paths if path.stem == "graphviz-pure" and path.is_file())
    return next(found, None) or shutil.which("graphviz-pure")

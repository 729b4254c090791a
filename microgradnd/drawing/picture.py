"""`draw`: the computation graph of a Tensor as a picture."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..tensor import Tensor
from .folding import Folding, arrange
from .graph import Graph
from .highlight import highlighted
from .model import Model, model_of
from .style import DARK, LIGHT
from .text import as_text


class Drawing:
    """A picture, as `draw` gives it: it shows itself in notebooks, and `save` makes a file of it.

    `model` is what it shows, as plain data; `dot` the same in Graphviz's language.
    """

    def __init__(self, model: Model, direction: str, theme: str) -> None:
        self.model, self._direction, self._theme = model, direction, theme

    @property
    def dot(self) -> str:
        """The picture as DOT source, for Graphviz."""
        from .dot import dot_source  # with graphviz, which is imported when it is needed

        colours = DARK if self._theme == "dark" else LIGHT
        return dot_source(self.model, self._direction, colours)

    @property
    def svg(self) -> str:
        """The picture as SVG."""
        from .rendering import rendered
        from .svg import finished

        return finished(rendered(self.dot, "svg"), self._description(), self._theme == "auto")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save as .svg, .png, .pdf or .dot, by the suffix of the path."""
        from .rendering import rendered

        path = Path(path)
        form = path.suffix.lower().lstrip(".")
        if form in ("dot", "gv"):
            content = self.dot.encode()
        elif form == "svg":
            content = self.svg.encode()
        elif form in ("png", "pdf"):
            content = rendered(self.dot, form)
        else:
            raise ValueError(
                f"cannot save a drawing as {path.name!r}: the name must end in "
                ".svg, .png, .pdf or .dot"
            )
        path.write_bytes(content)

    def _description(self) -> str:
        model = self.model
        return f"Computation graph of {model.of}: {model.operations:,} operations"

    def _repr_svg_(self) -> str | None:
        return self._repr_mimebundle_().get("image/svg+xml")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from .rendering import RenderingError

        bundle = {"text/plain": repr(self)}
        try:
            bundle["image/svg+xml"] = self.svg
        except RenderingError as error:
            bundle["text/plain"] += f"\n\n(As text, since {error}.)"
        return bundle

    def __repr__(self) -> str:
        return as_text(self.model)


def draw(
    tensors: Tensor | Iterable[Tensor],
    *,
    depth: int | None = None,
    fold: str | Iterable[str] = (),
    only: str | Iterable[str] = (),
    highlight: Any = None,
    gradients: Any = True,
    values: bool = True,
    direction: str = "LR",
    theme: str = "auto",
    limit: int | None = None,
) -> Drawing:
    """The computation graph of a Tensor, or of several, as a picture.

    >>> import numpy as np
    >>> from microgradnd import Tensor, draw
    >>> w = Tensor([0.5, -1.0], requires_grad=True, name="w")
    >>> x = Tensor([2.0, 3.0], name="x")
    >>> draw(np.tanh(w @ x))
    """
    heads = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    graph = Graph(heads, _names(only))
    arrange(graph)
    asked = highlighted(highlight, graph)
    folding = Folding(graph, depth, _names(fold), limit, asked.all_nodes())
    return Drawing(model_of(folding, asked, gradients, values), direction, theme)


def _names(names: str | Iterable[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)

"""`draw`: the computation graph of a Tensor as a picture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..tensor import Tensor
from .image import Image

if TYPE_CHECKING:  # all that is needed to draw is imported when something is drawn
    from .model import Model


class Drawing(Image):
    """A picture, as `draw` gives it: it shows itself in notebooks, and in a terminal as text.

    `save` makes a file of it, also a page, .html: one file that needs no network. In it modules
    fold and unfold, the forward and the backward pass run step by step, and the paths between any
    two nodes are shown with their products. `model` is what the picture shows, as plain data.
    """

    _suffixes = (*Image._suffixes, ".html")

    def __init__(self, model: Model, direction: str, theme: str, page: Callable[[], str]) -> None:
        self.model, self._direction, self._theme, self._page = model, direction, theme, page
        description = f"Computation graph of {model.of}: {model.operations:,} operations"
        super().__init__(self._dot_source, description, theme == "auto")

    def _dot_source(self) -> str:
        from .dot import dot_source
        from .style import DARK, LIGHT

        colours = DARK if self._theme == "dark" else LIGHT
        return dot_source(self.model, self._direction, colours)

    def _made(self, form: str) -> bytes:
        return self._page().encode() if form == "html" else super()._made(form)

    def show(self) -> None:
        """Open the page in the browser."""
        import tempfile
        import webbrowser

        path = Path(tempfile.mkdtemp(prefix="microgradnd-"), "graph.html")
        self.save(path)
        webbrowser.open(path.as_uri())

    def __repr__(self) -> str:
        from .text import as_text

        return as_text(self.model)


def draw(
    tensors: Tensor | Sequence[Tensor],
    *,
    depth: int | None = None,
    fold: str | Iterable[str] = (),
    only: str | Iterable[str] = (),
    limit: int | None = None,
    highlight: Any = None,
    gradients: Any = True,
    values: bool = True,
    direction: str = "LR",
    theme: str = "auto",
) -> Drawing:
    """The computation graph of a Tensor, or of several, as a picture.

    Each box is a Tensor, with the operation that made it, its values (of a large one the mean ±
    the spread, the range and a histogram), and its gradient beside them. Edges carry the local
    derivatives; of larger ones only the shape, with the entries of the result as rows. What has no
    name is called v₁, v₂, ... in the order of computing.

    A picture folds itself to stay under about 60 boxes; `limit` is another number.

    - `depth`: how many levels of scopes are open: 0 shows only the outermost, each as one box;
    - `fold`: names of scopes that stay closed, such as "Linear0", "encoder.Linear0", or "Linear"
      for all that are so called, whatever their number; `only`: names of those that are drawn;
    - `highlight`: what `paths` gives, to draw the paths with their products; a Tensor, for it and
      everything that depends on it; the name of a scope or a Tensor; or a list of such;
    - `gradients`: False for none. They are those of a scalar, or of the sum of several; for others
      give the gradient to start from, as for `backward`. Nobody's `.grad` is changed;
    - `values`: False for shapes alone;
    - `direction`: from left to right "LR", or from top to bottom "TB";
    - `theme`: "light", "dark", or "auto" for an SVG that goes by what the reader prefers.

    >>> import numpy as np
    >>> from microgradnd import Tensor
    >>> from microgradnd.draw.picture import draw
    >>> w = Tensor([0.5, -1.0], requires_grad=True, name="w")
    >>> x = Tensor([2.0, 3.0], name="x")
    >>> draw(np.square(w @ x))
    w (parameter)  2       [0.5, −1]  ∂L/∂w = [−8, −12]
    x (input)      2       [2, 3]
    v₁ = w·x       scalar  −2         ∂L/∂v₁ = −4
    L = v₁²        scalar  4          ∂L/∂L = 1
    """
    from .folding import Folding, arrange
    from .graph import Graph
    from .highlight import highlighted
    from .model import model_of
    from .page import page_of

    several = isinstance(tensors, list | tuple)
    heads: Any = list(dict.fromkeys(tensors)) if several else [tensors]
    for head in heads:
        if not isinstance(head, Tensor):
            raise TypeError(f"draw() is of Tensors, not of {type(head).__name__}")
    if not heads:
        raise ValueError("draw() needs a Tensor to draw")
    _check("direction", direction, ("LR", "TB"))
    _check("theme", theme, ("auto", "light", "dark"))
    _check_number("depth", depth, 0)
    _check_number("limit", limit, 1)
    graph = Graph(heads, _names(only))
    arrange(graph)
    asked = highlighted(highlight, graph)
    folding = Folding(graph, depth, _names(fold), limit, asked.all_nodes())
    model = model_of(folding, asked, gradients, values)

    def page() -> str:
        return page_of(folding, asked, gradients, values, (direction, theme))

    return Drawing(model, direction, theme, page)


def _names(names: str | Iterable[str]) -> tuple[str, ...]:
    several = (names,) if isinstance(names, str) else tuple(names)
    for name in several:
        if not isinstance(name, str):
            raise TypeError(f"draw() takes the names of scopes, not {type(name).__name__}")
    return several


def _check_number(option: str, given: Any, least: int) -> None:
    if given is not None and (isinstance(given, bool) or not isinstance(given, int)):
        raise TypeError(f"draw({option}={given!r}): give a whole number")
    if given is not None and given < least:
        raise ValueError(f"draw({option}={given!r}): give {least} or more")


def _check(option: str, given: Any, known: tuple[str, ...]) -> None:
    if given not in known:
        raise ValueError(f"draw({option}={given!r}): choose {' or '.join(map(repr, known))}")

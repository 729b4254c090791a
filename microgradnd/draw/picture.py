"""`draw`: the computation graph of a Tensor as a picture."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..context import recording_everything
from ..habits import at_least, check_choice, explain_options, require
from ..tensor import Tensor
from ..text_table import text_table
from ..tree import flatten
from .fold import Folding, group_repeats, place_leaves
from .formulas import cut
from .graph import Graph
from .highlight import Highlight
from .image import Image, page_in_a_cell
from .model import Model
from .numbers import FEW
from .style import DARK, LIGHT
from .view import View

LARGEST = 2_000_000  # characters of a page that a notebook keeps in a cell
SMALL = 16  # nodes of modules that are shown one by one, if all their numbers can be
ROW = 5  # boxes that stand in a row, from left to right; more lead down
WIDEST = (48, 16, 44, 60)  # columns of the text for a terminal

_ARRAYS = (np.ndarray, np.number, list, int, float)


class Drawing(Image):
    """A picture, as `draw` returns it: a page in notebooks, and in a terminal text.

    In the page modules fold and unfold, the forward and the backward pass run step by step, the
    paths between any two nodes are shown with their products, and numbers can be changed. `save`
    makes a file of it: .html is the page, which needs no network. `svg` is the still picture,
    `model` is what is known of the graph, and `shown` what of it the picture shows, as plain data.
    """

    _suffixes = (*Image._suffixes, ".html")

    def __init__(self, shown: View, direction: str | None, theme: str, brief: bool) -> None:
        self.shown, self.model, self._theme, self._brief = shown, shown.model, theme, brief
        leads_down = shown.folding.by_layers or len(shown.items) > ROW
        self._fits, self._direction = direction != "LR", direction or ("TB" if leads_down else "LR")
        super().__init__(self._dot_source, self.model.description, theme == "auto")

    def _dot_source(self) -> str:
        from .dot import DotWriter  # which needs the package graphviz

        colours = DARK if self._theme == "dark" else LIGHT
        return DotWriter(self.shown, colours, self._brief).source(self._direction, self._fits)

    def _page(self) -> str:
        from .page import page_of

        return page_of(self.shown, self._direction, self._theme)

    def _file(self, form: str) -> bytes:
        return self._page().encode() if form == "html" else super()._file(form)

    def _cell(self, svg: str) -> str:
        """The page, or the picture if that would make the notebook too large."""
        page, description = self._page(), self.model.description
        return super()._cell(svg) if len(page) > LARGEST else page_in_a_cell(page, description)

    def show(self) -> None:
        """Open the page in the browser; where there is none, print where the page is."""
        import tempfile
        import webbrowser

        path = Path(tempfile.mkdtemp(prefix="microgradnd-"), "graph.html")
        self.save(path)
        if not webbrowser.open(path.as_uri()):
            print(f"no browser was found; the page is {path}")

    def __repr__(self) -> str:
        """A line for each node and box in the order of computing: what, shape, values, gradient."""
        items = {item.key: item for item in self.shown.items}
        rows = [list(map(cut, items[key].cells(), WIDEST)) for key in self.shown.order]
        return "\n".join(text_table(rows))


@explain_options
def draw(
    tensors: Tensor | Sequence[Tensor] | Callable[..., Any],
    *arguments: Any,
    depth: int | None = None,
    fold: str | Iterable[str] = (),
    only: str | Iterable[str] = (),
    limit: int | None = None,
    highlight: Any = None,
    gradients: bool = True,
    values: bool | None = None,
    direction: str | None = None,
    theme: str = "auto",
) -> Drawing:
    """The computation graph of a Tensor, of several, or of a function's call as a picture.

    Each box is a Tensor, with the operation that made it, its values when it was used (of a large
    one the mean ± the spread, the range and a histogram), and its gradient beside them. Edges carry
    the local derivatives; of larger ones only the shape, with the entries of the result as rows.
    What has no name is called v₁, v₂, ... in the order of computing.

    Modules that are too large for this are shown by their layers, from top to bottom: each as a box
    with its class, options, parameters and result, its numbers in a line. The page has all of them.

    Arguments:
        tensors: what to draw, with all that was recorded on the way to it; or a function or module:
            it is called once, and all that it computes from its arguments on is drawn.
        arguments: those of the function, named as in its signature.
        depth: how many levels of scopes are open; 0 shows only the outermost, each as one box.
        fold: names of scopes that stay closed, such as "Linear0", "encoder.Linear0", or "Linear"
            for all with this name, whatever their number.
        only: names of the scopes to draw; without it, all is drawn.
        limit: how many boxes a picture has at most; without it, it folds itself to about 60.
        highlight: what `paths` returns, to draw the paths with their products; a Tensor, for it and
            everything that depends on it; the name of a scope or a Tensor; or a list of such.
        gradients: False for none. They are those of a scalar, or of the sum of several, and there
            are none of an array. No `.grad` is changed.
        values: False for shapes alone, True for more than a line about them in each box of a layer.
        direction: from left to right "LR", or from top to bottom "TB"; by default as it fits.
        theme: "light", "dark", or "auto" for an SVG that is as the reader prefers.

    >>> import numpy as np
    >>> w = Tensor([0.5, -1.0], requires_grad=True, name="w")
    >>> x = Tensor([2.0, 3.0], name="x")
    >>> draw(np.square(w @ x))
    w (parameter)  2       [0.5, −1]  ∂L/∂w = [−8, −12]
    x (input)      2       [2, 3]
    v₁ = w·x       scalar  −2         ∂L/∂v₁ = −4
    L = v₁²        scalar  4          ∂L/∂L = 1
    """
    inputs: list[Tensor] = []
    function = tensors  # must live until its modules have said what they are
    if callable(function):
        tensors, inputs = _call_recorded(function, arguments)
    else:
        why = "draw(): arguments belong to a function, and the first one is none"
        require(not arguments, why, TypeError)
    heads: Any = list(dict.fromkeys(tensors)) if isinstance(tensors, list | tuple) else [tensors]
    wanted = "draw(): expected a Tensor, a list of them, or a function that returns them, got"
    for head in heads:
        require(isinstance(head, Tensor), f"{wanted} {type(head).__name__}", TypeError)
    require(heads, "draw() needs a Tensor to draw")
    a_start = "draw(): expected gradients=True or False; of an array y draw np.sum(y * gradient)"
    require(isinstance(gradients, bool), a_start, TypeError)
    check_choice("direction", direction, None, "LR", "TB")
    check_choice("theme", theme, "auto", "light", "dark")
    at_least(0, None, depth=depth)
    at_least(1, None, limit=limit)
    graph = Graph(heads, _as_names(only), inputs)
    group_repeats(graph)
    place_leaves(graph, graph.users, len(graph.users))
    asked = Highlight(highlight, graph)
    shown = asked.nodes | {step.tensor for path in asked.paths for step in path.steps}
    nodes, has_modules = graph.home, any(group.module for group in graph.root.groups())
    is_small = len(nodes) <= SMALL and all(graph.array(node).size <= FEW for node in nodes)
    by_layers = has_modules and not is_small and not asked.paths
    folding = Folding(graph, depth, _as_names(fold), limit, shown, by_layers)
    options = {"gradients": gradients, "values": values is not False, "network": by_layers}
    model = Model(folding.unfolded(), asked, **options)
    return Drawing(View(model, folding), direction, theme, brief=by_layers and values is None)


def _call_recorded(
    function: Callable[..., Any], arguments: tuple[Any, ...]
) -> tuple[list[Any], Any]:
    """What a function returns, with all recorded from its arguments on; and these as Tensors."""
    names: list[Any] = [None] * len(arguments)
    try:
        named = inspect.signature(getattr(function, "forward", function)).bind(*arguments).arguments
        names = list(named) if len(named) == len(arguments) else names
    except TypeError as error:
        raise TypeError(f"draw(): {error}; use draw(f, x) or draw(model, x)") from None
    except ValueError:  # a function of C's has no signature
        pass
    tensors = [
        Tensor(argument, name=name) if isinstance(argument, _ARRAYS) else argument
        for argument, name in zip(arguments, names, strict=True)
    ]
    with recording_everything():
        result = flatten(function(*tensors))[0]
    inputs = [tensor for tensor in tensors if isinstance(tensor, Tensor)]
    return [each for each in result if isinstance(each, Tensor)] or result, inputs


def _as_names(names: str | Iterable[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)

"""What to highlight in a picture: paths, Tensors and what depends on them, scopes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from ..chain_rule import leading_to
from ..habits import require
from ..paths.notation import bracketed
from ..paths.search import Path, Story
from ..tensor import Tensor
from .fold import Folding
from .graph import Graph, Group, Item
from .numbers import written

FACTORS = 6  # of a product that is written out


@dataclass
class Hop:
    """A step of highlighted paths, from an entry to the next: the numbers of the paths on it."""

    source: str
    target: str
    entry: tuple[int, ...]
    next_entry: tuple[int, ...]
    derivative: float
    paths: list[int] = field(default_factory=list)


class Highlight:
    """What `highlight=` of `draw` asks for: nodes, those that depend on them, groups, paths."""

    def __init__(self, asked: Any, graph: Graph) -> None:
        self.graph = graph
        self.nodes: set[Tensor] = set()
        self.dependent: set[Tensor] = set()
        self.groups: set[Group] = set()
        self.story: Story | None = None
        several = isinstance(asked, Iterable) and not isinstance(asked, str | Tensor)
        for each in asked if several else [asked]:
            if isinstance(each, Story):
                self._add_story(each)
            elif isinstance(each, Tensor):
                self._add_tensor(each)
            elif isinstance(each, str):
                self._add_named(each)
            else:
                kinds = "what paths() returns, a Tensor, the name of a scope or of a Tensor"
                wrong = f"expected {kinds}, or a list of these, got {type(each).__name__}"
                require(each is None, f"draw(highlight=...): {wrong}", TypeError)

    def __bool__(self) -> bool:
        return bool(self.nodes or self.groups)

    @property
    def paths(self) -> list[Path]:
        """The paths to be drawn, the largest first."""
        return self.story.paths if self.story else []

    def marks(self, folding: Folding) -> dict[Item, str]:
        """The items that were asked for, and those that depend on them or are on the paths."""
        marks: dict[Item, str] = {folding.drawn_as(node): "dependent" for node in self.dependent}
        marks |= {folding.drawn_as(node): "asked" for node in self.nodes}
        for item in folding.shown if self.groups else ():
            home = item if isinstance(item, Group) else self.graph.home[item]
            if not self.groups.isdisjoint(home.around()):
                marks[item] = "asked"
        return marks | dict.fromkeys(self.groups, "asked")

    def hops(self, folding: Folding, key: Callable[[Item], str]) -> list[Hop]:
        """The steps of the paths, where they lead from one item to another."""
        hops: dict[Any, Hop] = {}
        for number, path in enumerate(self.paths):
            places: list[Any] = [self.story.start, *path.steps]  # type: ignore
            for place, step in itertools.pairwise(places):
                source, target = folding.drawn_as(place.tensor), folding.drawn_as(step.tensor)
                if source is not target:
                    made = Hop(key(source), key(target), place.index, step.index, step.derivative)
                    entries = place.tensor, place.index, step.tensor, step.index
                    hop = hops.setdefault(entries, made)
                    if number not in hop.paths:
                        hop.paths.append(number)
        return list(hops.values())

    def lines(self, symbol: Callable[[Tensor], str]) -> list[str]:
        """The paths with their products, then how many others there are, then the sum."""
        story, lines = self.story, []
        if story is None:
            return []
        for number, path in enumerate(self.paths, 1):
            values = (value.replace("-", "−") for *_, value in story.factors(path))
            factors = [f"({v})" if v.startswith("−") else v for v in values if v != "1"]
            product = " · ".join(factors[:FACTORS]) + " · …" * (len(factors) > FACTORS)
            product = f" = {product}" if len(factors) > 1 else ""
            lines.append(f"path {number}: {written(path.product)}{product}")
        if story.count > len(self.paths):
            lines.append(f"{story.count - len(self.paths):,} more: {written(story.rest)}")
        start, end = (symbol(at.tensor) + bracketed(at.index) for at in (story.start, story.end))
        return [*lines, f"∂{end}/∂{start} = {written(story.total)}"]

    def _add_story(self, story: Story) -> None:
        require(not self.story, "draw(highlight=...): expected paths of one entry, got several")
        outside = "these paths start or end outside of what is drawn, or belong to another graph"
        inside = {story.start.tensor, story.end.tensor} <= self.graph.home.keys()
        require(inside, f"draw(highlight=...): {outside}")
        self.story = story
        self.nodes.add(story.start.tensor)
        self.dependent |= {step.tensor for path in story.paths for step in path.steps}

    def _add_tensor(self, tensor: Tensor) -> None:
        missing = f"draw(highlight=...): the picture does not contain {tensor.title}"
        require(tensor in self.graph.home, missing)
        self.nodes.add(tensor)
        self.dependent |= leading_to([tensor], self.graph.operations)

    def _add_named(self, name: str) -> None:
        named = [node for node in self.graph.home if node.name]
        tensors = [node for node in named if node.name == name]
        groups = {group for group in self.graph.root.groups() if group.is_named([name])}
        known = ", ".join(list(dict.fromkeys(repr(str(node.name)) for node in named))[:12])
        called = f"Tensors are called {known or 'nothing yet: give them a name='}"
        missing = f"draw(highlight={name!r}): no scope or Tensor has this name; {called}"
        require(groups or tensors, missing)
        self.groups |= groups
        for tensor in tensors:
            self._add_tensor(tensor)

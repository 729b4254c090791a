"""What a picture is asked to highlight: paths, Tensors and what depends on them, scopes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..chain_rule import leading_to
from ..paths.result import Path, Story
from ..tensor import Tensor
from .graph import Graph, Group, Node, named


@dataclass
class Highlight:
    """The nodes that were asked for, those that depend on them, the groups, and the paths."""

    nodes: set[Node] = field(default_factory=set)
    dependent: set[Node] = field(default_factory=set)
    groups: set[Group] = field(default_factory=set)
    story: Story | None = None

    def all_nodes(self) -> frozenset[Node]:
        """Everything that is highlighted, as far as it is nodes."""
        steps = (step.tensor for path in self.paths() for step in path.steps)
        return frozenset((*self.nodes, *steps))

    def paths(self) -> list[Path]:
        """The paths to be drawn, the largest first."""
        return self.story.paths if self.story else []

    def __bool__(self) -> bool:
        return bool(self.nodes or self.groups or self.story)


def highlighted(asked: Any, graph: Graph) -> Highlight:
    """Find what was asked for in the graph, or say that it is not there."""
    found = Highlight()
    several = isinstance(asked, Iterable) and not isinstance(asked, str | Tensor)
    for each in [] if asked is None else asked if several else [asked]:
        if isinstance(each, Story):
            _add_story(each, graph, found)
        elif isinstance(each, Tensor):
            _add_tensor(each, graph, found)
        elif isinstance(each, str):
            _add_named(each, graph, found)
        else:
            raise TypeError(
                "draw(highlight=...) takes what paths() gives, a Tensor, the name of a scope or of "
                f"a Tensor, or a list of these, not {type(each).__name__}"
            )
    return found


def _add_story(story: Story, graph: Graph, found: Highlight) -> None:
    if found.story is not None:
        raise ValueError("draw(highlight=...) takes the paths of one entry, not of several")
    if story.end.tensor not in graph.home or story.start.tensor not in graph.home:
        raise ValueError(
            "draw(highlight=...): these paths start or end outside of what is drawn, or belong to "
            "another graph"
        )
    found.story = story
    found.nodes.add(story.start.tensor)


def _add_tensor(tensor: Tensor, graph: Graph, found: Highlight) -> None:
    if tensor not in graph.home:
        raise ValueError(f"draw(highlight=...): the picture does not contain {tensor.title}")
    found.nodes.add(tensor)
    found.dependent |= leading_to([tensor], graph.operations)


def _add_named(name: str, graph: Graph, found: Highlight) -> None:
    groups = {group for group in graph.groups() if named(group, [name])}
    tensors = [node for node in graph.home if isinstance(node, Tensor) and node.name == name]
    if not groups and not tensors:
        names = [node.name for node in graph.home if isinstance(node, Tensor) and node.name]
        known = ", ".join(map(repr, [*dict.fromkeys(map(str, names))][:12]))
        raise ValueError(
            f"draw(highlight={name!r}): no scope or Tensor has this name; Tensors are called "
            f"{known or 'nothing yet: give them a name='}"
        )
    found.groups |= groups
    for tensor in tensors:
        _add_tensor(tensor, graph, found)

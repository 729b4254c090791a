"""What a picture is about: the Tensors of a graph, in a tree of groups that can fold into boxes.

An item of a group is a Tensor, an array that was handed to a call as it is, or another group. The
groups are the scopes, each time that one was opened, and others that `folding` puts in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ..chain_rule import parents_first
from ..context import Scope
from ..tensor import Tensor


class Plain:
    """An array, not a Tensor, that a call took as an argument."""

    __slots__ = ("array",)

    def __init__(self, array: Any) -> None:
        self.array = array


class Group:
    """A part of the graph that can be drawn as one box.

    By its kind it is "all" of the graph, a "scope", a "repeat" of alike parts, a "turn" of a
    repeat, a "part" that keeps large pictures small, or a "bundle" of alike leaves.
    """

    __slots__ = ("kind", "level", "members", "outer", "title")

    def __init__(self, kind: str, title: str, outer: Group | None) -> None:
        self.kind, self.title, self.outer = kind, title, outer
        self.level: int = 0 if outer is None else outer.level + 1
        self.members: list[Item] = []

    def hold(self, items: Iterable[Item], home: dict[Node, Group]) -> None:
        """Take over items; `home` is told where the nodes among them are."""
        for item in items:
            self.members.append(item)
            if isinstance(item, Group):
                item.outer = self
            else:
                home[item] = self

    def path(self) -> tuple[str, ...]:
        """The titles of the scopes around this group, outermost first, and its own."""
        titles = [group.title for group in self.around() if group.kind == "scope"]
        return tuple(reversed(titles))

    def around(self) -> Iterator[Group]:
        """This group and those around it, from inside outwards."""
        group: Group | None = self
        while group is not None:
            yield group
            group = group.outer


Node = Tensor | Plain
Item = Tensor | Plain | Group


class Graph:
    """All that the heads were computed from, or that part of it which was recorded in some scopes.

    `operations` are the Tensors that were computed in it, parents first; `home` has the group of
    each item, `number` the place of each operation among all there are.
    """

    def __init__(self, heads: Iterable[Tensor], only: tuple[str, ...] = ()) -> None:
        self.heads = tuple(heads)
        computed = [node for node in parents_first(self.heads) if node.operation is not None]
        self.number = {node: place for place, node in enumerate(computed, 1)}
        self.root = Group("all", "", None)
        self.home: dict[Node, Group] = {}
        self._plain: dict[int, Plain] = {}
        self.operations = self._in_scopes(computed, only)
        self.inside = set(self.operations) if only else self.number.keys()
        if not self.operations:  # a leaf is a graph, too
            self.root.hold(dict.fromkeys(self.heads), self.home)

    def sources(self, node: Tensor) -> Iterator[tuple[int, Node]]:
        """The arguments of an operation that are drawn as nodes of their own, with their places."""
        for position, parent in enumerate(node._parents):
            if parent is not None:
                yield position, parent
            elif (plain := self.plain(node.arrays[position + 1])) is not None:
                yield position, plain

    def plain(self, argument: Any) -> Plain | None:
        """The node that an array stands for which is no Tensor; a single number has none."""
        if not (isinstance(argument, np.ndarray) and argument.ndim):
            return None
        if argument.dtype.kind not in "iufc":
            return None
        return self._plain.setdefault(id(argument), Plain(argument))

    def computes(self, node: Node) -> bool:
        """Whether the node is an operation of this picture, and not a leaf of it."""
        return node in self.inside

    def leaves(self) -> Iterator[tuple[Node, Tensor]]:
        """The leaves, each with an operation that uses it, for each such use."""
        for node in self.operations:
            for _, source in self.sources(node):
                if source not in self.inside:
                    yield source, node

    def groups(self) -> list[Group]:
        """All groups, each before those inside it, with their levels set right."""
        found = [self.root]
        for group in found:  # `found` grows while it is walked
            for member in group.members:
                if isinstance(member, Group):
                    member.level = group.level + 1
                    found.append(member)
        return found

    def meeting(self, source: Node, target: Node) -> tuple[Item, Item, Group]:
        """The innermost group that has both nodes in it, and its items that they are or are in."""
        a: Item = source
        b: Item = target
        of_a, of_b = self.home[source], self.home[target]
        while of_a is not of_b:
            if of_a.level >= of_b.level:
                a, of_a = of_a, _outer(of_a)
            else:
                b, of_b = of_b, _outer(of_b)
        return a, b, of_a

    def feeding(self) -> dict[Item, list[Item]]:
        """For each item the items of the same group that are operated on in it."""
        found: dict[Item, list[Item]] = {}
        home = self.home
        for node in self.operations:
            for parent in node._parents:
                if parent is not None and parent in self.inside:
                    source: Item = parent
                    target: Item = node
                    if home[parent] is not home[node]:
                        source, target, _ = self.meeting(parent, node)
                    if target in found:
                        found[target].append(source)
                    else:
                        found[target] = [source]
        return found

    def _in_scopes(self, computed: list[Tensor], only: tuple[str, ...]) -> list[Tensor]:
        """Put the operations into groups by their scopes, and list those that are wanted."""
        opened: dict[int, Group] = {}
        wanted: list[Tensor] = []
        asked: dict[Group, bool] = {}
        for node in computed:
            scope = node._scope
            group = self.root
            if scope is not None:
                group = opened.get(id(scope)) or self._open(scope, opened)
            if only:
                if group not in asked:
                    asked[group] = any(named(each, only) for each in group.around())
                if not asked[group]:
                    continue
            wanted.append(node)
            group.members.append(node)
            self.home[node] = group
        if only and not wanted:
            titles = sorted({group.title for group in opened.values()})
            known = ", ".join(map(repr, titles[:20])) or "none was recorded"
            raise ValueError(f"only={only!r} names no scope of this graph; its scopes: {known}")
        if only:
            self._drop_empty(opened.values())
        return wanted

    def _open(self, scope: Scope, opened: dict[int, Group]) -> Group:
        """The group of a scope, and those of the scopes around it that have none yet."""
        missing: list[Scope] = []
        around: Scope | None = scope
        while around is not None and id(around) not in opened:
            missing.append(around)
            around = around.outer
        group = self.root if around is None else opened[id(around)]
        for inner in reversed(missing):
            made = Group("scope", inner.name, group)
            group.hold([made], self.home)
            opened[id(inner)] = group = made
        return group

    def _drop_empty(self, groups: Iterable[Group]) -> None:
        for group in sorted(groups, key=lambda group: -group.level):
            if not group.members:
                outer = _outer(group)
                outer.members = [member for member in outer.members if member is not group]


def _outer(group: Group) -> Group:
    assert group.outer is not None  # the whole graph is around all others
    return group.outer


def named(group: Group, names: Iterable[str]) -> bool:
    """Whether a group is a scope of one of these names: its title, also without the number at its
    end, or its path, with dots between the titles."""
    if group.kind != "scope":
        return False
    called = {group.title, group.title.rstrip("0123456789"), ".".join(group.path())}
    return not called.isdisjoint(names)

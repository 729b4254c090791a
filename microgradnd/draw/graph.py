"""What a picture is about: the Tensors of a graph, in a tree of groups that can fold into boxes.

An item of a group is a Tensor, or another group. The groups are the scopes, each time one was
opened, and others that `fold` puts between.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ..chain_rule import parents_first
from ..context import State
from ..habits import require
from ..operators import plain
from ..paths.notation import printable
from ..tensor import Tensor

FRAMED = 5  # items of a turn, from which on it has a frame
DEEPEST = 100  # frames in frames; Graphviz could not read a thousand


class Plain(Tensor):
    """An array that is an argument of an operation, drawn as a node of its own."""


class Group:
    """A part of the graph that can be drawn as one box.

    By its kind it is "all" of the graph, a "scope", a "repeat" of alike parts, a "turn" of a
    repeat, a "part" that keeps large pictures small, or a "bundle" of alike leaves. All groups
    share `home`, which has the group of each Tensor.
    """

    opening: State | None = None
    options = ""

    def __init__(
        self, kind: str, title: str = "", outer: Group | None = None, items: Iterable[Item] = ()
    ) -> None:
        self.kind, self.title, self.outer = kind, title, outer
        self.home: dict[Tensor, Group] = {} if outer is None else outer.home
        self.members: list[Item] = []
        self.hold(items)

    def hold(self, items: Iterable[Item]) -> None:
        for item in items:
            self.members.append(item)
            if isinstance(item, Group):
                item.outer = self
            else:
                self.home[item] = self

    def around(self) -> Iterator[Group]:
        """This group and those around it, from inside outwards."""
        group: Group | None = self
        while group is not None:
            yield group
            group = group.outer

    def is_named(self, names: Iterable[str]) -> bool:
        """Whether it is a scope of one of these names: its title, also without number, or path."""
        if self.kind != "scope":
            return False
        path = [group.title for group in self.around() if group.kind == "scope"]
        own = {self.title, self.title.rstrip("0123456789"), ".".join(reversed(path))}
        return not own.isdisjoint(names)

    def inner(self) -> list[Group]:
        return [member for member in self.members if isinstance(member, Group)]

    def groups(self) -> list[Group]:
        """It and all groups in it, each before those inside it."""
        found = [self]
        for group in found:  # `found` grows while it is walked
            found += group.inner()
        return found

    @property
    def module(self) -> str:
        """What it is a scope of, such as "Linear"; nothing for scopes of users."""
        return self.opening.kind if self.opening else ""

    @property
    def is_layer(self) -> bool:
        """Whether it is a module with options, or one without modules inside."""
        inside = self.groups()[1:] if self.module and not self.options else []
        return bool(self.module) and not any(each.module for each in inside)

    def layers(self) -> list[Group]:
        """The layers in it, without those inside of others."""
        found, layers = self.inner(), []
        for group in found:  # `found` grows while it is walked
            if group.is_layer:
                layers.append(group)
            else:
                found += group.inner()
        return layers

    @property
    def is_caption(self) -> bool:
        """Whether it is a scope with only one thing in it, so that it needs no frame."""
        return self.kind == "scope" and len(self.members) == 1 and not self.inner()

    @property
    def is_worth_a_frame(self) -> bool:
        """Whether a picture frames it: scopes, and what is repeated if it is not tiny."""
        if self.kind == "scope":
            return len(list(self.around())) <= DEEPEST + 1
        if self.kind == "repeat":
            return any(turn.kind == "scope" or turn.is_worth_a_frame for turn in self.inner())
        return self.kind == "turn" and len(self.members) >= FRAMED

    def nodes(self) -> list[Tensor]:
        items = (item for group in self.groups() for item in group.members)
        return [item for item in items if not isinstance(item, Group)]

    @property
    def times(self) -> int:
        """How many alike parts it stands for."""
        if self.kind not in ("repeat", "bundle"):
            return 1
        return sum(
            each.times if isinstance(each, Group) and each.kind == self.kind else 1
            for each in self.members
        )


Item = Tensor | Group
Use = tuple[Tensor, int, Tensor]  # an operation, the place of an argument, and the argument


class Graph:
    """All that the heads were computed from, or the part of it recorded in some scopes.

    `operations` are the Tensors computed in it, parents first; `uses` are their arguments that are
    drawn; `users` has the operations that use a leaf, once for each use, `home` the group of each
    node, and `number` the place of each operation among all there are. `ends` are the heads that
    are drawn, or the last operation. An array of indices is one of the `inputs` if it is the same.
    """

    def __init__(
        self,
        heads: Iterable[Tensor],
        only: tuple[str, ...] = (),
        inputs: Iterable[Tensor] = (),
    ) -> None:
        self.heads = tuple(heads)
        computed = [node for node in parents_first(self.heads) if node.operation is not None]
        self.number = {node: place for place, node in enumerate(computed, 1)}
        self._plain: dict[int, Plain] = {}
        self._alike: dict[Any, Tensor] = {
            _contents(plain(x)): x for x in inputs if _varies(plain(x))
        }
        groups = self._group(computed)
        if only:
            wanted = {group for group in groups if any(g.is_named(only) for g in group.around())}
            computed = [node for node in computed if self.home[node] in wanted]
            titles = sorted({group.title for group in groups})
            known = ", ".join(map(repr, titles[:20])) or "none was recorded"
            require(computed, f"only={only!r} names no scope of this graph; its scopes: {known}")
            self._group(computed)
        self.operations = computed
        self.uses = [(node, *use) for node in computed for use in self.sources(node)]
        self.users: dict[Tensor, list[Tensor]] = defaultdict(list)
        self._recorded: dict[Tensor, Any] = {}
        for node, position, source in self.uses:
            if source not in self.home:
                self.users[source].append(node)
                self._recorded[source] = node.arrays[position + 1]
        if not computed:  # a leaf is a graph as well
            self.root.hold(dict.fromkeys(self.heads))
        shown = [head for head in self.heads if head in self.home or head in self.users]
        self.ends = shown or computed[-1:]

    def _group(self, operations: list[Tensor]) -> list[Group]:
        """Put operations into groups by their scopes; returns the groups of scopes."""
        self.root = Group("all")
        self.home = self.root.home
        opened: dict[int, Group] = {}
        for node in operations:
            missing: list[State] = []
            scope = node.opening
            while scope is not None and id(scope) not in opened:
                missing += [scope] * (scope.name is not None)
                scope = scope.outer
            group = self.root if scope is None else opened[id(scope)]
            for inner in reversed(missing):
                outer, group = group, Group("scope", inner.name, group)
                group.opening = inner
                group.options = printable(inner.options())  # while there still is a module
                outer.hold([group])
                opened[id(inner)] = group
            group.hold([node])
        return list(opened.values())

    def sources(self, node: Tensor) -> Iterator[tuple[int, Tensor]]:
        """The arguments of an operation that are drawn: Tensors and arrays, with their places."""
        for position, argument in enumerate(node.arguments):
            if isinstance(argument, np.ndarray) and argument.ndim and argument.dtype.kind in "iufc":
                argument = self._plain.setdefault(id(argument), Plain(argument, copy=False))
            if isinstance(argument, Tensor):
                yield position, self._first_alike(argument)

    def _first_alike(self, node: Tensor) -> Tensor:
        """The first leaf with these values; parameters, and inputs of one value, are themselves."""
        if node.operation is not None or node.requires_grad or node.size == 1:
            return node
        values, is_input = plain(node), self.kind(node) == "input"
        if not isinstance(values, np.ndarray) or (is_input and not _varies(values)):
            return node
        first = self._alike.setdefault(_contents(values), node)
        return node if is_input else first

    def array(self, node: Tensor) -> Any:
        """The values of a node when they were used."""
        if node in self._recorded:
            return self._recorded[node]
        if node.operation is None:
            return node.numpy()
        output = node.operation.without_kept(node.arrays[0])
        return node.numpy() if isinstance(output, tuple) else output

    def kind(self, node: Tensor) -> str:
        """An "operation", "parameter", "input" or "constant"; or "given", computed elsewhere."""
        if node.operation is not None:
            return "given" if node in self.users else "operation"
        if node.requires_grad:
            return "parameter"
        if isinstance(node, Plain) or (node.size == 1 and not node.name):
            return "constant"
        return "given" if node.arrays else "input"

    def around(self, item: Item) -> Iterable[Group]:
        """The groups around an item, from inside outwards."""
        home = item.outer if isinstance(item, Group) else self.home[item]
        return home.around() if home else ()

    def apart(self, source: Tensor, target: Tensor) -> tuple[list[Item], list[Item]]:
        """Two nodes, each with the groups that are around it alone, from inside outwards."""
        ways: Any = tuple([node, *self.home[node].around()] for node in (source, target))
        while ways[0][-1] is ways[1][-1]:
            for way in ways:
                way.pop()
        return ways  # type: ignore[no-any-return]

    def feeding(self) -> dict[Item, list[Item]]:
        """For each item the items of the same group that are operated on in it."""
        found: dict[Item, list[Item]] = defaultdict(list)
        for node, _, argument in self.uses:
            if argument not in self.users:
                (*_, source), (*_, target) = self.apart(argument, node)
                found[target].append(source)
        return found


def _contents(array: Any) -> Any:
    """What two arrays share that show the same."""
    return array.shape, array.dtype, array.tobytes()


def _varies(array: Any) -> bool:
    """Whether it is NumPy's, with different entries: zeros are alike without being the same."""
    return isinstance(array, np.ndarray) and bool(array.size and np.any(array != array.flat[0]))

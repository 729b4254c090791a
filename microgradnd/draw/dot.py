"""A model of a picture as DOT, the language of Graphviz."""

from __future__ import annotations

from typing import Any

import graphviz  # type: ignore

from .labels import Labels
from .model import Edge, Frame, Hop, Model
from .spans import too_long
from .style import PATHS, TEXT_FONT, Colours

LARGE = 300  # nodes and boxes, from which on a quick layout is better than a good one
QUICK = {
    "splines": "line",
    "newrank": "true",
    "nslimit": "1",
    "nslimit1": "1",
    "mclimit": "0.1",
}
MOST_CROSSINGS = 700  # of frames by edges, in a large picture
THICKEST = 5.0


def dot_source(model: Model, direction: str, colours: Colours) -> str:
    """The picture as DOT source."""
    large = len(model.nodes) + len(model.boxes) > LARGE
    text = {"fontname": TEXT_FONT, "fontcolor": colours["text"]}
    graph = graphviz.Digraph(
        "graph",
        graph_attr={
            "rankdir": direction,
            "bgcolor": colours["page"],
            "pad": "0.15",
            "ranksep": "0.4",
            "nodesep": "0.2",
            "fontsize": "10",
            "labeljust": "l",
            **text,
            **(QUICK if large else {}),
        },
        node_attr={"shape": "plain", "fontsize": "11", **text},
        edge_attr={"fontsize": "9", "arrowsize": "0.6", "color": colours["line"], **text},
    )
    labels = Labels(model, colours)
    frame = model.frame
    if large and _crossings(model) > MOST_CROSSINGS:
        keys = [node.key for node in model.nodes] + [box.key for box in model.boxes]
        frame = Frame("", "all", "", keys, [])
    _add_items(graph, model, frame, labels, colours)
    _add_edges(graph, model, labels, colours, large)
    if model.highlight.story:
        graph.attr(label=labels.legend(), labelloc="b")
    return str(graph.source)


def _crossings(model: Model) -> int:
    """The edges that pass the border of a frame, which cost the layout much time."""
    frames, frame_of = [model.frame], {}
    for frame in frames:  # `frames` grows while it is walked
        frame_of.update(dict.fromkeys(frame.members, frame.key))
        frames += frame.frames
    return sum(frame_of[edge.source] != frame_of[edge.target] for edge in model.edges)


def _add_items(
    graph: Any, model: Model, outermost: Frame, labels: Labels, colours: Colours
) -> None:
    """The nodes and boxes, each within the frames it is in."""
    items = {node.key: labels.node(node) for node in model.nodes}
    items |= {box.key: labels.box(box) for box in model.boxes}
    tooltips = {node.key: labels.tooltip(node) for node in model.nodes}
    kinds = {node.key: node.kind for node in model.nodes}
    frames: list[tuple[Frame, Any, Any]] = [(outermost, graph, None)]
    for frame, drawn, _ in frames:  # `frames` grows while it is walked
        for key in frame.members:
            drawn.node(
                key,
                label=items[key],
                tooltip=tooltips.get(key, " "),
                **{"class": kinds.get(key, "box")},
            )
        frames += [(inner, _cluster(inner, labels, colours), drawn) for inner in frame.frames]
    for _, drawn, around in reversed(frames):
        if around is not None:
            around.subgraph(drawn)


def _cluster(frame: Frame, labels: Labels, colours: Colours) -> Any:
    return graphviz.Digraph(
        f"cluster_{frame.key}",
        graph_attr={
            "label": labels.frame(frame),
            "labeljust": "l",
            "style": "rounded,filled" + (",dashed" if frame.kind != "scope" else ""),
            "fillcolor": colours["frame"],
            "color": colours["asked" if frame.mark else "frame_line"],
            "penwidth": "2" if frame.mark else "1",
            "margin": "10",
            "tooltip": " ",
            "class": frame.kind,
        },
    )


def _add_edges(graph: Any, model: Model, labels: Labels, colours: Colours, large: bool) -> None:
    highlighting = bool(model.highlight)
    hopped = {(hop.source, hop.target) for hop in model.hops}
    cut = too_long(model.edges) if large else set()
    for place, edge in enumerate(model.edges):
        if (edge.source, edge.target) in hopped:
            continue
        source = edge.source
        if place in cut:
            source = f"reference{place}"
            graph.node(source, label=labels.reference(edge.source), **{"class": "reference"})
        style = _edge_style(edge, labels, colours, highlighting)
        if large and "label" in style:  # which the layout shall not keep room for
            style["xlabel"] = style.pop("label")
        graph.edge(source, edge.target, **style)
    for box in model.boxes:
        if box.follows:
            graph.edge(box.key, box.key, **{"class": "loop"})
    largest = max((abs(path.product) for path in model.highlight.paths()), default=0) or 1
    for hop in model.hops:
        strongest = max(abs(model.highlight.paths()[number].product) for number in hop.paths)
        graph.edge(hop.source, hop.target, **_hop_style(hop, strongest / largest, labels, colours))


def _edge_style(edge: Edge, labels: Labels, colours: Colours, highlighting: bool) -> dict[str, str]:
    style = {"class": "edge"}
    if highlighting and edge.mark:
        style |= {"color": colours["asked"], "penwidth": "2.2"}
    elif highlighting or not edge.flows:
        style |= {"color": colours["dim"]}
    label = labels.edge(edge)
    if label:
        style |= {"label": label}
    return style


def _hop_style(hop: Hop, share: float, labels: Labels, colours: Colours) -> dict[str, str]:
    colour = colours[PATHS[hop.paths[0] % len(PATHS)]]
    return {
        "label": labels.hop(hop, colour),
        "color": colour,
        "penwidth": f"{1.2 + (THICKEST - 1.2) * share:.2f}",
        "class": "path",
        "weight": "2",
    }

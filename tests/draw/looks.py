"""What tests ask of a picture."""

from collections import Counter

import numpy as np

from microgradnd import Tensor
from microgradnd.draw.words import heading


def by_symbol(drawing):
    return {node.symbol: node for node in drawing.model.nodes}


def array_of(numbers):
    return np.array(numbers.entries).reshape(numbers.shape)


def dense(derivative):
    matrix = np.zeros(derivative.shape)
    at_rows, at_columns, values = derivative.entries
    matrix[at_rows, at_columns] = values
    return matrix


def titles(drawing):
    return [heading(box) for box in drawing.model.boxes]


def frames(drawing):
    return [heading(frame) for frame in drawing.model.frames]


def check_quotient(drawing, nodes):
    """The edges of the picture are those of the graph, seen from outside its boxes."""
    keys = {node.tensor: node.key for node in drawing.model.nodes}
    ends = Counter((edge.source, edge.target) for edge in drawing.model.edges)
    between = Counter(
        (keys[parent], keys[node])
        for node in nodes
        for parent in node.parents
        if parent in keys and node in keys
    )
    assert all(ends[pair] == count for pair, count in between.items())
    if not drawing.model.boxes:
        tensors = {node.key for node in drawing.model.nodes if isinstance(node.tensor, Tensor)}
        assert sum(ends[pair] for pair in ends if pair[0] in tensors) == sum(between.values())

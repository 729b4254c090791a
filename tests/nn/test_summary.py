"""Summaries agree with the papers on historic networks, and with counting."""

import re

import numpy as np
import pytest

import nn
from microgradnd import jacobian
from nn import networks, summary
from nn.init import generator
from tests.nn.saved import peak_of

# Of each network's paper: the shape of an image; of each layer with weights the units, parameters
# and connections, as far as it states them; and the totals of these.
PAPERS = {
    networks.lenet1989: (  # H1, H2, H3 and the output
        (1, 16, 16),
        [(768, 1068, 19968), (192, 2592, 38592), (30, 5790, 5790), (10, 310, 310)],
        (1256 - 256, 9760, 64660),
    ),
    networks.lenet1998: (  # C1, S2, C3, S4, C5, F6 and the output
        (1, 32, 32),
        [(4704, 156, 122304), (1176, 12, 5880), (1600, 1516, 151600), (400, 32, 2000),
         (120, 48120, 48120), (84, 10164, 10164), (10, 0, 840)],
        (8084 + 10, 60000, 340908),
    ),
    networks.alexnet: (
        (3, 227, 227),
        [(units,) for units in (55 * 55 * 96, 186624, 64896, 64896, 43264, 4096, 4096, 1000)],
        (658272 + 1000, 60965224, 724406816 + 658272 + 1000),
    ),
}  # fmt: skip


@pytest.mark.parametrize("network", PAPERS, ids=lambda network: network.__name__)
def test_networks_are_those_of_their_papers_and_nothing_is_made_to_count_them(network):
    shape, layers, (units, parameters, connections) = PAPERS[network]
    before = generator.bit_generator.state
    assert peak_of(lambda: summary(network, shape)) < 1e6
    assert generator.bit_generator.state == before
    table = summary(network, shape)
    rows = [(row.units, row.parameters, row.connections) for row in table.rows if row.units]
    assert [row[: len(layer)] for row, layer in zip(rows, layers, strict=True)] == layers
    assert table.units - table.input_units == table.hidden_units + table.output_units == units
    assert table.input_units == np.prod(shape)
    assert table.output_units == layers[-1][0]
    assert (table.parameters, table.connections) == (parameters, connections)
    assert table.multiply_adds == sum(row.multiply_adds for row in table.rows) < connections


@pytest.mark.parametrize(("layer", "shape"), [
    (nn.Linear(5, 3), (5,)),
    (nn.Linear(5, 3, bias=False), (2, 5)),
    (nn.Conv1d(2, 4, 3, stride=2), (2, 9)),
    (nn.Conv2d(4, 6, 3, groups=2, dilation=2), (4, 7, 6)),
    (networks.TableConv2d([[0, 1], [2], [0, 2]], 2, bias=(3, 1, 1)), (3, 5, 4)),
    (networks.TableConv2d([[0], [0]], 3, bias=(2, 2, 2), stride=2), (1, 5, 5)),
    (networks.Subsampling(3), (3, 4, 6)),
    (networks.RadialBasis(np.ones((3, 5))), (5,)),
], ids=lambda value: repr(value) if isinstance(value, nn.Module) else "")  # fmt: skip
def test_connections_are_the_entries_of_the_jacobians(layer, shape, rng):
    x = rng.normal(size=(1, *shape))
    by_inputs, by_biases = np.count_nonzero(jacobian(lambda x: layer(x))(x)), 0
    if getattr(layer, "bias", None) is not None:
        output = jacobian(lambda bias: nn.functional_call(layer, {"bias": bias}, x))
        by_biases = np.count_nonzero(output(layer.bias.numpy()))
    (row,) = summary(layer, shape).rows
    assert (row.multiply_adds, row.connections) == (by_inputs, by_inputs + by_biases)
    assert (row.output_shape, row.units) == (layer(x).shape[1:], layer(x).size)
    assert row.parameters == sum(p.size for p in layer.parameters())


@pytest.mark.parametrize(("bias", "width"), [(True, None), (False, 6)])
def test_attention_projects_at_each_place(bias, width):
    layer = nn.MultiheadAttention(4, 2, bias=bias, kdim=width, vdim=width, batch_first=True)
    shapes = [(5, 4), (5, width or 4), (5, width or 4)]
    last, projections = summary(layer, shapes).rows
    assert last.multiply_adds == 5 * 4 * 4
    assert projections.multiply_adds == 5 * (16 + 2 * 4 * (width or 4))
    assert projections.connections == projections.multiply_adds + 5 * 3 * 4 * bias


def test_layers_that_scale_or_pass_on_have_no_units_and_words_are_looked_up():
    image = nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten()
    table = summary(nn.Sequential(*image, nn.LayerNorm(8), nn.Dropout(0.5)), (1, 4, 4))
    assert [row.units for row in table.rows] == [8, 0, 0, 0, 0, 0]
    assert table.parameters == 20 + 4 + 16
    table = summary(nn.Sequential(nn.Embedding(100, 8), nn.Linear(8, 3)), (12,), dtype=int)
    assert [row.output_shape for row in table.rows] == [(12, 8), (12, 3)]
    assert (table.parameters, table.connections) == (800 + 27, 12 * 8 + 12 * 27)
    outlined = summary(lambda: nn.Sequential(nn.Embedding(100, 8), nn.LSTM(8, 3)), (12,), dtype=int)
    assert outlined.parameters == 800 + 4 * 3 * (8 + 3 + 2)


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_a_recurrent_layer_uses_each_parameter_once_a_step(kind, batch_first):
    layer = kind(4, 8, num_layers=2, bidirectional=True, batch_first=batch_first)
    (row,) = summary(layer, (5, 4)).rows
    sizes = {name: p.size for name, p in layer.named_parameters()}
    biases = sum(size for name, size in sizes.items() if "bias" in name)
    assert (row.output_shape, row.parameters) == ((5, 16), sum(sizes.values()))
    assert row.connections == 5 * row.parameters
    assert row.multiply_adds == 5 * (row.parameters - biases)


class Twice(nn.Module):
    """The same layer two times, a path of its own shape, and a layer that is not called."""

    def __init__(self):
        self.same = nn.Linear(4, 4)
        self.scale = nn.Parameter(np.ones(4))
        self.forgotten = nn.Linear(4, 2)

    def forward(self, x):
        x = self.same(self.same(x))
        return np.reshape(x, (len(x), -1)) * self.scale  # -1 means nothing in a batch of nothing


def test_what_is_used_twice_is_counted_once_and_what_is_not_called_is_named():
    table = summary(Twice(), 4)
    counts = [(row.name, row.output_shape, row.parameters, row.connections) for row in table.rows]
    same = [("same", (4,), 20, 20), ("same", (4,), 0, 20)]
    assert counts == [*same, ("", (4,), 4, 4), ("forgotten", None, 10, 0)]
    assert "not called" in str(table)
    assert table.parameters == 20 + 4 + 10


class Both(nn.Module):
    def __init__(self):
        parts = {"left": nn.Linear(3, 2), "<b>&": nn.DropConnect(nn.Linear(5, 2))}
        self.parts = nn.ModuleDict(parts)

    def forward(self, a, b):
        return self.parts["left"](a) + self.parts["<b>&"](b)


def test_two_inputs_and_how_the_table_looks():
    table = summary(Both(), [(3,), (5,)])
    assert (table.input_units, table.parameters) == (8, 8 + 12)
    assert [row.name for row in table.rows] == ["parts.left", "parts.<b>&.module"]
    assert len({len(line) for line in str(table).splitlines()[:-1]}) == 1
    html = table._repr_html_()
    assert "parts.&lt;b&gt;&amp;" in html
    assert "<b>" not in html
    opened = re.findall(r"</?(\w+)", html)
    assert all(opened.count(tag) % 2 == 0 for tag in set(opened))


def test_the_model_stays_as_it_was():
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Dropout(0.5))
    model[2].eval()
    before = repr(model.state_dict())
    assert len(summary(model, 4).rows) == len(summary(model, 4).rows) == 3
    assert [module.training for module in model.modules()] == [True, True, True, False]
    assert repr(model.state_dict()) == before
    assert not any(module._hooks for module in model.modules())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_memory_is_that_of_parameters_gradients_and_outputs(dtype):
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU()).astype(dtype)
    size = dtype().itemsize
    assert summary(model, 4, batch_size=10).memory == size * (2 * 15 + 10 * (3 + 3))


def test_batch_statistics_need_no_examples_and_a_wrong_shape_names_the_layer():
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3, track_running_stats=False))
    assert summary(model, 4).parameters == 21
    with pytest.raises(ValueError, match=r"0 \(Linear\)"):
        summary(model, 5)

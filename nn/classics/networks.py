"""Networks that made history, built as their papers have them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from microgradnd import Tensor
from microgradnd.arrays import Array, ArrayLike

from .. import init
from ..containers import Sequential
from ..functions import FunctionModule, ReLU, tanh
from ..init import numbers, zeros
from ..layers.convolution import Conv2d, conv2d
from ..layers.dense import Flatten, Linear
from ..layers.dropout import Dropout
from ..layers.normalisation import LocalResponseNorm
from ..layers.pooling import MaxPool2d
from ..module import Module, Parameter


class _Units(Module):
    fan_in: float  # how many inputs a unit has, on average

    def connections(self, output_shape: tuple[int, ...]) -> tuple[int, int]:
        """Returns how many connections have a weight, and how many a bias, for one example."""
        units = math.prod(output_shape)
        return round(units * self.fan_in), units if hasattr(self, "bias") else 0


def _weight(*shape: int, fan_in: float) -> Parameter:
    return Parameter(init.uniform_(zeros(*shape), -2.4 / fan_in, 2.4 / fan_in))


class TableConv2d(_Units):
    """Kernels that slide over images, where a table says which maps each map of the output reads.

    Arguments:
        table: for each map of the output, the maps of the input that it reads.
        kernel_size: height and width of a kernel.
        bias: the shape of the biases: (maps, 1, 1), or that of the output for one for each unit.
        stride: from one place of a kernel to the next.
        padding: width of the border around the input.
        background: value of the border.

    >>> TableConv2d([[0], [0, 1]], kernel_size=5, bias=(2, 1, 1))(np.zeros((32, 2, 12, 12))).shape
    (32, 2, 8, 8)
    """

    def __init__(
        self,
        table: Sequence[Sequence[int]],
        kernel_size: int,
        bias: tuple[int, int, int],
        stride: int = 1,
        padding: int = 0,
        background: float = 0.0,
    ) -> None:
        self.outputs = np.repeat(np.arange(len(table)), list(map(len, table)))
        self.inputs = np.concatenate(table)
        self.stride, self.padding, self.background = stride, padding, background
        kernels = len(self.inputs), kernel_size, kernel_size
        self.fan_in = math.prod(kernels) / len(table)
        self.weight = _weight(*kernels, fan_in=self.fan_in)
        self.bias = Parameter(zeros(*bias))

    def forward(self, x: ArrayLike) -> Any:
        x = numbers(x, self.weight.dtype)
        around = ((0, 0), (0, 0), (self.padding,) * 2, (self.padding,) * 2)
        x = np.pad(x, around, constant_values=self.background)
        shape = self.bias.shape[0], max(self.inputs) + 1, *self.weight.shape[1:]
        nothing = Tensor(np.zeros(shape, self.weight.dtype))
        kernels = nothing.at[self.outputs, self.inputs].set(self.weight)
        return conv2d(x, kernels, stride=self.stride) + self.bias

    def extra_repr(self) -> str:
        sizes = f"{len(self.inputs)} kernels of {self.weight.shape[1:]}, bias={self.bias.shape}"
        return f"{sizes}, stride={self.stride}, padding={self.padding}"


class Subsampling(_Units):
    """Each 2 × 2 block of a map summed, times the weight of the map, plus its bias.

    >>> Subsampling(6)(np.ones((32, 6, 28, 28))).shape
    (32, 6, 14, 14)
    """

    def __init__(self, channels: int) -> None:
        self.fan_in = 4
        self.weight = _weight(channels, 1, 1, fan_in=4)
        self.bias = Parameter(zeros(channels, 1, 1))

    def forward(self, x: ArrayLike) -> Any:
        *maps, height, width = np.shape(x)
        blocks = np.reshape(x, (*maps, height // 2, 2, width // 2, 2))
        return self.weight * np.sum(blocks, axis=(3, 5)) + self.bias

    def extra_repr(self) -> str:
        return str(self.weight.size)


class ScaledTanh(FunctionModule, of=lambda x: 1.7159 * tanh(2 / 3 * numbers(x))):
    """1.7159 tanh(2x / 3), which is 1 at 1 and -1 at -1: the squashing function of the LeNets.

    >>> ScaledTanh()([-1.0, 0.0, 1.0]).round(4)
    array([-1.,  0.,  1.])
    """


class RadialBasis(_Units):
    """The squared distances to fixed prototypes, yᵢ = Σⱼ (xⱼ - wᵢⱼ)²: small for what is alike.

    >>> RadialBasis([[1.0, -1.0], [1.0, 1.0]])([[1.0, -1.0]])
    array([[0., 4.]])
    """

    weight: Array

    def __init__(self, prototypes: ArrayLike) -> None:
        self.register_buffer("weight", zeros(*np.shape(prototypes)) + np.asarray(prototypes))
        self.fan_in = self.weight.shape[1]

    def forward(self, x: Any) -> Any:
        x = numbers(x, self.weight.dtype)
        return np.sum(np.square(x[..., None, :] - self.weight), axis=-1)

    def extra_repr(self) -> str:
        return f"{self.weight.shape[1]}, {self.weight.shape[0]}"


def _dense(inputs: int, outputs: int) -> Linear:
    layer = Linear(inputs, outputs)
    layer.weight = _weight(outputs, inputs, fan_in=inputs)
    return layer


def _each(activation: type[Module], *layers: Module) -> Iterator[Module]:
    """The layers, each that learns followed by the activation."""
    for layer in layers:
        yield layer
        if list(layer.parameters()):
            yield activation()


def lenet1989() -> Sequential:
    """Returns the network that read zip codes: LeCun et al., "Backpropagation Applied to
    Handwritten Zip Code Recognition", Neural Computation 1 (1989).

    For images (N, 1, 16, 16) with values from -1 to 1, -1 being the background; the targets of the
    ten outputs are -1 and 1. The units of a map share their kernels and have a bias each. Each map
    of the second layer reads eight of the twelve of the first; which, the paper does not say: here
    the k-th reads those from k on, going round.

    >>> import nn
    >>> nn.summary(nn.networks.lenet1989, (1, 16, 16)).parameters
    9760
    """
    eight_of_twelve = [sorted((first + k) % 12 for k in range(8)) for first in range(12)]
    layers = (
        TableConv2d([[0]] * 12, 5, bias=(12, 8, 8), stride=2, padding=2, background=-1),
        TableConv2d(eight_of_twelve, 5, bias=(12, 4, 4), stride=2, padding=2, background=-1),
        Flatten(),
        _dense(192, 30),
        _dense(30, 10),
    )
    return Sequential(*_each(ScaledTanh, *layers))


# The paper's Table I: which maps of S2 are read by each map of C3.
_NEIGHBOURS = [[(first + k) % 6 for k in range(count)] for count in (3, 4) for first in range(6)]
_NEIGHBOURS += [[0, 1, 3, 4], [1, 2, 4, 5], [0, 2, 3, 5], [0, 1, 2, 3, 4, 5]]

# The ten digits on 7 × 12 points: the targets of the 84 units before the output.
_DIGITS = """
....... ....... ....... ....... ....... ....... ....... ....... ....... .......
..###.. ...##.. .#####. ####### ....##. ####### ..####. ####### .#####. .#####.
.##.##. ..###.. ##...## .....## ...###. ##..... .##.... .....## ##...## ##...##
##...## .####.. ##...## ....##. ..####. ##..... ##..... .....## ##...## ##...##
##...## ...##.. .....## ...##.. .##.##. ######. ##..... ....##. ##...## ##...##
##...## ...##.. ....##. ..####. ##..##. .....## ######. ....##. .#####. ##...##
##...## ...##.. ...##.. .....## ##..##. .....## ##...## ...##.. ##...## .######
##...## ...##.. ..##... .....## ####### .....## ##...## ...##.. ##...## .....##
##...## ...##.. .##.... .....## ....##. .....## ##...## ..##... ##...## .....##
.##.##. ...##.. ##..... ##...## ....##. ##...## ##...## ..##... ##...## ....##.
..###.. .###### ####### .#####. ....##. .#####. .#####. ..##... .#####. .####..
....... ....... ....... ....... ....... ....... ....... ....... ....... .......
"""
_MARKS = np.array([list(part) for part in _DIGITS.split()]).reshape(12, 10, 7)
_PICTURES = np.where(_MARKS == "#", 1.0, -1.0).swapaxes(0, 1).reshape(10, 84)


def lenet1998() -> Sequential:
    """Returns LeNet-5: LeCun et al., "Gradient-Based Learning Applied to Document Recognition",
    Proceedings of the IEEE 86 (1998).

    For images (N, 1, 32, 32), white being -0.1 and black 1.175. The ten outputs are distances from
    pictures of the digits, so the smallest one is the answer: `cross_entropy(-outputs, labels)` is
    a loss, and `accuracy(-outputs, labels)` the share of right answers. The pictures are fixed, and
    drawn after those of the paper.

    >>> import nn
    >>> nn.summary(nn.networks.lenet1998, (1, 32, 32)).parameters
    60000
    """
    layers = (
        TableConv2d([[0]] * 6, 5, bias=(6, 1, 1)),  # C1
        Subsampling(6),  # S2
        TableConv2d(_NEIGHBOURS, 5, bias=(16, 1, 1)),  # C3
        Subsampling(16),  # S4
        TableConv2d([range(16)] * 120, 5, bias=(120, 1, 1)),  # C5
        Flatten(),
        _dense(120, 84),  # F6
        RadialBasis(_PICTURES),
    )
    return Sequential(*_each(ScaledTanh, *layers))


def alexnet(classes: int = 1000) -> Sequential:
    """Returns the network that won ImageNet in 2012: Krizhevsky, Sutskever and Hinton, "ImageNet
    Classification with Deep Convolutional Neural Networks".

    For images (N, 3, 227, 227): the paper says 224, but its first layer needs three more. It was
    cut in two for two graphics cards, so three of the convolutions are in two groups. The outputs
    are scores for a `cross_entropy`. It takes half a gigabyte of memory; the summary of `alexnet`,
    the function, takes none.

    >>> import nn
    >>> nn.summary(nn.networks.alexnet, (3, 227, 227)).parameters
    60965224
    """
    hidden = (
        Conv2d(3, 96, 11, stride=4),
        LocalResponseNorm(5, alpha=5e-4, k=2.0),  # the paper does not divide α by 5
        MaxPool2d(3, stride=2),
        Conv2d(96, 256, 5, padding=2, groups=2),
        LocalResponseNorm(5, alpha=5e-4, k=2.0),  # the paper does not divide α by 5
        MaxPool2d(3, stride=2),
        Conv2d(256, 384, 3, padding=1),
        Conv2d(384, 384, 3, padding=1, groups=2),
        Conv2d(384, 256, 3, padding=1, groups=2),
        MaxPool2d(3, stride=2),
        Flatten(),
        Dropout(0.5),
        Linear(9216, 4096),
        Dropout(0.5),
        Linear(4096, 4096),
    )
    model = Sequential(*_each(ReLU, *hidden), Linear(4096, classes))
    parameters = list(model.parameters())
    for place, (weight, bias) in enumerate(zip(parameters[::2], parameters[1::2], strict=True)):
        init.normal_(weight, std=0.01)
        # In layers 2, 4, 5, 6 and 7 it is 1, so that their ReLUs have something to pass on.
        init.constant_(bias, 1.0 if place in (1, 3, 4, 5, 6) else 0.0)
    return model


def lenet5(in_channels: int = 1, classes: int = 10) -> Sequential:
    """Returns what is called LeNet-5 today: two convolutions with ReLU and max-pooling, and three
    dense layers.

    For images (N, in_channels, 28, 28); the outputs are scores for a `cross_entropy`.

    >>> import nn
    >>> nn.summary(nn.networks.lenet5, (1, 28, 28)).parameters
    61706
    """
    hidden = (
        Conv2d(in_channels, 6, 5, padding=2),
        MaxPool2d(2),
        Conv2d(6, 16, 5),
        MaxPool2d(2),
        Flatten(),
        Linear(400, 120),
        Linear(120, 84),
    )
    return Sequential(*_each(ReLU, *hidden), Linear(84, classes))

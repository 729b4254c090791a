"""The table of three networks in lecture 20, counted in the networks themselves.

Where a paper counts in a way of its own, what it counted is found by trying.
"""

from functools import cache, partial
from itertools import pairwise
from typing import Any

from nn import networks, summary

from .row import Row, Rows, reported

RULE = "connections × examples × passes"


@cache
def network(name: str) -> Any:
    """The summary of a network as its paper has it."""
    make, shape = {
        "1989": (networks.lenet1989, (1, 16, 16)), "1998": (networks.lenet1998, (1, 32, 32)),
        "AlexNet": (networks.alexnet, (3, 227, 227)),
    }[name]  # fmt: skip
    return summary(make, shape)


def convolutions_of_the_paper() -> int:
    """AlexNet's multiply-adds in convolutions, with the 253,440 units that its paper gives layer 1.

    With a stride of 4 there are 55 × 55 × 96 = 290,400 units in it.
    """
    convolutions = [row for row in network("AlexNet").rows if row.kind == "Conv2d"]
    each = convolutions[0].multiply_adds // convolutions[0].units
    return 253_440 * each + sum(row.multiply_adds for row in convolutions[1:])


def uses(name: str, kind: str) -> bool:
    return any(row.kind == kind for row in network(name).rows)


def dense_connections() -> int:
    """Those of LeNet 1989 if each of its layers were dense."""
    layers = network("1989")
    units = [layers.input_units, *(row.units for row in layers.rows if row.parameters)]
    return sum((before + 1) * after for before, after in pairwise(units))


ROW = Rows("", globals())
counted = partial(ROW.number, how="counted in nn.networks")

ROWS: list[Row] = [
    reported("167", "LeNet (1989 and 1998) and AlexNet (2012)",
        "tasks: digit, digit, object recognition", "What they were made for."),
    counted("168", "", "classes, LeNet 1989: 10", exact="network('1989').output_units"),
    counted("168", "", "classes, LeNet 1998: 10", exact="network('1998').output_units"),
    counted("168", "", "classes, AlexNet: 1k", exact="network('AlexNet').output_units"),
    counted("169", "", "width of the image, LeNet 1989: 16",
        exact="network('1989').input_units**0.5", note="Printed: 16 X 16."),
    counted("169", "", "width of the image, LeNet 1998: 28", how="counted in the data",
        exact="nn.data.digits().test.inputs.shape[1] ** 0.5",
        note="Printed: 28 X 28. The network sees them in a frame, 32 × 32."),
    reported("169", "", "image size, AlexNet: 256 X 256 X 3", "The size they are scaled to; the "
        "network sees parts of 224 × 224 (as printed in its paper), or rather 227 × 227."),
    reported("170", "", "examples: 7k, 60k, 1.2 M",
        "The papers have 7,291, 60,000 and roughly 1.2 million."),
    counted("171", "", "units, LeNet 1989: 1256", exact="network('1989').hidden_units",
        corrected="990", mistake="count: with inputs and outputs, unlike the two other columns"),
    counted("171", "", "units, LeNet 1998: 8084", exact="network('1998').hidden_units",
        note="Hidden units only; with inputs and outputs there are 9,118."),
    counted("171", "", "units, AlexNet: 658k", exact="network('AlexNet').hidden_units",
        note="Hidden units only; with inputs and outputs there are 813,859."),
    counted("172", "", "parameters, LeNet 1989: 9760", exact="network('1989').parameters"),
    counted("172", "", "parameters, LeNet 1998: 60k", exact="network('1998').parameters"),
    counted("172", "", "parameters, AlexNet: 60 M", exact="network('AlexNet').parameters",
        corrected="61 M", mistake="rounding: cut off, as in its paper"),
    counted("173", "", "connections, LeNet 1989: 65k", exact="network('1989').connections"),
    counted("173", "", "connections, LeNet 1998: 344k", exact="network('1998').connections",
        note="340,908 is also the paper's own count.", corrected="341k",
        mistake="count: the layers add up to 340,908"),
    counted("173", "", "connections, AlexNet: 652M", exact="network('AlexNet').connections",
        note=f"The convolutions alone have {convolutions_of_the_paper():,} without biases, if the "
        "first layer had the 253,440 units that its paper prints for 290,400.", corrected="725M",
        mistake="lost term: the dense layers, and part of the first"),
    ROW("174", "", "summation: sigmoid, sigmoid, ReLU", "[True, True, True]",
        "[uses('1989', 'ScaledTanh'), uses('1998', 'ScaledTanh'), uses('AlexNet', 'ReLU')]",
        "counted in nn.networks",
        note="The activations, not the sums; the sigmoid of both LeNets is 1.7159 tanh(2x/3)."),
    reported("175", "", "GPU: no, no, yes", "A fact."),
    counted("176", "", "operations, LeNet 1989: 11 billion",
        exact="network('1989').connections * 7291 * 23", how=RULE,
        note="What is counted is not defined; with the 23 passes of the paper this gives it."),
    counted("176", "", "operations, LeNet 1998: 412 billions", "412 billion",
        exact="network('1998').connections * 60_000 * 20", how=RULE,
        corrected="409 billions", correction="409 billion",
        note="By the same rule with 20 passes. From the printed 344k it is 412.8, cut off.",
        mistake="inherited: from 344k connections"),
    counted("176", "", "operations, AlexNet: 200 quadrillions", "200 quadrillion",
        exact="network('AlexNet').connections * 1.2e6 * 90", how=RULE,
        corrected="78 quadrillions", correction="78 quadrillion",
        mistake="count: by the rule of the other two, with the 90 passes of its paper",
        note="Three times as many, if the way back counts twice as much as the way forward."),
    ROW("192", "Convolutional networks", "fewer parameters: local connections, weight sharing",
        "[True, True]", "[network('1989').connections < dense_connections(), "
        "network('1989').parameters < network('1989').connections]", "counted in nn.networks",
        note="In LeNet 1989, beside dense layers of as many units."),
    reported("186", "Reasons for a big leap", "10 objects to 100 objects", "How tasks have grown."),
]  # fmt: skip

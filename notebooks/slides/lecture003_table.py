"""The table of three networks in lecture 20, counted in the networks themselves.

Where a paper counts in a way of its own, what it counted is found by trying.
"""

from __future__ import annotations

from functools import cache

from nn import summary
from nn.classics.networks import alexnet, lenet1989, lenet1998
from nn.look.summary import Summary

from .row import Row, number, reported, rounds_to

PLACE = "LeNet (1989 and 1998) and AlexNet (2012)"
COUNTED = "counted in nn.networks"


@cache
def network(name: str) -> Summary:
    """The network as its paper has it, counted."""
    make, shape = {
        "1989": (lenet1989, (1, 16, 16)), "1998": (lenet1998, (1, 32, 32)),
        "AlexNet": (alexnet, (3, 227, 227)),
    }[name]  # fmt: skip
    return summary(make, shape)


def convolutions_of_the_paper() -> int:
    """AlexNet's multiply-adds in convolutions, with the 253,440 units that its paper gives layer 1.

    With a stride of 4 there are 55 × 55 × 96 = 290,400 units in it.
    """
    convolutions = [row for row in network("AlexNet").rows if row.kind == "Conv2d"]
    each = convolutions[0].multiply_adds // convolutions[0].units
    return 253_440 * each + sum(row.multiply_adds for row in convolutions[1:])


def row(line: str, what: str, column: str, claim: str, count, note: str = "", **wrong: str) -> Row:  # noqa: ANN001
    return number(line, PLACE, f"{what}, {column}: {claim}", claim, rounds_to(count, how=COUNTED),
                  note=note, **wrong)  # fmt: skip


ROWS: list[Row] = [
    reported("167", PLACE, "tasks: digit, digit, object recognition", "What they were made for."),
    row("168", "classes", "LeNet 1989", "10", lambda: network("1989").output_units),
    row("168", "classes", "LeNet 1998", "10", lambda: network("1998").output_units),
    row("168", "classes", "AlexNet", "1k", lambda: network("AlexNet").output_units),
    row("169", "width of the image", "LeNet 1989", "16", lambda: network("1989").input_units**0.5,
        "Printed: 16 X 16."),
    reported("169", PLACE, "image size, LeNet 1998: 28 X 28",
             "That of MNIST; the network sees them "
             "in a frame, 32 × 32."),
    reported("169", PLACE, "image size, AlexNet: 256 X 256 X 3", "The size they are scaled to; the "
             "network sees parts of 224 × 224 (as printed in its paper), or rather 227 × 227."),
    reported("170", PLACE, "examples: 7k, 60k, 1.2 M",
             "The papers have 7,291, 60,000 and roughly 1.2 "
             "million."),
    row("171", "units", "LeNet 1989", "1256", lambda: network("1989").units,
        "With inputs and outputs."),
    row("171", "units", "LeNet 1998", "8084", lambda: network("1998").hidden_units,
        "Hidden units only; with inputs and outputs there are 9,118."),
    row("171", "units", "AlexNet", "658k", lambda: network("AlexNet").hidden_units,
        "Hidden units only; with inputs and outputs there are 813,859."),
    row("172", "parameters", "LeNet 1989", "9760", lambda: network("1989").parameters),
    row("172", "parameters", "LeNet 1998", "60k", lambda: network("1998").parameters),
    number("172", PLACE, "parameters, AlexNet: 60 M", "0.06 billion",
           rounds_to(lambda: network("AlexNet").parameters, how=COUNTED),
           note="Rounded to tens of millions, as in its paper; to millions it is 61."),
    row("173", "connections", "LeNet 1989", "65k", lambda: network("1989").connections),
    row("173", "connections", "LeNet 1998", "344k", lambda: network("1998").connections,
        "340,908 is the paper's own count, too.",
        corrected="341k", correction="341k", mistake="count: the layers add up to 340,908"),
    row("173", "connections", "AlexNet", "652M", lambda: network("AlexNet").connections,
        f"The convolutions alone have {convolutions_of_the_paper():,} without biases, if the first "
        "layer had the 253,440 units that its paper prints for 290,400.",
        corrected="725M", correction="725M",
        mistake="lost term: the dense layers, and part of the first"),
    reported("174", PLACE, "summation: sigmoid, sigmoid, ReLU",
             "The activations; the sigmoid of both "
             "LeNets is 1.7159 tanh(2x/3)."),
    reported("175", PLACE, "GPU: no, no, yes", "A fact."),
    number("176", PLACE, "operations, LeNet 1989: 11 billion", "11 billion",
           rounds_to(lambda: network("1989").connections * 7291 * 23,
                     how="connections × examples × passes"),
           note="What is counted is not said; with the 23 passes of the paper this gives it."),
    number("176", PLACE, "operations, LeNet 1998: 412 billions", "412 billion",
           rounds_to(lambda: network("1998").connections * 60_000 * 20,
                     lambda: 344e3 * 60e3 * 20, how="connections × examples × passes"),
           corrected="409 billions", correction="409 billion",
           note="By the same rule with 20 passes. From the printed 344k it is 412.8, cut off.",
           mistake="inherited: from 344k connections"),
    reported("176", PLACE, "operations, AlexNet: 200 quadrillions", "By the rule of the other two, "
             "with about 90 passes, it would be "
             f"{network('AlexNet').connections * 1.2e6 * 90 / 1e15:.0f} quadrillions; three times "
             "as many if the way back counts twice as much as the way forward."),
    reported("186", "Reasons for a big leap", "10 objects to 100 objects", "How tasks have grown."),
]  # fmt: skip

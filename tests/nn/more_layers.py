"""More cases for test_layers: a layer, its arguments and options, and the shapes of its inputs."""

import nn


def more_layers():
    for kind, padding in (("Zero", 1), ("Reflection", 2), ("Replication", 3), ("Circular", 2)):
        for sides in (padding, (1, 2)):
            yield getattr(nn, f"{kind}Pad1d"), (sides,), {}, (2, 3, 5)
        for sides in (padding, (0, 2, 1, 3)):
            yield getattr(nn, f"{kind}Pad2d"), (sides,), {}, (2, 3, 5, 4)
        yield getattr(nn, f"{kind}Pad2d"), (padding,), {}, (3, 5, 4)
    yield nn.ConstantPad1d, ((1, -2), 3.5), {}, (2, 3, 5)
    yield nn.ConstantPad2d, (2, 3.5), {}, (2, 3, 4, 5)
    yield nn.ConstantPad2d, ((-1, 2, 3, -1), 3.5), {}, (2, 3, 4, 5)

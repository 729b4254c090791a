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

    for bias, first_axis in ((True, 0), (False, 1)):
        how = {"dropout": 0.0, "bias": bias, "batch_first": first_axis == 0}
        yield nn.TransformerEncoderLayer, (4, 2, 6), {"activation": "gelu", **how}, (2, 5, 4)
        yield nn.TransformerEncoderLayer, (4, 1, 6), {"norm_first": True, **how}, (2, 4)

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

    for stride, more, padding, dilation in ((1, 0, 0, 1), (2, 1, 1, 1), (3, 2, 0, 2), (2, 0, 2, 2)):
        how = {"stride": stride, "output_padding": more, "padding": padding, "dilation": dilation}
        for groups, bias in ((1, True), (2, False)):
            options = {**how, "groups": groups, "bias": bias}
            yield nn.ConvTranspose1d, (4, 6, 3), options, (2, 4, 5)
            yield nn.ConvTranspose2d, (4, 6, (3, 2)), options, (2, 4, 5, 4)
            yield nn.ConvTranspose2d, (4, 6, 3), options, (4, 5, 4)

    for size in (1, 3, 4, 7):
        yield nn.AdaptiveAvgPool1d, (size,), {}, (2, 3, 7)
        yield nn.AdaptiveMaxPool1d, (size,), {}, (2, 3, 7)
    for size in (2, (3, 5), (1, None), (8, 3)):
        yield nn.AdaptiveAvgPool2d, (size,), {}, (2, 3, 5, 6)
        yield nn.AdaptiveMaxPool2d, (size,), {}, (2, 3, 5, 6)
    yield nn.PixelShuffle, (2,), {}, (2, 8, 3, 5)
    yield nn.PixelUnshuffle, (3,), {}, (2, 2, 6, 9)
    for how in ({"size": 7}, {"scale_factor": 2.5}, {"size": 3}, {"scale_factor": 0.6}):
        for mode in ("nearest", "nearest-exact", "area", "linear"):
            yield nn.Upsample, (), {**how, "mode": mode}, (2, 3, 5)
        for align_corners in (False, True):
            options = {**how, "mode": "bilinear", "align_corners": align_corners}
            yield nn.Upsample, (), options, (2, 3, 5, 4)
    options = {"scale_factor": (2.5, 1.7), "mode": "bilinear", "recompute_scale_factor": True}
    yield nn.Upsample, (), options, (2, 3, 5, 4)
    yield nn.Upsample, ((7, 2),), {}, (2, 3, 5, 4)

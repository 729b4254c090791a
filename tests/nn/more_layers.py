"""More cases for test_layers: a layer, its arguments and options, and the shapes of its inputs."""

from itertools import product

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
        for mode, corners in product(("bilinear", "bicubic"), (False, True)):
            options = {**how, "mode": mode, "align_corners": corners}
            yield nn.Upsample, (), options, (2, 3, 5, 4)
        yield nn.Upsample, (), {**how, "mode": "trilinear"}, (1, 2, 3, 5, 4)
    options = {"scale_factor": (2.5, 1.7), "mode": "bilinear", "recompute_scale_factor": True}
    yield nn.Upsample, (), options, (2, 3, 5, 4)
    yield nn.Upsample, ((7, 2),), {}, (2, 3, 5, 4)

    for options in ({}, {"affine": False}, {"eps": 0.1}, {"bias": False}):
        yield nn.GroupNorm, (2, 6), options, (2, 6, 3)
        yield nn.GroupNorm, (3, 6), options, (2, 6)
    tracked = [{"track_running_stats": True, "momentum": share} for share in (0.3, None)]
    for options in ({}, {"affine": True}, *tracked, {"affine": True, "bias": False}):
        yield nn.InstanceNorm1d, (3,), options, (2, 3, 5)
        yield nn.InstanceNorm2d, (3,), options, (2, 3, 4, 2)
        yield nn.InstanceNorm2d, (3,), options, (3, 4, 2)
    for options in ({}, {"elementwise_affine": False}, {"eps": 0.1}):
        yield nn.RMSNorm, ((4, 3),), options, (2, 4, 3)
    yield nn.LocalResponseNorm, (3, 0.5, 0.6, 2.0), {}, (2, 5, 3)
    yield nn.LocalResponseNorm, (4,), {"alpha": 1.0}, (2, 5, 3, 2)

    yield nn.Unflatten, (-1, (2, -1)), {}, (4, 6)
    for bias in (True, False):
        yield nn.Bilinear, (3, 4, 5), {"bias": bias}, (2, 3), (2, 4)
        yield nn.Bilinear, (3, 4, 5), {"bias": bias}, (2, 6, 3), (2, 6, 4)
        for kind in (nn.RNNCell, nn.LSTMCell, nn.GRUCell):
            states = [(2, 4)] * (1 + (kind is nn.LSTMCell))
            yield kind, (3, 4), {"bias": bias}, (2, 3)
            yield kind, (3, 4), {"bias": bias}, (2, 3), *states
            yield kind, (3, 4), {"bias": bias}, (3,), *[(4,) for _ in states]
    yield nn.RNNCell, (3, 4, True, "relu"), {}, (2, 3), (2, 4)
    yield nn.CosineSimilarity, (), {}, (2, 3, 4), (2, 3, 4)
    yield nn.CosineSimilarity, (), {"dim": -1}, (2, 3), (2, 3)
    yield nn.CosineSimilarity, (), {"dim": 0}, (2, 3), (3,)
    yield nn.PairwiseDistance, (), {}, (2, 3, 4), (2, 3, 4)
    yield nn.PairwiseDistance, (3.0,), {"keepdim": True}, (2, 3), (2, 3)
    both_ways = {"bias": False, "batch_first": True, "num_layers": 2, "bidirectional": True}
    for options in ({}, both_ways):
        yield nn.LSTM, (3, 4), {"proj_size": 2, **options}, (2, 5, 3)
    rows = [(4, 2, 2), (4, 2, 4)]
    yield nn.LSTM, (3, 4, 2), {"proj_size": 2, "bidirectional": True}, (5, 2, 3), *rows

    volume = (2, 2, 4, 5, 6)
    how = {"stride": (1, 2, 1), "padding": 1, "groups": 2}
    yield nn.Conv3d, (2, 4, (2, 3, 2)), how, volume
    how = {"padding": "same", "dilation": 2, "padding_mode": "replicate"}
    yield nn.Conv3d, (2, 3, 2), how, volume[1:]
    how = {"stride": 2, "output_padding": (1, 0, 1), "groups": 2}
    yield nn.ConvTranspose3d, (2, 4, 2), how, volume
    yield nn.MaxPool3d, (2,), {"padding": 1, "ceil_mode": True}, volume
    yield nn.AvgPool3d, ((2, 1, 3),), {"stride": 2, "divisor_override": 3}, volume
    yield nn.AvgPool3d, (3,), {"padding": 1, "count_include_pad": False}, volume[1:]
    yield nn.AdaptiveAvgPool3d, ((2, None, 3),), {}, volume
    yield nn.AdaptiveMaxPool3d, (2,), {}, volume
    yield nn.BatchNorm3d, (2,), {}, volume
    yield nn.InstanceNorm3d, (2,), {"affine": True, "eps": 0.1}, volume[1:]
    yield nn.ConstantPad3d, ((1, 0, 2, 1, -1, 1), 2.0), {}, volume
    for kind in ("Zero", "Reflection", "Replication", "Circular"):
        yield getattr(nn, f"{kind}Pad3d"), (1,), {}, volume

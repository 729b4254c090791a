"""`nn.functional` has PyTorch's names, arguments and defaults."""

import inspect

import pytest

from nn import functional

# What PyTorch keeps of its past, and options of its tensors that arrays do not have.
LEFT_OUT = {
    *("size_average", "reduce", "dtype", "_stacklevel", "return_indices"),
    *("max_norm", "norm_type", "scale_grad_by_freq", "sparse"),
}


@pytest.mark.parametrize("name", functional.__all__)
def test_a_script_for_pytorch_calls_the_same(name):
    torch = pytest.importorskip("torch")
    theirs = getattr(torch.nn.functional, name)
    assert callable(getattr(functional, name))
    try:
        expected = inspect.signature(theirs).parameters
    except ValueError:  # written in C, and so without a signature
        return
    if all(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in expected.values()):
        return
    no_weight = {"weight"} if name in ("mse_loss", "l1_loss", "huber_loss") else set()
    wanted = [p for n, p in expected.items() if n not in LEFT_OUT | no_weight][1:]
    found = list(inspect.signature(getattr(functional, name)).parameters.values())[1:]
    assert [p.name for p in found] == [p.name for p in wanted]
    for ours, their in zip(found, wanted, strict=True):
        assert ours.default == their.default or their.default is inspect.Parameter.empty


def test_what_is_exported_is_there_once():
    assert len(set(functional.__all__)) == len(functional.__all__)
    public = {n for n, thing in vars(functional).items() if callable(thing)}
    assert public == set(functional.__all__)

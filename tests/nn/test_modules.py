"""Modules: what they hold, their names, their state, calls with hooks, and functional_call."""

import copy
import inspect
import pickle
from collections import OrderedDict
from operator import iadd

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from microgradnd import Tensor, set_default_dtype
from microgradnd.arrays import ArrayLike
from nn import BatchNorm1d, Linear, ModuleDict, ModuleList, Parameter, Sequential, Tanh
from nn.functions import FunctionModule


def model_of(nn, number):
    """A class of modules in modules, with a parameter of its own and a weight used twice."""

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.BatchNorm1d(4))
            self.scale = nn.Parameter(number(2.0))
            self.heads = nn.ModuleDict({"a": nn.Linear(4, 2), "b": nn.Linear(4, 1, bias=False)})
            self.mirror = nn.Linear(3, 4, bias=False)
            self.mirror.weight = self.encoder[0].weight

        def forward(self, x):
            return self.scale * self.heads["a"](self.encoder(x))

    Model.__qualname__ = "Model"  # so that it can be pickled
    return Model


Model = model_of(nn, float)
X = np.random.default_rng(0).normal(size=(6, 3))


def torch_model():
    torch = pytest.importorskip("torch")
    return model_of(torch.nn, torch.tensor)().double()


def names(pairs):
    return [name for name, _ in pairs]


# ---- as in PyTorch -------------------------------------------------------------------------------

SAME_IN_TORCH = """
names(model.named_parameters()) == ['scale', 'encoder.0.weight', 'encoder.0.bias', 'encoder.2.weight', 'encoder.2.bias', 'heads.a.weight', 'heads.a.bias', 'heads.b.weight']
names(model.named_parameters(prefix="p"))[:2] == ['p.scale', 'p.encoder.0.weight']
names(model.named_parameters(remove_duplicate=False))[-2:] == ['heads.b.weight', 'mirror.weight']
names(model.named_parameters(recurse=False)) == ['scale']
[tuple(parameter.shape) for parameter in model.parameters()] == [(), (4, 3), (4,), (4,), (4,), (2, 4), (2,), (1, 4)]
names(model.named_buffers(prefix="p")) == ['p.encoder.2.running_mean', 'p.encoder.2.running_var', 'p.encoder.2.num_batches_tracked']
names(model.named_buffers(recurse=False)) == []
names(model.named_modules()) == ['', 'encoder', 'encoder.0', 'encoder.1', 'encoder.2', 'heads', 'heads.a', 'heads.b', 'mirror']
names(model.named_children()) == ['encoder', 'heads', 'mirror']
list(model.state_dict()) == ['scale', 'encoder.0.weight', 'encoder.0.bias', 'encoder.2.weight', 'encoder.2.bias', 'encoder.2.running_mean', 'encoder.2.running_var', 'encoder.2.num_batches_tracked', 'heads.a.weight', 'heads.a.bias', 'heads.b.weight', 'mirror.weight']
[m.training for m in model.train(False).modules()].count(False) == 9
[m.training for m in model.eval().train().modules()].count(False) == 0
applied(model.apply) == ['Linear', 'Tanh', 'BatchNorm1d', 'Sequential', 'Linear', 'Linear', 'ModuleDict', 'Linear', 'Model']
names(nn.Sequential(OrderedDict(a=nn.Tanh(), b=nn.Tanh())).append(nn.Tanh()).named_children()) == ['a', 'b', '2']
list(nn.Sequential(*linears(3))[1:].state_dict()) == ['1.weight', '1.bias', '2.weight', '2.bias']
list(nn.ModuleList(linears(3))[1:].state_dict()) == ['0.weight', '0.bias', '1.weight', '1.bias']
names(nn.Sequential(*linears(1) * 2).named_parameters()) == ['0.weight', '0.bias']
[len(list(walk())) for walk in (twice.modules, twice.children, twice.parameters)] == [2, 1, 2]
len(list(nn.Sequential(*[nn.BatchNorm1d(2)] * 2).named_buffers(remove_duplicate=False))) == 6
model.get_submodule("encoder.0") is model.encoder[0]
model.get_submodule("") is model.to("cpu").cpu() is model
model.get_parameter("heads.a.bias") is model.heads["a"].bias
model.get_buffer("encoder.2.running_mean") is model.encoder[2].running_mean
names((nn.Sequential(*linears(1), nn.Tanh()) + nn.Sequential(*linears(1))).named_parameters()) == ['0.weight', '0.bias', '2.weight', '2.bias']
isinstance(nn.Sequential(*linears(1), nn.Tanh()).pop(1), nn.Tanh)
names(iadd(nn.Sequential(*linears(1)), nn.Sequential(nn.Tanh())).named_children()) == ['0', '1']
list(nn.ModuleDict([('a', nn.Tanh())])) == list(nn.ModuleDict({'a': nn.Tanh()}).keys()) == ['a']
[*changed(model.heads, lambda d: d.__setitem__('c', nn.Tanh()))] == ['a', 'b', 'c']
[type(module).__name__ for module in (model.heads.pop('a'), *model.heads.values())] == ['Linear', 'Linear']
list(changed(model.heads, lambda d: d.clear()).items()) == []
numbers(nn.ParameterList([t([1.0]), t([2.0, 3.0])]).append(nn.Parameter(t([4.0])))) == {'0': [1], '1': [2, 3], '2': [4]}
numbers(changed(nn.ParameterList([t([1.0]), t([2.0])]), lambda l: l.__setitem__(1, t([7.0])))) == {'0': [1], '1': [7]}
numbers(iadd(nn.ParameterList([t([1.0])]), [t([8.0])])) == {'0': [1], '1': [8]}
numbers(changed(nn.ParameterDict({'a': t([5.0])}), lambda d: d.__setitem__('b', nn.Parameter(t([6.0]))))) == {'a': [5], 'b': [6]}
len(nn.ParameterList([t([1.0])])) == len(list(nn.ParameterDict({'a': t([5.0])}))) == 1
"""


def applied(apply):
    seen = []
    apply(seen.append)
    return [type(module).__name__ for module in seen]


def changed(held, change):
    change(held)
    return held


def numbers(module):
    return {name: parameter.tolist() for name, parameter in module.named_parameters()}


def check(line, library, model, t):
    def linears(count):
        return [library.Linear(2, 2) for _ in range(count)]

    twice = library.Sequential(*linears(1) * 2)
    found = {
        "nn": library,
        "model": model,
        "linears": linears,
        "twice": twice,
        "iadd": iadd,
        "t": t,
    }
    assert eval(line, globals() | found)


@pytest.mark.parametrize("line", SAME_IN_TORCH.strip().splitlines())
def test_what_a_module_holds_is_named_and_ordered_as_in_pytorch(line):
    check(line, nn, Model(), np.array)
    torch = pytest.importorskip("torch")
    check(line, torch.nn, torch_model(), torch.tensor)


def test_lists_of_parameters_are_also_added_and_inserted_into():
    more = nn.ParameterList([[1.0]]).insert(0, [2.0]) + nn.ParameterList([[3.0]])
    assert numbers(more) == {"0": [2], "1": [1], "2": [3]}


def test_repr_is_that_of_pytorch():
    theirs = repr(torch_model())
    if "affine=True, bias=True" not in theirs:  # before PyTorch 2.13
        theirs = theirs.replace("affine=True", "affine=True, bias=True")
    assert repr(Model()) == theirs


def test_parameters_are_called_as_in_the_state_dict_of_the_outermost_model():
    layer = Linear(3, 4)
    assert layer.weight.name == "weight"
    inner = Sequential(Tanh(), layer)
    assert layer.weight.name == "1.weight"
    outer = ModuleDict({"e": inner})
    assert layer.weight.name == "e.1.weight"
    for model in (outer, Model(), Sequential(Model(), Model())):
        assert all(parameter.name == name for name, parameter in model.named_parameters())
    layer = Linear(3, 4)
    layer.weight.name = "W"
    layer.extra = Parameter(1.0, name="mine")
    Sequential(layer)
    assert [p.name for p in layer.parameters()] == ["W", "0.bias", "mine"]  # given names stay


def test_none_takes_the_place_of_a_parameter_and_buffers_are_arrays():
    layer = Linear(2, 3)
    layer.register_parameter("bias", None)
    assert list(layer.state_dict()) == ["weight"]
    layer.bias = Parameter(np.zeros(3))
    assert list(layer.state_dict()) == ["weight", "bias"]
    layer.register_buffer("mean", [1.0, 2.0])
    layer.register_buffer("scratch", np.zeros(3), persistent=False)
    layer.register_buffer("nothing", None)
    layer.mean = Tensor([3.0, 4.0])
    assert isinstance(layer.mean, np.ndarray)
    assert list(layer.state_dict()) == ["weight", "bias", "mean"]
    assert len(list(layer.buffers())) == 2
    with pytest.raises(TypeError, match="drop the gradient"):
        layer.mean = Tensor([3.0, 4.0], requires_grad=True)


def test_gradients_are_deleted_and_parameters_frozen_everywhere():
    model = Model()
    model(X).sum().backward()
    moved = [parameter for parameter in model.parameters() if parameter.grad is not None]
    assert len(moved) == 7  # all but the head that is not used
    model.zero_grad(set_to_none=False)
    assert not any(parameter.grad.any() for parameter in moved)
    model.zero_grad()
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not model.requires_grad_(False)(X).requires_grad


def test_a_module_declared_from_its_function():
    def scaled(input, factor=2.0, shift=0, training=True, inplace=False):
        return factor * input + shift + training

    class Scaled(FunctionModule, of=scaled):
        factor: float = 2.0
        shift: "ArrayLike | None" = None
        inplace: bool = False

    assert str(inspect.signature(Scaled)).startswith(
        "(factor: float = 2.0, shift: 'ArrayLike | None' = None,"
    )
    module = Scaled(3.0, shift=[1, 2])
    assert module(5.0).tolist() == [17, 18]
    assert module.eval()(input=5.0).tolist() == [16, 17]
    assert list(module.state_dict()) == ["shift"]
    assert repr(Scaled()) == "Scaled(factor=2.0, shift=None)"
    with pytest.raises(TypeError, match=r"forward\(\) missing .* 'input'"):
        Scaled()()

    class Further(Scaled):
        weight: Parameter  # no option

    assert repr(Further(3.0)) == "Further(factor=3.0, shift=None)"


def test_sequential_is_its_modules_in_a_row():
    model = Sequential(OrderedDict(first=Linear(3, 4), second=Linear(4, 2))).append(Tanh())
    assert names(model.named_children()) == ["first", "second", "2"]
    hidden = X @ model.first.weight.numpy().T + model.first.bias.numpy()
    expected = np.tanh(hidden @ model.second.weight.numpy().T + model.second.bias.numpy())
    np.testing.assert_allclose(model[:1](X).numpy(), hidden, rtol=1e-14)
    np.testing.assert_allclose(model(X).numpy(), expected, rtol=1e-14)
    assert model(X).scope == ("Sequential", "Tanh2")
    assert (model[1:].eval().training, model[1:].training) == (False, True)
    assert model[1].weight.name == "second.weight"  # slices leave the model as it was
    numbered = Sequential(Linear(3, 4), Tanh(), Linear(4, 2))
    longer = numbered[1:].append(Tanh())  # whose first keys are 1 and 2
    assert [*longer][:2] == [*numbered][1:]
    assert len(longer) == 3


INDEX = st.integers(-3, 3)
CHANGES = st.one_of(
    st.tuples(st.just("append")), st.tuples(st.just("extend")), st.tuples(st.just("insert"), INDEX),
    st.tuples(st.just("__setitem__"), INDEX), st.tuples(st.just("__delitem__"), INDEX),
    st.tuples(st.just("__delitem__"), st.builds(slice, INDEX, INDEX)),
)  # fmt: skip


@given(kind=st.sampled_from([Sequential, ModuleList]), changes=st.lists(CHANGES, max_size=6))
def test_containers_change_like_lists(kind, changes):
    expected = [Linear(1, 1), Linear(1, 1)]
    model = kind(*expected) if kind is Sequential else kind(expected)
    for name, *index in changes:
        new = [] if name == "__delitem__" else [Linear(1, 1)]
        arguments = [*index, *([new] if name == "extend" else new)]
        try:
            getattr(expected, name)(*arguments)
        except IndexError:
            with pytest.raises(IndexError):
                getattr(model, name)(*arguments)
        else:
            assert getattr(model, name)(*arguments) is (None if name[0] == "_" else model)
    assert len(model) == len(expected)
    assert all(held is each for held, each in zip(model, expected, strict=True))
    assert all(model[-i - 1] is expected[-i - 1] for i in range(len(expected)))
    assert [each.weight.name for each in model] == [f"{i}.weight" for i in range(len(expected))]


def test_of_two_values_for_what_is_shared_the_one_at_its_last_place_counts():
    model = Sequential(*[Linear(1, 1, bias=False)] * 8)
    model.load_state_dict({f"{i}.weight": np.full((1, 1), i) for i in reversed(range(8))})
    assert model[0].weight.item() == 7


def test_a_state_is_a_snapshot_and_one_that_does_not_fit_changes_nothing():
    model = Sequential(Linear(3, 2), BatchNorm1d(2))
    state = model.state_dict()
    before = copy.deepcopy(state)
    model(X)
    for parameter in model.parameters():
        parameter.data += 1
    np.testing.assert_equal(state, before)
    model.load_state_dict(state)
    state["0.weight"] += 1
    np.testing.assert_equal(model.state_dict(), before)
    wrong = {name: value + 1 for name, value in before.items()}
    del wrong["0.bias"], wrong["1.running_mean"]
    wrong |= {"0.weight": np.zeros((3, 2)), "1.bias": np.zeros(2, complex), "2.weight": 1, "x": 2}
    problems = [
        "    missing: 0.bias, 1.running_mean",
        "    unexpected: 2.weight, x",
        "    0.weight: expected shape (2, 3), got (3, 2)",
        "    1.bias: expected real numbers, got complex128",
    ]
    for strict, expected in ((True, problems), (False, problems[2:])):
        with pytest.raises(ValueError, match="does not fit Sequential") as error:
            model.load_state_dict(wrong, strict)
        assert str(error.value).splitlines()[1:] == expected
    np.testing.assert_equal(model.state_dict(), before)
    fitting = {"0.weight": Parameter(np.ones((2, 3))), "more": 1}
    left = model.float().load_state_dict(fitting, strict=False)
    assert left == (list(before)[1:], ["more"])
    assert (model[0].weight.numpy() == 1).all()
    assert model[0].weight.dtype == np.float32


def test_astype_keeps_who_is_who():
    model = Model()
    weight = model.encoder[0].weight
    model(X).sum().backward()
    assert model.astype(np.float32) is model
    assert weight is model.encoder[0].weight is model.mirror.weight
    assert weight.grad.dtype == weight.dtype == np.float32
    assert weight.name == "encoder.0.weight"
    with set_default_dtype(np.float32):
        made = Model()  # whose parameters are of that type from the start
    for single in (model, made):
        kinds = {name: value.dtype for name, value in single.state_dict().items()}
        assert kinds.pop("encoder.2.num_batches_tracked") == np.int64
        assert set(kinds.values()) == {np.dtype(np.float32)}
    assert model.half().scale.dtype == np.float16
    assert model.double().scale.dtype == np.float64


@pytest.mark.parametrize("again", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_stand_alone(again):
    model = Model().eval()
    twin = again(model)
    np.testing.assert_array_equal(twin(X).numpy(), model(X).numpy())
    assert twin.mirror.weight is twin.encoder[0].weight
    assert [p.name for p in twin.parameters()] == names(model.named_parameters())
    assert Sequential(twin)[0].scale.name == "0.scale"
    twin.scale.data += 1
    twin.encoder[2].running_mean += 1
    assert (model.scale.name, model.scale.item()) == ("scale", 2)
    assert not model.encoder[2].running_mean.any()


def test_words_that_are_given_are_not_learned(rng):
    layer = nn.Embedding.from_pretrained(rng.normal(size=(3, 2)), padding_idx=1)
    assert not layer.weight.requires_grad
    assert (layer.num_embeddings, layer.embedding_dim, layer.padding_idx) == (3, 2, 1)


def test_layers_are_made_and_moved_in_a_dtype():
    for layer in (
        nn.Linear(2, 3, dtype=np.float32),
        nn.LSTM(2, 3, device="cpu", dtype=np.float32),
        nn.TransformerEncoderLayer(4, 2, dtype=np.float32),
        nn.BatchNorm2d(2, dtype=np.float32),
        nn.Linear(2, 3).to("cpu", dtype=np.float32).to(device="cpu"),
        Sequential(nn.Linear(2, 3)).to(np.float32),
    ):
        assert {p.dtype for p in layer.parameters()} == {np.dtype(np.float32)}
    assert nn.Linear(2, 3).weight.dtype == float
    layer += [nn.Sigmoid()]
    assert isinstance(layer.pop(), nn.Sigmoid)
    assert len({layer, ModuleDict({"a": layer}), ModuleDict({"a": layer})}) == 3

"""Modules: what they hold, their names, their state, calls with hooks, and functional_call."""

import copy
import inspect
import pickle
import warnings
from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from microgradnd import Tensor, grad, hessian, history, set_default_dtype, trace
from nn.containers import ModuleDict, ModuleList, Sequential
from nn.functions import FunctionModule, Tanh
from nn.layers.dense import Linear
from nn.layers.normalisation import BatchNorm1d
from nn.module import Module, Parameter, functional_call
from tests.numerical import slope


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


def torch_model():
    torch = pytest.importorskip("torch")
    return model_of(torch.nn, torch.tensor)().double()


PARAMETERS = [
    "scale", "encoder.0.weight", "encoder.0.bias", "encoder.2.weight", "encoder.2.bias",
    "heads.a.weight", "heads.a.bias", "heads.b.weight",
]  # fmt: skip
STATISTICS = [
    f"encoder.2.{name}" for name in ("running_mean", "running_var", "num_batches_tracked")
]
X = np.random.default_rng(0).normal(size=(6, 3))


def names(pairs):
    return [name for name, _ in pairs]


def assert_same(state, other):
    assert list(state) == list(other)
    for name, value in state.items():
        np.testing.assert_array_equal(value, other[name])


# ---- what a module holds, and its names ----------------------------------------------------------


WALKS = [
    (
        "parameters",
        PARAMETERS,
        [{}, {"prefix": "p"}, {"remove_duplicate": False}, {"recurse": False}],
    ),
    ("modules", None, [{}, {"prefix": "p"}, {"remove_duplicate": False}]),
    ("buffers", STATISTICS, [{}, {"prefix": "p"}, {"recurse": False}]),
    ("children", ["encoder", "heads", "mirror"], [{}]),
]


@pytest.mark.parametrize(("walk", "expected", "calls"), WALKS)
def test_everything_is_named_and_ordered_as_in_pytorch(walk, expected, calls):
    model = Model()
    named = list(getattr(model, f"named_{walk}")())
    assert [id(each) for each in getattr(model, walk)()] == [id(each) for _, each in named]
    assert expected is None or names(named) == expected
    assert names(model.named_parameters(recurse=False)) == ["scale"]
    assert list(model.heads.state_dict(prefix="h.")) == ["h.a.weight", "h.a.bias", "h.b.weight"]
    theirs = torch_model()
    shapes = [(name, tuple(value.shape)) for name, value in theirs.state_dict().items()]
    assert [(name, value.shape) for name, value in model.state_dict().items()] == shapes
    for options in calls:
        mine, its = (getattr(each, f"named_{walk}")(**options) for each in (model, theirs))
        assert names(mine) == names(its)


def test_parameters_are_called_as_in_the_state_dict_of_the_outermost_model():
    layer = Linear(3, 4)
    assert layer.weight.name == "weight"
    inner = Sequential(Tanh(), layer)
    assert layer.weight.name == "1.weight"
    outer = ModuleDict({"encoder": inner})
    assert layer.weight.name == "encoder.1.weight"
    for model in (outer, Model(), Sequential(Model(), Model())):
        assert all(parameter.name == name for name, parameter in model.named_parameters())
    layer = Linear(3, 4)
    layer.weight.name = "W"
    layer.extra = Parameter(1.0, name="mine")
    Sequential(layer)
    assert [p.name for p in layer.parameters()] == ["W", "0.bias", "mine"]  # given names stay


def test_a_module_used_twice_counts_once_and_is_saved_twice():
    layer = Linear(2, 2)
    model = Sequential(layer, Tanh(), layer)
    assert names(model.named_parameters()) == ["0.weight", "0.bias"]
    assert list(model.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert layer.weight.name == "0.weight"
    assert (len(list(model.modules())), len(list(model.children()))) == (3, 2)


MISTAKES = [
    (lambda: setattr(Linear(2, 3), "weight", np.zeros((3, 2))), TypeError,
     r"Linear.weight: expected a Parameter, got ndarray.*weight.data = "),
    (lambda: setattr(Model(), "heads", 3), TypeError, "heads: expected a Module, got int$"),
    (lambda: Sequential(Tanh()).__setitem__(0, np.tanh), TypeError, "'0': expected a Module, got ufunc"),
    (lambda: Module().add_module("a.b", Tanh()), ValueError, "without dots, got 'a.b'"),
    (lambda: Module().add_module("", Tanh()), ValueError, "without dots, got ''"),
    (lambda: Module().register_buffer("forward", 1), ValueError, "already has an attribute 'forward'"),
    (lambda: ModuleDict({"keys": Tanh()}), ValueError, "ModuleDict already has an attribute 'keys'"),
    (lambda: Model().register_parameter("heads", Parameter(1.0)), ValueError, "has an attribute 'heads'"),
    (lambda: Sequential(Tanh(), np.tanh), TypeError, "modules in a Sequential, got ufunc"),
    (lambda: Module()(1.0), NotImplementedError, "Module needs a method forward"),
    (lambda: Linear(2, 2).astype(int), TypeError, "a float type for parameters, got int64"),
    (lambda: Tanh().register_forward_hook(3), TypeError, "a function as a hook, got int"),
    (lambda: Sequential(Tanh())[1], IndexError, r"holds 1 modules: there is no \[1\]"),
    (lambda: ModuleDict({"b": Tanh()})["a"], KeyError, "ModuleDict holds b, and no 'a'"),
    (lambda: functional_call(BatchNorm1d(2), {"wieght": 1, "x": 2}, [[1.0, 2.0]]), ValueError,
     "BatchNorm1d has no 'wieght', 'x'; it has weight, bias, r"),
    (lambda: functional_call(BatchNorm1d(2), {"weight": np.ones(3)}, [[1.0, 2.0]]), ValueError,
     r"weight: expected shape \(2,\), got \(3,\)"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), MISTAKES)
def test_a_mistake_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_none_takes_the_place_of_a_parameter():
    layer = Linear(2, 3)
    layer.register_parameter("bias", None)
    assert list(layer.state_dict()) == ["weight"]
    layer.bias = Parameter(np.zeros(3))
    assert list(layer.state_dict()) == ["weight", "bias"]


def test_buffers_are_arrays_and_stay_buffers():
    module = Module()
    module.register_buffer("mean", [1.0, 2.0])
    module.register_buffer("scratch", np.zeros(3), persistent=False)
    module.register_buffer("nothing", None)
    module.mean = Tensor([3.0, 4.0])
    assert isinstance(module.mean, np.ndarray)
    assert list(module.state_dict()) == ["mean"]
    assert len(list(module.buffers())) == 2
    with pytest.raises(TypeError, match="drop the gradient"):
        module.mean = Tensor([3.0, 4.0], requires_grad=True)


def test_what_is_done_to_all_modules_at_once():
    model, order = Model(), []
    assert model.train(False) is model
    assert not any(module.training for module in model.modules())
    assert all(module.training for module in model.train().modules())
    assert model.apply(lambda module: order.append(type(module).__name__)) is model
    assert order[:4] == ["Linear", "Tanh", "BatchNorm1d", "Sequential"]
    assert order[-1] == "Model"
    model(X).sum().backward()
    assert model.encoder[0].weight.grad is not None
    model.zero_grad()
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not model.requires_grad_(False)(X).requires_grad


def test_repr_is_that_of_pytorch():
    theirs = repr(torch_model())
    if "affine=True, bias=True" not in theirs:  # before PyTorch 2.13
        theirs = theirs.replace("affine=True", "affine=True, bias=True")
    assert repr(Model()) == theirs
    assert repr(Sequential()) == "Sequential()"


def test_a_module_declared_from_its_function():
    def scaled(input, factor=2.0, shift=0, training=True, inplace=False):
        return factor * input + shift + training

    class Scaled(FunctionModule, of=scaled, buffers=("shift",)):
        factor: float = 2.0
        shift: object = None
        inplace: bool = False

    assert str(inspect.signature(Scaled)).startswith("(factor: float = 2.0, shift: object = None,")
    module = Scaled(3.0, shift=[1, 2])
    assert module(5.0).tolist() == [17, 18]
    assert module.eval()(input=5.0).tolist() == [16, 17]
    assert list(module.state_dict()) == ["shift"]
    assert repr(Scaled()) == "Scaled(factor=2.0, shift=None)"
    assert len({module, copy.copy(module)}) == 2  # equal only to itself
    with pytest.raises(TypeError, match="unexpected keyword"):
        Scaled(facter=1.0)
    with pytest.raises(TypeError, match=r"forward\(\) missing .* 'input'"):
        Scaled()()


# ---- containers ----------------------------------------------------------------------------------


def test_sequential_is_its_modules_in_a_row():
    model = Sequential(OrderedDict(first=Linear(3, 4), second=Linear(4, 2))).append(Tanh())
    assert names(model.named_children()) == ["first", "second", "2"]
    assert [p.name for p in model.second.parameters()] == ["second.weight", "second.bias"]
    hidden = X @ model.first.weight.numpy().T + model.first.bias.numpy()
    expected = np.tanh(hidden @ model.second.weight.numpy().T + model.second.bias.numpy())
    np.testing.assert_allclose(model[:1](X).numpy(), hidden, rtol=1e-14)
    np.testing.assert_allclose(model(X).numpy(), expected, rtol=1e-14)
    assert model(X).scope == ("Sequential", "Tanh2")


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
    assert expected == [] or expected[0] in model


def test_slices_leave_the_model_as_it_was():
    model = Sequential(Linear(2, 2), Linear(2, 2), Linear(2, 2)).eval()
    part = model[1:]
    assert list(part.state_dict()) == ["1.weight", "1.bias", "2.weight", "2.bias"]
    assert model[1].weight.name == "1.weight"
    assert not part.training
    assert list(ModuleList(model)[1:].state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]


def test_module_dict_is_a_dict():
    a, b = Linear(2, 2), Linear(2, 2)
    model = ModuleDict([("a", a)])
    model["b"] = b
    assert list(model) == list(model.keys()) == ["a", "b"]
    assert all(m is n for m, n in zip(model.values(), (a, b), strict=True))
    assert ("a" in model, "c" in model, model.pop("a") is a, len(model)) == (True, False, True, 1)
    assert model != ModuleDict({"b": b})
    assert len({model}) == 1
    model.clear()
    assert list(model.items()) == []


# ---- state ---------------------------------------------------------------------------------------


def test_state_carries_over_to_pytorch_and_back():
    torch = pytest.importorskip("torch")
    model, theirs = Model(), torch_model()

    def check():
        found = theirs.scale * theirs.heads["a"](theirs.encoder(torch.tensor(X)))
        np.testing.assert_allclose(model(X).numpy(), found.detach().numpy(), rtol=1e-12)

    theirs.load_state_dict({n: torch.tensor(value) for n, value in model.state_dict().items()})
    check()  # both learn statistics
    with torch.no_grad():
        theirs.encoder[0].weight.normal_()
    theirs.eval(), model.eval()
    model.load_state_dict(theirs.state_dict())
    check()
    assert model.encoder[2].num_batches_tracked.dtype == np.int64
    assert model.mirror.weight is model.encoder[0].weight


def test_a_state_is_a_snapshot():
    model = Sequential(Linear(2, 2), BatchNorm1d(2))
    state = model.state_dict()
    before = copy.deepcopy(state)
    model(X[:, :2])
    for parameter in model.parameters():
        parameter.data += 1
    assert_same(state, before)
    model.load_state_dict(state)
    state["0.weight"] += 1
    assert_same(model.state_dict(), before)


def test_a_state_that_does_not_fit_changes_nothing_and_all_problems_are_listed():
    model = Sequential(Linear(2, 3), BatchNorm1d(3))
    before = model.state_dict()
    wrong = {name: value + 1 for name, value in before.items()}
    del wrong["0.bias"], wrong["1.running_mean"]
    wrong |= {"0.weight": np.zeros((2, 3)), "1.bias": np.zeros(3, complex), "2.weight": 1, "x": 2}
    problems = [
        "    missing: 0.bias, 1.running_mean",
        "    unexpected: 2.weight, x",
        "    0.weight: expected shape (3, 2), got (2, 3)",
        "    1.bias: expected real numbers, got complex128",
    ]
    for strict, expected in ((True, problems), (False, problems[2:])):
        with pytest.raises(ValueError, match="does not fit Sequential") as error:
            model.load_state_dict(wrong, strict)
        assert str(error.value).splitlines()[1:] == expected
    assert_same(model.state_dict(), before)


def test_loading_what_is_there():
    model = Linear(2, 3)
    left = model.load_state_dict({"weight": Parameter(np.ones((3, 2))), "more": 1}, strict=False)
    assert left == (["bias"], ["more"])
    assert (model.weight.numpy() == 1).all()
    model.float().load_state_dict(Linear(2, 3).state_dict())
    assert model.weight.dtype == np.float32


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
    assert model.double().scale.dtype == Linear(2, 2).weight.dtype == np.float64


@pytest.mark.parametrize("again", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_stand_alone(again):
    model = Model().eval()
    twin = again(model)
    np.testing.assert_array_equal(twin(X).numpy(), model(X).numpy())
    assert twin.mirror.weight is twin.encoder[0].weight
    assert [p.name for p in twin.parameters()] == PARAMETERS
    outer = Sequential(twin)
    assert outer[0].scale.name == "0.scale"
    assert model.scale.name == "scale"
    twin.scale.data += 1
    twin.encoder[2].running_mean += 1
    assert model.scale.item() == 2
    assert not model.encoder[2].running_mean.any()


# ---- scopes and hooks ----------------------------------------------------------------------------


def test_calling_opens_a_scope_for_each_module():
    y = Model()(X)
    scopes = {t.scope for t in history(y) if t.operation and t.operation.name == "linear"}
    assert scopes == {("Model", "encoder", "Linear0"), ("Model", "a")}
    assert y.scope == ("Model",)


def test_forward_hooks_see_and_may_replace():
    model, seen, x = Sequential(Linear(2, 3), Tanh()), [], np.ones((4, 2))
    before = model[1].register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].shape))
    after = model[1].register_forward_hook(lambda module, inputs, y: seen.append((inputs[0], y)))
    y = model(x)
    assert seen[0] == (4, 3)
    assert seen[1][1] is y
    np.testing.assert_array_equal(np.tanh(seen[1][0].numpy()), y.numpy())
    before.remove(), after.remove(), after.remove()
    model(x)
    assert len(seen) == 2
    with model[0].register_forward_hook(lambda module, inputs, y: 0 * y) as handle:
        assert not model(x).numpy().any()
        handle.remove()
        assert model(x).numpy().any()
    with model[0].register_forward_pre_hook(lambda module, inputs: inputs[0][:1]):
        assert model(x).shape == (1, 3)
    assert model(x).shape == (4, 3)


def test_gradient_hooks_see_what_pytorch_shows():
    torch = pytest.importorskip("torch")
    model = Sequential(Linear(2, 3), Tanh(), Linear(3, 1))
    theirs = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1))
    theirs.double().load_state_dict({k: torch.tensor(v) for k, v in model.state_dict().items()})

    def gradients_seen(network, x):
        seen = []
        for module in (network, *network):
            module.register_full_backward_hook(lambda *all: seen.append(all[1:]))
        with warnings.catch_warnings():  # PyTorch warns that x has no gradient
            warnings.simplefilter("ignore")
            (network(x) ** 2).sum().backward()
        return [each for gradients in seen for (each,) in gradients]

    ours, expected = gradients_seen(model, X[:, :2]), gradients_seen(theirs, torch.tensor(X[:, :2]))
    ours += [p.grad for p in model.parameters()]  # hooks change nothing
    expected += [p.grad for p in theirs.parameters()]
    for mine, its in zip(ours, expected, strict=True):
        assert (mine is None) == (its is None)
        if mine is not None:
            np.testing.assert_allclose(mine, its.numpy(), rtol=1e-12)


def test_gradient_hooks_are_removed_and_return_nothing():
    layer, seen = Sequential(Tanh())[0], []
    x = Tensor([1.0], requires_grad=True)
    with layer.register_full_backward_hook(lambda *all: seen.append(all)):
        y = layer(x)
    layer(x).backward()
    assert not seen
    y.backward()
    assert seen[0][0] is layer
    layer.register_full_backward_hook(lambda module, of_inputs, of_output: of_inputs)
    with pytest.raises(TypeError, match=r"backward hook of 0 \(Tanh\) returned something"):
        layer(x).backward()


def test_gradient_hooks_of_several_inputs_and_outputs():
    class Two(Module):
        def forward(self, x, state):
            h, c = state
            return x * h, (h + c, 7.0)

    module, seen = Two(), []
    module.register_full_backward_hook(lambda module, *gradients: seen.append(gradients))
    x, h = (Tensor(value, requires_grad=True) for value in (2.0, 3.0))
    product, (total, seven) = module(x, (h, 5.0))
    assert seven == 7.0
    (10 * product + 100 * total).backward()
    assert seen == [((30.0, 120.0, None), (10.0, 100.0, None))]
    assert (x.grad, h.grad) == (30, 120)


def test_hooks_are_differentiated_through():
    model = Sequential(Linear(1, 1), Tanh())
    model.requires_grad_(False)  # only the second derivative with respect to x is wanted
    expected = hessian(lambda x: np.sum(model(x)))(np.array([0.3]))
    seen = []
    model[1].register_full_backward_hook(lambda module, *gradients: seen.append(gradients))
    found = hessian(lambda x: np.sum(model(x)))(np.array([0.3]))
    np.testing.assert_allclose(found, expected, rtol=1e-14)
    assert isinstance(seen[0][0][0], Tensor)


def test_trace_names_the_layer_where_a_nan_began():
    model = Sequential(Linear(2, 2), Tanh())
    model[0].bias.data[0] = np.inf
    with trace(), pytest.raises(FloatingPointError, match=r"linear in .* gave inf"):
        model(np.ones(2))


# ---- functional_call -----------------------------------------------------------------------------


def test_a_model_as_a_function_of_its_parameters(rng):
    model, x = Sequential(Linear(2, 3), Tanh(), Linear(3, 1)), rng.normal(size=(4, 2))
    found = grad(lambda given: np.sum(functional_call(model, given, x) ** 2))(model.state_dict())
    (model(x) ** 2).sum().backward()
    for name, parameter in model.named_parameters():
        np.testing.assert_allclose(found[name], parameter.grad, rtol=1e-12)


def test_hessian_over_parameters(rng):
    model, x = Sequential(Linear(2, 2), Tanh(), Linear(2, 1)), rng.normal(size=(3, 2))
    model.requires_grad_(False)  # the parameters that stay are constants

    def cost(given):
        return np.sum(functional_call(model, given, x) ** 2)

    blocks = hessian(cost)(model.state_dict())
    w, v = model[0].weight.numpy().copy(), rng.normal(size=(2, 2))
    (expected,) = slope(grad(lambda w: cost({"0.weight": w})), [w], [v])
    found = np.tensordot(blocks["0.weight"]["0.weight"], v, 2)
    np.testing.assert_allclose(found, expected, rtol=1e-8)
    across = blocks["2.bias"]["0.weight"].transpose(1, 2, 0)
    np.testing.assert_allclose(blocks["0.weight"]["2.bias"], across, atol=1e-12)


def test_functional_call_leaves_the_model_as_it_was():
    model = Model()
    before, held = model.state_dict(), dict(model.named_parameters())
    functional_call(model, {"scale": 0.0}, X)
    with pytest.raises(ValueError, match=r"encoder.0 \(Linear\)"):
        functional_call(model, {"scale": 0.0}, np.ones((4, 5)))
    assert all(parameter is held[name] for name, parameter in model.named_parameters())
    changed = [name for name, value in model.state_dict().items() if (value != before[name]).any()]
    assert changed == STATISTICS


def test_functional_call_replaces_a_shared_parameter_everywhere_and_nests():
    layer = Linear(2, 2, bias=False)
    twice = functional_call(Sequential(layer, layer), {"0.weight": 2 * np.eye(2)}, np.ones(2))
    assert twice.numpy().tolist() == [4, 4]
    tied = Model()
    tied.forward = lambda x: tied.mirror(x)
    found = functional_call(tied, {"encoder.0.weight": np.ones((4, 3))}, np.ones(3))
    np.testing.assert_array_equal(found, [3] * 4)

    class Inner(Module):
        def __init__(self):
            self.layer = Linear(1, 1, bias=False)

        def forward(self, x):
            assert names(self.named_parameters()) == ["layer.weight"]
            return functional_call(self.layer, {"weight": self.layer.weight * 2}, x)

    inner = Inner()
    found = hessian(lambda w: np.sum(functional_call(inner, {"layer.weight": w}, np.ones(1)) ** 3))
    assert found(np.array([[1.5]])).item() == 6 * 8 * 1.5
    assert isinstance(inner.layer.weight, Parameter)


def test_functional_call_takes_buffers():
    layer = BatchNorm1d(2).eval()
    y = functional_call(layer, {"running_mean": [1.0, 2.0]}, [[1.0, 2.0]])
    assert y.numpy().tolist() == [[0, 0]]
    assert layer.running_mean.tolist() == [0, 0]

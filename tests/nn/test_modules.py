"""Modules: what they hold, what it is called, how it is saved, hooks, and functional_call."""

import copy
import pickle
import warnings
from collections import OrderedDict

import numpy as np
import pytest

from microgradnd import Tensor, grad, hessian, history, jacobian, set_default_dtype, trace
from nn.containers import ModuleDict, ModuleList, Sequential
from nn.layers.dense import Flatten, Identity, Linear
from nn.layers.dropout import Dropout
from nn.layers.normalisation import BatchNorm1d
from nn.module import Module, Parameter, functional_call
from tests.numerical import slope


class Tanh(Module):
    def forward(self, x):
        return np.tanh(x)


class Model(Module):
    """Modules in modules, a parameter of its own, and a weight used twice."""

    def __init__(self):
        super().__init__()
        self.encoder = Sequential(Linear(3, 4), Tanh(), BatchNorm1d(4))
        self.scale = Parameter(2.0)
        self.heads = ModuleDict({"a": Linear(4, 2), "b": Linear(4, 1, bias=False)})
        self.mirror = Linear(3, 4, bias=False)
        self.mirror.weight = self.encoder[0].weight

    def forward(self, x):
        return self.scale * self.heads["a"](self.encoder(x))


PARAMETERS = [
    "scale", "encoder.0.weight", "encoder.0.bias", "encoder.2.weight", "encoder.2.bias",
    "heads.a.weight", "heads.a.bias", "heads.b.weight",
]  # fmt: skip


def torch_model():
    """The same model in PyTorch."""
    torch = pytest.importorskip("torch")
    model = torch.nn.Module()
    model.encoder = torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.BatchNorm1d(4)
    )
    model.scale = torch.nn.Parameter(torch.tensor(2.0))
    model.heads = torch.nn.ModuleDict(
        {"a": torch.nn.Linear(4, 2), "b": torch.nn.Linear(4, 1, bias=False)}
    )
    model.mirror = torch.nn.Linear(3, 4, bias=False)
    model.mirror.weight = model.encoder[0].weight
    return model.double()


# ---- what a module holds, and its names ----------------------------------------------------------


def test_attributes_are_found_in_the_order_in_which_they_came():
    model = Model()
    assert [name for name, _ in model.named_parameters()] == PARAMETERS
    assert len(list(model.parameters())) == len(PARAMETERS)
    assert [name for name, _ in model.named_children()] == ["encoder", "heads", "mirror"]
    assert [name for name, _ in model.named_modules()] == [
        "", "encoder", "encoder.0", "encoder.1", "encoder.2", "heads", "heads.a", "heads.b",
        "mirror",
    ]  # fmt: skip
    assert [name for name, _ in model.named_buffers()] == [
        "encoder.2.running_mean", "encoder.2.running_var", "encoder.2.num_batches_tracked",
    ]  # fmt: skip


def test_everything_is_named_and_ordered_as_in_pytorch():
    model, theirs = Model(), torch_model()
    assert list(model.state_dict()) == list(theirs.state_dict())
    for walk in ("named_parameters", "named_buffers", "named_modules", "named_children"):
        mine = [name for name, _ in getattr(model, walk)()]
        assert mine == [name for name, _ in getattr(theirs, walk)()], walk
    shapes = {name: tuple(value.shape) for name, value in theirs.state_dict().items()}
    assert {name: value.shape for name, value in model.state_dict().items()} == shapes


def test_parameters_are_called_as_in_the_state_dict_of_the_outermost_model():
    layer = Linear(3, 4)
    assert layer.weight.name == "weight"
    inner = Sequential(Tanh(), layer)
    assert layer.weight.name == "1.weight"
    outer = ModuleDict({"encoder": inner})
    assert layer.weight.name == "encoder.1.weight"
    for model in (outer, Model(), Sequential(Model(), Model())):
        assert all(parameter.name == name for name, parameter in model.named_parameters())


def test_a_name_that_was_given_stays():
    layer = Linear(3, 4)
    layer.weight.name = "W"
    layer.extra = Parameter(1.0, name="mine")
    Sequential(layer)
    assert [p.name for p in layer.parameters()] == ["W", "0.bias", "mine"]


def test_a_module_used_twice_counts_once_and_is_saved_twice():
    layer = Linear(2, 2)
    model = Sequential(layer, Tanh(), layer)
    assert [name for name, _ in model.named_parameters()] == ["0.weight", "0.bias"]
    assert list(model.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert layer.weight.name == "0.weight"
    assert len(list(model.modules())) == 3


def test_a_parameter_is_not_replaced_by_something_that_is_none():
    layer = Linear(2, 3)
    with pytest.raises(
        TypeError, match=r"Linear.weight: expected a Parameter, got ndarray.*weight.data = "
    ):
        layer.weight = np.zeros((3, 2))
    model = Sequential(layer)
    with pytest.raises(TypeError, match=r"'0': expected a Module, got ufunc"):
        model[0] = np.tanh
    layer.bias = None
    assert list(layer.state_dict()) == ["weight"]
    layer.bias = Parameter(np.zeros(3))
    assert list(layer.state_dict()) == ["weight", "bias"]


def test_names_that_cannot_be():
    for key, message in (
        ("a.b", "a name without dots, got 'a.b'"), ("", "got ''"), ("forward", "has an attribute 'forward'"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            Module().add_module(key, Identity())
    with pytest.raises(ValueError, match="already has an attribute 'keys'"):
        ModuleDict({"keys": Identity()})
    with pytest.raises(TypeError, match=r"expected modules in a Sequential, got ufunc"):
        Sequential(Linear(2, 3), np.tanh)
    with pytest.raises(NotImplementedError, match=r"Module needs a method forward"):
        Module()(1.0)


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


def test_modes_and_apply():
    model, order = Model(), []
    assert model.train(False) is model
    assert not any(module.training for module in model.modules())
    assert all(module.training for module in model.train().modules())
    assert model.apply(lambda module: order.append(type(module).__name__)) is model
    assert order[:4] == ["Linear", "Tanh", "BatchNorm1d", "Sequential"]
    assert order[-1] == "Model"


def test_gradients_are_forgotten_and_parameters_frozen():
    layer = Linear(2, 3)
    layer(np.ones(2)).sum().backward()
    assert layer.weight.grad.tolist() == [[1, 1]] * 3
    layer.zero_grad()
    assert layer.weight.grad is None
    layer.requires_grad_(False)
    assert not layer(np.ones(2)).requires_grad


def test_repr_is_that_of_pytorch():
    torch = pytest.importorskip("torch")

    def build(nn):
        return nn.Sequential(
            nn.Linear(4, 3),
            nn.Sequential(nn.Flatten(), nn.Dropout(0.2), nn.BatchNorm1d(3)),
            nn.ModuleDict({"a": nn.Identity(), "b": nn.Linear(3, 1, bias=False)}),
            nn.Sequential(),
        )

    ours = type("nn", (), {})
    for kind in (Sequential, Linear, Flatten, Dropout, BatchNorm1d, ModuleDict, Identity):
        setattr(ours, kind.__name__, kind)
    theirs = repr(build(torch.nn)).replace(", inplace=False", "")
    if "affine=True, bias=True" not in theirs:  # before PyTorch 2.13
        theirs = theirs.replace("affine=True", "affine=True, bias=True")
    assert repr(build(ours)) == theirs


# ---- containers ----------------------------------------------------------------------------------


def test_sequential_is_its_modules_in_a_row():
    first, second = Linear(3, 4), Linear(4, 2)
    model = Sequential(first, Tanh(), second)
    x = np.random.default_rng(0).normal(size=(5, 3))
    hidden = np.tanh(x @ first.weight.numpy().T + first.bias.numpy())
    expected = hidden @ second.weight.numpy().T + second.bias.numpy()
    np.testing.assert_allclose(model(x).numpy(), expected, rtol=1e-14)
    np.testing.assert_allclose(model[:2](x).numpy(), hidden, rtol=1e-14)
    assert model[0] is first
    assert model[-1] is second
    assert model[1:][-1] is second
    assert len(model) == 3
    assert list(model)[2] is second
    assert second in model


def test_slices_leave_the_model_as_it_was():
    model = Sequential(Linear(2, 2), Linear(2, 2), Linear(2, 2)).eval()
    part = model[1:]
    assert list(part.state_dict()) == ["1.weight", "1.bias", "2.weight", "2.bias"]
    assert model[1].weight.name == "1.weight"
    assert not part.training
    assert list(ModuleList(model)[1:].state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]


@pytest.mark.parametrize("kind", [Sequential, lambda *modules: ModuleList(modules)])
def test_containers_change_like_lists(kind):
    a, b, c, d, e = (Linear(2, 2) for _ in range(5))
    model = kind(a, b)
    assert model.append(c) is model
    model.extend([d])
    model.insert(1, e)
    assert all(m is n for m, n in zip(model, [a, e, b, c, d], strict=True))
    assert e.weight.name == "1.weight"
    assert d.weight.name == "4.weight"
    del model[0]
    del model[2:]
    assert all(m is n for m, n in zip(model, [e, b], strict=True))
    assert list(model.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    model[1] = c
    assert model[1] is c
    with pytest.raises(IndexError, match=r"holds 2 modules: there is no \[2\]"):
        model[2]


def test_sequential_with_names():
    model = Sequential(OrderedDict(first=Linear(2, 3), second=Linear(3, 1)))
    assert list(model.state_dict()) == [
        "first.weight",
        "first.bias",
        "second.weight",
        "second.bias",
    ]
    model.append(Tanh())
    assert [name for name, _ in model.named_children()] == ["first", "second", "2"]
    assert model.second.weight.name == "second.weight"
    assert model(np.ones((5, 2))).scope == ("Sequential", "Tanh2")


def test_module_dict_is_a_dict():
    a, b = Linear(2, 2), Linear(2, 2)
    model = ModuleDict([("a", a)])
    model["b"] = b
    assert list(model) == list(model.keys()) == ["a", "b"]
    assert [m is n for m, n in zip(model.values(), (a, b), strict=True)] == [True, True]
    assert "a" in model
    assert "c" not in model
    assert model.pop("a") is a
    assert len(model) == 1
    with pytest.raises(KeyError, match=r"ModuleDict holds b, and no 'a'"):
        model["a"]
    model.clear()
    assert list(model.items()) == []


# ---- state ---------------------------------------------------------------------------------------


def test_state_carries_over_to_pytorch_and_back():
    torch = pytest.importorskip("torch")
    model, theirs = Model(), torch_model()
    x = np.random.default_rng(0).normal(size=(6, 3))

    def their_output():
        return (theirs.scale * theirs.heads["a"](theirs.encoder(torch.tensor(x)))).detach().numpy()

    theirs.load_state_dict(
        {name: torch.tensor(value) for name, value in model.state_dict().items()}
    )
    np.testing.assert_allclose(
        model(x).numpy(), their_output(), rtol=1e-12
    )  # both learn statistics
    with torch.no_grad():
        theirs.encoder[0].weight.normal_()
    theirs.eval(), model.eval()
    model.load_state_dict(theirs.state_dict())
    np.testing.assert_allclose(model(x).numpy(), their_output(), rtol=1e-12)
    assert model.encoder[2].num_batches_tracked.dtype == np.int64
    assert model.mirror.weight is model.encoder[0].weight


def test_a_state_is_a_snapshot():
    model = Sequential(Linear(2, 2), BatchNorm1d(2))
    state = model.state_dict()
    before = copy.deepcopy(state)
    model(np.random.default_rng(0).normal(size=(4, 2)))
    for parameter in model.parameters():
        parameter.data += 1
    for name in state:
        np.testing.assert_array_equal(state[name], before[name])
    model.load_state_dict(state)
    state["0.weight"] += 1
    np.testing.assert_array_equal(model[0].weight.numpy(), before["0.weight"])


def test_a_state_that_does_not_fit_changes_nothing_and_is_told_in_full():
    model = Sequential(Linear(2, 3), BatchNorm1d(3))
    before = model.state_dict()
    wrong = {name: value + 1 for name, value in before.items()}
    del wrong["0.bias"], wrong["1.running_mean"]
    wrong |= {"0.weight": np.zeros((2, 3)), "1.bias": np.zeros(3, complex), "2.weight": 1, "x": 2}
    with pytest.raises(ValueError, match="does not fit Sequential") as error:
        model.load_state_dict(wrong)
    assert str(error.value).splitlines()[1:] == [
        "    missing: 0.bias, 1.running_mean",
        "    unexpected: 2.weight, x",
        "    0.weight: expected shape (3, 2), got (2, 3)",
        "    1.bias: expected real numbers, got complex128",
    ]
    with pytest.raises(ValueError, match=r"0.weight: expected shape \(3, 2\), got \(2, 3\)"):
        model.load_state_dict(wrong, strict=False)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_loading_what_is_there():
    model = Linear(2, 3)
    left = model.load_state_dict({"weight": Parameter(np.ones((3, 2))), "more": 1}, strict=False)
    assert left.missing_keys == ["bias"]
    assert left.unexpected_keys == ["more"]
    assert model.weight.numpy().tolist() == np.ones((3, 2)).tolist()
    model.float().load_state_dict(Linear(2, 3).state_dict())
    assert model.weight.dtype == np.float32


def test_astype_keeps_who_is_who():
    model = Model()
    weight = model.encoder[0].weight
    model(np.ones((2, 3)) * [[1], [2]]).sum().backward()
    assert model.astype(np.float32) is model
    assert weight is model.encoder[0].weight is model.mirror.weight
    assert weight.grad.dtype == weight.dtype == np.float32
    assert weight.name == "encoder.0.weight"
    kinds = {name: value.dtype for name, value in model.state_dict().items()}
    assert kinds.pop("encoder.2.num_batches_tracked") == np.int64
    assert set(kinds.values()) == {np.dtype(np.float32)}
    assert model.half().scale.dtype == np.float16
    assert model.double().scale.dtype == np.float64
    with pytest.raises(TypeError, match="expected a float type for parameters, got int64"):
        model.astype(np.int64)


def test_parameters_are_made_in_the_default_dtype():
    with set_default_dtype(np.float32):
        model = Model()
    assert {p.dtype for p in model.parameters()} == {np.dtype(np.float32)}
    assert model.encoder[2].running_var.dtype == np.float32
    assert Linear(2, 2).weight.dtype == np.float64


@pytest.mark.parametrize("again", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_stand_alone(again):
    model = Model().eval()
    twin = again(model)
    x = np.random.default_rng(0).normal(size=(5, 3))
    np.testing.assert_array_equal(twin(x).numpy(), model(x).numpy())
    assert twin.mirror.weight is twin.encoder[0].weight
    assert [p.name for p in twin.parameters()] == PARAMETERS
    assert not twin.training
    outer = Sequential(twin)
    assert outer[0].scale.name == "0.scale"
    assert model.scale.name == "scale"
    twin.scale.data += 1
    twin.encoder[2].running_mean += 1
    assert model.scale.item() == 2
    assert not model.encoder[2].running_mean.any()


# ---- scopes and hooks ----------------------------------------------------------------------------


def test_calling_opens_a_scope_for_each_module():
    model = Model()
    y = model(np.random.default_rng(0).normal(size=(5, 3)))
    scopes = {t.scope for t in history(y) if t.operation and t.operation.name == "linear"}
    assert scopes == {("Model", "encoder", "Linear0"), ("Model", "a")}
    assert y.scope == ("Model",)


def test_forward_hooks_see_and_may_replace():
    model, seen = Sequential(Linear(2, 3), Tanh()), []
    before = model[1].register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].shape))
    after = model[1].register_forward_hook(lambda module, inputs, y: seen.append((inputs[0], y)))
    y = model(np.ones((4, 2)))
    assert seen[0] == (4, 3)
    assert seen[1][1] is y
    np.testing.assert_array_equal(np.tanh(seen[1][0].numpy()), y.numpy())
    before.remove(), after.remove(), after.remove()
    model(np.ones((4, 2)))
    assert len(seen) == 2
    with model[0].register_forward_hook(lambda module, inputs, y: 0 * y):
        assert not model(np.ones((4, 2))).numpy().any()
    with model[0].register_forward_pre_hook(lambda module, inputs: inputs[0][:1]):
        assert model(np.ones((4, 2))).shape == (1, 3)
    assert model(np.ones((4, 2))).shape == (4, 3)
    with pytest.raises(TypeError, match="expected a function as a hook, got int"):
        model.register_forward_hook(3)


def test_gradient_hooks_see_what_pytorch_shows():
    torch = pytest.importorskip("torch")
    model = Sequential(Linear(2, 3), Tanh(), Linear(3, 1))
    theirs = torch.nn.Sequential(
        torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1)
    ).double()
    theirs.load_state_dict({k: torch.tensor(v) for k, v in model.state_dict().items()})
    x = np.random.default_rng(0).normal(size=(4, 2))
    seen = []
    for network in (model, theirs):
        for module in (network[0], network[1], network[2], network):
            module.register_full_backward_hook(
                lambda module, of_inputs, of_output: seen.append((of_inputs, of_output))
            )
    (model(x) ** 2).sum().backward()
    count = len(seen)
    with warnings.catch_warnings():  # it warns that x has no gradient
        warnings.simplefilter("ignore")
        (theirs(torch.tensor(x)) ** 2).sum().backward()
    assert count == 4
    ours = sorted(seen[:4], key=lambda pair: repr(np.shape(pair[1][0])))
    expected = sorted(seen[4:], key=lambda pair: repr(np.shape(pair[1][0])))
    for (mine, mine_out), (its, its_out) in zip(ours, expected, strict=True):
        np.testing.assert_allclose(mine_out[0], its_out[0].numpy(), rtol=1e-12)
        assert (mine[0] is None) == (its[0] is None)
        if mine[0] is not None:
            np.testing.assert_allclose(mine[0], its[0].numpy(), rtol=1e-12)


def test_gradient_hooks_change_nothing():
    model, x = Sequential(Linear(2, 3), Tanh()), np.ones((4, 2))
    model(x).sum().backward()
    expected = model[0].weight.grad
    model.zero_grad()
    seen = []
    handle = model[1].register_full_backward_hook(lambda *all: seen.append(all))
    model(x).sum().backward()
    np.testing.assert_array_equal(model[0].weight.grad, expected)
    assert seen[0][0] is model[1]
    handle.remove()
    model[1].register_full_backward_hook(lambda module, of_inputs, of_output: of_inputs)
    with pytest.raises(TypeError, match=r"backward hook of 1 \(Tanh\) returned something"):
        model(x).sum().backward()


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
    model.requires_grad_(False)  # only the second derivative by x is wanted
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


def test_a_model_as_a_function_of_its_parameters():
    rng = np.random.default_rng(0)
    model = Sequential(Linear(2, 3), Tanh(), Linear(3, 1))
    x = rng.normal(size=(4, 2))
    names = [name for name, _ in model.named_parameters()]
    values = [p.numpy().copy() for p in model.parameters()]

    def loss(*arrays):
        return np.sum(functional_call(model, dict(zip(names, arrays, strict=True)), x) ** 2)

    found = grad(loss, tuple(range(4)))(*values)
    vs = [rng.normal(size=value.shape) for value in values]
    (expected,) = slope(loss, values, vs)
    assert np.isclose(
        sum(np.sum(g * v) for g, v in zip(found, vs, strict=True)), expected, rtol=1e-9
    )
    assert all(p.grad is None for p in model.parameters())
    as_dict = grad(lambda parameters: np.sum(functional_call(model, parameters, x) ** 2))
    for name, gradient in as_dict(dict(zip(names, values, strict=True))).items():
        np.testing.assert_allclose(gradient, found[names.index(name)], rtol=1e-12)


def test_hessian_and_jacobian_over_parameters():
    rng = np.random.default_rng(0)
    model, x = Sequential(Linear(2, 2), Tanh(), Linear(2, 1)), rng.normal(size=(3, 2))
    w, v = model[0].weight.numpy().copy(), rng.normal(size=(2, 2))
    model.requires_grad_(False)  # the parameters that stay are constants

    def loss(w):
        return np.sum(functional_call(model, {"0.weight": w}, x) ** 2)

    found = hessian(loss)(w)
    assert found.shape == (2, 2, 2, 2)
    (expected,) = slope(grad(loss), [w], [v])
    np.testing.assert_allclose(np.tensordot(found, v, 2), expected, rtol=1e-8)
    by_bias = jacobian(lambda b: functional_call(model, {"2.bias": b}, x))(np.zeros(1))
    np.testing.assert_array_equal(by_bias, np.ones((3, 1, 1)))


def test_functional_call_leaves_the_model_as_it_was():
    model, x = Model(), np.random.default_rng(0).normal(size=(4, 3))
    before = model.state_dict()
    held = dict(model.named_parameters())
    functional_call(model, {"scale": 0.0}, x)
    with pytest.raises(ValueError, match=r"encoder.0 \(Linear\)"):
        functional_call(model, {"scale": 0.0}, np.ones((4, 5)))
    assert all(parameter is held[name] for name, parameter in model.named_parameters())
    changed = {name for name, value in model.state_dict().items() if (value != before[name]).any()}
    assert changed == {
        "encoder.2.running_mean", "encoder.2.running_var", "encoder.2.num_batches_tracked",
    }  # fmt: skip


def test_functional_call_replaces_a_shared_parameter_everywhere_and_nests():
    layer = Linear(2, 2, bias=False)
    model = Sequential(layer, layer)
    twice = functional_call(model, {"0.weight": 2 * np.eye(2)}, np.ones(2))
    assert twice.numpy().tolist() == [4, 4]
    tied = Model()
    ones = np.ones((4, 3))
    tied.forward = lambda x: tied.mirror(x)
    np.testing.assert_array_equal(
        functional_call(tied, {"encoder.0.weight": ones}, np.ones(3)), [3] * 4
    )

    class Inner(Module):
        def __init__(self):
            self.layer = Linear(1, 1, bias=False)

        def forward(self, x):
            doubled = {"weight": self.layer.weight * 2}
            return functional_call(self.layer, doubled, x)

    inner = Inner()
    found = hessian(lambda w: np.sum(functional_call(inner, {"layer.weight": w}, np.ones(1)) ** 3))
    assert found(np.array([[1.5]])).item() == 6 * 8 * 1.5
    assert isinstance(inner.layer.weight, Parameter)


def test_functional_call_takes_buffers_and_refuses_what_does_not_fit():
    layer = BatchNorm1d(2).eval()
    y = functional_call(layer, {"running_mean": [1.0, 2.0]}, [[1.0, 2.0]])
    assert y.numpy().tolist() == [[0, 0]]
    assert layer.running_mean.tolist() == [0, 0]
    with pytest.raises(
        ValueError, match=r"BatchNorm1d has no 'wieght', 'x'; it has weight, bias, r"
    ):
        functional_call(layer, {"wieght": 1, "x": 2}, [[1.0, 2.0]])
    with pytest.raises(ValueError, match=r"weight: expected shape \(2,\), got \(3,\)"):
        functional_call(layer, {"weight": np.ones(3)}, [[1.0, 2.0]])

"""Calls of modules: scopes and hooks; and functional_call, which makes a function of a model."""

import gc
import weakref

import numpy as np
import pytest

from microgradnd import Tensor, grad, hessian, history
from nn import BatchNorm1d, Linear, Module, Parameter, Sequential, Tanh, functional_call
from tests.nn.test_modules import Model, X, names
from tests.numerical import slope


def test_calling_opens_a_scope_for_each_module():
    y = Model()(X)
    scopes = {t.scope for t in history(y) if t.operation and t.operation.name == "linear"}
    assert scopes == {("Model", "encoder", "Linear0"), ("Model", "a")}
    assert y.scope == ("Model",)


def test_a_graph_keeps_what_modules_are_called_and_not_the_modules():
    model = Sequential(Linear(3, 2), Tanh())
    linear, watched = model(np.ones((1, 3))).parents[0], weakref.ref(model)
    assert linear.opening.options() == "in_features=3, out_features=2"
    del model
    gc.collect()
    assert watched() is None
    assert linear.scope == ("Sequential", "Linear0")
    assert linear.opening.options() == ""


def test_forward_hooks_see_and_may_replace():
    model, seen, x = Sequential(Linear(2, 3), Tanh()), [], np.ones((4, 2))
    before = model[1].register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    after = model[1].register_forward_hook(lambda module, inputs, y: seen.extend((inputs[0], y)))
    y = model(x)
    assert seen[0] is seen[1]
    assert seen[2] is y
    np.testing.assert_array_equal(np.tanh(seen[0].numpy()), y.numpy())
    before.remove(), after.remove(), after.remove()
    model(x)
    assert len(seen) == 3
    with model[0].register_forward_hook(lambda module, inputs, y: 0 * y) as handle:
        assert not model(x).numpy().any()
        handle.remove()
        assert model(x).numpy().any()
    with model[0].register_forward_pre_hook(lambda module, inputs: inputs[0][:1]):
        assert model(x).shape == (1, 3)
    assert model(x).shape == (4, 3)


def test_gradient_hooks_are_removed_return_nothing_and_are_differentiated_through():
    layer, seen, x = Sequential(Tanh())[0], [], Tensor([0.3], requires_grad=True)
    with layer.register_full_backward_hook(lambda *all: seen.append(all)):
        y = layer(x)
        curved = hessian(lambda x: np.sum(layer(x)))(x.numpy())
    assert isinstance(seen.pop(0)[1][0], Tensor)
    np.testing.assert_allclose(curved, hessian(lambda x: np.sum(layer(x)))(x.numpy()), rtol=1e-14)
    seen.clear()
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

    module, layer, seen = Two(), Linear(1, 1), []
    for each in (module, layer):
        each.register_full_backward_hook(lambda module, *gradients: seen.append(gradients))
    x, h = (Tensor(value, requires_grad=True) for value in (2.0, 3.0))
    product, (total, seven) = module(x, (h, 5.0))
    assert seven == 7.0
    (10 * product + 100 * total).backward()
    layer(np.ones(1)).backward()
    assert seen == [((30.0, 120.0, None), (10.0, 100.0, None)), ((None,), (1.0,))]
    assert (x.grad, h.grad) == (30, 120)


def test_a_model_as_a_function_of_its_parameters(rng):
    model, x = Sequential(Linear(2, 2), Tanh(), Linear(2, 1)), rng.normal(size=(3, 2))

    def cost(given):
        return np.sum(functional_call(model, given, x) ** 2)

    found = grad(cost)(model.state_dict())
    (model(x) ** 2).sum().backward()
    for name, parameter in model.named_parameters():
        np.testing.assert_allclose(found[name], parameter.grad, rtol=1e-12)
    model.requires_grad_(False)  # the parameters that stay are constants
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
    assert changed == [f"encoder.2.{name}" for name in names(model.encoder[2].named_buffers())]
    norm = BatchNorm1d(2).eval()
    y = functional_call(norm, {"running_mean": [1.0, 2.0]}, [[1.0, 2.0]])
    assert (y.numpy().tolist(), norm.running_mean.tolist()) == ([[0, 0]], [0, 0])


def test_functional_call_replaces_a_shared_parameter_everywhere_and_nests():
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

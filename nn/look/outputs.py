"""What the layers of a model return for some inputs."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from ..module import Module
from ..train.evaluation import evaluating


def layer_outputs(model: Module, *inputs: Any) -> list[tuple[str, Module, Any]]:
    """Returns the layers that the model calls, in order: the name, the layer and its output.

    A layer has parameters of its own, or no modules inside.
    """
    calls: list[tuple[str, Module, Any]] = []
    names = {id(module): name for name, module in model.named_modules()}

    def note(module: Module, _: Any, output: Any) -> None:
        calls.append((names[id(module)], module, output))

    with ExitStack() as stack, evaluating(model):
        for module in model.modules():
            if any(True for _ in module.parameters(recurse=False)) or not [*module.children()]:
                stack.enter_context(module.register_forward_hook(note))
        model(*inputs)
    return calls

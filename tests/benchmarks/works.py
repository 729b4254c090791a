"""What is measured, for which systems, and our goals. The others are compared with the first system
of a work.
"""

import functools
import importlib.util
import subprocess
import sys

from . import (
    by_hand,
    chain,
    checking,
    dense,
    each_layer,
    epoch,
    expression,
    functional,
    large_array,
    layers,
    network,
)
from .dense import DEEP, DEMO, DROPOUT, RELU, SIGMOID, Setting, steps
from .timing import (
    AUTOGRAD,
    BOOK,
    BY_HAND,
    COMPILED,
    EAGER,
    FLOOR,
    JAX,
    MICROGRAD,
    MYGRAD,
    PYTORCH,
    REPLAYED,
    AtMost,
    Faster,
    LeftOutError,
    Longer,
    Run,
    Work,
)

CHAIN = f"chain of {chain.LENGTH:,} scalar operations"

ENGINES = {
    REPLAYED: dense.replayed,
    EAGER: dense.eager,
    PYTORCH: dense.pytorch,
    JAX: functional.jax,
    AUTOGRAD: functional.autograd,
    MYGRAD: functional.mygrad,
}


def training(setting: Setting, more):
    """Steps with this setting in all systems."""
    systems = ENGINES | more
    return {name: functools.partial(steps, system, setting) for name, system in systems.items()}


def fresh_import(module: str) -> Run:
    """Starts a new Python that imports the module and ends."""
    if importlib.util.find_spec(module) is None:
        raise LeftOutError(f"No module named {module!r}")
    command = [sys.executable, "-c", f"import {module}"]

    def run():
        subprocess.run(command, check=True)
        return []

    return run


WORKS = [
    Work(
        "784-30-10 sigmoid, quadratic cost, batch 10, SGD: a step",
        training(
            SIGMOID,
            {BY_HAND: by_hand.sigmoids, BOOK: by_hand.one_by_one, COMPILED: dense.compiled},
        ),
        [
            AtMost(REPLAYED, 0.9, BY_HAND),
            Faster(REPLAYED, 1, JAX),
            Faster(REPLAYED, 5.3, PYTORCH),
            AtMost(EAGER, 2.2, BY_HAND),
            Faster(EAGER, 2.1, PYTORCH),
        ],
        steady=True,
    ),
    Work(
        "784-100-10 ReLU, cross-entropy, batch 64, Adam: a step",
        training(RELU, {BY_HAND: by_hand.relu, COMPILED: dense.compiled}),
        [
            AtMost(REPLAYED, 0.85, BY_HAND),
            Faster(REPLAYED, 1, JAX),
            AtMost(EAGER, 1.08, BY_HAND),
            Faster(EAGER, 1.5, PYTORCH),
        ],
        steady=True,
    ),
    Work(
        "784-256-256-10 ReLU, dropout, batch 128, Adam: a step",
        training(DROPOUT, {BY_HAND: by_hand.any_depth, COMPILED: dense.compiled})
        | {FLOOR: lambda: by_hand.floor(DROPOUT)},
        [AtMost(REPLAYED, 1.1, FLOOR), Faster(REPLAYED, 1, PYTORCH), Faster(EAGER, 1, PYTORCH)],
        steady=True,
    ),
    Work(
        f"LeNet-5, batch {layers.IMAGES}, SGD: a step",
        {
            REPLAYED: layers.lenet_replayed,
            EAGER: layers.lenet_ours,
            PYTORCH: layers.lenet_pytorch,
            COMPILED: layers.lenet_compiled,
            JAX: layers.lenet_jax,
        },
        [AtMost(REPLAYED, 0.73, PYTORCH), AtMost(EAGER, 1.2, PYTORCH)],
        steady=True,
    ),
    Work(
        f"LSTM {layers.INPUTS}-{layers.HIDDEN}, {layers.STEPS} steps, batch {layers.EXAMPLES}: "
        "there and back",
        {
            REPLAYED: layers.lstm_replayed,
            EAGER: layers.lstm_ours,
            PYTORCH: layers.lstm_pytorch,
            JAX: layers.lstm_jax,
        },
        [AtMost(EAGER, 1.5, PYTORCH)],
    ),
    *(
        Work(
            f"{name}: forward and backward",
            {
                EAGER: functools.partial(each_layer.ours, case),
                PYTORCH: functools.partial(each_layer.pytorch, case),
            },
            [AtMost(EAGER, case.limit, PYTORCH)],
        )
        for name, case in each_layer.CASES.items()
    ),
    Work(
        "30 layers of 64 tanh, cross-entropy, batch 32, SGD: a step",
        training(DEEP, {BY_HAND: by_hand.any_depth}),
        [Faster(REPLAYED, 1, JAX), AtMost(EAGER, 1.7, BY_HAND)],
    ),
    Work(
        "micrograd's demo: 2-16-16-1 ReLU, hinge loss, 100 points, SGD: a step",
        training(DEMO, {MICROGRAD: functional.micrograd}),
        [Faster(EAGER, 1000, MICROGRAD)],
    ),
    Work(
        "784-30-10, an epoch of 6,000 digits in batches of 10",
        {
            name: functools.partial(epoch.looped, system)
            for name, system in (ENGINES | {BY_HAND: by_hand.sigmoids}).items()
        }
        | {"nn.fit": epoch.fit, "nn.fit, replayed": functools.partial(epoch.fit, replay=True)}
        | {"PyTorch, DataLoader": epoch.data_loader},
        [AtMost("nn.fit, replayed", 1.3, BY_HAND)],
    ),
    Work(
        "784-30-10 network, a step, spelled out without nn",
        {
            EAGER: network.microgradnd_spelled_out,
            BY_HAND: network.numpy_by_hand,
            PYTORCH: network.pytorch_spelled_out,
        },
        [AtMost(EAGER, 2.3, BY_HAND)],
    ),
    Work(
        "784-30-10 network, a step, with primitives without nn",
        {
            EAGER: network.microgradnd_with_primitives,
            BY_HAND: network.numpy_by_hand,
            PYTORCH: network.pytorch_with_its_own,
        },
    ),
    Work(
        f"{expression.OPERATIONS} operations on 10 entries: each, there and back",
        {
            REPLAYED: expression.replayed,
            EAGER: expression.microgradnd,
            PYTORCH: expression.pytorch,
            JAX: expression.jax,
            AUTOGRAD: expression.autograd,
            MYGRAD: expression.mygrad,
        },
        [Faster(EAGER, 2, PYTORCH)],
        operations=expression.OPERATIONS,
        threads=False,
    ),
    Work(
        f"{CHAIN}: each, there and back",
        {EAGER: chain.microgradnd, PYTORCH: chain.pytorch, MICROGRAD: chain.micrograd},
        [Faster(EAGER, 2, MICROGRAD)],
        operations=chain.LENGTH,
        threads=False,
    ),
    Work(
        f"sum(tanh(x) * x) of {large_array.SIZE:,} entries: there and back",
        {
            REPLAYED: large_array.replayed,
            EAGER: large_array.microgradnd,
            BY_HAND: large_array.numpy_by_hand,
            PYTORCH: large_array.pytorch,
            AUTOGRAD: large_array.autograd,
            MYGRAD: large_array.mygrad,
        },
        [AtMost(EAGER, 1.2, BY_HAND), Faster(EAGER, 1, AUTOGRAD), Faster(EAGER, 1, MYGRAD)],
    ),
    Work(
        "gradcheck of a 10-20-20-3 network",
        {EAGER: checking.microgradnd, PYTORCH: checking.pytorch},
        [Faster(EAGER, 1, PYTORCH)],
        threads=False,
    ),
    Work(
        "import in a new process",
        {
            name: functools.partial(fresh_import, module)
            for name, module in {
                EAGER: "microgradnd",
                "nn": "nn",
                "NumPy": "numpy",
                PYTORCH: "torch",
                "JAX": "jax",
                AUTOGRAD: "autograd",
                MYGRAD: "mygrad",
                MICROGRAD: "micrograd.engine",
            }.items()
        },
        [Longer(EAGER, 30, "NumPy"), Longer("nn", 40, "NumPy")],
        threads=False,
    ),
]

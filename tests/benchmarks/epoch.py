"""An epoch from data to trained network: 784-30-10 on the 6,000 digits that come with `nn`.

Each system puts the images in a new order, takes them in batches, and trains on each. `nn.fit` also
measures what it reports about the epoch.
"""

import functools
from collections.abc import Callable

import numpy as np

from .dense import SIGMOID, Setting, Trainer, model_of, optimizer_of, pytorch
from .timing import Run


@functools.cache
def digits() -> tuple[np.ndarray, np.ndarray]:
    """Images as rows, and their labels as one-hot rows."""
    import nn

    train, _ = nn.data.digits()
    return train.inputs.astype(np.float32), np.eye(10, dtype=np.float32)[train.labels]


def looped(system: Callable[[Setting], Trainer]) -> Run:
    """Batches selected from arrays, as one writes it by hand."""
    trainer = system(SIGMOID)
    images, wanted = digits()
    rng = np.random.default_rng(0)

    def run():
        order = rng.permutation(len(images))
        for start in range(0, len(order), SIGMOID.batch):
            rows = order[start : start + SIGMOID.batch]
            trainer.step(trainer.convert(images[rows]), trainer.convert(wanted[rows]))
        return []

    return run


def fit(replay: bool = False) -> Run:
    import nn

    model = model_of(SIGMOID, nn, np.array).astype(np.float32)
    optimizer = optimizer_of(SIGMOID, nn.optim, list(model.parameters()))

    def run():
        nn.fit(
            model,
            digits(),
            loss=nn.QuadraticLoss(),
            optimizer=optimizer,
            epochs=1,
            batch_size=SIGMOID.batch,
            progress=False,
            replay=replay,
        )
        return []

    return run


def data_loader() -> Run:
    """Batches taken in PyTorch's own way."""
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    trainer = pytorch(SIGMOID)
    data = TensorDataset(*map(torch.tensor, digits()))
    loader = DataLoader(data, batch_size=SIGMOID.batch, shuffle=True)

    def run():
        for images, wanted in loader:
            trainer.step(images, wanted)
        return []

    return run

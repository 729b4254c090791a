"""Data to learn from.

>>> import nn
>>> train, test = nn.data.digits()
>>> for x, y in train.batches(1000, seed=0):
...     pass  # a step of learning
>>> x.shape, y.shape
((1000, 784), (1000,))
"""

from microgradnd.late import import_late

from ..layers.embedding import one_hot
from .examples import Batches, Data, Standardise
from .loader import DataLoader, Dataset, Subset, TensorDataset, random_split
from .points import blobs, circles, moons, spirals, xor

__all__ = [
    "Batches", "Data", "DataLoader", "Dataset", "Standardise", "Subset", "TensorDataset",
    "blobs", "circles", "moons", "one_hot", "random_split", "spirals", "xor",
    *import_late(
        __name__,
        augmentation="Augment affine elastic noise rotate scale skew translate",
        image_folder="images",
        letters="Text sonnets",
        mnist="TrainAndTest digits mnist read_idx",
        tables="Columns csv",
    ),
]  # fmt: skip

"""Data to learn from.

>>> import nn
>>> train, test = nn.data.digits()
>>> for x, y in train.batches(1000, seed=0):
...     pass  # a step of learning
>>> x.shape, y.shape
((1000, 784), (1000,))
"""

from ..layers.embedding import one_hot
from .augmentation import Augment, affine, elastic, noise, rotate, scale, skew, translate
from .columns import Columns
from .csv_file import csv, guess_columns
from .examples import Batches, Data, Standardise
from .image_folder import images
from .letters import Text, sonnets
from .loader import DataLoader, Dataset, Subset, TensorDataset, random_split
from .mnist import TrainAndTest, digits, mnist, read_idx
from .points import blobs, circles, moons, spirals, xor

__all__ = [
    "Augment", "Batches", "Columns", "Data", "DataLoader", "Dataset", "Standardise", "Subset",
    "TensorDataset", "Text", "TrainAndTest", "affine", "blobs", "circles", "csv", "digits",
    "elastic", "guess_columns", "images", "mnist", "moons", "noise", "one_hot", "random_split",
    "read_idx", "rotate", "scale", "skew", "sonnets", "spirals", "translate", "xor",
]  # fmt: skip

"""Data to learn from.

>>> import nn
>>> train, test = nn.data.digits()
>>> for x, y in train.batches(1000, seed=0):
...     pass  # a step of learning
>>> x.shape, y.shape
((1000, 784), (1000,))
"""

from typing import TYPE_CHECKING

from microgradnd.late import import_late

from ..layers.embedding import one_hot
from .examples import Batches, Data, Standardise
from .loader import DataLoader, Dataset, Subset, TensorDataset, random_split
from .points import blobs, circles, moons, spirals, xor

if TYPE_CHECKING:
    from .augmentation import Augment, affine, elastic, noise, rotate, scale, skew, translate
    from .image_folder import images
    from .letters import Text, sonnets
    from .mnist import TrainAndTest, digits, mnist, read_idx
    from .tables import Columns, csv
else:
    import_late(
        __name__,
        augmentation="Augment affine elastic noise rotate scale skew translate",
        image_folder="images",
        letters="Text sonnets",
        mnist="TrainAndTest digits mnist read_idx",
        tables="Columns csv",
    )

__all__ = [
    "Augment", "Batches", "Columns", "Data", "DataLoader", "Dataset", "Standardise", "Subset",
    "TensorDataset", "Text", "TrainAndTest", "affine", "blobs", "circles", "csv", "digits",
    "elastic", "images", "mnist", "moons", "noise", "one_hot", "random_split", "read_idx", "rotate",
    "scale", "skew", "sonnets", "spirals", "translate", "xor",
]  # fmt: skip

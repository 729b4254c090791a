"""Written by `python -m tests.stubs`."""

from collections.abc import Sequence
from typing import Any

from microgradnd.arrays import ArrayLike
from nn.functions import FunctionModule
from nn.layers.layer import Layer, Size
from nn.layers.resizing import Sizes

from nn.data.examples import Batches as Batches
from nn.data.examples import Data as Data
from nn.data.loader import DataLoader as DataLoader
from nn.data.loader import Dataset as Dataset
from nn.data.examples import Standardise as Standardise
from nn.data.loader import Subset as Subset
from nn.data.loader import TensorDataset as TensorDataset
from nn.data.points import blobs as blobs
from nn.data.points import circles as circles
from nn.data.points import moons as moons
from nn.layers.embedding import one_hot as one_hot
from nn.data.loader import random_split as random_split
from nn.data.points import spirals as spirals
from nn.data.points import xor as xor
from nn.data.augmentation import Augment as Augment
from nn.data.augmentation import affine as affine
from nn.data.augmentation import elastic as elastic
from nn.data.augmentation import noise as noise
from nn.data.augmentation import rotate as rotate
from nn.data.augmentation import scale as scale
from nn.data.augmentation import skew as skew
from nn.data.augmentation import translate as translate
from nn.data.image_folder import images as images
from nn.data.letters import Text as Text
from nn.data.letters import sonnets as sonnets
from nn.data.mnist import TrainAndTest as TrainAndTest
from nn.data.mnist import digits as digits
from nn.data.mnist import mnist as mnist
from nn.data.mnist import read_idx as read_idx
from nn.data.tables import Columns as Columns
from nn.data.tables import csv as csv

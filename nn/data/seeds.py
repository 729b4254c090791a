"""Where random numbers come from: a seed, a generator, or the generator that all of `nn` shares."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from .. import init

Seed: TypeAlias = int | np.random.Generator | None


def generator_from(seed: Seed) -> np.random.Generator:
    """A new generator for a number, a generator itself, and that of `nn` for None.

    >>> from nn.data.seeds import generator_from
    >>> generator_from(0).random() == generator_from(0).random()
    True
    """
    return init.generator if seed is None else np.random.default_rng(seed)

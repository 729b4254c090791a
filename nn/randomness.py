"""Everything random in `nn` is drawn from one generator, so that one seed repeats a whole run."""

from __future__ import annotations

import numpy as np

from microgradnd.check.repetition import shared_generators

generator = np.random.default_rng()
shared_generators.append(generator)  # gradcheck gives a dropout the same luck each time


def manual_seed(seed: int) -> np.random.Generator:
    """Start the random numbers of `nn` anew: the same seed gives the same run, bit for bit.

    >>> from nn.randomness import generator, manual_seed
    >>> first = manual_seed(0).random()
    >>> generator.random() == first
    False
    >>> manual_seed(0).random() == first
    True
    """
    generator.bit_generator.state = np.random.default_rng(seed).bit_generator.state
    return generator

"""How a step of the 784-30-10 network grows with its batch and with its hidden layer."""

from dataclasses import replace

from . import by_hand
from .dense import SIGMOID, Setting, steps
from .timing import BY_HAND, Times, alternate, check_agreement, set_up
from .works import ENGINES

SIZES = (1, 8, 64, 512, 4096)
AXES = {
    "784-30-10, a step with a batch of": lambda size: replace(SIGMOID, batch=size),
    "784-n-10, batch 10, a step with n of": lambda size: replace(SIGMOID, widths=(784, size, 10)),
}


def times_of(setting: Setting, duration: float) -> Times:
    systems = ENGINES | {BY_HAND: by_hand.sigmoids}
    runs, _ = set_up({name: lambda s=s: steps(s, setting) for name, s in systems.items()})
    check_agreement(runs)
    return alternate(runs, duration)


def grown(duration: float) -> dict[str, dict[str, Times]]:
    """For each axis and size, the times of all systems."""
    return {
        title: {f"{size:,}": times_of(setting_of(size), duration) for size in SIZES}
        for title, setting_of in AXES.items()
    }

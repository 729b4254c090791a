"""Networks of which only the shapes exist, to be looked at before they are built."""

from __future__ import annotations

from contextvars import ContextVar, Token

_outlining: ContextVar[bool] = ContextVar("outlining", default=False)


class outline:
    """Inside, modules are made without values: their parameters are zeros that take no memory.

    >>> from nn.layers.dense import Linear
    >>> from nn.outline import outline
    >>> with outline():
    ...     layer = Linear(1_000_000, 1_000_000)
    >>> layer.weight.shape
    (1000000, 1000000)
    """

    def __init__(self) -> None:
        self._tokens: list[Token[bool]] = []

    def __enter__(self) -> outline:
        self._tokens.append(_outlining.set(True))
        return self

    def __exit__(self, *error: object) -> None:
        _outlining.reset(self._tokens.pop())


def outlining() -> bool:
    """Whether parameters are to be made without values."""
    return _outlining.get()

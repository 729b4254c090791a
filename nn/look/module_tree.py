"""A module as a notebook shows it: a tree that unfolds, with shapes and parameters."""

from __future__ import annotations

from typing import Any

from ..module import Module


def as_html(module: Module) -> str:
    """Returns a tree of the module and all inside, each with its options and its parameters.

    >>> import nn
    >>> as_html(nn.Linear(2, 3)).count("<summary>")
    1
    """
    return f'<div style="font-family: monospace">{_branch("", module)}</div>'


def _branch(name: str, module: Any) -> str:
    import html  # it takes long to import

    count = sum(parameter.size for parameter in module.parameters())
    frozen = count and not any(parameter.requires_grad for parameter in module.parameters())
    called = f"{name}: " * bool(name) + f"{type(module).__name__}({module.extra_repr()})"
    size = f"{count:,} parameters" + ", frozen" * bool(frozen) if count else "no parameters"
    own = "".join(
        f"<div>{html.escape(f'{name} {array.shape} {array.dtype}')}</div>"
        for name, array in (*module.named_parameters(recurse=False),
                            *module.named_buffers(recurse=False))
    )  # fmt: skip
    inside = own + "".join(_branch(name, child) for name, child in module.named_children())
    unfolded = " open" * (not name)
    return (
        f"<details{unfolded}><summary>{html.escape(called)} · {size}</summary>"
        f'<div style="margin-left: 1.5em">{inside}</div></details>'
    )


Module._repr_html_ = as_html  # type: ignore[attr-defined]

"""What is made from the code: the reference, from docstrings, and the table of NumPy's functions.

A fence ```` ```{names} nn.layers ```` in a page becomes the public names whose files lie there.
"""

import importlib
import inspect
import itertools
import re
import sys
import types
from collections.abc import Iterator
from typing import Any

import microgradnd.coverage
import nn  # noqa: F401  (fills sys.modules)

MODULES = [  # where users import from: files, and names of nn that stand for files elsewhere
    "microgradnd", "microgradnd.memory", "nn", "nn.optim", "nn.optim.lr_scheduler", "nn.data",
    "nn.init", "nn.functional",
    *(name for name, file in [*sys.modules.items()] if name[:3] == "nn." and file.__name__ != name),
]  # fmt: skip


def public() -> dict[str, Any]:
    """Returns each public name and what it names, once: `nn.one_hot` is not listed again elsewhere.

    Of a module that has no `__all__`, what is defined and documented there is public.
    """
    named: dict[int, tuple[str, Any]] = {}
    for module in map(importlib.import_module, MODULES):
        path = next(name for name in MODULES if sys.modules[name] is module)
        for name in getattr(module, "__all__", dir(module)):
            thing = getattr(module, name)
            here = str(getattr(thing, "__module__", "")).startswith(module.__name__)
            listed = hasattr(module, "__all__") or (here and name[0] != "_" and thing.__doc__)
            if listed and not isinstance(thing, types.ModuleType):
                named.setdefault(id(thing), (f"{path}.{name}", thing))
    return dict(named.values())


def in_files(place: str) -> dict[str, Any]:
    """Returns the public names whose files lie in this module or package, by file and name."""
    found = [
        (thing.__module__, name.rpartition(".")[2].lower(), name, thing)
        for name, thing in public().items()
        if f"{thing.__module__}.".startswith(f"{place}.")
    ]
    return {name: thing for _, _, name, thing in sorted(found, key=lambda each: each[:3])}


def listed(places: str) -> dict[str, Any]:
    """Returns the public names of a fence, once, in the order of its places."""
    return {name: thing for place in places.split() for name, thing in in_files(place).items()}


def names(places: str) -> str:
    """Returns, in Markdown, what stands in the reference for a fence: a section for each file."""
    parts = []
    for file, entries in itertools.groupby(listed(places).items(), lambda e: e[1].__module__):
        title = file.rpartition(".")[2].replace("_", " ").capitalize()
        path = f"{file.replace('.', '/')}.py"
        about = text(inspect.getdoc(sys.modules[file]) or "")
        parts += [f"## {title}", about, f"Source: [{path}](../../../{path})"]
        parts += [entry(name, thing) for name, thing in entries]
    return "\n\n".join(parts)


def entry(name: str, thing: Any, kind: str = "") -> str:
    """A name with its arguments, docstring and example, and of a class its methods."""
    kind = kind or ("class" if inspect.isclass(thing) else "function")
    members = list(methods(name, thing)) if kind == "class" else []
    body = "\n\n".join([text(inspect.getdoc(thing) or ""), *members])
    module = f":module: {name.rpartition('.')[0]}\n" * (kind in ("class", "function"))
    fence = ":::::" if members else "::::"
    head = f"{fence}{{py:{kind}}} {name.rpartition('.')[2] if module else name}{signature(thing)}"
    return f"{head}\n{module}\n{body}\n{fence}"


def methods(name: str, kind: type) -> Iterator[str]:
    """What a class, or a base that is not public itself, defines and documents."""
    shown = {id(thing) for thing in public().values()}
    bases = itertools.takewhile(lambda base: base is kind or id(base) not in shown, kind.__mro__)
    members = {name: thing for base in reversed([*bases]) for name, thing in vars(base).items()}
    kinds = {types.FunctionType: "method", property: "property"}
    for member, thing in members.items():
        thing = thing.__func__ if isinstance(thing, classmethod | staticmethod) else thing
        if member[0] != "_" and type(thing) in kinds and thing.__doc__:
            yield entry(f"{name.rpartition('.')[2]}.{member}", thing, kinds[type(thing)])


def signature(thing: Any) -> str:
    """The arguments with the types as they are written in the source, without self."""
    try:
        made = inspect.signature(thing)
    except (TypeError, ValueError):
        return ""
    parameters = [each for each in made.parameters.values() if each.name != "self"]
    returned = made.empty if inspect.isclass(thing) else made.return_annotation
    written = str(made.replace(parameters=parameters, return_annotation=returned))
    unquoted = re.sub(r"""(: |-> )(["'])(.*?)\2(?=[,) ]|$)""", r"\1\3", written)
    return unquoted.replace("*, **", "**")


def text(docstring: str) -> str:
    """A docstring as Markdown: arguments become a list, and examples fences."""
    lines: list[str] = []
    example = listing = False
    for line in docstring.splitlines():
        if not example and line.startswith(">>>"):
            lines += ["", "```pycon"]
            example = True
        elif example and not line:
            lines += ["```"]
            example = False
        if re.fullmatch(r"[A-Z][\w ]*:", line):
            line, listing = f"**{line[:-1]}**\n", True
        elif listing and (argument := re.match(r"    (\*{0,2}\w[\w, *]*): ", line)):
            line = f"- `{argument[1]}`: {line[argument.end() :]}"
        elif listing and line.startswith("    "):
            line = f"  {line.strip()}"
        elif line:
            listing = False
        lines.append(line)
    return "\n".join(lines + ["```"] * example)


def coverage() -> str:
    """Returns, in Markdown, a table for each of NumPy's modules: the function, and what it has."""
    rows = itertools.groupby(microgradnd.coverage.coverage(), lambda row: row[0].rpartition(".")[0])
    return "\n\n".join(
        f"## {module}\n\n| function | on Tensors |\n|---|---|\n"
        + "\n".join(f"| `{name}` | {verdict} |" for name, verdict in entries)
        for module, entries in rows
    )

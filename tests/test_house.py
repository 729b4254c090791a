"""The rules of the house: who imports whom, how long a file may be, what each public name needs."""

import ast
import graphlib
import inspect
import pathlib
import subprocess
import sys
from dataclasses import is_dataclass
from typing import get_type_hints

import pytest

import microgradnd
import nn

HOUSE = pathlib.Path(microgradnd.__file__).parent.parent
FILES = sorted(file for name in ("microgradnd", "nn") for file in (HOUSE / name).rglob("*.py"))

# Each package from the ground floor up. A file imports from floors below, or from its own folder.
FLOORS = {
    "microgradnd": [
        "late", "memory", "table", "tree", "habits", "text_table", "random_state", "arrays", "chain_rule", "context", "backward", "operators", "tensor", "primitive",
        "derivatives", "coverage", "transforms", "paths", "check", "draw", "program",
        "draw/page", "draw/picture", "__init__",
    ],
    "nn": [
        "optim", "hooks", "init", "module", "containers",
        "files", "functions", "losses", "layers", "functional", "data",
        "classics", "train", "look", "__init__", "__main__",
    ],
}  # fmt: skip


def name_of(path):
    return path.relative_to(HOUSE).as_posix()


def imported(path):
    """The files and folders of the same package that a file imports, and the names of packages."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            base = path.parents[node.level - 1] / (node.module or "").replace(".", "/")
            names = [base / alias.name for alias in node.names] if base.is_dir() else [base]
            yield from (name.with_suffix(".py") for name in names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module.partition(".")[0]


def floor(path):
    """The package, and the number of the floor in it: a file's own, or that of its folder."""
    package, *parts = path.relative_to(HOUSE).with_suffix("").parts
    own = "/".join(parts)
    return package, FLOORS[package].index(own if own in FLOORS[package] else parts[0])


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_file_imports_only_from_floors_below(path):
    for other in imported(path):
        if isinstance(other, str):
            assert other != "nn" or floor(path)[0] == "nn"
            assert other != "microgradnd" or "equations" not in name_of(path)
        elif other.exists() or other.with_suffix("").exists():  # else a name from an __init__.py
            same_folder = path.parent == other.parent != HOUSE / path.relative_to(HOUSE).parts[0]
            inside = path.parent in other.parents or other.parent in path.parents
            mine, theirs = floor(path), floor(other)
            assert theirs < mine or (theirs == mine and (same_folder or inside)), other


def test_no_imports_in_circles():
    graph = {path: {x for x in imported(path) if not isinstance(x, str)} for path in FILES}
    assert list(graphlib.TopologicalSorter(graph).static_order())


def test_a_file_is_short_enough_to_be_one_idea():
    others = (file for name in ("tests", "notebooks") for file in (HOUSE / name).rglob("*.py"))
    lines = {name_of(path): len(path.read_text("utf-8").splitlines()) for path in (*FILES, *others)}
    assert not {name: count for name, count in lines.items() if count > 400}


def test_no_two_files_have_one_name():
    names = [path.name for path in FILES if not path.name.startswith("__")]
    assert sorted(names) == sorted(set(names))


def test_no_two_files_have_a_helper_of_one_name():
    kinds = ast.FunctionDef, ast.ClassDef
    helpers = {}
    for path in FILES:
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, kinds) and node.name[0] == "_" != node.name[1]:
                helpers.setdefault(node.name, []).append(name_of(path))
    assert not {name: files for name, files in helpers.items() if len(files) > 1}


def test_the_top_of_nn_has_few_entries():
    entries = {path.relative_to(HOUSE / "nn").parts[0] for path in FILES if floor(path)[0] == "nn"}
    assert len(entries - {"__init__.py", "__main__.py"}) <= 14


def test_tools_are_imported_when_they_are_used_and_functions_win_over_files_of_their_names():
    code = """if True:
        import sys, microgradnd, nn
        late = "microgradnd.draw", "microgradnd.check", "nn.look.summary", "numpy.random"
        assert not sys.modules.keys() & set(late)
        import microgradnd.draw.picture, microgradnd.paths, microgradnd.program.derive
        for package in (microgradnd, microgradnd.program, nn):
            assert {*package.__all__} <= {*dir(package)}
            kinds = {type(getattr(package, name)) for name in package.__all__}
            assert package is nn or type(sys) not in kinds, kinds
    """
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_modules_that_people_import_by_name():
    code = (
        "from nn.utils import clip_grad_norm_; from nn.equations import backpropagate; "
        "from nn.networks import lenet5; import nn.plots; assert nn.plots.learning_curves"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


PUBLIC = [(package, name) for package in (microgradnd, nn, nn.optim) for name in package.__all__]


@pytest.mark.parametrize(("package", "name"), PUBLIC, ids=lambda p: getattr(p, "__name__", p))
def test_every_public_name_has_an_example_and_types(package, name):
    thing = getattr(package, name)
    if inspect.ismodule(thing):
        assert thing.__doc__
        return
    assert ">>>" in (thing.__doc__ or "")
    function = thing.__init__ if inspect.isclass(thing) else thing
    if function is object.__init__ or (inspect.isclass(thing) and issubclass(thing, Warning)):
        return
    signature = inspect.signature(function)
    assert signature.return_annotation is not signature.empty
    for parameter in signature.parameters.values():
        assert parameter.name == "self" or parameter.annotation is not parameter.empty
    if not is_dataclass(thing):  # Python's own constructor knows no names of a base's module
        get_type_hints(function)

"""Arguments have PyTorch's defaults, also where it is not installed: by a list of them."""

import ast
import inspect
import operator
from pathlib import Path

import pytest

import nn

LINES = Path(__file__).with_name("defaults_of_pytorch.txt").read_text("utf-8").splitlines()


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("library", ["nn", "torch"])
def test_defaults_are_pytorchs(line, library):
    package = nn if library == "nn" else pytest.importorskip("torch").nn
    if line.startswith("optim.") and library == "torch":
        package = pytest.importorskip("torch")
    call = ast.parse(line).body[0].value
    thing = operator.attrgetter(ast.unparse(call.func))(package)
    parameters, named = inspect.signature(thing).parameters, [k.arg for k in call.keywords]
    assert [name for name in parameters if name in named] == named  # in PyTorch's order
    for argument in call.keywords:
        found = parameters[argument.arg].default
        assert found == ast.literal_eval(argument.value), argument.arg
        assert isinstance(found, bool) == isinstance(ast.literal_eval(argument.value), bool)

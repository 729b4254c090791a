"""One test for all misuse: a table of calls, and of what the error of each says."""

import re

import pytest

ERRORS = (
    TypeError, ValueError, LookupError, AttributeError, RuntimeError, FloatingPointError, OSError,
)  # fmt: skip


def explained(table, names):
    """A test for each line `call ; pattern` of a table: `Error: message` contains the pattern."""

    @pytest.mark.parametrize("line", table.strip().splitlines())
    def test_misuse_is_explained(line):
        call, pattern = line.split(" ; ")
        with pytest.raises(ERRORS) as caught:
            eval(call, names)
        said = f"{type(caught.value).__name__}: {caught.value}"
        assert re.search(pattern, said), said

    return test_misuse_is_explained

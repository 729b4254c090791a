"""Plant small mistakes (mutants) in the house, one at a time, and count how many the tests catch.

A mutant is one change in one place: an operator swapped, a condition negated, a constant one too
large, a statement left out, … For each mutant the tests of its room run up to the first failure. A
share that falls from one version to the next means that a guarantee was lost. Usage:

    python -m tests.mutants                                  # 50 mutants a room, about an hour
    python -m tests.mutants --rooms paths check --count 10
    python -m tests.mutants --tree ../before --workers 2

Optional peers (torch, jax) and the browser are hidden from the tests, as where only the README's
commands ran, and heavy tests do not run. First the tests of each room run without a mutant; what fails
then is left out.
"""

import argparse
import ast
import functools
import io
import itertools
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stderr, redirect_stdout, suppress
from importlib.machinery import PathFinder, SourceFileLoader
from pathlib import Path
from time import monotonic

import hypothesis
import numpy  # noqa: F401  (imported once here, not once for each mutant)
import pytest

# Each room: the files in which mutants are planted, and the tests that run, those that catch most
# first. A pattern may match nothing: some are for older versions.
ROOMS = {
    "core": ("microgradnd/*.py", "engine/test_[!g]* engine/test_* draw/test_cells*"),
    "derivatives": ("microgradnd/derivatives/*.py", "engine/test_der* engine/test_[!g]* draw/test_inputs*"),
    "check": ("microgradnd/check/*.py", "check/test_gradcheck.py check/test_*"),
    "paths": ("microgradnd/paths/*.py", "paths/test_*"),
    "layers": ("nn/layers/*.py",
        "nn/test_defaults* nn/test_*layer* nn/test_wind* nn/test_pool* nn/test_seq* nn/test_weight* nn/test_att* nn/test_misuse* nn/test_rec* nn/test_func* nn/test_habits* check/test_*nn*"),
    "losses": ("nn/losses.py nn/losses/*.py nn/functions.py nn/functions/*.py",
        "nn/test_defaults* nn/test_loss* nn/test_distr* nn/test_seq* nn/test_func* nn/test_misuse*"),
    "optim": ("nn/optim/[!los]*.py nn/optim/optimizer.py nn/optim/lbfgs.py", "nn/test_defaults* nn/test_optim* nn/test_newton* nn/test_regul*"),
    "schedules": ("nn/optim/lr_scheduler/*.py nn/optim/lr_scheduler.py nn/optim/schedule.py "
        "nn/optim/one_cycle.py", "nn/test_defaults* nn/test_sched*"),
    "checkpoint": ("nn/files/*.py nn/train/run.py",
        "nn/test_check* nn/test_saved* nn/test_state* nn/test_hostile* nn/test_file* nn/test_training* nn/test_resume* nn/test_fit* "
        "nn/test_habits*"),
    "data": ("nn/data/*.py", "nn/test_data* nn/test_in_f* nn/test_tab* nn/test_col* nn/test_imag* nn/test_own* nn/test_mnist* "
        "nn/test_aug* nn/test_misuse* nn/test_habits*"),
    "module": ("nn/module.py nn/containers.py nn/hooks.py nn/init.py nn/functional_call.py",
        "nn/test_mod* nn/test_hook* nn/test_init* nn/test_func* nn/test_misuse* nn/test_habits* nn/test_summ* nn/test_layer*"),
    "train": ("nn/train/*.py",
        "nn/test_fit* nn/test_strat* nn/test_eval* nn/test_est* nn/test_health* nn/test_indep* nn/test_log* "
        "nn/test_at_once* nn/test_regul* nn/test_resume* nn/test_not_f* nn/test_toget* nn/test_weight* nn/test_in_f* "
        "program/test_replay_fit* nn/test_misuse* nn/test_habits* nn/test_modules*"),
    "look": ("nn/look/*.py nn/look/plots/*.py",
        "nn/test_plot* nn/test_summ* nn/test_draw* draw/test_film* nn/test_mod* nn/test_misuse* nn/test_habits*"),
    "classics": ("nn/classics/*.py nn/classics/equations/*.py",
        "nn/test_eq* nn/test_backprop* nn/test_perc* nn/test_netw* nn/test_summ*"),
    "draw": ("microgradnd/draw/*.py", "draw/test_*"),
    "program": ("microgradnd/program/[!b]*.py", "program/test_*"),  # browser.py needs a browser
}  # fmt: skip
FORK = multiprocessing.get_context("fork" if hasattr(os, "fork") else None)
HIDDEN = ("torch", "jax", "selenium", "mygrad", "micrograd")

PAIRS = """
Add Sub, Mult Div, Lt LtE, Gt GtE, Eq NotEq, Is IsNot, In NotIn, And Or, BitAnd BitOr
"""
SWAPPED = {"Pow": "Mult", "MatMult": "Mult", "FloorDiv": "Mult", "Mod": "Mult"}
for pair in PAIRS.split(","):
    SWAPPED |= dict([pair.split(), pair.split()[::-1]])


def changes(node):
    """Yields what can be changed in a node itself, as (name, field, new value of the field)."""
    match node:
        case ast.BinOp(op=op) | ast.AugAssign(op=op) | ast.BoolOp(op=op):
            if name := SWAPPED.get(type(op).__name__):
                yield f"swap for {name}", "op", getattr(ast, name)()
        case ast.Compare(ops=[op, *rest]):
            name = SWAPPED[type(op).__name__]
            yield f"swap for {name}", "ops", [getattr(ast, name)(), *rest]
        case ast.UnaryOp(op=ast.USub()):
            yield "drop minus", "op", ast.UAdd()
        case ast.UnaryOp(op=ast.Not()):
            yield "drop not", "operand", ast.UnaryOp(ast.Not(), node.operand)
        case ast.If() | ast.While() | ast.IfExp():
            yield "negate", "test", ast.UnaryOp(ast.Not(), node.test)
        case ast.comprehension(ifs=[first, *rest]):
            yield "negate", "ifs", [ast.UnaryOp(ast.Not(), first), *rest]
        case ast.Constant(value=bool(value)):
            yield f"{not value}", "value", not value
        case ast.Constant(value=int(value) | float(value)):
            yield f"{value} + 1", "value", value + 1
        case ast.Return(value=ast.expr()):
            yield "return None", "value", ast.Constant(None)
        case ast.Call(args=[first, second, *rest]) if not isinstance(first, ast.Starred):
            yield "swap arguments", "args", [second, first, *rest]
        case ast.Call(keywords=[first, *rest]):
            yield f"drop {first.arg}=", "keywords", rest
    for field in ("body", "orelse", "finalbody"):
        block = getattr(node, field, None)
        for at, statement in enumerate(block if isinstance(block, list) else ()):
            if droppable(statement):
                new = [*block[:at], ast.Pass(), *block[at + 1 :]]
                yield f"drop line {statement.lineno}", field, new


def droppable(statement):
    """Whether leaving it out is a mistake that only running shows: no name goes missing."""
    match statement:
        case ast.Expr(value=ast.Constant()):
            return False
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript(), *_]):
            return True
    return isinstance(statement, ast.Expr | ast.AugAssign | ast.Raise | ast.Continue | ast.Delete)


def places(node):
    """Yields the nodes in the order of the text, without annotations, messages and the like."""
    match node:
        case ast.Raise() | ast.ImportFrom() | ast.Import() | ast.Assert():
            return
        case ast.If(test=ast.Name("TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING")):
            return
        case ast.Assign(targets=[ast.Name("__all__")]):
            return
    yield node
    for field, value in ast.iter_fields(node):
        if field not in ("annotation", "returns", "type_params"):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from places(child)


def files(tree, patterns):
    return list(dict.fromkeys(f for part in patterns.split() for f in sorted(tree.glob(part))))


def sites(tree, room):
    """Returns (file, number of the place, number of the change) for all changes in a room."""
    return [
        (str(file.relative_to(tree)), place, number)
        for file in sorted(files(tree, ROOMS[room][0]))
        for place, node in enumerate(places(ast.parse(file.read_text("utf-8"))))
        for number, _ in enumerate(changes(node))
    ]


def chosen(tree, room, count):
    """Draws mutants evenly: one from each of `count` stretches of the room's changes."""
    generator, found = random.Random(room), sites(tree, room)
    bounds = [len(found) * part // count for part in range(count + 1)]
    return [found[generator.randrange(a, b)] for a, b in itertools.pairwise(bounds) if a < b]


def mutated(tree, mutant):
    """Returns the syntax tree of a file with one change, and a description of it."""
    file, place, number = mutant
    module = ast.parse((tree / file).read_text("utf-8"))
    node = list(places(module))[place]
    name, field, value = list(changes(node))[number]
    text = ast.unparse(node).split("\n")[0][:60]
    setattr(node, field, value)
    line = getattr(node, "lineno", "")
    return ast.fix_missing_locations(module), f"{file}:{line}: {name} in {text}"


class Watch:
    """A pytest plugin that counts the tests that pass and notes which ones fail."""

    def __init__(self):
        self.failed, self.passed = [], 0

    def pytest_runtest_logreport(self, report):
        self.failed += [report.nodeid] * report.failed
        self.passed += report.passed and report.when == "call"

    pytest_collectreport = pytest_runtest_logreport


def run_tests(folder, seconds, tree, room, left_out, mutant):
    """Runs the tests of a room in a process of its own, with a mutant or (None) without."""
    import resource  # which only Unix has

    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a job in the background lacks
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    os.chdir(tree)
    os.environ["PYTHONPATH"] = sys.path[0] = str(tree)
    for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
        del sys.modules[name]
    find = PathFinder.find_spec  # None in sys.modules would be taken for a library that is there
    PathFinder.find_spec = lambda name, *where: None if name in HIDDEN else find(name, *where)
    sources, tests = ROOMS[room]
    tests = files(tree / "tests", tests) + files(tree, sources)  # which have examples
    if mutant:
        file, load = tree / mutant[0], SourceFileLoader.get_code
        code = compile(mutated(tree, mutant)[0], file, "exec")
        changed = lambda self, name: code if self.path == str(file) else load(self, name)  # noqa: E731
        SourceFileLoader.get_code = changed
        tests = [file, *(test for test in tests if file.stem.rstrip("s") in test.stem), *tests]
    phases = [hypothesis.Phase.explicit, hypothesis.Phase.generate]  # a failure is not made smaller
    settings = {"database": None, "derandomize": True, "phases": phases}
    hypothesis.settings.register_profile("mutants", **settings)
    hypothesis.settings.load_profile("mutants")
    watch = Watch()
    flags = ["-p", "no:xdist", "-p", "no:cacheprovider", "-o", "addopts=", "--doctest-modules"]
    flags += ["--assert=plain"]  # rewriting would read the files of the command line anew
    flags += ["-m", "not heavy", f"--basetemp={folder}/tests", *["-x"] * bool(mutant)]
    flags += [f"--deselect={test}" for test in left_out]
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        code = pytest.main([*flags, *map(str, dict.fromkeys(tests))], plugins=[watch])
    found = {"code": int(code), "failed": watch.failed, "passed": watch.passed}
    (folder / "found.json").write_text(json.dumps(found))
    os._exit(0)


def in_a_process(seconds, *arguments):
    """Returns what `run_tests` found; it is ended when it takes more processor time than given."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        file, start = Path(folder, "found.json"), monotonic()
        process = FORK.Process(target=run_tests, args=(Path(folder), seconds, *arguments))
        process.start()
        process.join(5 * seconds)  # more when it waits instead of working
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # and what it has started
        process.join()
        found = json.loads(file.read_text()) if file.exists() else {"code": -1, "failed": []}
        return found | {"seconds": round(monotonic() - start, 1)}


def try_room(tree, room, count, workers):
    """Tries mutants of a room, prints the verdict on each, and returns how many had which."""
    control = in_a_process(600, tree, room, [], None)
    if control["code"] not in (0, 1):
        raise SystemExit(f"The tests of {room} do not run: {control}")
    left_out = ", ".join(control["failed"]) or "none"
    print(f"{room}: {control['passed']} tests in {control['seconds']} s, left out: {left_out}")
    mutants, verdicts = chosen(tree, room, count), Counter()
    seconds = int(20 + 2 * control["seconds"])
    job = functools.partial(in_a_process, seconds, tree, room, control["failed"])
    with ProcessPoolExecutor(workers, FORK) as pool:
        for mutant, found in zip(mutants, pool.map(job, mutants), strict=True):
            verdict = {0: "survived", -1: "timeout"}.get(found["code"], "caught")
            verdicts[verdict] += 1
            change, by = mutated(tree, mutant)[1], "".join(found["failed"][:1])
            print(f"{verdict:9} {found['seconds']:5.1f} s  {change}  {by}", flush=True)
    return verdicts


def main():
    parser = argparse.ArgumentParser("python -m tests.mutants", None, __doc__.split("\n")[0])
    parser.add_argument("--tree", type=Path, default=Path.cwd(), help="the checkout to test")
    parser.add_argument("--rooms", nargs="*", choices=ROOMS, default=list(ROOMS))
    parser.add_argument("--count", type=int, default=50, help="mutants in each room")
    parser.add_argument("--workers", type=int, default=1, help="how many run at a time")
    options = parser.parse_args()
    tree, count, workers = options.tree.resolve(), options.count, options.workers
    counts = {room: try_room(tree, room, count, workers) for room in options.rooms}
    counts["all"] = sum(counts.values(), Counter())
    print(f"\n{'room':12} {'planted':>8} {'caught':>8} {'share':>7}")
    for room, verdicts in counts.items():
        planted = verdicts.total()
        caught = planted - verdicts["survived"]  # a mutant that never ends is caught
        print(f"{room:12} {planted:8} {caught:8} {caught / planted:7.1%}")


if __name__ == "__main__":
    main()

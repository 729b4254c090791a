"""How fast the engine is: `python -m tests.benchmarks`, from the root of the repository."""

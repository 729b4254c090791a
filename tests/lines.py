"""Print how many lines each room has, and the difference to the commit before.

    python -m tests.lines             # the working tree, compared with the last commit but one
    python -m tests.lines HEAD        # … with the last commit
    python -m tests.lines v0.1        # … with any other revision

Lines of Python, JavaScript, CSS and HTML are counted, in files that git knows.
"""

import subprocess
import sys
from collections import Counter

WINGS = ("microgradnd", "nn", "tests", "notebooks")
ENDINGS = ("py", "js", "css", "html")


def lines(*revision):
    """Returns the number of lines by room, of the working tree or of a revision, if git has it."""
    paths = [f":(glob){wing}/**/*.{ending}" for wing in WINGS for ending in ENDINGS]
    command = ["git", "grep", "--count", "-I", "", *revision, "--", *paths]
    found = subprocess.run(command, capture_output=True, encoding="utf-8")
    counts = Counter()
    for line in found.stdout.splitlines():
        path, _, number = line.rpartition(":")
        wing, *rest = path.rpartition(":")[2].split("/")
        room = f"{wing}/{rest[0]}" if len(rest) > 1 else f"{wing}/*"
        counts.update({wing: int(number), room: int(number)})
    return counts


def main(revision="HEAD~1"):
    now, before = lines(), lines(revision)
    if not now:
        print("The lines cannot be counted: expected a git checkout.")
        return
    print(f"{'room':26} {'lines':>7}  " + (f"since {revision}" if before else ""))
    for room in sorted(now | before):
        change = f"{now[room] - before[room]:+}" if before and now[room] != before[room] else ""
        print(f"{room:26} {now[room]:7,}  {change}".rstrip())
    if not before:
        print(f"{revision} is not in this checkout: nothing to compare with.")


if __name__ == "__main__":
    main(*sys.argv[1:])

#!/usr/bin/env python3
"""Each region's practice through real services: the scenarios named on the command line, or all of tests/scenarios/regions."""

import sys
import time

import harness

sys.path.insert(0, str(harness.ROOT / "tests/scenarios/regions"))

import player  # noqa: E402


def main(names):
    directory = harness.ROOT / "tests/scenarios/regions"
    files = [directory / f"{name}.scenario" for name in names] or sorted(directory.glob("*.scenario"))
    failed = 0
    for file in files:
        started = time.monotonic()
        scenario = player.Scenario(file, harness.BINARIES)
        try:
            scenario.play()
            print(f"{file.stem}: played in {time.monotonic() - started:.1f} s", flush=True)
        except player.Failed as failure:
            failed += 1
            print(f"{failure}\nits directory is {scenario.directory}", file=sys.stderr, flush=True)
    return 1 if failed or not files else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

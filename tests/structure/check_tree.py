#!/usr/bin/env python3
"""Holds the tree to its structure: rooms include only what rooms.json allows, pure rooms touch no
clock, file or socket, every header has its guard, every domain package is one file."""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RULES = json.loads((Path(__file__).parent / "rooms.json").read_text())
INCLUDE = re.compile(r'^\s*#include\s+([<"])([^>"]+)[>"]')
STANDARD = re.compile(r"^[a-z_0-9]+$")  # <vector>, <string_view>, …
TOP_LEVEL = {"CMakeLists.txt", "proto", "services", "eventstore", "adapters", "deploy", "tests",
             "README.md", "CMakePresets.json", "build", "demo-data"}


def room_of(path):
    return "/".join(Path(path).parts[:2])


def check_includes(errors):
    for directory in ("eventstore", "services", "adapters"):
        for path in sorted((ROOT / directory).rglob("*")):
            if path.suffix not in (".h", ".cc"):
                continue
            name = path.relative_to(ROOT).as_posix()
            room = room_of(name)
            rule = RULES["rooms"].get(room)
            if rule is None:
                errors.append(f"{name}: room {room} is not in tests/structure/rooms.json")
                continue
            allowed = set(rule["rooms"]) | {room} | set(RULES["compositions"].get(name, []))
            for number, line in enumerate(path.read_text().splitlines(), 1):
                match = INCLUDE.match(line)
                if not match:
                    continue
                header = match.group(2)
                where = f"{name}:{number}"
                if room in RULES["pure"] and any(
                    header == bad or (bad.endswith("/") and header.startswith(bad))
                    for bad in RULES["impure_headers"]
                ):
                    errors.append(f"{where}: {header} has no place in a pure room")
                if header.split("/")[0] in ("eventstore", "services", "adapters"):
                    if room_of(header) not in allowed:
                        errors.append(f"{where}: {room} may not include {header}")
                elif not (STANDARD.match(header) or header.startswith("absl/")
                          or header.startswith(tuple(rule["external"]))):
                    errors.append(f"{where}: {room} may not include {header}")


def check_headers(errors):
    for directory in ("eventstore", "services", "adapters", "tests"):
        for path in (ROOT / directory).rglob("*.h"):
            name = path.relative_to(ROOT).as_posix()
            guard = "POLKU_" + re.sub(r"[/.]", "_", name).upper() + "_"
            text = path.read_text()
            if f"#ifndef {guard}\n#define {guard}\n" not in text or f"#endif  // {guard}" not in text:
                errors.append(f"{name}: the include guard should be {guard}")


def check_top_level(errors):
    for path in ROOT.iterdir():
        if not path.name.startswith(".") and path.name not in TOP_LEVEL:
            errors.append(f"{path.name}: not one of the top-level names")


def check_domain_packages(errors):
    # services/core/codec.cc takes a package's schema from the one file that defines it.
    for service in ("referral", "attendance", "compensation", "assessment"):
        files = list((ROOT / "proto/polku" / service / "v1").glob("*.proto"))
        if len(files) != 1:
            errors.append(f"proto/polku/{service}/v1: a domain package is one file, found {len(files)}")


def main():
    errors = []
    check_includes(errors)
    check_headers(errors)
    check_top_level(errors)
    check_domain_packages(errors)
    for error in errors:
        print(error)
    print(f"{len(errors)} problems")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())

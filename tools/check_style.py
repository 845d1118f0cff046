#!/usr/bin/env python3
"""The part of the style that a machine can see: line and file length, tabs, words that must wait.

`check_style.py --self-test` proves that each rule fires.
"""
import pathlib
import re
import subprocess
import sys

LINE_COLUMNS_MAX = 100
FILE_LINES_MAX = 600
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
SOURCE = (".h", ".cc", ".py", ".sh", ".ts")


def findings(path: str, text: str) -> list[str]:
    found = []
    lines = text.splitlines()
    if len(lines) > FILE_LINES_MAX:
        found.append(f"{path}: {len(lines)} lines, at most {FILE_LINES_MAX}")
    for number, line in enumerate(lines, 1):
        if len(line) > LINE_COLUMNS_MAX and "http" not in line:
            found.append(f"{path}:{number}: {len(line)} columns, at most {LINE_COLUMNS_MAX}")
        if "\t" in line and path.endswith((".h", ".cc", ".py")):
            found.append(f"{path}:{number}: a tab")
        if UNFINISHED.search(line) and not path.endswith("check_style.py"):
            found.append(f"{path}:{number}: unfinished work belongs in an issue, not in the code")
    if path.endswith(".h") and "#pragma once" not in text:
        found.append(f"{path}: no #pragma once")
    return found


def self_test() -> int:
    bad = "x" * 101 + "\n\tint a;\n// " + "TO" + "DO later\n" + "\n" * 700
    kinds = len(findings("a.h", bad))
    if kinds != 5 or findings("a.h", "#pragma once\nint a;\n"):
        print("self-test failed:", findings("a.h", bad)[:6])
        return 1
    return 0


def main() -> int:
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    root = pathlib.Path(__file__).resolve().parent.parent
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=root, text=True,
                            capture_output=True, check=True).stdout.split("\n")
    paths = [p for p in listed if p.endswith(SOURCE) and (root / p).is_file()]
    found = [f for p in paths for f in findings(p, (root / p).read_text(encoding="utf-8"))]
    print("\n".join(found) if found else f"style: {len(paths)} files")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

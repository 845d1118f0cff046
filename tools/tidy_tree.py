#!/usr/bin/env python3
"""Runs clang-tidy over all of src/, some files of a room at a time as one.

The headers cost clang-tidy far more than the code of a file, so files whose own names do not clash
are included by one temporary source. `tidy_tree.py [ROOM]...`, default all rooms. Needs
build/compile_commands.json. A file that does not compile beside the others is looked at alone.
"""
import json
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
FILES_IN_ONE_MAX = 10
OWN_NAMES = re.compile(
    r"^(?:class|struct|union|using|enum class|enum) (\w+)|"   # types
    r"^[A-Za-z_][\w:<>,&*\[\] ]*?[ &*>](\w+)(?=[({=;\[])|"  # functions and variables
    r"^(?:constexpr|const) .*?(\w+)(?= = |\{|;|\[)|"
    r"^#\s*define (\w+)|"
    r"^namespace (\w+)(?= =)", re.M)
UNSUITED = ("_test.cc", "_bench.cc", "_fuzz.cc", "_testing.cc")


def commands() -> dict[str, list[str]]:
    """File below src/ -> the flags it is compiled with."""
    found = {}
    for entry in json.loads((ROOT / "build/compile_commands.json").read_text()):
        path = pathlib.Path(entry["file"])
        if not path.is_relative_to(ROOT / "src") or path.name.endswith(UNSUITED):
            continue
        words = shlex.split(entry["command"])
        found[str(path.relative_to(ROOT))] = [
            word for word in words if word.startswith(("-I", "-D", "-std=", "-isystem", "/usr/"))
            and not word.endswith(("ccache", "++", "cc", "gcc"))]
    return found


def names_of(text: str) -> set[str]:
    hidden = "\n".join(re.findall(r"^namespace \{$(.*?)^\}  // namespace$", text, re.M | re.S))
    return {name for match in OWN_NAMES.findall(hidden) for name in match if name}


def bundles(files: dict[str, list[str]]) -> list[tuple[list[str], list[str]]]:
    made: list[tuple[list[str], set[str], list[str]]] = []
    for path, flags in sorted(files.items()):
        names = names_of((ROOT / path).read_text(encoding="utf-8"))
        room = path.split("/")[1]
        for paths, taken, their_flags in made:
            fits = (len(paths) < FILES_IN_ONE_MAX and paths[0].split("/")[1] == room
                    and not names & taken)
            if fits:
                paths.append(path)
                taken |= names
                their_flags += [flag for flag in flags if flag not in their_flags]
                break
        else:
            made.append(([path], names, list(flags)))
    return [(paths, flags) for paths, _, flags in made]


def tidy(paths: list[str], flags: list[str]) -> bool:
    with tempfile.NamedTemporaryFile("w", suffix=".cc", dir=ROOT / "build") as one:
        one.write("".join(f'#include "{ROOT / path}"\n' for path in paths))
        one.flush()
        result = subprocess.run(
            ["clang-tidy-19", "--quiet", f"--config-file={ROOT}/.clang-tidy",
             r"--header-filter=/(src|tests)/.*\.(h|cc)$", one.name, "--", *flags],
            cwd=ROOT, text=True, capture_output=True, check=False)
    if "[clang-diagnostic-error" in result.stdout and len(paths) > 1:
        return all([tidy([path], flags) for path in paths])
    print(result.stdout, end="", flush=True)
    return result.returncode == 0


def main() -> int:
    rooms = set(sys.argv[1:])
    files = {path: flags for path, flags in commands().items()
             if not rooms or path.split("/")[1] in rooms}
    together = bundles(files)
    print(f"clang-tidy: {len(files)} files in {len(together)} bundles", flush=True)
    return 0 if all([tidy(paths, flags) for paths, flags in together]) else 1


if __name__ == "__main__":
    sys.exit(main())

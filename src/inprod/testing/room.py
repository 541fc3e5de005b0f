"""The folder and the environment of one call, and which installed packages it will import."""

from __future__ import annotations

import ast
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

_PORT = re.compile(r"//[^/\s]*:(\d{1,5})(?=[/?\s]|$)")
#: At the start of a line, as `under` is read: an import in the middle of a function can wait until it is called.
_IMPORT = re.compile(
    r"^(?:from[ \t]+(\w[\w.]*)[ \t]+import[ \t]+(\([^)]*\)|[^\n#]*)|import[ \t]+(\w[\w., \t]*))", re.MULTILINE
)


#: What makes up, in an answer's programs, for doors that its walls keep shut.
_SITE = Path(__file__).parents[1] / "running" / "site"


def furnish(folder: Path, under: Path | None, files: Mapping[str, str]) -> Path:
    """A folder for one call below `folder`: under < answer < given < files, the later ones win."""
    calls = folder / "calls"
    calls.mkdir(exist_ok=True)
    room = Path(tempfile.mkdtemp(dir=calls))
    if under is not None:
        _lay_under(under, room)
    for source in (folder / "answer", folder / "given"):
        if source.is_dir():
            shutil.copytree(source, room, dirs_exist_ok=True)
            if under is not None:
                _forget_compiled(room, (path.relative_to(source) for path in source.rglob("*.py")))
    for name, text in files.items():
        (room / name).parent.mkdir(parents=True, exist_ok=True)
        (room / name).write_text(text, encoding="utf-8")
    if under is not None:
        _forget_compiled(room, map(Path, files))
    return room


def _lay_under(source: Path, target: Path) -> None:
    """Copy contents and times, so that what was compiled stays valid; `copytree`, with modes, takes twice as long."""
    with os.scandir(source) as entries:
        for entry in entries:
            to = target / entry.name
            if entry.is_dir():
                to.mkdir()
                _lay_under(Path(entry.path), to)
            elif entry.is_file():
                to.write_bytes(Path(entry.path).read_bytes())
                seen = entry.stat()
                os.utime(to, ns=(seen.st_atime_ns, seen.st_mtime_ns))


def _forget_compiled(room: Path, names: Iterable[Path]) -> None:
    """What was compiled from a file of `under` must not be taken for the file that replaced it."""
    for name in names:
        for compiled in (room / name).parent.glob(f"__pycache__/{name.stem}.*.pyc"):
            compiled.unlink()


def environment(room: Path, env: Mapping[str, str], *, package: bool) -> dict[str, str]:
    """A clean environment: nothing of the learner's machine but the path. `package`: modules come from `room` first."""
    temporary = room / "tmp"
    temporary.mkdir(exist_ok=True)
    found = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "HOME": str(room),
        "TMPDIR": str(temporary),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        **env,
    }
    if package:
        more = [env["PYTHONPATH"]] if env.get("PYTHONPATH") else []
        found["PYTHONPATH"] = os.pathsep.join([str(room), *more, str(_SITE)])
    return found


def ports(texts: Iterable[str]) -> set[int]:
    """The ports of the URLs in these texts: where the answer may connect to."""
    return {int(port) for text in texts for port in _PORT.findall(text) if int(port) < 65536}


def installed_imports(answer: Path, under: Path | None, given: Path | None = None) -> frozenset[str]:
    """Modules that the files import and that are installed: of none of the folders' own packages."""
    names, own = _imports_of(answer)
    if given is not None and given.is_dir():
        more, theirs = _imports_of(given)
        names, own = names | more, own | theirs
    if under is not None:
        below = _own(under)
        own |= below
        # Of the files below only those that are reached: a whole application imports much that an answer won't use.
        waiting, seen = {name for name in names if _top(name) in below}, set[str]()
        while waiting:
            seen.add(name := waiting.pop())
            found = _imports_under(under, name)
            names |= found
            waiting |= {one for one in found if _top(one) in below} - seen
    outside = {name for name in names if _top(name) not in own | {"inprod"}}
    return frozenset(name.removesuffix(_ITSELF) for name in outside if name.endswith(_ITSELF))


#: Marks a module that is imported as such; without it, the name may be one of a thing inside a module.
_ITSELF = "!"


def _top(name: str) -> str:
    return name.removesuffix(_ITSELF).partition(".")[0]


def _imports_of(folder: Path) -> tuple[frozenset[str], frozenset[str]]:
    """The modules that its files import anywhere, and the names that are its own."""
    names: set[str] = set()
    files = list(folder.rglob("*.py"))
    for path in files:
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names |= {alias.name + _ITSELF for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names |= {node.module + _ITSELF, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(names), _own(folder) | {path.stem for path in files}


@cache
def _imports_under(folder: Path, name: str) -> frozenset[str]:
    """What one module of a folder that lies under an answer imports; nothing where `name` is none of its modules."""
    module = folder.joinpath(*name.removesuffix(_ITSELF).split("."))
    path = next((file for file in (module.with_suffix(".py"), module / "__init__.py") if file.is_file()), None)
    if path is None:
        return frozenset()
    found: set[str] = set()
    for of, what, plain in _IMPORT.findall(path.read_text(encoding="utf-8", errors="replace")):
        if plain:
            found |= {part.split()[0] + _ITSELF for part in plain.split(",") if part.strip()}
        else:
            parts = [part.split()[0] for part in what.strip(" ()\n").split(",") if part.strip()]
            found |= {of + _ITSELF, *(f"{of}.{part}" for part in parts)}
    return frozenset(found)


def _own(folder: Path) -> frozenset[str]:
    """Top-level modules and packages."""
    return frozenset(path.stem for path in folder.iterdir() if path.is_dir() or path.suffix == ".py")

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
_IMPORT = re.compile(r"^(?:from[ \t]+(\w[\w.]*)[ \t]+import\b|import[ \t]+(\w[\w., \t]*))", re.MULTILINE)


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


def installed_imports(answer: Path, under: Path | None) -> frozenset[str]:
    """Modules that the files import and that are installed: of none of the folders' own packages."""
    names, own = _imports_of(answer)
    if under is not None:
        more, theirs = _imports_under(under)
        names, own = names | more, own | theirs
    return frozenset(name for name in names if name.partition(".")[0] not in own | {"inprod"})


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
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module)
    return frozenset(names), _own(folder) | {path.stem for path in files}


@cache
def _imports_under(folder: Path) -> tuple[frozenset[str], frozenset[str]]:
    """The same of a folder that lies under an answer: many files, the same for every call, so read once and quickly."""
    names: set[str] = set()
    for path in folder.rglob("*.py"):
        for of, plain in _IMPORT.findall(path.read_text(encoding="utf-8", errors="replace")):
            names |= {of} if of else {part.split()[0] for part in plain.split(",") if part.strip()}
    return frozenset(names), _own(folder)


def _own(folder: Path) -> frozenset[str]:
    """Top-level modules and packages."""
    return frozenset(path.stem for path in folder.iterdir() if path.is_dir() or path.suffix == ".py")

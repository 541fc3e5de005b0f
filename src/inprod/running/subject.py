"""The answer's own process: behind walls, with one descriptor besides its standard streams.

It runs functions of the answer, its test suite or its commands, and sends back one JSON line a result.
"""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import json
import os
import resource
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from inprod.running import walls
from inprod.wire import values

RESULTS = 3  #: the descriptor of the results
ADDRESS_SPACE = 1024 * 1024 * 1024  #: on top of what the forked process has
OPEN_FILES = 256
MAX_TEXT = 2000


def main(spec: dict[str, Any], results: int, stdout: int, stderr: int) -> NoReturn:
    """Take on the limits and walls, then do what `spec["kind"]` says; never returns."""
    folder = Path(spec["folder"])
    try:
        _enter(folder, spec, results, stdout, stderr)
    except BaseException:
        # Our trouble, not the answer's: the judge must not take it for one.
        _send({"broken": traceback.format_exc(limit=3)})
        os._exit(72)
    code = 0
    try:
        if spec["kind"] == "exec":
            _execute(spec["argv"])
        elif spec["kind"] == "pytest":
            from inprod.running import suite

            suite.run(spec["arguments"], _send, containers=spec.get("containers", ""))
        else:
            _call(folder, spec)
    except BaseException as error:
        _send({"error": describe(error, folder)})
        code = 1
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = 1
    os._exit(code)


def _enter(folder: Path, spec: dict[str, Any], results: int, stdout: int, stderr: int) -> None:
    from inprod.running import minder

    # First out of the way of 0..3, then into place: the three may sit on each other's targets.
    high = [os.dup(fd) for fd in (results, stdout, stderr)]
    for fd, target in zip(high, (RESULTS, 1, 2), strict=True):
        minder.move(fd, target)
    minder.close_all_but(RESULTS)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(spec["env"])
    tempfile.tempdir = None  # the zygote has looked it up before: TMPDIR of this environment holds
    sys.path.insert(0, str(folder))
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
    sys.dont_write_bytecode = True
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, OPEN_FILES)
    _limit(resource.RLIMIT_FSIZE, minder.MAX_OUTPUT)
    _limit(resource.RLIMIT_AS, _address_space() + ADDRESS_SPACE)
    walls.build(walls.Room(folder, tuple(spec["ports"]), spec.get("docker", "")))
    if spec["kind"] == "exec":
        os.set_inheritable(RESULTS, False)


def _limit(which: int, value: int) -> None:
    _soft, hard = resource.getrlimit(which)
    bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (bound, bound))


def _address_space() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except OSError:
        return ADDRESS_SPACE
    return pages * resource.getpagesize()


def _execute(argv: list[str]) -> None:
    if argv[0] in ("python", "python3"):
        argv = [sys.executable, *argv[1:]]
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # what a program expects; Python sets its own
    os.execvpe(argv[0], argv, dict(os.environ))  # noqa: S606 - no shell is wanted


_lock = threading.Lock()


def _send(message: dict[str, Any]) -> None:
    data = json.dumps(message).encode() + b"\n"
    with _lock:
        view = memoryview(data)
        while view:
            view = view[os.write(RESULTS, view) :]


def _call(folder: Path, spec: dict[str, Any]) -> None:
    """Import the target once, then make the calls: in order, or spread over threads that start together."""
    function = load(folder, spec["target"])
    calls = spec["calls"]
    threads = int(spec["threads"])
    if spec.get("hold"):
        _send({"ready": True})
        if not os.read(RESULTS, 1):
            os._exit(0)
    if threads == 1:
        _some_calls(function, folder, list(enumerate(calls)))
    else:
        start = threading.Barrier(threads)

        def work(first: int) -> None:
            start.wait()
            _some_calls(function, folder, list(enumerate(calls))[first::threads])

        workers = [threading.Thread(target=work, args=(n,), daemon=True) for n in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    _send({"done": True})


def _some_calls(function: Callable[..., Any], folder: Path, calls: list[tuple[int, Any]]) -> None:
    for number, (args, kwargs) in calls:
        try:
            value = function(*values.decode(args), **values.decode(kwargs))
            if inspect.iscoroutine(value):
                value = asyncio.run(value)
            message = {"number": number, "value": values.encode(value)}
        except BaseException as error:
            message = {"number": number, "error": describe(error, folder)}
        _send(message)


def load(folder: Path, target: str) -> Callable[..., Any]:
    """The function `path.py:name` of the answer; a name that is not there is a LookupError."""
    file, _colon, name = target.partition(":")
    if not (folder / file).is_file():
        raise LookupError(f"{file} is not there")
    found: Any = _import(folder, file.removesuffix(".py").removesuffix("/__init__").split("/"))
    for part in name.split("."):
        if not hasattr(found, part):
            raise LookupError(f"{file} has no `{name}`")
        found = getattr(found, part)
    if not callable(found):
        raise LookupError(f"`{name}` in {file} is not a function")
    return found  # type: ignore[no-any-return]


def _import(folder: Path, parts: list[str]) -> ModuleType:
    """The module below `folder`, whatever else bears its name, in its package and only once."""
    if len(parts) > 1:
        # An installed package of this name may be loaded already.
        for loaded in [name for name in sys.modules if name.partition(".")[0] == parts[0]]:
            del sys.modules[loaded]
    # Also when the standard library has a module of this name that is loaded already.
    module = _load(folder / parts[0], parts[0])
    for number, part in enumerate(parts[1:], start=2):
        name = ".".join(parts[:number])
        # The package may have imported it itself.
        child = sys.modules.get(name) or _load(folder.joinpath(*parts[:number]), name)
        setattr(module, part, child)
        module = child
    return module


def _load(path: Path, name: str) -> ModuleType:
    """Import `path.py` or the package `path` under `name`; a folder without `__init__.py` is a package too."""
    init, file = path / "__init__.py", path.parent / f"{path.name}.py"
    spec: ModuleSpec | None
    if init.is_file():
        spec = importlib.util.spec_from_file_location(name, init, submodule_search_locations=[str(path)])
    elif path.is_dir() and not file.is_file():
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [str(path)]
    else:
        spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    if spec.loader is not None:
        spec.loader.exec_module(module)
    return module


def describe(error: BaseException, folder: Path) -> dict[str, Any]:
    """Type, message and the frames that lie in the answer's folder: never a line of ours."""
    frames = [
        {
            "file": str(Path(frame.filename).relative_to(folder)),
            "line": frame.lineno,
            "code": frame.line or "",
        }
        for frame in traceback.extract_tb(error.__traceback__)
        if folder in Path(frame.filename).parents
    ]
    if isinstance(error, SyntaxError) and error.filename and folder in Path(error.filename).parents:
        frames.append(
            {
                "file": str(Path(error.filename).relative_to(folder)),
                "line": error.lineno or 0,
                "code": (error.text or "").strip(),
            }
        )
        message = error.msg
    else:
        try:
            message = str(error)
        except Exception:
            message = "…"
    return {
        "type": type(error).__name__,
        "bases": [base.__name__ for base in type(error).__mro__],
        "message": message[:MAX_TEXT],
        "frames": frames[-5:],
        "ours": isinstance(error, LookupError) and not frames,
    }

"""What a check.py must not do, found by reading it: a lost `raise` makes a check that cannot fail."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from pathlib import Path

from inprod.build.lint import Finding
from inprod.exercises import Exercise
from inprod.messages import _

_SENTENCES = ("did", "saw", "needs", "why", "try_")
#: A check that starts processes by itself would run an answer outside its walls.
_STARTERS = frozenset({"subprocess", "multiprocessing", "runpy", "importlib"})


def lint_check(exercise: Exercise) -> tuple[Finding, ...]:
    """Findings in the check of one exercise, in the order of lines."""
    path = exercise.check
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        return (Finding(path, line, _("this is not Python: {error}").format(error=error)),)
    found = [*_calls(tree, path), *_imports(tree, path, exercise), *_tests(tree, path)]
    return tuple(sorted(found, key=lambda finding: finding.line))


def _calls(tree: ast.Module, path: Path) -> Iterator[Finding]:
    keys: dict[str, int] = {}
    lost = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if ast.unparse(node.func) in ("time.sleep", "sleep"):
            yield Finding(path, node.lineno, _("a check waits with `wait_until`, not for a time to pass"))
        if not (isinstance(node.func, ast.Name) and node.func.id == "saw"):
            continue
        if id(node) in lost:
            yield Finding(path, node.lineno, _("`saw(…)` alone does nothing: write `raise saw(…)`"))
        key = node.args[0] if node.args else None
        if not (isinstance(key, ast.Constant) and isinstance(key.value, str)):
            yield Finding(path, node.lineno, _("the key of `saw(…)` must be a literal string"))
        elif key.value in keys:
            told = _("the key {key} stands in line {line} already: each way to fail has its own")
            yield Finding(path, node.lineno, told.format(key=key.value, line=keys[key.value]))
        else:
            keys[key.value] = node.lineno
        yield from _sentences(node, path)


def _sentences(call: ast.Call, path: Path) -> Iterator[Finding]:
    """The five sentences are literal, since they are translated first, and each placeholder has its value."""
    given = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    for name in _SENTENCES:
        value = given.get(name)
        if value is None:
            yield Finding(path, call.lineno, _("`saw(…)` has no `{name}`").format(name=name))
        elif not (isinstance(value, ast.Constant) and isinstance(value.value, str)):
            told = _("`{name}` must be a literal string with {{placeholders}}: an f-string can't be translated")
            yield Finding(path, value.lineno, told.format(name=name))
        elif not any(keyword.arg is None for keyword in call.keywords):
            for field in _fields(value.value):
                if field not in given:
                    told = _("`{name}` has the placeholder {{{field}}}, and `saw(…)` gets no value for it")
                    yield Finding(path, value.lineno, told.format(name=name, field=field))


def _fields(sentence: str) -> list[str]:
    try:
        parsed = list(string.Formatter().parse(sentence))
    except ValueError:
        return []
    return [field.split(".")[0].split("[")[0] for _text, field, _spec, _conversion in parsed if field]


def _imports(tree: ast.Module, path: Path, exercise: Exercise) -> Iterator[Finding]:
    answers = {name.removesuffix(".py").replace("/", ".") for name in exercise.answer if name.endswith(".py")}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names = [module, *(f"{module}.{alias.name}" for alias in node.names)]
        else:
            continue
        found = dict.fromkeys(part for name in names for part in (name, name.split(".")[0]))
        for name in found:
            if name in answers:
                told = _("a check never imports the answer: `answer.call` and the like run it behind its walls")
                yield Finding(path, node.lineno, told.format(name=name))
            elif name in _STARTERS:
                told = _("a check starts nothing by itself ({name}): `answer.run` and `answer.start` do, behind walls")
                yield Finding(path, node.lineno, told.format(name=name))


def _tests(tree: ast.Module, path: Path) -> Iterator[Finding]:
    tests = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name.startswith("test_")]
    if not tests:
        yield Finding(path, 1, _("there is no observation: write a function whose name starts with test_"))
    for test in tests:
        if not (ast.get_docstring(test) or "").endswith((".", "?", "!")):
            told = _("`{name}` has no docstring that is a sentence: it is what the learner reads")
            yield Finding(path, test.lineno, told.format(name=test.name))

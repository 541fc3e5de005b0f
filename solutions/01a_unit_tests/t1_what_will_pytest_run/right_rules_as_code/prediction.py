"""pytest's rules, written down as code and applied to the files."""

import ast
from pathlib import Path

ROOT = Path(__file__).parent / "kiosk"


def opened():
    for path in sorted(ROOT.rglob("*.py")):
        name = path.stem
        if "build" not in path.parts and (
            name.startswith("test_") or name.endswith("_test")
        ):
            yield path


def tests_of(body, prefix):
    last = {node.name: node for node in body if isinstance(node, ast.FunctionDef)}
    for name, node in last.items():
        if name.startswith("test"):
            rows = [
                len(d.args[1].elts)
                for d in node.decorator_list
                if "parametrize" in ast.unparse(d)
            ]
            yield f"{prefix}::{name}", (rows or [1])[0]


def looked_into(node):
    unittest_class = any("TestCase" in ast.unparse(base) for base in node.bases)
    has_init = any(getattr(part, "name", "") == "__init__" for part in node.body)
    return unittest_class or (node.name.startswith("Test") and not has_init)


def collected():
    for path in opened():
        body = ast.parse(path.read_text(encoding="utf-8")).body
        where = path.relative_to(ROOT).as_posix()
        yield from tests_of(body, where)
        for node in body:
            if isinstance(node, ast.ClassDef) and looked_into(node):
                yield from tests_of(node.body, f"{where}::{node.name}")


PREDICTION = [name for name, number in collected() for _ in range(number)]

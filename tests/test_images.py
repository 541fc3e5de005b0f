"""Images of the course: for a hub and for an editor's container. What can be known without building them."""

from __future__ import annotations

import fnmatch
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
HUB = ROOT / "deploy" / "hub" / "Dockerfile"
EDITOR = ROOT / ".devcontainer"


def instructions(dockerfile: str) -> list[tuple[str, str]]:
    """Each instruction with its text, continued lines joined, comments gone."""
    lines = [line for line in dockerfile.splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(word, rest) for word, _space, rest in (line.partition(" ") for line in joined.splitlines()) if word]


def trouble(dockerfile: str) -> list[str]:
    """What makes an image unfit for a class: root, a base that can't be chosen, no health, an open end."""
    steps = instructions(dockerfile)
    found = []
    if [word for word, _rest in steps[:2]] != ["ARG", "FROM"] or not steps[0][1].startswith("BASE"):
        found.append("the base is no argument")
    if any(not rest.startswith("${BASE}") for word, rest in steps if word == "FROM"):
        found.append("another base")
    users = [rest for word, rest in steps if word == "USER"]
    if not users or not users[-1].isdigit() or int(users[-1]) == 0:
        found.append("root")
    if any("apt-get install" in rest and "rm -rf /var/lib/apt/lists" not in rest for _word, rest in steps):
        found.append("apt's lists stay in a layer")
    return found


@pytest.mark.parametrize("path", [HUB, EDITOR / "Dockerfile"], ids=["hub", "editor"])
def test_an_image_for_a_class(path: Path) -> None:
    """A base of one's choice, a normal user, small layers."""
    assert trouble(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("ARG BASE\n", "", "the base is no argument"),
        ("FROM ${BASE}\n", "FROM python:3.13\n", "another base"),
        ("USER 1000\n", "", "root"),
        ("USER 1000\n", "USER 0\n", "root"),
        ("USER 1000\n", "USER learner\n", "root"),
        ("USER 1000\n", "RUN apt-get install make\nUSER 1000\n", "apt's lists stay in a layer"),
    ],
)
def test_an_unfit_image_is_named(old: str, new: str, found: str) -> None:
    """The real Dockerfile with one place changed. A user by name can't be told from root by who runs the image."""
    text = HUB.read_text(encoding="utf-8")
    assert old in text
    assert found in trouble(text.replace(old, new))


def test_the_hubs_image_says_how_it_is() -> None:
    """A health check that asks the server, a start that hands over to the hub's command, packages with their hashes."""
    steps = dict(instructions(HUB.read_text(encoding="utf-8")))
    command = json.loads(steps["HEALTHCHECK"].partition("CMD ")[2])
    assert command[:2] == ["python", "-c"]
    compile(command[2], "health", "exec")
    assert "JUPYTERHUB_SERVICE_PREFIX" in command[2]
    (start,) = json.loads(steps["ENTRYPOINT"])
    script = ROOT / Path(start).relative_to("/opt/course")
    assert os.access(script, os.X_OK)
    assert script.read_text(encoding="utf-8").rstrip().endswith('exec "$@"')
    assert "--require-hashes --only-binary :all:" in HUB.read_text(encoding="utf-8")


def allowed() -> list[str]:
    """The exceptions of .dockerignore, which begins by leaving everything out."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    return [rule[1:] for rule in rules if rule.startswith("!")]


def test_the_image_gets_the_course_and_nothing_of_its_maker() -> None:
    """What runs it is there; repository, environment, answers and tests are not; every line names something."""
    inside = allowed()
    needed = {"constraints.txt", "course.toml", "deploy/hub/start", "exercises", "notebooks", "pyproject.toml", "src"}
    assert needed | {"LICENSE", "README.md", "solutions"} == set(inside)
    assert [name for name in inside if not (ROOT / name).exists()] == []
    assert not any(fnmatch.fnmatch(secret, rule) for rule in inside for secret in (".git", ".venv", "work", "tests"))


def test_the_editors_container_is_whole() -> None:
    """Its Dockerfile takes the argument and makes the user; its commands are the Makefile's and the course's."""
    settings: dict[str, Any] = json.loads((EDITOR / "devcontainer.json").read_text(encoding="utf-8"))
    dockerfile = (EDITOR / settings["build"]["dockerfile"]).read_text(encoding="utf-8")
    for name, value in settings["build"]["args"].items():
        assert f"ARG {name}={value}\n" in dockerfile
    assert re.search(rf"useradd --uid 1000 .* {settings['remoteUser']}\b", dockerfile)
    commands = f"{settings['postCreateCommand']} && {settings['postStartCommand']}"
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert {part.split()[0] for part in commands.split(" && ")} == {"make", ".venv/bin/inprod"}
    assert all(f"\n{target}:" in makefile for target in re.findall(r"make (\S+)", commands))
    python = settings["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"]
    assert python == "${containerWorkspaceFolder}/.venv/bin/python"


def test_one_python_for_every_image() -> None:
    """The editor's base and the one that the hub's Dockerfile proposes are the same."""
    (base,) = re.findall(r"BASE=(\S+)", (EDITOR / "Dockerfile").read_text(encoding="utf-8"))
    assert f"--build-arg BASE={base} " in HUB.read_text(encoding="utf-8")

"""S2: who can still find the key: in what is sent to the builder, in the image's recipe, in the history?"""

from __future__ import annotations

import fnmatch
import json
import os
import random
import re
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from docker.utils import exclude_paths

from inprod.messages import _
from inprod.testing import Answer, AnswerFailed, CouldNotJudge, Finished, NotYet, saw

SECONDS = 20.0
NEEDED = ("shop/__init__.py", "shop/app.py", "shop/settings.py", "fetch.py", "requirements.txt")
GIVEN = ("provider.py", *NEEDED)
WHO = {"NAME": "Ana", "EMAIL": "ana@example.com"}
GIT = {f"GIT_{role}_{name}": value for role in ("AUTHOR", "COMMITTER") for name, value in WHO.items()}
GIT |= {"GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
TAG = "v1.0"
SECRET = "/run/secrets/payments_key"


MAKE = """
set -e
mkdir -p repository/deploy/$NEST
cd repository
git init -q -b main
git fast-import --quiet < ../stream
git reset -q --hard main
for folder in . deploy/$NEST; do echo "PAYMENTS_KEY=$KEYS" > $folder/.env; done
python -I ../look.py
"""
#: It runs behind the answer's walls: what stands in a repository's configuration is the answer's.
LOOK = r"""
import json, os, subprocess

def git(*arguments, given=b""):
    return subprocess.run(["git", *arguments], input=given, capture_output=True, timeout=15).stdout

def where(ref):
    listed = git("rev-list", "--objects", ref).decode("utf-8", "replace").splitlines()
    names = {line.split(" ")[0]: line.partition(" ")[2] for line in listed}
    names.setdefault(git("rev-parse", ref).decode().strip(), "")
    content = git("cat-file", "--batch", given="".join(name + "\n" for name in names).encode())
    at = 0
    while at < len(content):
        header = content[at:].partition(b"\n")[0]
        if header.endswith(b" missing"):
            at += len(header) + 1
            continue
        name, kind, size = header.decode().split()
        begin = at + len(header) + 1
        at = begin + int(size) + 1
        if any(key.encode() in content[begin:at - 1] for key in os.environ["KEYS"].split()):
            return names[name] or "a message"
    return ""

def files(ref):
    listed = git("ls-tree", "-r", ref + "^{tree}").decode("utf-8", "replace").splitlines()
    return {line.split("\t")[1]: line.split()[2] for line in listed}

refs = git("for-each-ref", "--format=%(refname)").decode().split()
print(json.dumps({
    "folder": os.getcwd(),
    "keys": {ref: where(ref) for ref in refs},
    "files": {ref: files(ref) for ref in refs},
    "log": git("log", "--reverse", "--format=%s", "refs/heads/main", "--", "shop").decode().splitlines(),
}))
"""


class Provider:
    """Gives keys to who has a valid one, and ends them."""

    def __init__(self, key: str, rng: random.Random) -> None:
        self.valid = {key}
        self.made: list[str] = []
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                if self._known():
                    provider.made.append(f"pk{rng.getrandbits(120):030x}")
                    provider.valid.add(provider.made[-1])
                    self._reply(201, provider.made[-1])

            def do_DELETE(self) -> None:
                if self._known():
                    provider.valid.discard(self.path.rpartition("/")[2])
                    self._reply(200, "revoked")

            def _known(self) -> bool:
                known = self.headers.get("Authorization", "").removeprefix("Bearer ") in provider.valid
                if not known:
                    self._reply(401, "this key is not valid")
                return known

            def _reply(self, status: int, text: str) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_args: Any) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass
class Looked:
    """The folder after `clean.sh`, and what it was before."""

    key: str = ""
    branch: str = ""
    folder: Path = Path()
    valid: set[str] = field(default_factory=set)
    keys: list[bytes] = field(default_factory=list)  #: the old one, and those that were made
    before: dict[str, Any] = field(default_factory=dict)  #: what `look.py` told of the repository
    now: dict[str, Any] = field(default_factory=dict)
    failed: NotYet | None = None
    told: bool = False  #: and the learner knows

    @property
    def context(self) -> list[str]:
        """The paths that `docker build .` would send."""
        ignore = self.folder / ".dockerignore"
        lines = ignore.read_text(encoding="utf-8", errors="replace").splitlines() if ignore.is_file() else []
        patterns = [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
        return sorted(str(path) for path in exclude_paths(str(self.folder), patterns))

    def has_key(self, path: str) -> bool:
        file = self.folder / path
        return file.is_file() and not file.is_symlink() and any(key in file.read_bytes() for key in self.keys)

    def instructions(self) -> list[tuple[str, str]]:
        """The Dockerfile's instructions, each on one line."""
        file = self.folder / "Dockerfile"
        text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
        kept = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
        kept = re.sub(r"(<<-?[\"']?(\w+)[\"']?.*\n)((?s:.*?))\n\2[ \t]*$", one_line, kept, flags=re.MULTILINE)
        found = re.findall(r"^[ \t]*([A-Za-z]+)[ \t]+(.*)$", re.sub(r"\\[ \t]*\n", " ", kept), re.MULTILINE)
        return [(word.upper(), rest.strip()) for word, rest in found]


def one_line(heredoc: re.Match[str]) -> str:
    return heredoc[0].replace("\n", " ; ")


def stream(key: str, branch: str) -> str:
    """The history, with the key where it was left, as `git fast-import` reads it."""
    given = Path(__file__).parents[1] / "given"
    texts = {name: (given / name).read_text(encoding="utf-8") for name in GIVEN}
    hard_coded = f'"""Settings."""\n\nKEY = "{key}"\n'
    app = texts["shop/app.py"]
    first = {**texts, "shop/app.py": app.replace(", {date}", ""), "shop/settings.py": '"""Settings."""\n'}
    old_env = {".env": f"PAYMENTS_KEY={key}\n", "shop/settings.py": texts["shop/settings.py"]}
    commits: list[tuple[str, str, dict[str, str | None]]] = [
        ("main", "Sell tickets", dict(first)),
        ("main", "Take payments", {"shop/settings.py": hard_coded}),
        ("main", "Settings from a file", dict(old_env)),
        (branch, "Try other words", {"shop/app.py": app.replace("seat {", "place {")}),
        ("main", "Forget the key", {".env": None, ".gitignore": ".env\ntmp/\n__pycache__/\n"}),
        ("main", "Print the date", {"shop/app.py": app}),
    ]
    found: list[str] = []
    for number, (name, subject, changes) in enumerate(commits):
        found.append(f"commit refs/heads/{name}\nmark :{number + 1}\n")
        found.append(f"committer Ana <ana@example.com> {1_700_000_000 + number * 86_400} -0300\n{data(subject)}")
        if name == branch:
            found.append("from :3\n")
        for path, text in changes.items():
            found.append(f"D {path}\n" if text is None else f"M 100644 inline {path}\n{data(text)}")
    tagger = "tagger Ana <ana@example.com> 1700200000 -0300\n"
    return "".join([*found, f"tag {TAG}\nfrom :3\n{tagger}{data('The first one')}"])


def data(text: str) -> str:
    return f"data {len(text.encode())}\n{text}\n"


@pytest.fixture(scope="module")
def kept() -> Looked:
    """Nothing yet."""
    return Looked()


@pytest.fixture
def looked(answer: Answer, kept: Looked, seed: int) -> Looked:
    """The folder after `clean.sh`, which runs once."""
    if not kept.key:
        rng = random.Random(seed)
        kept.key = f"pk{rng.getrandbits(120):030x}"
        kept.branch = "try-" + "".join(rng.choices("bcdfghjk", k=6))
        env = {**GIT, "KEYS": kept.key, "NEST": "".join(rng.choices("lmnpqrst", k=6))}
        files = {"make.sh": MAKE, "stream": stream(kept.key, kept.branch), "look.py": LOOK}
        kept.before = told(answer.run(("bash", "make.sh"), env=env, files=files))
        provider = Provider(kept.key, rng)
        try:
            clean(answer, kept, Path(kept.before["folder"]), provider.url)
        finally:
            provider.close()
            kept.valid = provider.valid
            kept.keys = [key.encode() for key in (kept.key, *provider.made)]
        if kept.failed is None:
            # What `git replace` hides is in every clone.
            env = {**GIT, "GIT_NO_REPLACE_OBJECTS": "1", "KEYS": " ".join(key.decode() for key in kept.keys)}
            looking = ("python", "-I", "look.py")
            kept.now = told(answer.run(looking, env=env, files={"look.py": LOOK}, under=kept.folder))
    if kept.failed is None:
        return kept
    if not kept.told:
        kept.told = True
        raise kept.failed
    raise saw(
        "not-asked",
        did="Did not look any further: something above is not right yet.",
        saw="Nothing.",
        needs="a script that ends with 0",
        why="What it did can be seen when it is done.",
        try_="Begin with the first one that fails.",
    )


def told(ended: Finished) -> dict[str, Any]:
    """What `look.py` printed."""
    try:
        return dict(json.loads(ended.stdout.splitlines()[-1]))
    except (ValueError, IndexError) as error:
        raise CouldNotJudge(_("Git could not be asked: is it installed?"), looked=ended.stderr[-300:]) from error


def clean(answer: Answer, kept: Looked, repository: Path, url: str) -> None:
    """Run `clean.sh` in a copy of the repository, and note where."""
    command = ("bash", "-c", "pwd; exec bash clean.sh")
    try:
        ended = answer.run(command, env={**GIT, "PROVIDER_URL": url}, under=repository, timeout=SECONDS)
    except AnswerFailed as failed:
        kept.failed = saw(
            "script-did-not-end",
            did="Ran `bash clean.sh` in the repository.",
            saw="It did not end by itself within 20 seconds ({said}).",
            needs="a script that ends",
            why="Half a history is rewritten, and nobody knows which half.",
            try_="`filter-branch` waits before it begins, unless `FILTER_BRANCH_SQUELCH_WARNING=1` is exported.",
            said=failed.said,
        )
        return
    kept.folder = Path(ended.stdout.splitlines()[0])
    if ended.returncode != 0:
        words = [line for line in f"{ended.stdout}\n{ended.stderr}".splitlines()[1:] if line.strip()]
        kept.failed = saw(
            "script-failed",
            did="Ran `bash clean.sh` in the repository.",
            saw="Exit code {code}. Its last words: `{words}`",
            needs="exit code 0",
            why="What comes after the line that failed was not done.",
            try_="Read the last words; `bash -x clean.sh` shows each line before it runs.",
            code=ended.returncode,
            words=re.sub(r"/\S*/calls/\w+/", "", " ⏎ ".join(words[-3:]))[-300:] or "–",
        )


# The context and the image.


def test_context_has_no_key(looked: Looked) -> None:
    """What is sent to the builder has no key in it (computed with the Docker SDK, not built)."""
    context = looked.context
    removes = any(word == "RUN" and re.search(r"\brm\b.*\.env", rest) for word, rest in looked.instructions())
    found = [path for path in context if looked.has_key(path)]
    if ".env" in found:
        raise saw(
            "key-in-the-context",
            did="Computed the build context of `docker build .` with the Docker SDK.",
            saw="`.env` is among its {count} paths, and `COPY . .` puts it into a layer. {removes}",
            needs="no file with a key",
            why="An image is a pile of layers. `RUN rm` puts a new one on top, and the file stays in the one below,"
            " for whoever unpacks it.",
            try_="Keep it out: `.dockerignore` decides what the builder ever sees.",
            count=len(context),
            removes=_("The `RUN rm` comes one layer too late.") if removes else "",
        )
    if found:
        raise saw(
            "key-in-a-subfolder",
            did="Computed the build context of `docker build .` with the Docker SDK.",
            saw="`{path}` is among its {count} paths, and has a key in it.",
            needs="no file with a key",
            why="A pattern in `.dockerignore` begins at the root. `.env` is that one file, and no other.",
            try_="`**/` stands for any folder, or none.",
            path=found[0],
            count=len(context),
        )
    if any(path == ".git" or path.startswith(".git/") for path in context):
        raise saw(
            "history-in-the-context",
            did="Computed the build context of `docker build .` with the Docker SDK.",
            saw="`.git` is among its {count} paths.",
            needs="a context without it",
            why="Everything that was ever committed goes into the image, also what git has not thrown away yet.",
            try_="Docker does not leave `.git` out by itself: it needs a line.",
            count=len(context),
        )


def test_copies_what_it_needs(looked: Looked) -> None:
    """What the image needs is in the context, and is copied."""
    context = [path for path in looked.context if (looked.folder / path).is_file()]
    copied: set[str] = set()
    for word, rest in looked.instructions():
        if word not in ("COPY", "ADD") or "--from=" in rest:
            continue
        parts = re.findall(r'"([^"]*)"', rest) if rest.startswith("[") else rest.split()
        for source in [part for part in parts if not part.startswith("--")][:-1]:
            took = taken(context, source)
            if not took:
                raise saw(
                    "copies-what-is-not-there",
                    did="Looked for what `{word} {rest}` copies, in the context of {count} files.",
                    saw="There is no `{source}`.",
                    needs="every source in the context",
                    why="The build ends there. Whoever is in a hurry takes the line out of `.dockerignore` again.",
                    try_="After `*`, each thing that the image needs has a line with `!`.",
                    word=word,
                    rest=rest[:80],
                    count=len(context),
                    source=source,
                )
            copied |= took
    if missing := [name for name in NEEDED if name not in copied]:
        raise saw(
            "copies-too-little",
            did="Computed the context, and what `COPY` takes of it: {count} files.",
            saw="`{missing}` is not among them.",
            needs="`shop/`, `fetch.py` and `requirements.txt`",
            why="An image without secrets is easy when it has nothing else either.",
            try_="Compare the patterns of `.dockerignore` with what `COPY` names.",
            count=len(copied),
            missing=missing[0],
        )


def taken(context: list[str], source: str) -> set[str]:
    """The files that a source of COPY brings."""
    pattern = os.path.normpath(source.strip().lstrip("/") or ".")
    if pattern == ".":
        return set(context)
    deep = pattern.count("/") + 1
    return {path for path in context if fnmatch.fnmatchcase("/".join(path.split("/")[:deep]), pattern)}


def test_recipe_keeps_no_key(looked: Looked) -> None:
    """The build gets the key for one step, and no layer and no line of the recipe keeps it."""
    for word, rest in looked.instructions():
        named = re.findall(r"(?:^|\s)([A-Za-z_]\w*)", rest if word == "ARG" else re.sub(r"=\S*", "", rest))
        if word in ("ARG", "ENV") and any(
            re.search("key|token|secret|password", name, re.IGNORECASE) for name in named
        ):
            raise saw(
                "key-as-an-argument",
                did="Read your Dockerfile.",
                saw="`{word} {rest}`",
                needs="no `ARG` and no `ENV` for a key",
                why="Arguments and variables stand in the image's history: `docker history --no-trunc` shows them.",
                try_="`RUN --mount=type=secret,id=payments_key …` gives it to one step.",
                word=word,
                rest=rest[:80],
            )
        if any(key.decode() in rest for key in looked.keys):
            raise saw(
                "key-in-the-recipe",
                did="Read your Dockerfile, as it is after `clean.sh`.",
                saw="A line of it has a key in it.",
                needs="no key",
                why="The Dockerfile is committed, and its lines stand in the image's history.",
                try_="Mount the key as a secret.",
            )
    for word, rest in looked.instructions():
        if word == "RUN" and "run/secrets" in re.sub(r"--mount=\S+", "", rest):
            raise saw(
                "keeps-what-is-mounted",
                did="Read your Dockerfile.",
                saw="A `RUN` handles `/run/secrets` by itself: `{rest}`",
                needs="only `fetch.py` reads it",
                why="What is mounted is in no layer. What a step copies out of it stays in that step's layer.",
                try_="Mount the secret for the step that runs `fetch.py`, and leave the reading to it.",
                rest=rest[:120],
            )
    runs = [rest for word, rest in looked.instructions() if word == "RUN" and "fetch.py" in rest]
    if not any(is_mounted(mount) for rest in runs for mount in re.findall(r"--mount=(\S+)", rest)):
        raise saw(
            "build-without-the-key",
            did="Read your Dockerfile, and looked for the step that runs `fetch.py`.",
            saw="{seen}",
            needs="`RUN --mount=type=secret,id=payments_key` and `fetch.py`",
            why="Without the key the build fails, and somebody copies it in again.",
            try_="The secret lies in `/run/secrets/payments_key` while this one `RUN` runs, and in no layer.",
            seen=_("It does not mount the secret `payments_key`.") if runs else _("There is none."),
        )


def is_mounted(mount: str) -> bool:
    """Whether a mount puts the key where `fetch.py` reads it."""
    options = dict(part.partition("=")[::2] for part in mount.strip("\"'").split(","))
    target = options.get("target") or options.get("dst") or options.get("destination")
    there = target == SECRET or (target is None and "env" not in options)
    return there and options.get("type") == "secret" and options.get("id", "payments_key") == "payments_key"


# The history.


def test_history_has_no_key(looked: Looked) -> None:
    """No object that a ref leads to contains the key."""
    refs = looked.now["keys"]
    if not refs:
        raise lost(_("There is no ref left."))
    order = ["refs/heads/main", f"refs/heads/{looked.branch}", f"refs/tags/{TAG}"]
    for ref in sorted(refs, key=lambda name: (order.index(name) if name in order else 9, name)):
        path = refs[ref]
        if not path:
            continue
        if ref == "refs/heads/main" and path.endswith(".env"):
            raise saw(
                "in-the-history",
                did="Read every object that `main` leads to.",
                saw="The key is in an old `{path}`.",
                needs="no object with it",
                why="Git keeps what was ever committed. A commit that deletes a file is one more, on top.",
                try_="Make every commit anew without it: `git filter-repo`, or `filter-branch`.",
                path=path,
            )
        if ref == "refs/heads/main":
            raise saw(
                "in-another-file",
                did="Read every object that `main` leads to.",
                saw="The key is in an old `{path}`.",
                needs="no object with it",
                why="A key is copied around before it gets a file of its own. Whoever looks for it looks for its text.",
                try_="Replace the key's text in all files of all commits.",
                path=path,
            )
        if ref == order[1]:
            raise saw(
                "in-another-branch",
                did="Read every object that each ref leads to.",
                saw="`main` is clean. The branch `{branch}` still leads to the key, in `{path}`.",
                needs="no ref that leads to it",
                why="A clone fetches all branches.",
                try_="Rewrite all refs, not only the one that you stand on.",
                branch=looked.branch,
                path=path,
            )
        if ref == order[2]:
            raise saw(
                "in-a-tag",
                did="Read every object that each ref leads to.",
                saw="The branches are clean. The tag `v1.0` still leads to the key, in `{path}`.",
                needs="no ref that leads to it",
                why="A tag holds on to a commit, and a clone fetches the tags.",
                try_="`--tag-name-filter cat` moves the tags along; `git filter-repo` does so by itself.",
                path=path,
            )
        raise saw(
            "in-a-backup",
            did="Read every object that each ref leads to.",
            saw="Branches and tags are clean. `{ref}` still leads to the key, in `{path}`.",
            needs="no ref that leads to it",
            why="It was made as a way back, and it is one: for everybody who copies the repository.",
            try_="Delete it: `git update-ref -d`, for each of these refs.",
            ref=ref,
            path=path,
        )


def test_nothing_else_is_lost(looked: Looked) -> None:
    """Branches, tag, files and the messages of `main` are still there."""
    now = looked.now
    for ref, files in looked.before["files"].items():
        if not now["files"].get(ref):
            raise lost(_("`{ref}` is gone.").format(ref=ref))
        for path, blob in files.items():
            if path in (".env", ".gitignore") or now["files"][ref].get(path) == blob:
                continue
            change = _("has other contents") if path in now["files"][ref] else _("is gone")
            raise lost(_("In `{ref}`, `{path}` {change}.").format(ref=ref, path=path, change=change))
    if now["log"] != looked.before["log"]:
        raise saw(
            "messages-lost",
            did="Compared the commits on `main` that changed `shop/`, before and after.",
            saw="Before: {before}. After: {after}.",
            needs="the same messages in the same order",
            why="Who changed what, and why, is worth a lot on the day when something breaks.",
            try_="Rewrite each commit, instead of beginning with a new first one.",
            before=" · ".join(looked.before["log"]),
            after=" · ".join(now["log"])[:200] or _("none"),
        )


def lost(what: str) -> NotYet:
    return saw(
        "files-lost",
        did="Compared branches, tag and files before and after.",
        saw="{what}",
        needs="all of them as they were, without the key",
        why="Whoever tidies up and throws away half of the house is not asked a second time.",
        try_="Take out the key's text, not the files and refs that had it.",
        what=what,
    )


# The key.


def test_old_key_is_refused(looked: Looked) -> None:
    """The provider refuses the old key, and takes the one in `.env`."""
    if looked.key in looked.valid:
        raise saw(
            "old-key-is-valid",
            did="Asked the provider, with the old key.",
            saw="It is valid.",
            needs="a key that is refused",
            why="It was public for a year. No rewriting reaches the clones and images that others have.",
            try_="Make a new key, put it into `.env`, then revoke the old one.",
        )
    file = looked.folder / ".env"
    text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
    found = re.search(r"^PAYMENTS_KEY=[\"']?([^\"'\n]*)", text, re.MULTILINE)
    if found is None or found[1].strip() not in looked.valid:
        raise saw(
            "shop-without-a-key",
            did="Asked the provider, with the `PAYMENTS_KEY` in `.env`.",
            saw="{seen}",
            needs="a valid key",
            why="The old key is dead, and so is the shop, which reads its key there.",
            try_="Keep what `python provider.py new` prints, and write it into `.env`.",
            seen=_("There is no such line.") if found is None else _("It is refused."),
        )

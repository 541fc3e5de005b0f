"""Sample databases: filled once a server by the course's own command, then copied for each lease."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import psycopg
from psycopg import sql

from inprod.errors import ServiceError
from inprod.messages import _
from inprod.recipes import Recipe
from inprod.services.base import Progress

PREFIX = "inprod_tpl"
_PATIENCE = 300
#: Above this a copy of the files is quicker than a copy through the log.
_SMALL = 10 * 1024 * 1024

#: An administrator's connection to a database of the server, or to the one that its URL names.
Connect = Callable[[str | None], psycopg.Connection]
#: The URL of a database for a role with a password.
UrlFor = Callable[[str, str, str], str]


def name_of(recipe: Recipe) -> str:
    """The template's name, which changes with what it is made of."""
    return f"{PREFIX}_{recipe.name}_{recipe.digest}"


def owner_of(recipe: Recipe) -> str:
    """The NOLOGIN role that owns what lies in it: whoever gets a copy is a member."""
    return f"{name_of(recipe)}_owner"


def strategy(admin: psycopg.Connection, template: str) -> sql.SQL:
    """How to copy it quickest."""
    row = admin.execute("SELECT pg_database_size(%s)", [template]).fetchone()
    return sql.SQL("file_copy") if row and int(row[0]) > _SMALL else sql.SQL("wal_log")


class Templates:
    """The templates of one server."""

    def __init__(self, connect: Connect, url_for: UrlFor, base: str) -> None:
        self._connect = connect
        self._url_for = url_for
        self._base = base  #: the empty template, with what every database has

    def fill(self, recipe: Recipe, progress: Progress | None = None) -> None:
        """Have the template filled; nothing to do where it is already, by this process or another.

        Raises:
            ServiceError: the course's command failed.
            psycopg.Error: the server refused.
        """
        name = name_of(recipe)
        with self._connect(None) as admin:
            if self._is_filled(admin, name):
                return
            if progress:
                progress(_("filling the sample data"))
            # One at a time on a server; whoever waited finds it done.
            admin.execute(sql.SQL("SET lock_timeout = {}").format(sql.Literal(f"{_PATIENCE + 60}s")))
            admin.execute("SELECT pg_advisory_lock(hashtext(%s))", [f"{PREFIX}_{recipe.name}"])
            if self._is_filled(admin, name):
                return
            # A half made one of somebody who was killed, and those of former contents.
            self._drop(admin, recipe, every=True)
            try:
                self._make(admin, recipe)
            except BaseException:
                self._drop(admin, recipe, every=False)
                raise

    def _is_filled(self, admin: psycopg.Connection, name: str) -> bool:
        found = admin.execute("SELECT 1 FROM pg_database WHERE datname = %s AND datistemplate", [name]).fetchone()
        return found is not None

    def _make(self, admin: psycopg.Connection, recipe: Recipe) -> None:
        name, owner = name_of(recipe), owner_of(recipe)
        maker, password = f"{name}_maker", secrets.token_hex(16)
        database, group, login = sql.Identifier(name), sql.Identifier(owner), sql.Identifier(maker)
        # It stays where copies of former times are still in use.
        if not admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [owner]).fetchone():
            admin.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(group))
        for statement in (
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} IN ROLE {}").format(login, sql.Literal(password), group),
            # What the maker makes belongs to the group, so that its copies belong to whoever is in it.
            sql.SQL("ALTER ROLE {} SET role = {}").format(login, sql.Literal(owner)),
            sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {} STRATEGY wal_log").format(
                database, sql.Identifier(self._base), group
            ),
            sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database),
        ):
            admin.execute(statement)
        run_make(recipe, self._url_for(maker, password, name))
        # Members of the group must not own the template itself: they could open it, or drop it.
        admin.execute(sql.SQL("ALTER DATABASE {} OWNER TO CURRENT_USER").format(database))
        admin.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC, {}").format(database, group))
        admin.execute(sql.SQL("DROP ROLE {}").format(login))
        with self._connect(name) as inside:
            inside.execute("VACUUM (FREEZE, ANALYZE)")
        admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(database))
        admin.execute(sql.SQL("ALTER DATABASE {} IS_TEMPLATE true").format(database))

    def _drop(self, admin: psycopg.Connection, recipe: Recipe, *, every: bool) -> None:
        """Remove this template, or every one of its name; a role whose copies are still in use stays until later."""
        which = f"{PREFIX}_{recipe.name}_[0-9a-f]{{8}}" if every else name_of(recipe)
        databases = "SELECT datname FROM pg_database WHERE datname ~ %s"
        roles = "SELECT rolname FROM pg_roles WHERE rolname ~ %s"
        with contextlib.suppress(psycopg.Error):
            for (name,) in admin.execute(databases, [f"^{which}$"]).fetchall():
                with contextlib.suppress(psycopg.Error):
                    admin.execute(sql.SQL("ALTER DATABASE {} IS_TEMPLATE false").format(sql.Identifier(name)))
                    admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
            for (role,) in admin.execute(roles, [f"^{which}_(maker|owner)$"]).fetchall():
                with contextlib.suppress(psycopg.Error):
                    admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


def run_make(recipe: Recipe, url: str) -> None:
    """Run the course's command on an empty database.

    Raises:
        ServiceError: it failed, or did not end within five minutes; the last line of its output is told.
    """
    argv = [sys.executable, *recipe.make[1:]] if recipe.make[0] in ("python", "python3") else list(recipe.make)
    # As for a check: nothing of the learner's machine decides what is in it.
    env = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "HOME": str(Path.home()),
        "TMPDIR": tempfile.gettempdir(),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
        "DATABASE_URL": url,
    }
    try:
        done = subprocess.run(
            argv,
            cwd=recipe.root,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _failed(recipe, _("it did not end within {seconds} s").format(seconds=_PATIENCE)) from error
    except OSError as error:
        raise _failed(recipe, str(error)) from error
    if done.returncode:
        lines = done.stdout.decode("utf-8", "replace").strip().splitlines()
        raise _failed(recipe, lines[-1].strip()[:300] if lines else _("exit code {code}").format(code=done.returncode))


def _failed(recipe: Recipe, said: str) -> ServiceError:
    return ServiceError(
        _("The sample data could not be made: {said}").format(said=said),
        looked=f"{' '.join(recipe.make)} ({recipe.root})",
        do=_("run `inprod doctor`; if nothing is amiss there, this is a fault of the course: please report it"),
    )

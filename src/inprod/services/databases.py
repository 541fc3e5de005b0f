"""Databases of one's own on a Postgres that we may administer: one a lease, from a template, dropped after use."""

from __future__ import annotations

import contextlib
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from inprod.errors import ServiceError
from inprod.messages import _
from inprod.recipes import Recipe
from inprod.services import templates
from inprod.services.base import PostgresLease, Progress

TEMPLATE = "inprod_template"
_CONNECT = 5
#: A check may let many readers in at once; the rest of `max_connections` stays for others.
_LIMIT = 64
_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")


class Databases:
    """Leases of databases, given the URL of a superuser."""

    def __init__(self, admin_url: str, *, ours: bool = True) -> None:
        self._url = admin_url
        self._ours = ours  #: a server that we started: its other databases can be closed to leases
        self._templates = templates.Templates(self._connect, self._as, TEMPLATE)

    def prepare(self) -> str:
        """Make the template where it is missing; the server's version.

        Raises:
            ServiceError: the server can't be reached, or the role may not do this.
        """
        try:
            with self._connect() as admin:
                admin.execute("SELECT pg_advisory_lock(hashtext('inprod_template'))")
                found = admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [TEMPLATE]).fetchone()
                if not found:
                    self._make_template(admin)
                row = admin.execute("SHOW server_version").fetchone()
        except psycopg.Error as error:
            raise self._refused(error) from error
        return str(row[0]).split()[0] if row else ""

    def _make_template(self, admin: psycopg.Connection) -> None:
        template = sql.Identifier(TEMPLATE)
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(template))
        with self._connect(TEMPLATE) as inside:
            inside.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
            inside.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        admin.execute(sql.SQL("ALTER DATABASE {} IS_TEMPLATE true ALLOW_CONNECTIONS false").format(template))
        if self._ours:
            admin.execute("REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC")

    def fill(self, recipe: Recipe, progress: Progress | None = None) -> None:
        """Have the sample data that leases are copied from.

        Raises:
            ServiceError: it could not be made, or the server can't be reached.
        """
        try:
            self._templates.fill(recipe, progress)
        except psycopg.Error as error:
            raise self._refused(error) from error

    @contextmanager
    def lease(self, name: str, template: Recipe | None = None) -> Iterator[PostgresLease]:
        """A new database with its roles, empty or a copy of the sample data; all of it is gone afterwards.

        Raises:
            ServiceError: the server can't be reached, or refuses; or the sample data can't be made.
        """
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} can't be part of a database's name")
        database = f"{name}_{secrets.token_hex(4)}"
        passwords = secrets.token_hex(16), secrets.token_hex(16)
        if template is not None:
            self.fill(template)
        try:
            with self._connect() as admin:
                self._create(admin, database, passwords, template)
        except psycopg.Error as error:
            self._drop(database)
            raise self._refused(error) from error
        try:
            yield PostgresLease(
                url=self._as(database, passwords[0], database),
                judge_url=self._as(f"{database}_judge", passwords[1], database)
                + f"?options={quote(f'-c role={database}_owner')}",
                owner=f"{database}_owner",
                database=database,
            )
        finally:
            self._drop(database)

    def _create(
        self, admin: psycopg.Connection, database: str, passwords: tuple[str, str], recipe: Recipe | None
    ) -> None:
        source = templates.name_of(recipe) if recipe else TEMPLATE
        groups = [sql.Identifier(templates.owner_of(recipe))] if recipe else []
        names = {"db": database, "owner": f"{database}_owner", "judge": f"{database}_judge"}
        identifiers = {key: sql.Identifier(value) for key, value in names.items()}
        login = sql.SQL("CREATE ROLE {role} LOGIN PASSWORD {password} CONNECTION LIMIT {limit} IN ROLE {groups}")
        statements: list[sql.SQL | sql.Composed] = [
            # The passwords are random: stretching them would only cost time, at every connection.
            sql.SQL("SET scram_iterations = 1"),
            sql.SQL("CREATE ROLE {owner} NOLOGIN").format(**identifiers),
            *[sql.SQL("GRANT {group} TO {owner}").format(group=group, **identifiers) for group in groups],
            *[
                login.format(
                    role=identifiers[role],
                    password=sql.Literal(password),
                    limit=sql.Literal(_LIMIT),
                    groups=sql.SQL(", ").join([identifiers["owner"], *more]),
                )
                for role, password, more in (
                    ("db", passwords[0], []),
                    ("judge", passwords[1], [identifiers["db"], sql.SQL("pg_read_all_stats")]),
                )
            ],
            sql.SQL("CREATE DATABASE {db} TEMPLATE {template} OWNER {owner} STRATEGY {strategy}").format(
                template=sql.Identifier(source), strategy=templates.strategy(admin, source), **identifiers
            ),
            sql.SQL("REVOKE ALL ON DATABASE {db} FROM PUBLIC").format(**identifiers),
        ]
        for statement in statements:
            admin.execute(statement)

    def _drop(self, database: str) -> None:
        """Gone with its roles; a server that has died took them along."""
        with contextlib.suppress(psycopg.Error), self._connect() as admin:
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))
            roles = sql.SQL(", ").join(
                sql.Identifier(role) for role in (database, f"{database}_judge", f"{database}_owner")
            )
            admin.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(roles))

    def _connect(self, database: str | None = None) -> psycopg.Connection:
        where: dict[str, Any] = {"dbname": database} if database else {}
        return psycopg.connect(self._url, connect_timeout=_CONNECT, autocommit=True, **where)

    def _as(self, user: str, password: str, database: str) -> str:
        parts = urlsplit(self._url)
        return urlunsplit(
            ("postgresql", f"{user}:{password}@{parts.hostname}:{parts.port or 5432}", f"/{database}", "", "")
        )

    def _refused(self, error: psycopg.Error) -> ServiceError:
        parts = urlsplit(self._url)
        return ServiceError(
            _("Postgres refused: {error}").format(error=" ".join(str(error).split())),
            looked=f"{parts.hostname}:{parts.port or 5432}",
            do=_("the role must be a superuser of a server that is yours alone; `inprod doctor` shows what is there"),
        )

"""A Postgres cluster for one session, copied from a template that is made once a machine."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path

from inprod.errors import ServiceError
from inprod.messages import _
from inprod.services import places
from inprod.services.binaries import PostgresBinaries
from inprod.services.owner import Account

#: Changes when a cluster would be made differently.
_FORM = "1"
_TIMEOUT = 120
USER = "postgres"


class Cluster:
    """The data folder of one session; `home` are binaries that the servers' user can run."""

    def __init__(self, binaries: PostgresBinaries, home: Path, session: Path, who: Account | None) -> None:
        self.binaries = binaries
        self.home = home
        self.session = session
        self.who = who
        self.data = session / "postgres"
        key = hashlib.sha256(f"{_FORM}\0{binaries.version}\0{binaries.home}".encode()).hexdigest()[:12]
        self.template = places.cache_folder() / f"cluster-{binaries.version}-{key}"

    def make(self) -> str:
        """Have the data folder ready; the superuser's password.

        Raises:
            ServiceError: initdb failed; its last line is in the message.
        """
        if (self.template / "password").is_file():
            shutil.copytree(self.template / "data", self.data, symlinks=True)
            password = (self.template / "password").read_text(encoding="ascii")
        else:
            password = secrets.token_hex(16)
            self._initdb(password)
            self._keep(password)
        self._hand_over()
        return password

    def forget(self) -> None:
        """The template did not serve: the next `make` starts from nothing."""
        shutil.rmtree(self.template, ignore_errors=True)
        shutil.rmtree(self.data, ignore_errors=True)

    @property
    def from_template(self) -> bool:
        """Whether a template is there to copy from."""
        return (self.template / "password").is_file()

    def _initdb(self, password: str) -> None:
        # As another user initdb can't read /dev/stdin, so the password takes a file.
        secret = self.session / "password"
        secret.touch(mode=0o600)
        secret.write_text(password, encoding="ascii")
        self.data.mkdir(mode=0o700)
        self._hand_over(secret)
        uid, gid, groups = (self.who.uid, self.who.gid, list[str | int]()) if self.who else (None, None, None)
        argv = [str(self.home / "bin" / "initdb"), "--pgdata", str(self.data), "--username", USER, "--no-sync"]
        argv += [
            "--auth=scram-sha-256",
            f"--pwfile={secret}",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-instructions",
        ]
        try:
            done = subprocess.run(
                argv,
                env=environment(self.home),
                cwd=self.session,
                capture_output=True,
                text=True,
                timeout=_TIMEOUT,
                check=False,
                user=uid,
                group=gid,
                extra_groups=groups,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise self._failed(str(error)) from error
        finally:
            secret.unlink(missing_ok=True)
        if done.returncode:
            raise self._failed(done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}")

    def _failed(self, trouble: str) -> ServiceError:
        lines = [line for line in trouble.splitlines() if line.strip()]
        return ServiceError(
            _("Postgres could not make its files: {error}").format(error=lines[-1] if lines else trouble),
            looked=str(self.data),
            do=_("see `inprod doctor`: it tells how much room the disks have"),
        )

    def _keep(self, password: str) -> None:
        """Put the new cluster into the cache, whole or not at all; without a cache the session goes on."""
        parent = self.template.parent
        try:
            parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            draft = Path(tempfile.mkdtemp(dir=parent, prefix=".cluster-"))
        except OSError:
            return
        try:
            shutil.copytree(self.data, draft / "data", symlinks=True)
            (draft / "password").touch(mode=0o600)
            (draft / "password").write_text(password, encoding="ascii")
            draft.rename(self.template)
        except OSError:  # no room, or another session was faster
            shutil.rmtree(draft, ignore_errors=True)

    def _hand_over(self, *more: Path) -> None:
        """Give the files to the servers' user; only root has one."""
        self.data.chmod(0o700)
        if self.who is None:
            return
        for path in (self.data, *self.data.rglob("*"), *more):
            os.chown(path, self.who.uid, self.who.gid, follow_symlinks=False)


def environment(home: Path) -> dict[str, str]:
    """What a Postgres process needs, and nothing of ours."""
    return {"PATH": f"{home / 'bin'}:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}

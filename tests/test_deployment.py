"""The compose file and the image: who gets which login, no default password, durability, and nothing runs as root."""

import itertools
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[1]
COMPOSE = REPOSITORY / "docker-compose.yml"
DOCKERFILE = (REPOSITORY / "Dockerfile").read_text("utf-8")
TEXT = COMPOSE.read_text("utf-8")
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["services"]
DURABLE = ("fsync", "full_page_writes", "synchronous_commit")
PASSWORD_IN_URL = re.compile(r"postgresql://\w+:(.*)@[\w.]+:\d+/\w+")
DEMANDED = re.compile(r"\$\{[A-Z_]+:\?[^}]+\}")
PINNED = re.compile(r"[\w./-]+:\d+\.\d+(\.\d+)?[\w.-]*")


def secrets_of(service: dict[str, Any]) -> list[str]:
    """Every value of a service's environment that is a password or a URL with one."""
    found = []
    for name, value in service.get("environment", {}).items():
        if "PASSWORD" in name:
            found.append(value)
        if "URL" in name:
            match = PASSWORD_IN_URL.fullmatch(value)
            found.append(match[1] if match else value)
    return found


def has_default_password(service: dict[str, Any]) -> bool:
    """Whether any secret could be something that was not given."""
    return any(not DEMANDED.fullmatch(secret) for secret in secrets_of(service))


def settings_of(service: dict[str, Any]) -> dict[str, str]:
    """The settings on PostgreSQL's command line."""
    command = service["command"]
    return dict(value.split("=", 1) for flag, value in itertools.pairwise(command) if flag == "-c")


def test_there_are_a_database_a_migrate_job_an_api_and_a_signer() -> None:
    """Four services, and API and signer start only after the job is done."""
    assert set(SERVICES) == {"database", "migrate", "api", "signer"}
    assert SERVICES["signer"]["depends_on"] == SERVICES["api"]["depends_on"]
    assert SERVICES["signer"]["command"] == ["signer", "run"]
    assert SERVICES["api"]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert SERVICES["migrate"]["depends_on"]["database"] == {"condition": "service_healthy"}
    assert SERVICES["migrate"]["command"] == ["migrate"]
    assert SERVICES["api"]["command"] == ["serve", "--host", "0.0.0.0"]


@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
def test_no_secret_has_a_default(service: dict[str, Any]) -> None:
    """Each password is demanded with a message, so nothing starts with one that others know."""
    assert secrets_of(service)
    assert not has_default_password(service)


@pytest.mark.parametrize(
    "bad",
    [
        {"POSTGRES_PASSWORD": "postgres"},
        {"POSTGRES_PASSWORD": "${P:-postgres}"},
        {"POSTGRES_PASSWORD": "${P}"},
        {"DATABASE_URL": "postgresql://u:secret@h:5432/d"},
        {"DATABASE_URL": "postgresql://u@h/d"},
    ],
)
def test_default_password_would_be_found(bad: dict[str, str]) -> None:
    """The twin: a password written down, with a default, or left out is seen."""
    assert has_default_password({"environment": bad})


def test_each_service_gets_its_own_logins_only() -> None:
    """The migrator's URL is the migrate job's alone; the API has writer and reader (design D8)."""
    urls = {
        name: {key for key in one["environment"] if key.startswith("DATABASE_URL")} for name, one in SERVICES.items()
    }
    assert urls == {
        "database": set(),
        "migrate": {"DATABASE_URL", "DATABASE_URL_WRITER", "DATABASE_URL_READER", "DATABASE_URL_SIGNER"},
        "api": {"DATABASE_URL_WRITER", "DATABASE_URL_READER"},
        "signer": {"DATABASE_URL_SIGNER"},
    }
    assert "MIGRATOR" not in str(SERVICES["api"])
    assert "WRITER" not in str(SERVICES["signer"]) and "READER" not in str(SERVICES["signer"])


def test_each_login_has_a_password_of_its_own() -> None:
    """A login's URL names that login and that login's secret."""
    for name, url in SERVICES["migrate"]["environment"].items():
        login = name.removeprefix("DATABASE_URL").strip("_") or "MIGRATOR"
        assert url.startswith(f"postgresql://greenledger_{login.lower()}:${{GREENLEDGER_{login}_PASSWORD:?")


@pytest.mark.parametrize("setting", DURABLE)
def test_database_is_durable(setting: str) -> None:
    """What the service checks at its start is said aloud, and never off."""
    assert settings_of(SERVICES["database"])[setting] == "on"


def test_durability_that_is_off_would_be_found() -> None:
    """The twin: the reader of settings sees an off where there is one."""
    assert settings_of({"command": ["postgres", "-c", "fsync=off"]}) == {"fsync": "off"}


def test_database_is_utf8_whatever_the_machine() -> None:
    """Chinese names must be storable (design D1)."""
    arguments = SERVICES["database"]["environment"]["POSTGRES_INITDB_ARGS"]
    for wanted in ("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--data-checksums"):
        assert wanted in arguments.split()
    assert SERVICES["database"]["image"].startswith("postgres:18.")


def test_data_outlives_the_container() -> None:
    """PostgreSQL 18's image keeps its data below this folder; a mount elsewhere would lose it."""
    assert SERVICES["database"]["volumes"] == ["journal:/var/lib/postgresql"]
    assert SERVICES["signer"]["volumes"] == ["signing:/var/lib/greenledger/signer"]
    assert SERVICES["api"]["volumes"] == ["seen:/var/lib/greenledger/seen"]
    for name in ("seen", "signer"):  # a new volume takes their owner: whoever the process is must be able to write
        assert f"/var/lib/greenledger/{name}" in DOCKERFILE
    assert "signing" not in str([one.get("volumes") for name, one in SERVICES.items() if name != "signer"])


def test_health_is_readiness() -> None:
    """The API is healthy when it can serve; the database when it takes connections."""
    assert "/readyz" in str(SERVICES["api"]["healthcheck"]["test"])
    assert "/readyz" in DOCKERFILE
    assert "pg_isready" in SERVICES["database"]["healthcheck"]["test"]


@pytest.mark.parametrize(
    "image", [one["image"] for one in SERVICES.values()] + re.findall(r"^FROM (\S+)", DOCKERFILE, re.M)
)
def test_images_are_pinned(image: str) -> None:
    """Every image names its version."""
    assert PINNED.fullmatch(image)


@pytest.mark.parametrize("image", ["postgres", "postgres:latest", "postgres:18", "python:slim"])
def test_image_without_a_version_would_be_found(image: str) -> None:
    """The twin: a moving tag is not a version."""
    assert not PINNED.fullmatch(image)


def test_containers_are_hardened() -> None:
    """Root file systems are read-only and nothing gains privileges; the API listens to this machine only."""
    assert all(one["read_only"] and one["security_opt"] == ["no-new-privileges:true"] for one in SERVICES.values())
    assert SERVICES["api"]["cap_drop"] == SERVICES["migrate"]["cap_drop"] == ["ALL"]
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["api"]["ports"])
    assert "ports" not in SERVICES["database"]


def test_image_installs_what_the_lock_says_and_runs_as_nobody() -> None:
    """Every dependency is checked by its hash, and the last user of the last stage is not root."""
    installs = re.findall(r"pip install (.*)", DOCKERFILE)
    assert installs == [
        "--require-hashes --requirement requirements.lock",
        "--no-deps --no-build-isolation --editable .",
    ]
    users = re.findall(r"^USER (\S+)", DOCKERFILE.rpartition("\nFROM ")[2], re.M)
    assert users
    assert users[-1] not in ("0", "root")


def test_everything_copied_into_the_image_exists() -> None:
    """A file that is not there would fail the build on the user's machine."""
    copied = [name for line in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.M) for name in line.split()]
    assert {name for name in copied if not (REPOSITORY / name).exists()} == set()

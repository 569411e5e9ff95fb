"""Where things are kept and what runs them: MEDPAIR_* variables, resolved once."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from factory.errors import InputError, refusal
from tasks.services.local_paths import is_uri, local_home, usable

# The embedded Prefect server takes 12 to 40 s on a slow machine, and more than 120 on a busy one,
# against a default of 20.
SERVER_STARTUP_SECONDS = 300
# Pauses double: about four minutes in all, in which one that died is up again.
SERVER_RETRIES = 7
ARTIFACTS = "mlartifacts"  # below the home, a folder for each of MLflow's experiments
DATABASES = ("sqlite", "postgresql", "mysql", "mssql")  # that MLflow writes without a server
# Each library sets its own level when it is imported, from these. What fails raises: a server below
# the home or MLflow that logs it too prints hundreds of lines about a full disk.
QUIET_LOGS = {
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_LOGGING_SERVER_LEVEL": "CRITICAL",
    "DASK_LOGGING__DISTRIBUTED": "error",
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",
}


def absolute(uri: str) -> str:
    """A local path made absolute; a URI with a scheme unchanged.

    Raises:
        ValueError: if no database can live there.
    """
    return uri if is_uri(uri) else str(usable(Path(uri).expanduser().absolute()))


class Settings(BaseSettings):
    """Every place a run reads or writes, as absolute paths and URIs.

    Each field is set by the variable MEDPAIR_ and its name in capitals, for example
    MEDPAIR_HOME or MEDPAIR_DASK_ADDRESS. What is not set lies below the home.
    """

    model_config = SettingsConfigDict(
        env_prefix="MEDPAIR_", env_ignore_empty=True, frozen=True, validate_default=True
    )

    home: Path = Field(default=Path(".medpair"), description="local folder of everything below")
    pairs: str = Field(default="", description="data sets: a folder, s3:// or gs://")
    lake: str = Field(default="", description="tables of scores: a folder or an object store")
    models: Path = Field(default=Path(), description="checkpoints, one folder each")
    reports: Path = Field(default=Path(), description="HTML reports")
    mlflow: str = Field(default="", description="tracking URI; a sqlite file below the home")
    dask_address: str | None = Field(default=None, description="a running Dask scheduler")
    workers: int | None = Field(default=None, ge=1, description="local Dask workers")

    @field_validator("home", mode="after")
    @classmethod
    def _absolute_home(cls, home: Path) -> Path:
        return local_home(home)

    @field_validator("pairs", "lake", mode="before")
    @classmethod
    def _uri_below_home(cls, value: str, info: ValidationInfo) -> str:
        return absolute(value) if value else str(_home(info) / str(info.field_name))

    @field_validator("models", "reports", mode="after")
    @classmethod
    def _folder_below_home(cls, value: Path, info: ValidationInfo) -> Path:
        if value == Path():
            return _home(info) / str(info.field_name)
        return value.expanduser().absolute()

    @field_validator("mlflow", mode="after")
    @classmethod
    def _database_below_home(cls, value: str, info: ValidationInfo) -> str:
        # SQLAlchemy takes all up to a "?" as it stands; homes with one were refused.
        return value or f"sqlite:///{_home(info) / 'mlflow.db'}"

    @property
    def home_as_typed(self) -> Path:
        """The home as a user would type it here: relative where it lies below."""
        here = Path.cwd()
        return self.home.relative_to(here) if self.home.is_relative_to(here) else self.home

    @property
    def artifacts(self) -> Path | None:
        """Where MLflow keeps figures and files; None leaves it to a tracking server."""
        scheme = self.mlflow.split(":", 1)[0].split("+")[0]  # postgresql+psycopg2://…
        return self.home / ARTIFACTS if scheme in DATABASES else None

    @property
    def readings(self) -> Path:
        """Frozen lists of blinded readings with what their readers said; no truth."""
        return self.home / "readings"

    @property
    def reading_keys(self) -> Path:
        """What the images of each reading are: kept apart from what readers are served."""
        return self.home / "reading-keys"

    @property
    def tracking_file(self) -> Path | None:
        """The database file of an embedded MLflow; None with a server."""
        path = self.mlflow.removeprefix("sqlite:///")
        return Path(path) if path != self.mlflow else None

    @property
    def prefect_file(self) -> Path:
        """The database file of an embedded Prefect server."""
        return self.home / "prefect" / "prefect.db"

    def enter(self) -> Settings:
        """Makes this process and its children use these settings; before Prefect is imported."""
        os.environ["MEDPAIR_HOME"] = str(self.home)
        os.environ.setdefault(
            "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", str(SERVER_STARTUP_SECONDS)
        )
        for name, value in QUIET_LOGS.items():
            os.environ.setdefault(name, value)
        os.environ.setdefault("PREFECT_CLIENT_MAX_RETRIES", str(SERVER_RETRIES))
        if "PREFECT_API_URL" not in os.environ:
            os.environ.setdefault("PREFECT_HOME", str(self.home / "prefect"))
        logging.getLogger("httpx").setLevel(logging.ERROR)
        return self


def _home(info: ValidationInfo) -> Path:
    return Path(info.data.get("home", Path()))  # absent where it was refused


def load_settings(home: Path | None = None) -> Settings:
    """The settings of this process; `home` overrides MEDPAIR_HOME.

    Raises:
        InputError: if a variable has a value it cannot have.
    """
    given: dict[str, Any] = {} if home is None else {"home": home}
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(_refusal(first, home)) from error


def _refusal(error: ErrorDetails, home: Path | None) -> str:
    typed = home is not None and error["loc"] == ("home",)
    name = "--home" if typed else f"MEDPAIR_{str(error['loc'][0]).upper()}"
    given = ascii(str(error["input"]))
    if "error" in error.get("ctx", {}):  # a check of ours says what to do
        return f"{name} {given}: {refusal(error)}"
    return f"{name}={given}: {refusal(error)}; correct or unset it"

"""What the application is told from outside: the environment, and files that it names. Nothing else."""

import ipaddress
import os
from dataclasses import dataclass


class SettingsError(SystemExit):
    """A setting is missing or wrong. The message names it and never shows a value."""


@dataclass(frozen=True)
class Settings:
    """All settings."""

    database_url: str
    secret_key: bytes
    users_file: str
    edge_networks: tuple
    threads: int

    @classmethod
    def from_environment(cls, environ=os.environ):
        """DATABASE_URL, SECRET_KEY_FILE, USERS_FILE; and EDGE_ADDRESSES, THREADS, which gunicorn.conf.py reads too."""
        key = _read(_wanted(environ, "SECRET_KEY_FILE"), "SECRET_KEY_FILE").strip()
        if len(key) < 32:
            raise SettingsError("SECRET_KEY_FILE: the key has fewer than 32 characters")
        try:
            networks = environ.get("EDGE_ADDRESSES", "127.0.0.1,::1").split(",")
            networks = tuple(ipaddress.ip_network(said.strip()) for said in networks)
            threads = int(environ.get("THREADS", "6"))
        except ValueError as problem:
            raise SettingsError(f"EDGE_ADDRESSES, THREADS: {problem}") from None
        users_file = _wanted(environ, "USERS_FILE")
        _read(users_file, "USERS_FILE")
        return cls(_wanted(environ, "DATABASE_URL"), key, users_file, networks, threads)


def _wanted(environ, name):
    value = environ.get(name, "")
    if not value:
        raise SettingsError(f"{name} is not set")
    return value


def _read(path, name):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as problem:
        raise SettingsError(f"{name}: {problem.strerror}: {path}") from None

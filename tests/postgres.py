"""The PostgreSQL of the benches is that of the tests too."""

from bench.postgres import Postgres, PostgresMissing, running

__all__ = ["Postgres", "PostgresMissing", "running"]

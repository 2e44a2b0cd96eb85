"""The rooms that have tables. Importing their repositories is what fills `gateway.store.metadata`."""

import importlib
import importlib.util

REPOSITORIES = (
    "gateway.jobs.repository",
    "gateway.jobs.breakers.repository",
    "gateway.directory.repository",
    "gateway.signing.partners.repository",
    "gateway.documents.repository",
    "gateway.documents.signatures.repository",
    "gateway.documents.settling.repository",
    "gateway.documents.lateness.repository",
    "gateway.statuses.repository",
    "gateway.desk.repository",
    "gateway.evidence.repository",
    "gateway.handover.repository",
    "gateway.handover.webhooks.repository",
    "gateway.handover.notices.repository",
    "gateway.signing.keys.repository",
    "gateway.signing.trust.repository",
    "gateway.api.repository",
    "gateway.installation.repository",
)


def import_repositories() -> list[str]:
    """Import those that exist; their names."""
    found = [name for name in REPOSITORIES if _exists(name)]
    for name in found:
        importlib.import_module(name)
    return found


def _exists(name: str) -> bool:
    room = name.rpartition(".")[0]
    return importlib.util.find_spec(room) is not None and importlib.util.find_spec(name) is not None

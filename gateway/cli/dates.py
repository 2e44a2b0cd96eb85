"""Days as commands are given them."""

from datetime import datetime

import typer

from gateway.times import VIETNAM


def day_of(text: str, option: str) -> datetime:
    """Midnight in Vietnam of a day written YYYY-MM-DD."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=VIETNAM)
    except ValueError:
        raise typer.BadParameter("YYYY-MM-DD", param_hint=option) from None

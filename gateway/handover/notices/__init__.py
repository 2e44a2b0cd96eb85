"""Notices: the inbox carries statuses, what became of documents, and alarms, as it carries documents."""

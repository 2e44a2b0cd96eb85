"""Measures what the gateway promises: `python -m bench.packet`, `python -m bench.large_document`."""

"""Measures what the gateway promises: `python -m bench.packet`, `bench.large_document`, `bench.throughput`, `bench.soak`."""

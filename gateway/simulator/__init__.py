"""A whole axis on one port, with faults. Nothing imports it but cli, demo and tests."""

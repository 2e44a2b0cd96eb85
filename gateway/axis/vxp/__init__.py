"""The national axis's own API (VXP): signed headers, thirteen operations, JSON answers."""

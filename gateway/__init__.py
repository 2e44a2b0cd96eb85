"""Liên Thông Gateway."""

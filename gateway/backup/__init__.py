"""Backups: database and blobs in one logical format for both databases, and what a restore has to see to."""

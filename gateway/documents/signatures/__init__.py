"""Signatures of packets as they are kept: what was found of one that came, and how one that went was signed."""

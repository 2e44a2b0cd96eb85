"""This installation: its nodes and their clocks, its blob folder, and whether it was restored from a backup."""

from gateway.installation.blob_check import BlobCheck
from gateway.installation.nodes import Nodes
from gateway.installation.restored import Hold
from gateway.installation.standing import Standing

__all__ = ["BlobCheck", "Hold", "Nodes", "Standing"]

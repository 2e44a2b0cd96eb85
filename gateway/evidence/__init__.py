"""What can be shown later: an append-only log of what happened, chained by hash, and bundles to check without a gateway."""

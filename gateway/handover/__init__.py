"""Hand-over: what the document system is told. The event feed, the inbox and its claims."""

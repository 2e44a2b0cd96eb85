"""The whole story in one command: a simulated axis, two agencies, a document there and its statuses back."""

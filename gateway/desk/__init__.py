"""The desk for what went wrong: a person looks at it, decides, and every decision is written down."""

"""Documents: outgoing, incoming, dispatch. The heart of the two first trips."""

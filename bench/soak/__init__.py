"""The proof: two agencies, two nodes each, everything that can go wrong, and a ledger that must come out even.

See docs/proof.md. `world` puts everything together; `systems`, `hooks`, `person` play those outside of the gateway;
`storm`, `faults`, `wire` do the harm; `ledger` writes down what was promised; `verify` compares it with what became.
"""

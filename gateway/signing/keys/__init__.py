"""Keys that sign packets: files, PKCS#12, tokens (PKCS#11); which one is in use for a unit, and what is wrong with it."""

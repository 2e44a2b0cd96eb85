"""Packet signatures: keys, the profile that survives the axis, ordinary XMLDSig, trust. Signs packets, never documents."""

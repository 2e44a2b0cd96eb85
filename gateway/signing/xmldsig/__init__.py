"""Ordinary enveloped XML signatures (XMLDSig): looked at closely before xmlsec sees them."""

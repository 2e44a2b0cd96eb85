"""What should have left by now and has not: operators are told while the legal deadline can still be kept."""

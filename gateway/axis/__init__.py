"""The axis: the port that says what an axis can do, and one adapter for each protocol."""

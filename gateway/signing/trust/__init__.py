"""Who is trusted: pinned anchors, chains built locally, revocation when it can be had, and who may speak for whom."""

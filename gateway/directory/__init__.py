"""Who is who on the axis: identifier codes, the level-1 list, connections, own units, the axis's stored list."""

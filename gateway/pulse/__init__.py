"""When a silent peer is pinged and given up, and the one wheel on which all deadlines turn."""

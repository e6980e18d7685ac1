"""Numbers as a client may write them: those at which some type ends, and those that are none at all."""

from __future__ import annotations

from hypothesis import strategies as st

EDGES = (2**31, 2**32, 2**53, 2**63, 2**64, 10**30, 10**400)
"""Where int32, uint32, a double's whole numbers, int64 and uint64 end; one that no type holds, and no double."""

INTEGERS = (
    st.integers()
    | st.sampled_from([0, *(edge + beside for edge in EDGES for beside in (-1, 0, 1))])
    | st.sampled_from([-1, *(-edge - beside for edge in EDGES for beside in (-1, 0, 1))])
)
NUMBERS = INTEGERS | st.sampled_from([1.5, 1e308, -1e308]) | st.floats()
"""Also NaN and the infinities, which `json.dumps` writes as no JSON has them."""

WRITTEN = INTEGERS.map(str) | st.sampled_from(
    ["1e400", "-1e400", "1.7976931348623157e308", "-1e308", "5e-324", "1.0", "-0", "-0.0", "1E2", "NaN", "9" * 4_300]
)
"""As JSON, or nearly: what Python would not write is among them, and the longest number that its parser takes."""

# Random numbers.

cdef uint64_t draw(uint64_t* state) noexcept nogil:
    """SplitMix64 (Steele, Lea, Flood 2014)."""
    cdef uint64_t z
    state[0] += <uint64_t>0x9E3779B97F4A7C15
    z = state[0]
    z = (z ^ (z >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
    z = (z ^ (z >> 27)) * <uint64_t>0x94D049BB133111EB
    return z ^ (z >> 31)


cdef int below(uint64_t* state, int limit) noexcept nogil:
    return <int>(((draw(state) >> 32) * <uint64_t>limit) >> 32)


cdef double uniform(uint64_t* state) noexcept nogil:
    """In (0, 1]."""
    return <double>((draw(state) >> 11) + 1) / 9007199254740992.0

# What is taken of the DRAM over time, in steps.

cdef struct Step:                 # of the DRAM's use: what is taken from a cycle on
    int64_t at, used


cdef struct Profile:
    Step* step
    int count


cdef void clear(Profile* profile) noexcept nogil:
    profile.step[0].at = 0
    profile.step[0].used = 0
    profile.count = 1


cdef int step_at(Profile* profile, int64_t at) noexcept nogil:
    """The last step that begins at `at` or before."""
    cdef int low = 0, high = profile.count - 1, middle
    if profile.step[high].at <= at:
        return high
    while low < high:
        middle = (low + high + 1) // 2
        if profile.step[middle].at <= at:
            low = middle
        else:
            high = middle - 1
    return low


cdef int64_t earliest(Profile* profile, int64_t ready, int64_t takes, int64_t share) noexcept nogil:
    """First start at `ready` or later at which the share is free throughout."""
    cdef int i = step_at(profile, ready)
    cdef int64_t at = ready
    while i < profile.count and profile.step[i].at < at + takes:
        if profile.step[i].used + share > WHOLE:
            at = profile.step[i + 1].at
        i += 1
    return at


cdef int split(Profile* profile, int64_t at) noexcept nogil:
    """The step that begins at `at`, made where there is none."""
    cdef int i = step_at(profile, at)
    if profile.step[i].at == at:
        return i
    memmove(&profile.step[i + 2], &profile.step[i + 1], (profile.count - i - 1) * sizeof(Step))
    profile.step[i + 1].at = at
    profile.step[i + 1].used = profile.step[i].used
    profile.count += 1
    return i + 1


cdef void take(Profile* profile, int64_t start, int64_t end, int64_t share) noexcept nogil:
    cdef int first = split(profile, start)
    cdef int last = split(profile, end), i
    for i in range(first, last):
        profile.step[i].used += share

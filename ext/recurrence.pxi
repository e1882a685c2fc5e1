"""The recurrence over tiles and states."""


cdef inline int state_of(Search self, int a, int b, int c) noexcept nogil:
    return (a * self.states[I] + b) * self.states[O] + c


cdef inline int level_of(Search self, int c) noexcept nogil:
    """The level of O that the step into state c closes.

    States of O: 0 open; 2j-1 and 2j: j links closed, sums partial or whole; last: all closed.
    """
    return (c + 1) // 2 - 1 if c < self.states[O] - 1 else self.p.levels[O] - 2


cdef inline int parity_of(Search self, int c) noexcept nogil:
    """Whether state c needs partial (0) or whole (1) sums, -1 either."""
    return -1 if c == self.states[O] - 1 else c % 2 == 0


cdef void close_links(Search self, long at, double* row) noexcept nogil:
    """Close links at this tile, in the order of the states."""
    cdef int a, b, c, level, parity, flag, here
    cdef double value, least
    for a in range(self.states[W]):
        for b in range(self.states[I]):
            for c in range(self.states[O]):
                here = state_of(self, a, b, c)
                least = row[here]
                if a > 0:
                    value = row[state_of(self, a - 1, b, c)] + self.link[W][a - 1].open[0][at]
                    least = value if value < least else least
                if b > 0:
                    value = row[here - self.states[O]] + self.link[I][b - 1].open[0][at]
                    least = value if value < least else least
                if c > 0:
                    level = level_of(self, c)
                    parity = parity_of(self, c)
                    if parity < 0 or self.reduced[level * self.lat.points + at] == parity:
                        for flag in range(1 if level == 0 else 2):
                            value = row[here - c + (0 if level == 0 else 2 * level - 1 + flag)] \
                                + self.link[O][level].open[flag][at]
                            least = value if value < least else least
                row[here] = least


cdef void close_sliding(Search self, long at, int* digit, double* row) noexcept nogil:
    """Close links of I at smaller tiles that slide up to this one.

    Done before `close_links`: it reads finished rows only.
    """
    cdef int d, k, i, source, a, b, c, j, here
    cdef long back, n = self.lat.points
    cdef double cost, value
    cdef double* inner
    for j in range(self.p.levels[I] - 1):
        for d in range(4):
            if self.link[I][j].slid_open[d] == NULL:
                continue
            i = digit[OY + d]
            for k in range(self.lat.befores[OY + d][i]):
                source = self.lat.before[OY + d][i][k]
                cost = self.link[I][j].slid_open[d][source * n + at]
                if cost == INFINITY:
                    continue
                back = at - (i - source) * self.lat.stride[OY + d]
                inner = self.best + back * self.total_states
                for a in range(self.states[W]):
                    here = state_of(self, a, j + 1, 0)
                    for c in range(self.states[O]):
                        value = inner[here - self.states[O] + c] + cost
                        row[here + c] = value if value < row[here + c] else row[here + c]


cdef double fill_best(Search self) noexcept nogil:
    """Fill `best`, tile by tile from the smallest; the least cost of a whole mapping.

    A tile takes the best of every tile that one loop can grow into it, state by state, then
    links are closed at it. INFINITY where nothing fits.
    """
    cdef int digit[ND]
    cdef int d, g, i, k
    cdef long at, here, states = self.total_states
    cdef double* row
    cdef double* source
    cdef double value
    self.runs += 1
    limit_links(self)
    for d in range(ND):
        digit[d] = 0
    for at in range(self.lat.points):
        row = self.best + at * states
        for here in range(states):
            row[here] = INFINITY
        if self.forbidden[at] == 0:
            row[0] = 0
            for g in range(self.lat.actives):
                d = self.lat.active[g]
                i = digit[d]
                for k in range(self.lat.befores[d][i]):
                    source = self.best + (at - (i - self.lat.before[d][i][k]) * self.lat.stride[d]) * states
                    for here in range(states):
                        value = source[here]
                        row[here] = value if value < row[here] else row[here]
            close_sliding(self, at, digit, row)
            close_links(self, at, row)
        for k in range(self.lat.actives):  # the next tile
            d = self.lat.active[k]
            digit[d] += 1
            if digit[d] < self.lat.count[d]:
                break
            digit[d] = 0
    return self.best[self.lat.points * states - 1] + weighted_base(self)

"""The recurrence over tiles and states."""

cdef extern from *:
    """
    static inline void least_of(double *CYTHON_RESTRICT row, const double *CYTHON_RESTRICT other, long n) {
        for (long i = 0; i < n; i++)
            row[i] = other[i] < row[i] ? other[i] : row[i];
    }
    static inline void least_plus(double *CYTHON_RESTRICT row, const double *CYTHON_RESTRICT other, double cost, long n) {
        for (long i = 0; i < n; i++)
            row[i] = other[i] + cost < row[i] ? other[i] + cost : row[i];
    }
    """
    void least_of(double* row, const double* other, long n) noexcept nogil
    void least_plus(double* row, const double* other, double cost, long n) noexcept nogil


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


cdef void close_links(Search self, long at, double* row, int a0, int b0) noexcept nogil:
    """Close links at this tile: of W, then of I, then of O; each operand's from the inside.

    a0, b0: links of W and I that can only be closed further inside.
    """
    cdef int a, b, c, before, level, parity, flag, from_
    cdef int inner = self.states[I] * self.states[O], outputs = self.states[O]
    cdef double cost
    for a in range(a0 + 1, self.states[W]):
        cost = self.link[W][a - 1].open[0][at]
        if cost < INFINITY:
            from_ = a * inner + b0 * outputs
            least_plus(row + from_, row + from_ - inner, cost, inner - b0 * outputs)
    for b in range(b0 + 1, self.states[I]):
        cost = self.link[I][b - 1].open[0][at]
        if cost < INFINITY:
            for a in range(a0, self.states[W]):
                from_ = a * inner + b * outputs
                least_plus(row + from_, row + from_ - outputs, cost, outputs)
    for c in range(1, outputs):
        level = level_of(self, c)
        if self.link[O][level].slot[at] < 0:
            continue
        parity = parity_of(self, c)
        if parity >= 0 and self.reduced[level * self.lat.points + at] != parity:
            continue
        for flag in range(1 if level == 0 else 2):
            cost = self.link[O][level].open[flag][at]
            before = 0 if level == 0 else 2 * level - 1 + flag
            if cost < INFINITY:
                for a in range(a0, self.states[W]):
                    for b in range(b0, self.states[I]):
                        from_ = a * inner + b * outputs
                        if row[from_ + before] + cost < row[from_ + c]:
                            row[from_ + c] = row[from_ + before] + cost


cdef void close_sliding(Search self, long at, double* row) noexcept nogil:
    """Close links of I at smaller tiles that slide up to this one.

    Done before `close_links`: it reads finished rows only.
    """
    cdef int d, k, i, source, a, j, here
    cdef long back
    cdef double cost
    cdef Link* link
    for j in range(self.p.levels[I] - 1):
        link = &self.link[I][j]
        for d in range(4):
            if link.slid_open[d] == NULL:
                continue
            i = digit_of(self, OY + d, at)
            for k in range(self.lat.befores[OY + d][i]):
                source = self.lat.before[OY + d][i][k]
                if not link.slides_from[d][source]:
                    continue
                back = at - (i - source) * self.lat.stride[OY + d]
                if link.slot[back] < 0:
                    continue
                cost = link.slid_open[d][link.slot[back] * self.lat.count[OY + d] + i]
                if cost == INFINITY:
                    continue
                for a in range(self.states[W]):
                    here = state_of(self, a, j + 1, 0)
                    least_plus(row + here, self.best + back * self.total_states + here - self.states[O], cost,
                               self.states[O])


cdef inline int overdue(Search self, int x, unsigned char* digits) noexcept nogil:
    """How many links of an operand no tile like this or larger can close."""
    cdef int j, d, count = 0
    cdef Link* link
    for j in range(self.p.levels[x] - 1):
        link = &self.link[x][j]
        for d in range(ND):
            if digits[d] > link.reach[d]:
                count = j + 1
                break
    return count


cdef double fill_best(Search self) noexcept nogil:
    """Fill `best`, tile by tile from the smallest; the least cost of a whole mapping.

    A tile takes the best of every tile that one loop can grow into it, state by state, then
    links are closed at it. It is enough to look at the largest ones: what grows into it by way of
    another tile is in that tile's row. States with links that no larger tile can close are left
    at INFINITY. INFINITY is returned where nothing fits.
    """
    cdef int d, g, i, k, a, a0, b0, rows = self.states[W]
    cdef long at, here, from_, width, states = self.total_states, inner = self.states[I] * self.states[O]
    cdef double* row
    cdef double* source
    self.runs += 1
    limit_links(self)
    for at in range(self.lat.points):
        row = self.best + at * states
        for here in range(states):
            row[here] = INFINITY
        if self.forbidden[at]:
            continue
        a0 = overdue(self, W, self.digits + at * ND)
        b0 = overdue(self, I, self.digits + at * ND)
        if a0 == 0 and b0 == 0:
            row[0] = 0
        from_ = a0 * inner + b0 * self.states[O]
        width = inner - b0 * self.states[O]
        if b0 == 0:  # rows without gaps
            width *= rows - a0
        for g in range(self.lat.actives):
            d = self.lat.active[g]
            i = digit_of(self, d, at)
            for k in range(self.lat.covers[d][i]):
                source = row - (i - self.lat.cover[d][i][k]) * self.lat.stride[d] * states
                least_of(row + from_, source + from_, width)
                if b0 > 0:
                    for a in range(1, rows - a0):
                        least_of(row + from_ + a * inner, source + from_ + a * inner, width)
        close_sliding(self, at, row)
        close_links(self, at, row, a0, b0)
    return self.best[self.lat.points * states - 1] + weighted_base(self)

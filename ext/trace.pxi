"""From the filled table back to a mapping."""


cdef double last_closed(Search self, int a, int b, int c, long at, int* operand, int* previous, Choice* choice) noexcept nogil:
    """The cheapest closing at `at` that leads to this cell, and what the cell then costs.

    INFINITY where there is none. `choice` lacks the buffering.
    """
    cdef double* row = self.best + at * self.total_states
    cdef double value, least = INFINITY
    cdef int d, k, i, level, parity, flag, source, before
    cdef long inner, n = self.lat.points
    choice.slide = -1
    choice.slide_at = at
    choice.at = at
    choice.whole = 0
    if a > 0:
        least = row[state_of(self, a - 1, b, c)] + self.link[W][a - 1].open[0][at]
        operand[0] = W
    if b > 0:
        before = state_of(self, a, b - 1, c)
        value = row[before] + self.link[I][b - 1].open[0][at]
        if value < least:
            least = value
            operand[0] = I
        for d in range(4):
            if self.link[I][b - 1].slid_open[d] == NULL:
                continue
            i = digit_of(self, OY + d, at)
            for k in range(self.lat.befores[OY + d][i]):
                source = self.lat.before[OY + d][i][k]
                inner = at - (i - source) * self.lat.stride[OY + d]
                if self.link[I][b - 1].slot[inner] < 0:
                    continue
                value = self.best[inner * self.total_states + before] \
                    + self.link[I][b - 1].slid_open[d][self.link[I][b - 1].slot[inner] * self.lat.count[OY + d] + i]
                if value < least:
                    least = value
                    operand[0] = I
                    choice.slide = OY + d
                    choice.at = inner
    if c > 0:
        level = level_of(self, c)
        parity = parity_of(self, c)
        if self.link[O][level].slot[at] < 0 or (
                parity >= 0 and self.reduced[level * n + at] != parity):
            return least
        for flag in range(1 if level == 0 else 2):
            before = 0 if level == 0 else 2 * level - 1 + flag
            value = row[state_of(self, a, b, before)] + self.link[O][level].open[flag][at]
            if value < least:
                least = value
                operand[0] = O
                previous[0] = before
                choice.slide = -1
                choice.at = at
                choice.whole = flag
    return least


cdef void choose_variant(Search self, int x, int j, Choice* choice) noexcept nogil:
    """The cheapest buffering that fits."""
    cdef Link* link = &self.link[x][j]
    cdef int v
    cdef double cost, least = INFINITY
    for v in range(link.variants):
        if choice.slide >= 0:
            cost = link.slid[v][choice.slide - OY][
                link.slot[choice.at] * self.lat.count[choice.slide] + digit_of(self, choice.slide, choice.slide_at)]
        else:
            cost = link.cost[v][choice.at]
        if cost < least and fits_limit(self, x, j, v, choice.at, choice.whole):
            least = cost
            choice.is_doubled = link.variant_doubled[v]


cdef int trace_back(Search self, Choice choices[NO][MAXMEM]) except -1:
    """The closings behind the last cell."""
    cdef int a = self.states[W] - 1, b = self.states[I] - 1, c = self.states[O] - 1
    cdef int d, k, i, operand = NO, previous = 0, j, order = 0
    cdef long at = self.lat.points - 1, inner, step
    cdef double closed, grown, value
    cdef Choice choice
    while a or b or c:
        closed = last_closed(self, a, b, c, at, &operand, &previous, &choice)
        grown = INFINITY
        inner = at
        for d in range(ND):
            i = digit_of(self, d, at)
            for k in range(self.lat.covers[d][i]):
                step = (i - self.lat.cover[d][i][k]) * self.lat.stride[d]
                value = self.best[(at - step) * self.total_states + state_of(self, a, b, c)]
                if value < grown:
                    grown = value
                    inner = at - step
        if grown < closed:
            at = inner
            continue
        if closed == INFINITY:
            raise RuntimeError("the search lost its way back")
        choice.order = order
        order -= 1
        if operand == W:
            a -= 1
            j = a
        elif operand == I:
            b -= 1
            j = b
        else:
            j = level_of(self, c)
            c = previous
        choose_variant(self, operand, j, &choice)
        choices[operand][j] = choice
        at = choice.at
    return 0


cdef int loops_of(Search self, Choice choices[NO][MAXMEM], long* loops, long bounds[NO][MAXMEM]) except -1:
    """Loops (dim, factor) innermost first that pass through the chosen tiles in their order."""
    cdef int x, j, n = 0, bx, bj, least, done = 0, total = 0
    cdef long at = 0
    cdef char taken[NO][MAXMEM]
    memset(taken, 0, sizeof(taken))
    for x in range(NO):
        total += self.p.levels[x] - 1
    while done < total:
        least = 1
        for x in range(NO):
            for j in range(self.p.levels[x] - 1):
                if not taken[x][j] and choices[x][j].order < least:
                    least = choices[x][j].order
                    bx = x
                    bj = j
        n = climb(self, &at, choices[bx][bj].at, loops, n)
        bounds[bx][bj] = n
        if choices[bx][bj].slide >= 0:
            n = climb(self, &at, choices[bx][bj].slide_at, loops, n)
        taken[bx][bj] = 1
        done += 1
    return climb(self, &at, self.lat.points - 1, loops, n)


cdef int climb(Search self, long* at, long to, long* loops, int n) except -1:
    """Loops from one tile to a larger one, sequential dims last."""
    cdef int d, a, b, last
    for last in range(2):
        for d in range(ND):
            a = digit_of(self, d, at[0])
            b = digit_of(self, d, to)
            if a == b or self.p.sequential[d] != last:
                continue
            if n >= MAXLOOPS:
                raise RuntimeError("too many loops")
            loops[2 * n] = d
            loops[2 * n + 1] = up(self.lat.size[d][b], self.lat.size[d][a])
            n += 1
    at[0] = to
    return n


cdef void sums_of(Search self, Choice choices[NO][MAXMEM], Sums* sums) noexcept nogil:
    """The sums of a mapping, from its closings."""
    cdef int x, j
    cdef Base base
    cdef Terms terms
    sums[0] = self.base
    for x in range(NO):
        for j in range(self.p.levels[x] - 1):
            if choices[x][j].slide >= 0:
                load_sliding(self, j, choices[x][j].slide, choices[x][j].at, choices[x][j].slide_at, &base)
            else:
                load_base(self, x, j, choices[x][j].at, &base)
            terms_of(self.p, x, j, &self.link[x][j].fixed, &base, choices[x][j].is_doubled, &terms)
            add_terms(self.p, x, j, &terms, sums)

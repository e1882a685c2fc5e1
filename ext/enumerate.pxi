"""What the lines leave: every mapping that the kept tables do not rule out."""


cdef int close_gap(Certifier self, long budget) noexcept nogil:
    """Try every mapping that the kept tables do not rule out; 0 where the budget ran out."""
    cdef Partial root
    cdef int k
    memset(&root, 0, sizeof(Partial))
    root.a = self.search.states[W] - 1
    root.b = self.search.states[I] - 1
    root.c = self.search.states[O] - 1
    root.at = self.search.lat.points - 1
    root.last = NO
    self.stopped = 0
    self.node_budget = self.nodes + budget
    descend(self, &root, 0)
    return not self.stopped


cdef int ruled_out(Certifier self, Partial* state, long row) noexcept nogil:
    """Whether no mapping with these closings can beat the best one."""
    cdef Line lines[MAXTABLES]
    cdef Corner at
    cdef int k, m, count = self.table_count
    cdef double rest, cycles, limit = self.value * (1 - 1e-9)
    cycles = self.search.base.array + state.sums.array + state.sums.around
    for m in range(self.p.memories):
        cycles += state.sums.serial[m]
    cycles = larger(cycles, self.least_cycles)
    for k in range(count):
        rest = self.table[k][state.at * self.search.total_states + row]
        if rest == INFINITY:
            return 1
        lines[k].energy = self.table_lines[k].energy
        lines[k].cycles = self.table_lines[k].cycles
        lines[k].least = state.weighted[k] + rest + self.table_base[k]
        # Mostly one line will do, and mostly the one that did last time.
        if self.bound_of(&lines[k], 1, self.least_energy, cycles, &at) >= limit:
            return 1
    return self.bound_of(lines, count, self.least_energy, cycles, &at) >= limit


cdef void descend(Certifier self, Partial* state, int depth) noexcept nogil:
    """Close one more link, at any tile inside the present one."""
    cdef int level, flag, before, parity
    cdef long n = self.search.lat.points
    if self.stopped:
        return
    if state.a == 0 and state.b == 0 and state.c == 0:
        finish(self, state)
        return
    self.nodes += 1
    if self.nodes > self.node_budget:
        self.stopped = 1
        return
    if state.c > 0:
        level = level_of(self.search, state.c)
        parity = parity_of(self.search, state.c)
        for flag in range(1 if level == 0 else 2):
            before = 0 if level == 0 else 2 * level - 1 + flag
            try_tiles(self, state, O, level, flag, before, parity, depth)
    if state.b > 0:
        try_tiles(self, state, I, state.b - 1, 0, 0, -1, depth)
    if state.a > 0:
        try_tiles(self, state, W, state.a - 1, 0, 0, -1, depth)


cdef void try_tiles(Certifier self, Partial* state, int x, int j, int whole, int before, int parity, int depth) noexcept nogil:
    """Every tile that loops can grow into the present one."""
    cdef int digit[ND]
    cdef int top[ND]
    cdef int d, v, k, source
    cdef long at, inner
    for d in range(ND):
        top[d] = digit_of(self.search, d, state.at)
        digit[d] = 0
        while not self.search.lat.grows[d][digit[d]][top[d]]:
            digit[d] += 1
    while not self.stopped:
        at = 0
        for d in range(ND):
            at += digit[d] * self.search.lat.stride[d]
        if self.search.forbidden[at] == 0 and (parity < 0 or self.search.reduced[j * self.search.lat.points + at] == parity):
            if not (at == state.at and state.last < NO and x > state.last):
                for v in range(self.search.link[x][j].variants):
                    try_one(self, state, x, j, v, whole, before, at, -1, at, depth)
            if x == I:
                for d in range(4):
                    if self.search.link[I][j].slid_open[d] == NULL:
                        continue
                    for k in range(self.search.lat.befores[OY + d][digit[OY + d]]):
                        source = self.search.lat.before[OY + d][digit[OY + d]][k]
                        inner = at - (digit[OY + d] - source) * self.search.lat.stride[OY + d]
                        for v in range(self.search.link[x][j].variants):
                            try_one(self, state, x, j, v, whole, before, inner, OY + d, at, depth)
        for d in range(ND):  # the next tile that grows into the present one
            digit[d] += 1
            while digit[d] <= top[d] and not self.search.lat.grows[d][digit[d]][top[d]]:
                digit[d] += 1
            if digit[d] <= top[d]:
                break
            digit[d] = 0
            while not self.search.lat.grows[d][digit[d]][top[d]]:
                digit[d] += 1
        else:
            return


cdef void try_one(Certifier self, Partial* state, int x, int j, int v, int whole, int before, long at, int slide,
                  long slide_at, int depth) noexcept nogil:
    """Close a link here and go on, unless that is too much or cannot win."""
    cdef Link* link = &self.search.link[x][j]
    cdef Partial more
    cdef Terms terms
    cdef Base base
    cdef long held, row
    cdef int k, a = state.a, b = state.b, c = state.c
    cdef double* t
    if link.slot[at] < 0:
        return
    if x == W:
        a -= 1
    elif x == I:
        b -= 1
    else:
        c = before
    row = state_of(self.search, a, b, c)
    if self.table[0][at * self.search.total_states + row] == INFINITY:
        return
    held = bits_held(self.search, x, j, v, at, whole)
    if self.p.memory[link.child].size >= 0 and state.used[link.child] + held > self.p.memory[link.child].size:
        return
    if slide >= 0:
        load_sliding(self.search, j, slide, at, slide_at, &base)
        terms_of(self.p, x, j, &link.fixed, &base, link.variant_doubled[v], &terms)
    else:
        t = link.terms[v] + at * TERMS
        terms.energy = t[0]
        terms.around = t[1]
        terms.serial = t[2]
        terms.child_read = t[3]
        terms.child_write = t[4]
        terms.parent_read = t[5]
        terms.parent_write = t[6]
        terms.folds = t[7]
    more = state[0]
    more.used[link.child] += held
    more.a = a
    more.b = b
    more.c = c
    more.at = at
    for k in range(self.table_count):
        more.weighted[k] += weighted_terms(self.link_weights[k][x][j], &terms)
    if ruled_out(self, &more, row):
        return
    add_terms(self.p, x, j, &terms, &more.sums)
    more.last = x if slide < 0 else NO
    self.trail[x][j].at = at
    self.trail[x][j].is_doubled = link.variant_doubled[v]
    self.trail[x][j].slide = slide
    self.trail[x][j].slide_at = slide_at
    self.trail[x][j].whole = whole
    self.trail[x][j].order = -depth
    descend(self, &more, depth + 1)


cdef void finish(Certifier self, Partial* state) noexcept nogil:
    cdef Sums sums = self.search.base
    cdef int m
    sums.energy += state.sums.energy
    sums.around += state.sums.around
    sums.array += state.sums.array
    for m in range(self.p.memories):
        sums.serial[m] += state.sums.serial[m]
        sums.read[m] += state.sums.read[m]
        sums.write[m] += state.sums.write[m]
    self.take(self.trail, &sums)

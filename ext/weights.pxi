"""Sums of cycles and energy under one weighting, and what fits."""


cdef double around_weight(Search self) noexcept nogil:
    """What lies around the steady state counts in every sum of cycles."""
    cdef double total = self.weights.array
    cdef int m
    for m in range(self.p.memories):
        total += self.weights.read[m] + self.weights.write[m]
    return total


cdef double serial_weight(Search self, int memory) noexcept nogil:
    """A stall at a memory counts in the sums of everything inside it."""
    cdef double total = self.weights.array
    cdef int m
    for m in range(memory):
        total += self.weights.read[m] + self.weights.write[m]
    return total


cdef inline double read_weight(Search self, int m) noexcept nogil:
    return self.weights.read[m] / self.p.memory[m].read_bandwidth


cdef inline double write_weight(Search self, int m) noexcept nogil:
    if self.p.memory[m].one_port:
        return self.weights.read[m] / self.p.memory[m].read_bandwidth
    return self.weights.write[m] / self.p.memory[m].write_bandwidth


cdef double weighted_base(Search self) noexcept nogil:
    """Weighted sums of what all mappings have in common."""
    cdef double total = self.weights.energy * self.base.energy + self.weights.array * self.base.array
    cdef int m
    for m in range(self.p.memories):
        total += read_weight(self, m) * self.base.read[m] + write_weight(self, m) * self.base.write[m]
    return total


cdef void weights_of(Search self, int x, int j, double* w) noexcept nogil:
    """Weights of a link's terms, in their order."""
    cdef Link* link = &self.link[x][j]
    w[0] = self.weights.energy
    w[1] = around_weight(self)
    w[2] = serial_weight(self, link.child)
    w[3] = read_weight(self, link.child)
    w[4] = write_weight(self, link.child)
    w[5] = read_weight(self, link.parent)
    w[6] = write_weight(self, link.parent)
    w[7] = 0
    if self.p.skew_per_fold and x == self.p.skew_operand and j == 0:
        w[7] = self.weights.array * self.p.skew


cdef inline double weighted(double* w, double* t) noexcept nogil:
    return ((w[0] * t[0] + w[1] * t[1]) + (w[2] * t[2] + w[3] * t[3])) \
        + ((w[4] * t[4] + w[5] * t[5]) + (w[6] * t[6] + w[7] * t[7]))


cdef inline double weighted_terms(double* w, Terms* t) noexcept nogil:
    return ((w[0] * t.energy + w[1] * t.around) + (w[2] * t.serial + w[3] * t.child_read)) \
        + ((w[4] * t.child_write + w[5] * t.parent_read) + (w[6] * t.parent_write + w[7] * t.folds))


cdef void weigh(Search self) noexcept nogil:
    """Weighted cost of every link at every tile."""
    cdef int x, j, v, d
    cdef long i, at
    cdef double w[TERMS]
    cdef Link* link
    if around_weight(self) > 0 and not self.has_terms:
        for x in range(NO):
            for j in range(self.p.levels[x] - 1):
                fill_terms(self, x, j)
        self.has_terms = 1
    for x in range(NO):
        for j in range(self.p.levels[x] - 1):
            link = &self.link[x][j]
            weights_of(self, x, j, w)
            for v in range(link.variants):
                for i in range(link.tile_count):
                    at = link.tiles[i]
                    if self.has_terms:
                        link.cost[v][at] = weighted(w, link.terms[v] + at * TERMS)
                    else:
                        link.cost[v][at] = w[0] * link.terms[v][at * TERMS]
            if x == I:
                for v in range(link.variants):
                    for d in range(4):
                        if link.slid[v][d] != NULL:
                            weigh_slides(self, j, d, v, w)


cdef void weigh_slides(Search self, int j, int d, int v, double* w) noexcept nogil:
    """Weighted cost of closing I's link at a tile and sliding up to larger ones."""
    cdef Link* link = &self.link[I][j]
    cdef Base base
    cdef Terms t
    cdef long i, inner
    cdef int axis = d % 2, kind = d // 2, fixed = (OY if d // 2 else FY) + d % 2
    cdef int to, source, other, sizes = self.lat.count[OY + d], others = self.lat.count[fixed]
    cdef double* table = self.slide[axis][kind][0]
    cdef double plain
    for i in range(link.tile_count):
        inner = link.tiles[i]
        source = digit_of(self, OY + d, inner)
        other = digit_of(self, fixed, inner)
        plain = table[(source * sizes + source) * others + other]
        for to in range(source + 1, sizes):
            if not self.lat.grows[OY + d][source][to]:
                continue
            if not self.has_terms:  # energy goes with the positions fetched
                link.slid[v][d][i * sizes + to] = 0 if plain == 0 else \
                    link.cost[v][inner] / plain * table[(source * sizes + to) * others + other]
                continue
            load_sliding(self, j, OY + d, inner, inner + (to - source) * self.lat.stride[OY + d], &base)
            terms_of(self.p, I, j, &link.fixed, &base, link.variant_doubled[v], &t)
            link.slid[v][d][i * sizes + to] = weighted_terms(w, &t)


cdef inline int fits_limit(Search self, int x, int j, int v, long at, int whole) noexcept nogil:
    """Whether a variant of a link may close here; `whole`: the level holds final outputs."""
    cdef Link* link = &self.link[x][j]
    return link.slot[at] >= 0 and (
        self.limit[x][j] < 0 or bits_held(self, x, j, v, at, whole) <= self.limit[x][j])


cdef inline long bits_held(Search self, int x, int j, int v, long at, int whole) noexcept nogil:
    """Bits that the tile takes of its memory."""
    cdef Link* link = &self.link[x][j]
    cdef long width = self.p.bits[x]
    if x == O and (j == 0 or not whole):
        width = self.p.psum
    if link.variant_doubled[v] and link.base[at * BASE + 7] > 0:  # replaced: a second buffer
        width *= 2
    return width * <long>link.base[at * BASE + 4]


cdef void limit_links(Search self) noexcept nogil:
    """Least costs of what fits the present limits, INFINITY where nothing does."""
    cdef int x, j, whole, d
    cdef long at
    cdef Link* link
    for x in range(NO):
        for j in range(self.p.levels[x] - 1):
            link = &self.link[x][j]
            for whole in range(2 if x == O else 1):
                for at in range(self.lat.points):
                    link.open[whole][at] = INFINITY
                limit_link(self, x, j, whole)
            for d in range(4):
                if link.slid_open[d] != NULL:
                    limit_slides(self, j, d)


cdef void limit_link(Search self, int x, int j, int whole) noexcept nogil:
    cdef Link* link = &self.link[x][j]
    cdef long i, at
    cdef int v
    for i in range(link.tile_count):
        at = link.tiles[i]
        for v in range(link.variants):
            if link.cost[v][at] < link.open[whole][at] and fits_limit(self, x, j, v, at, whole):
                link.open[whole][at] = link.cost[v][at]


cdef void limit_slides(Search self, int j, int d) noexcept nogil:
    cdef Link* link = &self.link[I][j]
    cdef long i, at
    cdef int v, source, to, sizes = self.lat.count[OY + d]
    memset(link.slides_from[d], 0, sizeof(link.slides_from[d]))
    for at in range(link.tile_count * sizes):
        link.slid_open[d][at] = INFINITY
    for i in range(link.tile_count):
        source = digit_of(self, OY + d, link.tiles[i])
        for v in range(link.variants):
            if not fits_limit(self, I, j, v, link.tiles[i], 0):
                continue
            link.slides_from[d][source] = 1
            for to in range(source + 1, sizes):
                at = i * sizes + to
                if self.lat.grows[OY + d][source][to] and link.slid[v][d][at] < link.slid_open[d][at]:
                    link.slid_open[d][at] = link.slid[v][d][at]

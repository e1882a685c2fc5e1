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
    """Weights of a link's terms, in their order, the folds last."""
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


cdef void weigh(Search self) noexcept nogil:
    """Weighted cost of every link at every tile."""
    cdef int x, j, v, d
    cdef long at, n = self.lat.points
    cdef double w[TERMS + 1]
    cdef double* t
    cdef double* cost
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
                t = link.terms[v]
                cost = link.cost[v]
                if not self.has_terms:
                    for at in range(n):
                        cost[at] = w[0] * t[at]
                    continue
                for at in range(n):
                    cost[at] = (w[0] * t[at] + w[1] * t[n + at] + w[2] * t[2 * n + at]
                                + w[7] * link.folds[at] + w[3] * t[3 * n + at] + w[4] * t[4 * n + at]
                                + w[5] * t[5 * n + at] + w[6] * t[6 * n + at])
            if x == I:
                for v in range(link.variants):
                    for d in range(4):
                        if link.slid[v][d] != NULL:
                            weigh_slides(self, j, d, v, w)


cdef void weigh_slides(Search self, int j, int d, int v, double* w) noexcept nogil:
    """Weighted cost of closing I's link at smaller tiles and sliding up to each one."""
    cdef Link* link = &self.link[I][j]
    cdef Base base
    cdef Terms t
    cdef long at, inner, n = self.lat.points, stride = self.lat.stride[OY + d]
    cdef int axis = d % 2, kind = d // 2, fixed = (OY if d // 2 else FY) + d % 2
    cdef int to, k, source, other, sizes = self.lat.count[OY + d], others = self.lat.count[fixed]
    cdef double* table = self.slide[axis][kind][0]
    cdef double plain
    for at in range(n):
        to = digit_of(self, OY + d, at)
        if to == 0:
            continue
        other = digit_of(self, fixed, at)
        for k in range(self.lat.befores[OY + d][to]):
            source = self.lat.before[OY + d][to][k]
            inner = at - (to - source) * stride
            if not link.legal_tile[inner]:
                continue
            if not self.has_terms:  # energy goes with the positions fetched
                plain = table[(source * sizes + source) * others + other]
                link.slid[v][d][source * n + at] = 0 if plain == 0 else \
                    link.cost[v][inner] / plain * table[(source * sizes + to) * others + other]
                continue
            load_sliding(self, j, OY + d, inner, at, &base)
            terms_of(self.p, I, j, &link.fixed, &base, link.variant_doubled[v], &t)
            link.slid[v][d][source * n + at] = (
                w[0] * t.energy + w[1] * t.around + w[2] * t.serial
                + w[7] * t.folds + w[3] * t.child_read
                + w[4] * t.child_write + w[5] * t.parent_read + w[6] * t.parent_write)


cdef inline int fits_limit(Search self, int x, int j, int v, long at, int whole) noexcept nogil:
    """Whether a variant of a link may close here; `whole`: the level holds final outputs."""
    cdef Link* link = &self.link[x][j]
    return link.legal_tile[at] and (
        self.limit[x][j] < 0 or bits_held(self, x, j, v, at, whole) <= self.limit[x][j])


cdef inline long bits_held(Search self, int x, int j, int v, long at, int whole) noexcept nogil:
    """Bits that the tile takes of its memory."""
    cdef Link* link = &self.link[x][j]
    cdef long width = self.p.bits[x]
    if x == O and (j == 0 or not whole):
        width = self.p.psum
    return width * <long>link.child_tile[at] * (1 + (link.variant_doubled[v] and link.is_replaced[at]))


cdef void limit_links(Search self) noexcept nogil:
    """Least costs of what fits the present limits, INFINITY where nothing does."""
    cdef int x, j, v, whole, d, source, to, k
    cdef long at, inner, n = self.lat.points
    cdef Link* link
    cdef double least
    for x in range(NO):
        for j in range(self.p.levels[x] - 1):
            link = &self.link[x][j]
            for whole in range(2 if x == O else 1):
                for at in range(n):
                    least = INFINITY
                    for v in range(link.variants):
                        if link.cost[v][at] < least and fits_limit(self, x, j, v, at, whole):
                            least = link.cost[v][at]
                    link.open[whole][at] = least
            for d in range(4):
                if link.slid_open[d] == NULL:
                    continue
                for at in range(n):
                    to = digit_of(self, OY + d, at)
                    for k in range(self.lat.befores[OY + d][to]):
                        source = self.lat.before[OY + d][to][k]
                        inner = at - (to - source) * self.lat.stride[OY + d]
                        least = INFINITY
                        for v in range(link.variants):
                            if link.slid[v][d][source * n + at] < least and fits_limit(self, x, j, v, inner, 0):
                                least = link.slid[v][d][source * n + at]
                        link.slid_open[d][source * n + at] = least

"""The best temporal mapping under an additive cost: dynamic programming over the lattice of tiles.

A temporal mapping is a rising chain of tiles; each link takes one tile of the chain as its point,
and adds to every sum (energy, cycles of the array and of each port) what depends on this tile
alone, on whether the tile has a second buffer, and, for a sliding level, on the loop that follows.
"""

cdef struct Lattice:
    int count[ND]                       # tile sizes of each dim
    long size[ND][MAXSIZES]             # ascending, 1 first, all steps last
    long stride[ND]
    long points
    int before[ND][MAXSIZES][MAXSIZES]  # smaller tile sizes that a loop can grow from
    int befores[ND][MAXSIZES]
    int active[ND]                      # dims with more than one tile size
    int actives
    char grows[ND][MAXSIZES][MAXSIZES]  # [from][to]: equal, or a loop can grow one into the other


cdef struct Weights:                    # of the sums, at least 0
    double energy
    double array
    double read[MAXMEM]                 # of the port's time; of the one port where there is one
    double write[MAXMEM]


cdef enum:
    TERMS = 7                           # energy, around, serial, four ports

cdef struct Link:
    int child, parent
    Fixed fixed
    int variants                        # 1, or 2 where the mapper may choose a second buffer
    int variant_doubled[2]
    double* child_all                   # (points,) as in Base
    double* parent_all
    double* child_first
    double* parent_first
    double* child_tile
    double* parent_tile
    double* folds
    char* is_replaced
    char* legal_tile                    # the level may tile these dims, outputs complete where due
    double* terms[2]                    # (variants, TERMS, points)
    double* cost[2]                     # (variants, points) weighted
    double* open[2]                     # by completeness of what lies in the child: least cost that fits
    double* slid[2][4]                  # (variants, halo dim): (from, points) weighted
    double* slid_open[4]                # (halo dim): (from, points) least that fits at `from`


cdef struct Choice:                     # how a mapping closes a link
    long at                             # lattice point of the tile
    int is_doubled
    int slide                           # halo dim, -1 none
    long slide_at                       # lattice point after the loop it slides along
    int whole                           # the child holds final outputs
    int order                           # closings before this one, innermost first


cdef class Arena:
    """Memory that one search after the other lays its tables in."""

    cdef list blocks                    # of bytearrays
    cdef int block
    cdef long used                      # of the present block
    cdef int taken                      # a search is using it

    def __cinit__(self):
        self.blocks = []
        self.clear()

    cdef void clear(self):
        self.block = 0
        self.used = 0

    cdef void* room(self, long bytes) except NULL:
        """Uninitialised, valid until `clear`."""
        cdef bytearray block
        bytes = (bytes + 63) // 64 * 64
        while self.block < len(self.blocks):
            block = self.blocks[self.block]
            if self.used + bytes <= len(block):
                self.used += bytes
                return <char*>block + self.used - bytes
            self.block += 1
            self.used = 0
        self.blocks.append(bytearray(max(bytes, 1 << 22)))
        return self.room(bytes)


cdef class Search:
    """One spatial mapping's lattice. `best[state, tile]` is the least cost of having closed the
    links that `state` counts at tiles inside `tile`."""

    cdef Arena arena
    cdef Problem* p
    cdef Space* s
    cdef Lattice lat
    cdef Link link[NO][MAXMEM]
    cdef Sums base
    cdef Weights weights
    cdef double* best
    cdef int states[NO]
    cdef long total_states
    cdef double* forbidden      # (points,) 0, INFINITY where a sequential dim is not outermost
    cdef char* reduced          # (links of O, points): nothing is left to add outside
    cdef double* slide[2][2][2] # by axis, direction (0 outputs, 1 filter), first: (from, to, fixed)
    cdef long limit[NO][MAXMEM] # bits that an operand may take of a memory, -1 any
    cdef int has_terms
    cdef long runs

    def __cinit__(self):
        memset(self.slide, 0, sizeof(self.slide))
        memset(self.link, 0, sizeof(self.link))

    cdef void* room(self, long bytes) except NULL:
        return self.arena.room(bytes)

    cdef int prepare(self, Arena arena, Problem* p, Space* s, list sizes) except -1:
        """Lay out the tables and fill what does not depend on weights."""
        cdef int d, i, k, x, j, f
        cdef long[::1] values
        self.arena = arena
        self.p = p
        self.s = s
        self.lat.points = 1
        self.lat.actives = 0
        for d in range(ND):
            values = sizes[d]
            if values.shape[0] > MAXSIZES:
                raise ValueError(f"expected at most {MAXSIZES} tile sizes of a dim")
            self.lat.count[d] = <int>values.shape[0]
            self.lat.stride[d] = self.lat.points
            self.lat.points *= values.shape[0]
            for i in range(self.lat.count[d]):
                self.lat.size[d][i] = values[i]
            for i in range(self.lat.count[d]):
                self.lat.befores[d][i] = 0
                for k in range(self.lat.count[d]):
                    self.lat.grows[d][k][i] = k == i
                for k in range(i):
                    if values[i] % values[k] == 0 or i == self.lat.count[d] - 1:
                        self.lat.before[d][i][self.lat.befores[d][i]] = k
                        self.lat.befores[d][i] += 1
                        self.lat.grows[d][k][i] = 1
            if self.lat.count[d] > 1:
                self.lat.active[self.lat.actives] = d
                self.lat.actives += 1
        self.total_states = 1
        for x in range(NO):
            self.states[x] = p.levels[x]
            if x == O and p.levels[x] > 2:
                self.states[x] = 2 * p.levels[x] - 2
            self.total_states *= self.states[x]
        self.best = <double*>self.room(self.total_states * self.lat.points * sizeof(double))
        self.forbidden = <double*>self.room(self.lat.points * sizeof(double))
        self.reduced = <char*>self.room(MAXMEM * self.lat.points)
        for x in range(NO):
            for j in range(p.levels[x] - 1):
                self.lay_out(x, j)
        for d in range(2):
            for k in range(2):
                for f in range(2):
                    i = self.lat.count[(FY if k else OY) + d]
                    j = self.lat.count[(OY if k else FY) + d]
                    self.slide[d][k][f] = <double*>self.room(i * i * j * sizeof(double))
        with nogil:
            base_sums(p, s, &self.base)
            for i in range(p.memories):
                if p.memory[i].sliding and p.memory[i].serves[I]:
                    self.fill_slides()
                    break
            self.fill_forbidden()
            for x in range(NO):
                for j in range(p.levels[x] - 1):
                    self.fill_link(x, j)
                    self.fill_energy(x, j)
        self.has_terms = 0
        return 0

    cdef int lay_out(self, int x, int j) except -1:
        cdef Link* link = &self.link[x][j]
        cdef Memory* memory
        cdef long n = self.lat.points
        cdef int v, d
        cdef double* block
        link.child = self.p.level[x][j]
        link.parent = self.p.level[x][j + 1]
        memory = &self.p.memory[link.child]
        block = <double*>self.room(7 * n * sizeof(double))
        link.child_all = block
        link.parent_all = block + n
        link.child_first = block + 2 * n
        link.parent_first = block + 3 * n
        link.child_tile = block + 4 * n
        link.parent_tile = block + 5 * n
        link.folds = block + 6 * n
        link.is_replaced = <char*>self.room(2 * n)
        link.legal_tile = link.is_replaced + n
        link.variants = 2 if memory.buffering == AUTO else 1
        link.variant_doubled[0] = memory.buffering != SINGLE
        link.variant_doubled[1] = 0
        for v in range(link.variants):
            link.terms[v] = <double*>self.room(TERMS * n * sizeof(double))
            link.cost[v] = <double*>self.room(n * sizeof(double))
        for v in range(2 if x == O else 1):
            link.open[v] = <double*>self.room(n * sizeof(double))
        self.limit[x][j] = memory.size
        if x == I and memory.sliding:
            for d in range(4):
                if self.slides(j, OY + d):
                    for v in range(link.variants):
                        link.slid[v][d] = <double*>self.room(self.lat.count[OY + d] * n * sizeof(double))
                    link.slid_open[d] = <double*>self.room(self.lat.count[OY + d] * n * sizeof(double))
        return 0

    # -- geometry -------------------------------------------------------------------------------
    cdef inline int digit(self, int d, long at) noexcept nogil:
        return <int>((at // self.lat.stride[d]) % self.lat.count[d])

    cdef inline int slides(self, int j, int d) noexcept nogil:
        """Whether I's link j keeps the overlap along a halo dim."""
        return (self.p.memory[self.p.level[I][j]].sliding and self.lat.count[d] > 1
                and can_slide(self.s, self.p.level[I][j], (d - OY) % 2))

    cdef void fill_forbidden(self) noexcept nogil:
        """Sequential dims grow only once everything else is inside."""
        cdef long at, size
        cdef int d, grown, unfinished
        for at in range(self.lat.points):
            grown = 0
            unfinished = 0
            for d in range(ND):
                size = self.lat.size[d][self.digit(d, at)]
                if self.p.sequential[d]:
                    grown |= size > 1
                else:
                    unfinished |= size < self.s.steps[d]
            self.forbidden[at] = INFINITY if grown and unfinished else 0

    cdef void fill_slides(self) noexcept nogil:
        """Input positions along each axis for a tile that slides, by direction and sizes."""
        cdef int axis, kind, f, source, to, other, moving, fixed
        cdef double* table
        cdef long o, t
        for axis in range(2):
            for kind in range(2):
                moving = (FY if kind else OY) + axis
                fixed = (OY if kind else FY) + axis
                for f in range(2):
                    table = self.slide[axis][kind][f]
                    for source in range(self.lat.count[moving]):
                        for to in range(source, self.lat.count[moving]):
                            for other in range(self.lat.count[fixed]):
                                o = self.lat.size[fixed][other] if kind else self.lat.size[moving][source]
                                t = self.lat.size[moving][source] if kind else self.lat.size[fixed][other]
                                table[(source * self.lat.count[moving] + to) * self.lat.count[fixed] + other] = \
                                    halo(self.p, self.s, self.p.memories - 1, axis, o, t,
                                         kind + 1 if to > source else 0, self.lat.size[moving][to], f)

    cdef void fill_link(self, int x, int j) noexcept nogil:
        """The base of a link at every tile, from tables over the tile sizes of each dim."""
        cdef Link* link = &self.link[x][j]
        cdef Problem* p = self.p
        cdef Space* s = self.s
        cdef Memory* memory = &p.memory[link.child]
        cdef double child_visits[ND][MAXSIZES]
        cdef double parent_visits[ND][MAXSIZES]
        cdef double folds[ND][MAXSIZES]
        cdef double child_tile[ND][MAXSIZES]
        cdef double parent_tile[ND][MAXSIZES]
        cdef double halos[6][2][MAXSIZES][MAXSIZES]
        cdef int digit[ND]
        cdef int d, a, b, axis, legal, whole, complete, k
        cdef long at, size
        cdef double value[6]
        cdef double child_first, parent_first, child_size, parent_size, first
        cdef double fixed_child = 1, fixed_parent = 1, fixed_child_visits = 1, fixed_parent_visits = 1
        fix(p, s, x, j, &link.fixed)
        child_size = plain_elements(p, s, link.child, x, 0)
        parent_size = child_size
        child_first = plain_elements(p, s, link.child, x, memory.instances > 1)
        parent_first = plain_elements(p, s, link.parent, x, p.memory[link.parent].instances > 1)
        for d in range(ND):
            digit[d] = 0
            for a in range(self.lat.count[d]):
                size = self.lat.size[d][a]
                folds[d][a] = up(s.steps[d], size)
                child_visits[d][a] = 1
                parent_visits[d][a] = 1
                child_tile[d][a] = 1
                parent_tile[d][a] = 1
                if not RELEVANT[x][d]:
                    child_visits[d][a] = visits_of(s, link.child, d, size)
                    parent_visits[d][a] = visits_of(s, link.parent, d, size)
                elif not (x == I and d >= OY):
                    child_tile[d][a] = first_of(s, link.child, d, size)
                    parent_tile[d][a] = first_of(s, link.parent, d, size)
        for d in range(ND):  # dims with one tile size count the same everywhere
            if self.lat.count[d] == 1:
                fixed_child *= child_tile[d][0]
                fixed_parent *= parent_tile[d][0]
                fixed_child_visits *= child_visits[d][0]
                fixed_parent_visits *= parent_visits[d][0]
        if x == I:
            for axis in range(2):
                for a in range(self.lat.count[OY + axis]):
                    for b in range(self.lat.count[FY + axis]):
                        self.halos_at(link, axis, a, b, value)
                        for k in range(6):
                            halos[k][axis][a][b] = value[k]
        for at in range(self.lat.points):
            for k in range(6):
                value[k] = 1
            value[4] = fixed_child
            value[5] = fixed_parent
            first = 1
            legal = self.forbidden[at] == 0
            whole = 1
            complete = 1
            link.folds[at] = 1
            for k in range(self.lat.actives):
                d = self.lat.active[k]
                a = digit[d]
                link.folds[at] *= folds[d][a]
                if RELEVANT[x][d]:
                    value[4] *= child_tile[d][a]
                    value[5] *= parent_tile[d][a]
                    whole &= <int>(a == self.lat.count[d] - 1)
                    if a > 0 and not memory.tiled[x][d]:
                        legal = 0
                else:
                    value[0] *= child_visits[d][a]
                    value[1] *= parent_visits[d][a]
                    first *= folds[d][a]
                    complete &= <int>(a == self.lat.count[d] - 1)
            value[0] *= fixed_child_visits
            value[1] *= fixed_parent_visits
            if x == I:
                for axis in range(2):
                    a = digit[OY + axis]
                    b = digit[FY + axis]
                    for k in range(6):
                        value[k] *= halos[k][axis][a][b]
            if x == O:
                self.reduced[j * self.lat.points + at] = value[1] == 1
                if memory.complete and not complete:
                    legal = 0
            link.child_all[at] = child_size * value[0]
            link.parent_all[at] = parent_size * value[1]
            link.child_first[at] = child_first * first * value[2]
            link.parent_first[at] = parent_first * first * value[3]
            link.child_tile[at] = value[4]
            link.parent_tile[at] = value[5]
            link.is_replaced[at] = not whole
            link.legal_tile[at] = legal
            for k in range(self.lat.actives):  # the next tile
                d = self.lat.active[k]
                digit[d] += 1
                if digit[d] < self.lat.count[d]:
                    break
                digit[d] = 0

    cdef void halos_at(self, Link* link, int axis, int a, int b, double* value) noexcept nogil:
        """Positions along an axis: child all, parent all, child first, parent first, both tiles."""
        cdef long o = self.lat.size[OY + axis][a], f = self.lat.size[FY + axis][b]
        cdef int whole = can_slide(self.s, link.child, axis)  # neither end splits the axis
        value[0] = halo(self.p, self.s, link.child, axis, o, f, 0, 0, 0)
        value[1] = value[0] if whole else halo(self.p, self.s, link.parent, axis, o, f, 0, 0, 0)
        value[2] = value[0]
        if self.p.memory[link.child].instances > 1:
            value[2] = halo(self.p, self.s, link.child, axis, o, f, 0, 0, 1)
        value[3] = value[1]
        if self.p.memory[link.parent].instances > 1:
            value[3] = halo(self.p, self.s, link.parent, axis, o, f, 0, 0, 1)
        value[4] = halo_footprint(self.p, self.s, link.child, axis, o, f)
        value[5] = value[4] if whole else halo_footprint(self.p, self.s, link.parent, axis, o, f)

    cdef inline void load(self, int x, int j, long at, Base* base) noexcept nogil:
        cdef Link* link = &self.link[x][j]
        base.child_all = <long>link.child_all[at]
        base.parent_all = <long>link.parent_all[at]
        base.child_first = <long>link.child_first[at]
        base.parent_first = <long>link.parent_first[at]
        base.child_tile = <long>link.child_tile[at]
        base.parent_tile = <long>link.parent_tile[at]
        base.folds = <long>link.folds[at]
        base.is_replaced = link.is_replaced[at]

    cdef inline void load_sliding(self, int j, int d, long inner, long at, Base* base) noexcept nogil:
        """The base of I's link closed at `inner`, sliding along `d` up to `at`."""
        cdef Link* link = &self.link[I][j]
        cdef int axis = (d - OY) % 2, kind = 1 if d >= FY else 0
        cdef int fixed = (OY if kind else FY) + axis
        cdef int source = self.digit(d, inner), to = self.digit(d, at), other = self.digit(fixed, at)
        cdef int n = self.lat.count[d], f = self.lat.count[fixed], first
        cdef double ratio[2]
        cdef double* table
        for first in range(2):
            table = self.slide[axis][kind][first]
            ratio[first] = table[(source * n + source) * f + other]
            if ratio[first] > 0:
                ratio[first] = table[(source * n + to) * f + other] / ratio[first]
        self.load(I, j, inner, base)
        base.child_all = <long>(base.child_all * ratio[0] + 0.5)
        base.parent_all = <long>(base.parent_all * ratio[0] + 0.5)
        base.child_first = <long>(base.child_first * ratio[self.p.memory[link.child].instances > 1] + 0.5)
        base.parent_first = <long>(base.parent_first * ratio[self.p.memory[link.parent].instances > 1] + 0.5)

    cdef void fill_energy(self, int x, int j) noexcept nogil:
        """The energy of a link at every tile, as `terms_of` has it."""
        cdef Link* link = &self.link[x][j]
        cdef Memory* child = &self.p.memory[link.child]
        cdef Memory* parent = &self.p.memory[link.parent]
        cdef Fixed* f = &link.fixed
        cdef long at
        cdef double a, b, c, constant, psum = self.p.psum
        cdef double* energy = link.terms[0]
        if x != O:
            a = self.p.bits[x] * (child.write_energy + child.transfer_energy)
            b = self.p.bits[x] * parent.read_energy
            constant = 0
        else:
            # drained = psum * child_all + ..., merged and refilled = psum * parent_all + ...
            a = psum * (child.read_energy + child.transfer_energy)
            c = psum * (parent.read_energy + child.write_energy + child.transfer_energy)
            b = psum * parent.write_energy + c
            constant = f.elements * (
                (f.child_width - psum) * (child.read_energy + child.transfer_energy)
                + (f.parent_width - psum) * parent.write_energy) - c * f.parts * f.elements
            if j == 0:  # a fresh start spares the read of the first update
                a -= psum * child.read_energy
                b += psum * child.read_energy
                constant -= psum * f.parts * f.elements * child.read_energy
        for at in range(self.lat.points):
            energy[at] = a * link.child_all[at] + b * link.parent_all[at] + constant
        if link.variants == 2:
            memcpy(link.terms[1], energy, self.lat.points * sizeof(double))

    cdef void fill_terms(self, int x, int j) noexcept nogil:
        """What a link adds to the sums of cycles at every tile."""
        cdef Link* link = &self.link[x][j]
        cdef Base base
        cdef Terms terms
        cdef long at, n = self.lat.points
        cdef int v, k
        cdef double* table
        for v in range(link.variants):
            table = link.terms[v]
            for at in range(n):
                if not link.legal_tile[at]:
                    continue
                if v == 1 and not link.is_replaced[at]:
                    # One buffer does: both variants are the same.
                    for k in range(1, TERMS):
                        table[k * n + at] = link.terms[0][k * n + at]
                    continue
                self.load(x, j, at, &base)
                terms_of(self.p, x, j, &link.fixed, &base, link.variant_doubled[v], &terms)
                table[n + at] = terms.around
                table[2 * n + at] = terms.serial
                table[3 * n + at] = terms.child_read
                table[4 * n + at] = terms.child_write
                table[5 * n + at] = terms.parent_read
                table[6 * n + at] = terms.parent_write

    # -- weights --------------------------------------------------------------------------------
    cdef double around_weight(self) noexcept nogil:
        """What lies around the steady state counts in every sum of cycles."""
        cdef double total = self.weights.array
        cdef int m
        for m in range(self.p.memories):
            total += self.weights.read[m] + self.weights.write[m]
        return total

    cdef double serial_weight(self, int memory) noexcept nogil:
        """A stall at a memory counts in the sums of everything inside it."""
        cdef double total = self.weights.array
        cdef int m
        for m in range(memory):
            total += self.weights.read[m] + self.weights.write[m]
        return total

    cdef inline double read_weight(self, int m) noexcept nogil:
        return self.weights.read[m] / self.p.memory[m].read_bandwidth

    cdef inline double write_weight(self, int m) noexcept nogil:
        if self.p.memory[m].one_port:
            return self.weights.read[m] / self.p.memory[m].read_bandwidth
        return self.weights.write[m] / self.p.memory[m].write_bandwidth

    cdef double weighted_base(self) noexcept nogil:
        """Weighted sums of what all mappings have in common."""
        cdef double total = self.weights.energy * self.base.energy + self.weights.array * self.base.array
        cdef int m
        for m in range(self.p.memories):
            total += self.read_weight(m) * self.base.read[m] + self.write_weight(m) * self.base.write[m]
        return total

    cdef void weights_of(self, int x, int j, double* w) noexcept nogil:
        """Weights of a link's terms, in their order, the folds last."""
        cdef Link* link = &self.link[x][j]
        w[0] = self.weights.energy
        w[1] = self.around_weight()
        w[2] = self.serial_weight(link.child)
        w[3] = self.read_weight(link.child)
        w[4] = self.write_weight(link.child)
        w[5] = self.read_weight(link.parent)
        w[6] = self.write_weight(link.parent)
        w[7] = 0
        if self.p.skew_per_fold and x == self.p.skew_operand and j == 0:
            w[7] = self.weights.array * self.p.skew

    cdef void weigh(self) noexcept nogil:
        """Weighted cost of every link at every tile."""
        cdef int x, j, v, d
        cdef long at, n = self.lat.points
        cdef double w[TERMS + 1]
        cdef double* t
        cdef double* cost
        cdef Link* link
        if self.around_weight() > 0 and not self.has_terms:
            for x in range(NO):
                for j in range(self.p.levels[x] - 1):
                    self.fill_terms(x, j)
            self.has_terms = 1
        for x in range(NO):
            for j in range(self.p.levels[x] - 1):
                link = &self.link[x][j]
                self.weights_of(x, j, w)
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
                                self.weigh_slides(j, d, v, w)

    cdef void weigh_slides(self, int j, int d, int v, double* w) noexcept nogil:
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
            to = self.digit(OY + d, at)
            if to == 0:
                continue
            other = self.digit(fixed, at)
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
                self.load_sliding(j, OY + d, inner, at, &base)
                terms_of(self.p, I, j, &link.fixed, &base, link.variant_doubled[v], &t)
                link.slid[v][d][source * n + at] = (
                    w[0] * t.energy + w[1] * t.around + w[2] * t.serial
                    + w[7] * t.folds + w[3] * t.child_read
                    + w[4] * t.child_write + w[5] * t.parent_read + w[6] * t.parent_write)

    cdef inline int fits(self, int x, int j, int v, long at, int whole) noexcept nogil:
        """Whether a variant of a link may close here; `whole`: the level holds final outputs."""
        cdef Link* link = &self.link[x][j]
        return link.legal_tile[at] and (
            self.limit[x][j] < 0 or self.held(x, j, v, at, whole) <= self.limit[x][j])

    cdef inline long held(self, int x, int j, int v, long at, int whole) noexcept nogil:
        """Bits that the tile takes of its memory."""
        cdef Link* link = &self.link[x][j]
        cdef long width = self.p.bits[x]
        if x == O and (j == 0 or not whole):
            width = self.p.psum
        return width * <long>link.child_tile[at] * (1 + (link.variant_doubled[v] and link.is_replaced[at]))

    cdef void limit_links(self) noexcept nogil:
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
                            if link.cost[v][at] < least and self.fits(x, j, v, at, whole):
                                least = link.cost[v][at]
                        link.open[whole][at] = least
                for d in range(4):
                    if link.slid_open[d] == NULL:
                        continue
                    for at in range(n):
                        to = self.digit(OY + d, at)
                        for k in range(self.lat.befores[OY + d][to]):
                            source = self.lat.before[OY + d][to][k]
                            inner = at - (to - source) * self.lat.stride[OY + d]
                            least = INFINITY
                            for v in range(link.variants):
                                if link.slid[v][d][source * n + at] < least and self.fits(x, j, v, inner, 0):
                                    least = link.slid[v][d][source * n + at]
                            link.slid_open[d][source * n + at] = least

    # -- the recurrence -------------------------------------------------------------------------
    cdef inline int state(self, int a, int b, int c) noexcept nogil:
        return (a * self.states[I] + b) * self.states[O] + c

    cdef inline int level_of(self, int c) noexcept nogil:
        """The level of O that the step into state c closes.

        States of O: 0 open; 2j-1 and 2j: j links closed, sums partial or whole; last: all closed.
        """
        return (c + 1) // 2 - 1 if c < self.states[O] - 1 else self.p.levels[O] - 2

    cdef inline int parity_of(self, int c) noexcept nogil:
        """Whether state c needs partial (0) or whole (1) sums, -1 either."""
        return -1 if c == self.states[O] - 1 else c % 2 == 0

    cdef void close_links(self, long at, double* row) noexcept nogil:
        """Close links at this tile, in the order of the states."""
        cdef int a, b, c, level, parity, flag, here
        cdef double value, least
        for a in range(self.states[W]):
            for b in range(self.states[I]):
                for c in range(self.states[O]):
                    here = self.state(a, b, c)
                    least = row[here]
                    if a > 0:
                        value = row[self.state(a - 1, b, c)] + self.link[W][a - 1].open[0][at]
                        least = value if value < least else least
                    if b > 0:
                        value = row[here - self.states[O]] + self.link[I][b - 1].open[0][at]
                        least = value if value < least else least
                    if c > 0:
                        level = self.level_of(c)
                        parity = self.parity_of(c)
                        if parity < 0 or self.reduced[level * self.lat.points + at] == parity:
                            for flag in range(1 if level == 0 else 2):
                                value = row[here - c + (0 if level == 0 else 2 * level - 1 + flag)] \
                                    + self.link[O][level].open[flag][at]
                                least = value if value < least else least
                    row[here] = least

    cdef void close_sliding(self, long at, int* digit, double* row) noexcept nogil:
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
                        here = self.state(a, j + 1, 0)
                        for c in range(self.states[O]):
                            value = inner[here - self.states[O] + c] + cost
                            row[here + c] = value if value < row[here + c] else row[here + c]

    cdef double run(self) noexcept nogil:
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
        self.limit_links()
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
                self.close_sliding(at, digit, row)
                self.close_links(at, row)
            for k in range(self.lat.actives):  # the next tile
                d = self.lat.active[k]
                digit[d] += 1
                if digit[d] < self.lat.count[d]:
                    break
                digit[d] = 0
        return self.best[self.lat.points * states - 1] + self.weighted_base()

    # -- the way back ---------------------------------------------------------------------------
    cdef int last_closed(self, int a, int b, int c, long at, int* operand, int* previous, Choice* choice) noexcept nogil:
        """The closing at `at` that `best` came from, 0 where it came from a loop."""
        cdef double* row = self.best + at * self.total_states
        cdef double here = row[self.state(a, b, c)]
        cdef int d, k, i, level, parity, flag, source, before
        cdef long n = self.lat.points
        choice.slide = -1
        choice.slide_at = at
        choice.at = at
        choice.whole = 0
        if a > 0 and row[self.state(a - 1, b, c)] + self.link[W][a - 1].open[0][at] == here:
            operand[0] = W
            self.choose_variant(W, a - 1, choice)
            return 1
        if b > 0:
            operand[0] = I
            before = self.state(a, b - 1, c)
            if row[before] + self.link[I][b - 1].open[0][at] == here:
                self.choose_variant(I, b - 1, choice)
                return 1
            for d in range(4):
                if self.link[I][b - 1].slid_open[d] == NULL:
                    continue
                i = self.digit(OY + d, at)
                for k in range(self.lat.befores[OY + d][i]):
                    source = self.lat.before[OY + d][i][k]
                    choice.at = at - (i - source) * self.lat.stride[OY + d]
                    if self.best[choice.at * self.total_states + before] \
                            + self.link[I][b - 1].slid_open[d][source * n + at] == here:
                        choice.slide = OY + d
                        self.choose_variant(I, b - 1, choice)
                        return 1
            choice.at = at
        if c > 0:
            level = self.level_of(c)
            parity = self.parity_of(c)
            if parity >= 0 and self.reduced[level * n + at] != parity:
                return 0
            operand[0] = O
            for flag in range(1 if level == 0 else 2):
                previous[0] = 0 if level == 0 else 2 * level - 1 + flag
                if row[self.state(a, b, previous[0])] + self.link[O][level].open[flag][at] == here:
                    choice.whole = flag
                    self.choose_variant(O, level, choice)
                    return 1
        return 0

    cdef void choose_variant(self, int x, int j, Choice* choice) noexcept nogil:
        """The cheapest buffering that fits."""
        cdef Link* link = &self.link[x][j]
        cdef int v
        cdef double cost, least = INFINITY
        for v in range(link.variants):
            if choice.slide >= 0:
                cost = link.slid[v][choice.slide - OY][
                    self.digit(choice.slide, choice.at) * self.lat.points + choice.slide_at]
            else:
                cost = link.cost[v][choice.at]
            if cost < least and self.fits(x, j, v, choice.at, choice.whole):
                least = cost
                choice.is_doubled = link.variant_doubled[v]

    cdef int trace(self, Choice choices[NO][MAXMEM]) except -1:
        """The closings behind the last cell."""
        cdef int a = self.states[W] - 1, b = self.states[I] - 1, c = self.states[O] - 1
        cdef int d, k, i, operand, previous, moved, j, order = 0
        cdef long at = self.lat.points - 1, step
        cdef double here
        cdef Choice choice
        while a or b or c:
            if self.last_closed(a, b, c, at, &operand, &previous, &choice):
                choice.order = order
                order -= 1
                if operand == W:
                    a -= 1
                    j = a
                elif operand == I:
                    b -= 1
                    j = b
                else:
                    j = self.level_of(c)
                    c = previous
                choices[operand][j] = choice
                at = choice.at
                continue
            here = self.best[at * self.total_states + self.state(a, b, c)]
            moved = 0
            for d in range(ND):
                i = self.digit(d, at)
                for k in range(self.lat.befores[d][i]):
                    step = (i - self.lat.before[d][i][k]) * self.lat.stride[d]
                    if self.best[(at - step) * self.total_states + self.state(a, b, c)] == here:
                        at -= step
                        moved = 1
                        break
                if moved:
                    break
            if not moved:
                raise RuntimeError("the search lost its way back")
        return 0

    cdef int loops_of(self, Choice choices[NO][MAXMEM], long* loops, long bounds[NO][MAXMEM]) except -1:
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
            n = self.climb(&at, choices[bx][bj].at, loops, n)
            bounds[bx][bj] = n
            if choices[bx][bj].slide >= 0:
                n = self.climb(&at, choices[bx][bj].slide_at, loops, n)
            taken[bx][bj] = 1
            done += 1
        return self.climb(&at, self.lat.points - 1, loops, n)

    cdef int climb(self, long* at, long to, long* loops, int n) except -1:
        """Loops from one tile to a larger one, sequential dims last."""
        cdef int d, a, b, last
        for last in range(2):
            for d in range(ND):
                a = self.digit(d, at[0])
                b = self.digit(d, to)
                if a == b or self.p.sequential[d] != last:
                    continue
                if n >= MAXLOOPS:
                    raise RuntimeError("too many loops")
                loops[2 * n] = d
                loops[2 * n + 1] = up(self.lat.size[d][b], self.lat.size[d][a])
                n += 1
        at[0] = to
        return n

    cdef void sums_of(self, Choice choices[NO][MAXMEM], Sums* sums) noexcept nogil:
        """The sums of a mapping, from its closings."""
        cdef int x, j
        cdef Base base
        cdef Terms terms
        sums[0] = self.base
        for x in range(NO):
            for j in range(self.p.levels[x] - 1):
                if choices[x][j].slide >= 0:
                    self.load_sliding(j, choices[x][j].slide, choices[x][j].at, choices[x][j].slide_at, &base)
                else:
                    self.load(x, j, choices[x][j].at, &base)
                terms_of(self.p, x, j, &self.link[x][j].fixed, &base, choices[x][j].is_doubled, &terms)
                add_terms(self.p, x, j, &terms, sums)

"""The best temporal mapping under an additive cost."""

cdef struct Lattice:
    int count[ND]                       # tile sizes of each dim
    long size[ND][MAXSIZES]             # ascending, 1 first, all steps last
    long stride[ND]
    long points
    int before[ND][MAXSIZES][MAXSIZES]  # smaller tile sizes that a loop can grow from
    int befores[ND][MAXSIZES]


cdef struct Link:
    int operand, level, child, parent
    double* child_traffic   # (points,) elements at the child's end (of O: drained)
    double* parent_traffic  # (points,) elements at the parent's end
    double* cost       # (points,)
    double* legal      # (points,) or (2, points) for O: cost, INFINITY where it does not fit
    long* held         # (points,) elements to hold, doubled where that is due; -1 illegal


cdef class Search:
    """Dynamic programming over the lattice of tile sizes.

    A temporal mapping is a rising chain of tiles; each link takes one tile of the chain as its
    point, at a cost that depends on this tile alone (and, for a sliding level, on the loop that
    follows). `best[state, tile]` is the least cost of having closed the links that `state` counts
    at tiles inside `tile`.
    """

    cdef Problem* p
    cdef Space* s
    cdef Lattice lat
    cdef Link link[NO][MAXMEM]
    cdef double* best
    cdef int states[NO]
    cdef int total_states
    cdef double* forbidden      # (points,) 0, INFINITY where a sequential dim is not outermost
    cdef char* reduced          # (links of O, points): nothing is left to add outside
    cdef double* slide[2][2]    # by axis and direction (0 outputs, 1 filter): (from, to, fixed)
    cdef long limit[NO][MAXMEM] # bits that an operand may take of a memory

    def __cinit__(self):
        self.best = NULL
        self.forbidden = NULL
        self.reduced = NULL
        memset(self.slide, 0, sizeof(self.slide))
        memset(self.link, 0, sizeof(self.link))

    def __dealloc__(self):
        cdef int x, j
        for x in range(NO):
            for j in range(MAXMEM):
                free(self.link[x][j].child_traffic)
                free(self.link[x][j].parent_traffic)
                free(self.link[x][j].cost)
                free(self.link[x][j].legal)
                free(self.link[x][j].held)
        for x in range(2):
            for j in range(2):
                free(self.slide[x][j])
        free(self.best)
        free(self.forbidden)
        free(self.reduced)

    cdef int prepare(self, Problem* p, Space* s, list sizes) except -1:
        cdef int d, i, k, x, j, m
        cdef long[::1] values
        self.p = p
        self.s = s
        self.lat.points = 1
        for d in range(ND):
            values = sizes[d]
            if values.shape[0] > MAXSIZES:
                raise ValueError("too many tile sizes for one dim")
            self.lat.count[d] = <int>values.shape[0]
            self.lat.stride[d] = self.lat.points
            self.lat.points *= values.shape[0]
            for i in range(self.lat.count[d]):
                self.lat.size[d][i] = values[i]
            for i in range(self.lat.count[d]):
                self.lat.befores[d][i] = 0
                for k in range(i):
                    if values[i] % values[k] == 0 or i == self.lat.count[d] - 1:
                        self.lat.before[d][i][self.lat.befores[d][i]] = k
                        self.lat.befores[d][i] += 1
        self.total_states = 1
        for x in range(NO):
            self.states[x] = p.levels[x]
            if x == O and p.levels[x] > 2:
                self.states[x] = 2 * p.levels[x] - 2
            self.total_states *= self.states[x]
        self.best = <double*>malloc(self.total_states * self.lat.points * sizeof(double))
        self.forbidden = <double*>malloc(self.lat.points * sizeof(double))
        self.reduced = <char*>malloc(MAXMEM * self.lat.points)
        for x in range(NO):
            for j in range(p.levels[x] - 1):
                self.link[x][j].operand = x
                self.link[x][j].level = j
                self.link[x][j].child = p.level[x][j]
                self.link[x][j].parent = p.level[x][j + 1]
                self.link[x][j].child_traffic = <double*>malloc(self.lat.points * sizeof(double))
                self.link[x][j].parent_traffic = <double*>malloc(self.lat.points * sizeof(double))
                self.link[x][j].cost = <double*>malloc(self.lat.points * sizeof(double))
                self.link[x][j].legal = <double*>malloc(
                    (2 if x == O else 1) * self.lat.points * sizeof(double))
                self.link[x][j].held = <long*>malloc(self.lat.points * sizeof(long))
                self.limit[x][j] = p.memory[p.level[x][j]].size
        for d in range(2):
            for k in range(2):
                i = (FY if k else OY) + d
                j = (OY if k else FY) + d
                self.slide[d][k] = <double*>malloc(
                    self.lat.count[i] * self.lat.count[i] * self.lat.count[j] * sizeof(double))
        with nogil:
            for m in range(p.memories):
                if p.memory[m].sliding and p.memory[m].serves[I]:
                    self.fill_slides()
                    break
            self.fill_forbidden()
            for x in range(NO):
                for j in range(p.levels[x] - 1):
                    self.fill_link(x, j)
        return 0

    cdef void tile_at(self, long at, long* tile) noexcept nogil:
        cdef int d
        for d in range(ND):
            tile[d] = self.lat.size[d][(at // self.lat.stride[d]) % self.lat.count[d]]

    cdef void fill_forbidden(self) noexcept nogil:
        """Sequential dims grow only once everything else is inside."""
        cdef long at
        cdef int d, grown, open_
        cdef long tile[ND]
        for at in range(self.lat.points):
            self.tile_at(at, tile)
            grown = 0
            open_ = 0
            for d in range(ND):
                if self.p.sequential[d]:
                    grown |= tile[d] > 1
                else:
                    open_ |= tile[d] < self.s.steps[d]
            self.forbidden[at] = INFINITY if grown and open_ else 0

    cdef void fill_link(self, int x, int j) noexcept nogil:
        """Traffic and footprint of a link at every tile, from tables over the tile sizes of each dim."""
        cdef Link* link = &self.link[x][j]
        cdef Problem* p = self.p
        cdef Space* s = self.s
        cdef Memory* memory = &p.memory[link.child]
        cdef long child_visits[ND][MAXSIZES]
        cdef long parent_visits[ND][MAXSIZES]
        cdef long first[ND][MAXSIZES]
        cdef long child_halo[2][MAXSIZES][MAXSIZES]
        cdef long parent_halo[2][MAXSIZES][MAXSIZES]
        cdef long held_halo[2][MAXSIZES][MAXSIZES]
        cdef int digit[ND]
        cdef int d, a, b, axis, legal, whole, complete
        cdef long at, size, from_child, from_parent, visits_child, visits_parent, held
        size = plain_elements(p, s, link.child, x, 0)
        for d in range(ND):
            digit[d] = 0
            for a in range(self.lat.count[d]):
                if RELEVANT[x][d]:
                    child_visits[d][a] = 1
                    parent_visits[d][a] = 1
                    first[d][a] = 1
                    if not (x == I and d >= OY):
                        first[d][a] = first_of(s, link.child, d, self.lat.size[d][a])
                else:
                    child_visits[d][a] = visits_of(s, link.child, d, self.lat.size[d][a])
                    parent_visits[d][a] = visits_of(s, link.parent, d, self.lat.size[d][a])
                    first[d][a] = 1
        if x == I:
            for axis in range(2):
                for a in range(self.lat.count[OY + axis]):
                    for b in range(self.lat.count[FY + axis]):
                        self.fill_halo(link, axis, a, b, child_halo, parent_halo, held_halo)
        for at in range(self.lat.points):
            visits_child = 1
            visits_parent = 1
            held = 1
            legal = self.forbidden[at] == 0
            whole = 1
            complete = 1
            for d in range(ND):
                a = digit[d]
                visits_child *= child_visits[d][a]
                visits_parent *= parent_visits[d][a]
                held *= first[d][a]
                if RELEVANT[x][d]:
                    whole &= <int>(a == self.lat.count[d] - 1)
                    if a > 0 and not memory.tiled[x][d]:
                        legal = 0
                else:
                    complete &= <int>(a == self.lat.count[d] - 1)
            from_child = size * visits_child
            from_parent = size * visits_parent
            if x == I:
                for axis in range(2):
                    a = digit[OY + axis]
                    b = digit[FY + axis]
                    from_child *= child_halo[axis][a][b]
                    from_parent *= parent_halo[axis][a][b]
                    held *= held_halo[axis][a][b]
            elif x == O:
                self.reduced[j * self.lat.points + at] = visits_parent == 1
                if memory.complete and not complete:
                    legal = 0
            link.child_traffic[at] = from_child
            link.parent_traffic[at] = from_parent
            if memory.buffering == DOUBLE and not whole:
                held *= 2
            link.held[at] = held if legal else -1
            for d in range(ND):  # the next tile
                digit[d] += 1
                if digit[d] < self.lat.count[d]:
                    break
                digit[d] = 0

    cdef void fill_halo(self, Link* link, int axis, int a, int b, long child[2][MAXSIZES][MAXSIZES],
                        long parent[2][MAXSIZES][MAXSIZES], long held[2][MAXSIZES][MAXSIZES]) noexcept nogil:
        cdef long o = self.lat.size[OY + axis][a], f = self.lat.size[FY + axis][b]
        child[axis][a][b] = halo(self.p, self.s, link.child, axis, o, f, 0, 0, 0)
        if can_slide(self.s, link.child, axis):  # neither end splits the axis
            parent[axis][a][b] = child[axis][a][b]
        else:
            parent[axis][a][b] = halo(self.p, self.s, link.parent, axis, o, f, 0, 0, 0)
        held[axis][a][b] = halo_footprint(self.p, self.s, link.child, axis, o, f)

    cdef void weigh(self, double[::1] read_weight, double[::1] write_weight, double[::1] transfer_weight) noexcept nogil:
        """The cost of every link at every tile, from its traffic."""
        cdef int x, j, child_final, final_here
        cdef long at, parts, size, drains, merged
        cdef double read_child, write_child, read_parent, write_parent, transfer, cost
        cdef Problem* p = self.p
        cdef Link* link
        for x in range(NO):
            for j in range(p.levels[x] - 1):
                link = &self.link[x][j]
                transfer = transfer_weight[link.child]
                read_child = read_weight[link.child]
                write_child = write_weight[link.child]
                read_parent = read_weight[link.parent]
                write_parent = write_weight[link.parent]
                if x != O:
                    for at in range(self.lat.points):
                        link.cost[at] = p.bits[x] * (
                            link.child_traffic[at] * (write_child + transfer)
                            + link.parent_traffic[at] * read_parent)
                    continue
                size = plain_elements(p, self.s, link.child, O, 0)
                parts = visits(p, self.s, link.parent, O, self.s.steps)
                child_final = j > 0 and visits(p, self.s, link.child, O, self.s.steps) == 1
                final_here = parts == 1
                for at in range(self.lat.points):
                    drains = <long>link.child_traffic[at]
                    merged = <long>link.parent_traffic[at]
                    cost = (p.psum * (drains - child_final * size) + p.bits[O] * child_final * size) \
                        * (read_child + transfer)
                    cost += (p.psum * (merged - final_here * size) + p.bits[O] * final_here * size) * write_parent
                    cost += p.psum * (merged - parts * size) * (read_parent + write_child + transfer)
                    if j == 0:  # a fresh start spares the read of the first update
                        cost -= p.psum * (drains - (merged - parts * size)) * read_child
                    link.cost[at] = cost

    cdef inline int fits(self, int x, int j, long at, int whole) noexcept nogil:
        """Whether a link may close here; `whole`: the level holds final outputs."""
        cdef long held = self.link[x][j].held[at], width
        if held < 0:
            return 0
        width = self.p.bits[x]
        if x == O and (j == 0 or not whole):
            width = self.p.psum
        return self.limit[x][j] < 0 or held * width <= self.limit[x][j]

    cdef void fill_slides(self) noexcept nogil:
        """Input positions along each axis for a tile that slides, by direction and sizes."""
        cdef int axis, kind, source, to, other, moving, fixed
        cdef double* table
        for axis in range(2):
            for kind in range(2):
                moving = (FY if kind else OY) + axis
                fixed = (OY if kind else FY) + axis
                table = self.slide[axis][kind]
                for source in range(self.lat.count[moving]):
                    for to in range(source + 1, self.lat.count[moving]):
                        for other in range(self.lat.count[fixed]):
                            table[(source * self.lat.count[moving] + to) * self.lat.count[fixed] + other] = halo(
                                self.p, self.s, self.p.memories - 1, axis,
                                self.lat.size[fixed][other] if kind else self.lat.size[moving][source],
                                self.lat.size[moving][source] if kind else self.lat.size[fixed][other],
                                kind + 1, self.lat.size[moving][to], 0)
                for source in range(self.lat.count[moving]):
                    for other in range(self.lat.count[fixed]):
                        table[(source * self.lat.count[moving] + source) * self.lat.count[fixed] + other] = halo(
                            self.p, self.s, self.p.memories - 1, axis,
                            self.lat.size[fixed][other] if kind else self.lat.size[moving][source],
                            self.lat.size[moving][source] if kind else self.lat.size[fixed][other], 0, 0, 0)

    cdef inline int digit(self, int d, long at) noexcept nogil:
        return <int>((at // self.lat.stride[d]) % self.lat.count[d])

    cdef inline int slides(self, int j, int d) noexcept nogil:
        """Whether I's link j keeps the overlap along a halo dim."""
        return (self.p.memory[self.link[I][j].child].sliding and self.lat.count[d] > 1
                and can_slide(self.s, self.link[I][j].child, (d - OY) % 2))

    cdef inline double slid(self, int j, int d, long at, int source) noexcept nogil:
        """Cost of I's link closed at size number `source` of `d`, sliding along `d` up to `at`."""
        cdef int axis = (d - OY) % 2, kind = 1 if d >= FY else 0
        cdef int fixed = (OY if kind else FY) + axis, to = self.digit(d, at), other = self.digit(fixed, at)
        cdef int n = self.lat.count[d], f = self.lat.count[fixed]
        cdef double* table = self.slide[axis][kind]
        cdef double plain = table[(source * n + source) * f + other]
        if plain == 0:
            return 0
        return self.link[I][j].cost[at - (to - source) * self.lat.stride[d]] / plain \
            * table[(source * n + to) * f + other]

    cdef void limit_links(self) noexcept nogil:
        """Costs with INFINITY where the tile does not fit the present limits."""
        cdef int x, j, whole
        cdef long at
        cdef Link* link
        for x in range(NO):
            for j in range(self.p.levels[x] - 1):
                link = &self.link[x][j]
                for whole in range(2 if x == O else 1):
                    for at in range(self.lat.points):
                        link.legal[whole * self.lat.points + at] = \
                            link.cost[at] if self.fits(x, j, at, whole) else INFINITY

    cdef inline long row(self, int a, int b, int c) noexcept nogil:
        return ((<long>a * self.states[I] + b) * self.states[O] + c) * self.lat.points

    cdef inline int level_of(self, int c) noexcept nogil:
        """The level of O that the step into state c closes.

        States of O: 0 open; 2j-1 and 2j: j links closed, sums partial or whole; last: all closed.
        """
        return (c + 1) // 2 - 1 if c < self.states[O] - 1 else self.p.levels[O] - 2

    cdef void relax_plain(self, double* g, double* before, double* legal, int level, int parity) noexcept nogil:
        """g = min(g, before + legal); parity >= 0 keeps the tiles of O with that completeness."""
        cdef long at
        cdef double value
        cdef char* reduced = self.reduced + level * self.lat.points
        if parity < 0:
            for at in range(self.lat.points):
                value = before[at] + legal[at]
                g[at] = value if value < g[at] else g[at]
        else:
            for at in range(self.lat.points):
                if reduced[at] == parity:
                    value = before[at] + legal[at]
                    g[at] = value if value < g[at] else g[at]

    cdef void relax_sliding(self, double* g, double* before, int j) noexcept nogil:
        """g = min(g, before + cost) for I's link j where it slides along the next loop."""
        cdef int d, i, k, source
        cdef long stride, block, number, start, back, inner
        cdef double* legal = self.link[I][j].legal
        cdef double value
        for d in range(OY, ND):
            if not self.slides(j, d):
                continue
            stride = self.lat.stride[d]
            block = stride * self.lat.count[d]
            for number in range(self.lat.points // block):
                for i in range(1, self.lat.count[d]):
                    start = number * block + i * stride
                    for k in range(self.lat.befores[d][i]):
                        source = self.lat.before[d][i][k]
                        back = (i - source) * stride
                        for inner in range(start, start + stride):
                            if before[inner - back] < INFINITY and legal[inner - back] < INFINITY:
                                value = before[inner - back] + self.slid(j, d, inner, source)
                                if value < g[inner]:
                                    g[inner] = value

    cdef void close_links(self, int a, int b, int c) noexcept nogil:
        """best[a, b, c] = least cost with some link closed last, at this very tile."""
        cdef double* g = self.best + self.row(a, b, c)
        cdef long at
        cdef int level, parity, flag, before
        for at in range(self.lat.points):
            g[at] = INFINITY
        if a > 0:
            self.relax_plain(g, self.best + self.row(a - 1, b, c), self.link[W][a - 1].legal, 0, -1)
        if b > 0:
            self.relax_plain(g, self.best + self.row(a, b - 1, c), self.link[I][b - 1].legal, 0, -1)
            if self.p.memory[self.link[I][b - 1].child].sliding:
                self.relax_sliding(g, self.best + self.row(a, b - 1, c), b - 1)
        if c > 0:
            level = self.level_of(c)
            parity = -1 if c == self.states[O] - 1 else c % 2 == 0
            for flag in range(1 if level == 0 else 2):
                before = 0 if level == 0 else 2 * level - 1 + flag
                self.relax_plain(g, self.best + self.row(a, b, before),
                                 self.link[O][level].legal + flag * self.lat.points, level, parity)

    cdef void grow(self, double* g) noexcept nogil:
        """Every loop between closings: g = min over the tiles inside."""
        cdef int d
        for d in range(ND):
            if not self.p.sequential[d]:
                self.grow_dim(g, d)
        for d in range(ND):  # outermost, from tiles that span everything else
            if self.p.sequential[d]:
                self.grow_dim(g, d)

    cdef void grow_dim(self, double* g, int d) noexcept nogil:
        cdef int i, k
        cdef long block, number, start, source, inner
        cdef double value
        block = self.lat.stride[d] * self.lat.count[d]
        for number in range(self.lat.points // block):
            for i in range(1, self.lat.count[d]):
                start = number * block + i * self.lat.stride[d]
                for k in range(self.lat.befores[d][i]):
                    source = number * block + self.lat.before[d][i][k] * self.lat.stride[d]
                    for inner in range(self.lat.stride[d]):
                        value = g[source + inner] + self.forbidden[start + inner]
                        g[start + inner] = value if value < g[start + inner] else g[start + inner]

    cdef double run(self) noexcept nogil:
        """Fill `best`; the least cost of a whole mapping, INFINITY where none fits."""
        cdef int a, b, c
        cdef long at
        self.limit_links()
        for a in range(self.states[W]):
            for b in range(self.states[I]):
                for c in range(self.states[O]):
                    if a or b or c:
                        self.close_links(a, b, c)
                        self.grow(self.best + self.row(a, b, c))
                    else:
                        for at in range(self.lat.points):
                            self.best[at] = self.forbidden[at]
        return self.best[self.total_states * self.lat.points - 1]

    cdef int last_closed(self, int a, int b, int c, long at, int* operand, int* previous, int* how) noexcept nogil:
        """The closing at `at` that `best` came from, 0 where it came from a loop.

        previous: state of O before it. how: -1 plainly, else 8 * source + dim: closed at size
        number `source` of `dim`, sliding.
        """
        cdef double here = self.best[self.row(a, b, c) + at]
        cdef int d, k, i, level, parity, flag
        cdef long source, back
        cdef double* before
        how[0] = -1
        if a > 0 and self.best[self.row(a - 1, b, c) + at] + self.link[W][a - 1].legal[at] == here:
            operand[0] = W
            return 1
        if b > 0:
            operand[0] = I
            before = self.best + self.row(a, b - 1, c)
            if before[at] + self.link[I][b - 1].legal[at] == here:
                return 1
            for d in range(OY, ND):
                if not self.slides(b - 1, d):
                    continue
                i = self.digit(d, at)
                for k in range(self.lat.befores[d][i]):
                    source = self.lat.before[d][i][k]
                    back = (i - source) * self.lat.stride[d]
                    if before[at - back] < INFINITY and self.link[I][b - 1].legal[at - back] < INFINITY \
                            and before[at - back] + self.slid(b - 1, d, at, <int>source) == here:
                        how[0] = <int>(8 * source + d)
                        return 1
        if c > 0:
            level = self.level_of(c)
            parity = -1 if c == self.states[O] - 1 else c % 2 == 0
            if parity >= 0 and self.reduced[level * self.lat.points + at] != parity:
                return 0
            operand[0] = O
            for flag in range(1 if level == 0 else 2):
                previous[0] = 0 if level == 0 else 2 * level - 1 + flag
                if self.best[self.row(a, b, previous[0]) + at] \
                        + self.link[O][level].legal[flag * self.lat.points + at] == here:
                    return 1
        return 0

    cdef int trace(self, long* loops, long bounds[NO][MAXMEM], long points[NO][MAXMEM], int whole[MAXMEM]) except -1:
        """The mapping behind the last cell: loops innermost first, as (dim, factor) pairs.

        Also the tile of every link, and whether each level of O holds final outputs. Returns the
        number of loops.
        """
        cdef int a = self.states[W] - 1, b = self.states[I] - 1, c = self.states[O] - 1
        cdef int x, j, d, k, i, operand, previous, how, n = 0, moved, source
        cdef long at = self.lat.points - 1, before, step
        cdef double here
        cdef int closed_after[NO][MAXMEM]
        cdef long reversed_loops[2 * MAXLOOPS]
        while a or b or c:
            here = self.best[self.row(a, b, c) + at]
            if self.last_closed(a, b, c, at, &operand, &previous, &how):
                if operand == W:
                    a -= 1
                    j = a
                elif operand == I:
                    b -= 1
                    j = b
                else:
                    j = self.level_of(c)
                    whole[j] = j > 0 and previous % 2 == 0
                    c = previous
                if how >= 0:
                    d = how % 8
                    source = how // 8
                    i = self.digit(d, at)
                    reversed_loops[2 * n] = d
                    reversed_loops[2 * n + 1] = up(self.lat.size[d][i], self.lat.size[d][source])
                    n += 1
                    at -= (i - source) * self.lat.stride[d]
                closed_after[operand][j] = n
                points[operand][j] = at
                continue
            moved = 0
            for d in range(ND):
                i = self.digit(d, at)
                for k in range(self.lat.befores[d][i]):
                    step = (i - self.lat.before[d][i][k]) * self.lat.stride[d]
                    if self.best[self.row(a, b, c) + at - step] == here:
                        reversed_loops[2 * n] = d
                        reversed_loops[2 * n + 1] = up(self.lat.size[d][i], self.lat.size[d][self.lat.before[d][i][k]])
                        n += 1
                        at -= step
                        moved = 1
                        break
                if moved:
                    break
            if not moved:
                raise RuntimeError("the search lost its way back")
            if n >= MAXLOOPS - ND:
                raise RuntimeError("too many loops")
        for d in range(ND):  # what is inside every tile
            i = self.digit(d, at)
            if i:
                reversed_loops[2 * n] = d
                reversed_loops[2 * n + 1] = self.lat.size[d][i]
                n += 1
        for i in range(n):
            loops[2 * i] = reversed_loops[2 * (n - 1 - i)]
            loops[2 * i + 1] = reversed_loops[2 * (n - 1 - i) + 1]
        for x in range(NO):
            for j in range(self.p.levels[x] - 1):
                bounds[x][j] = n - closed_after[x][j]
        return n

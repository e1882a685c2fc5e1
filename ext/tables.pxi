"""What links move and hold at every tile."""


cdef inline int digit_of(Search self, int d, long at) noexcept nogil:
    return <int>((at // self.lat.stride[d]) % self.lat.count[d])


cdef inline int slides(Search self, int j, int d) noexcept nogil:
    """Whether I's link j keeps the overlap along a halo dim."""
    return (self.p.memory[self.p.level[I][j]].sliding and self.lat.count[d] > 1
            and can_slide(self.s, self.p.level[I][j], (d - OY) % 2))


cdef void fill_forbidden(Search self) noexcept nogil:
    """Sequential dims grow only once everything else is inside."""
    cdef long at, size
    cdef int d, grown, unfinished
    for at in range(self.lat.points):
        grown = 0
        unfinished = 0
        for d in range(ND):
            size = self.lat.size[d][digit_of(self, d, at)]
            if self.p.sequential[d]:
                grown |= size > 1
            else:
                unfinished |= size < self.s.steps[d]
        self.forbidden[at] = INFINITY if grown and unfinished else 0


cdef void fill_slides(Search self) noexcept nogil:
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


cdef void fill_link(Search self, int x, int j) noexcept nogil:
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
                    halos_at(self, link, axis, a, b, value)
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


cdef void halos_at(Search self, Link* link, int axis, int a, int b, double* value) noexcept nogil:
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


cdef inline void load_base(Search self, int x, int j, long at, Base* base) noexcept nogil:
    cdef Link* link = &self.link[x][j]
    base.child_all = <long>link.child_all[at]
    base.parent_all = <long>link.parent_all[at]
    base.child_first = <long>link.child_first[at]
    base.parent_first = <long>link.parent_first[at]
    base.child_tile = <long>link.child_tile[at]
    base.parent_tile = <long>link.parent_tile[at]
    base.folds = <long>link.folds[at]
    base.is_replaced = link.is_replaced[at]


cdef inline void load_sliding(Search self, int j, int d, long inner, long at, Base* base) noexcept nogil:
    """The base of I's link closed at `inner`, sliding along `d` up to `at`."""
    cdef Link* link = &self.link[I][j]
    cdef int axis = (d - OY) % 2, kind = 1 if d >= FY else 0
    cdef int fixed = (OY if kind else FY) + axis
    cdef int source = digit_of(self, d, inner), to = digit_of(self, d, at), other = digit_of(self, fixed, at)
    cdef int n = self.lat.count[d], f = self.lat.count[fixed], first
    cdef double ratio[2]
    cdef double* table
    for first in range(2):
        table = self.slide[axis][kind][first]
        ratio[first] = table[(source * n + source) * f + other]
        if ratio[first] > 0:
            ratio[first] = table[(source * n + to) * f + other] / ratio[first]
    load_base(self, I, j, inner, base)
    base.child_all = <long>(base.child_all * ratio[0] + 0.5)
    base.parent_all = <long>(base.parent_all * ratio[0] + 0.5)
    base.child_first = <long>(base.child_first * ratio[self.p.memory[link.child].instances > 1] + 0.5)
    base.parent_first = <long>(base.parent_first * ratio[self.p.memory[link.parent].instances > 1] + 0.5)


cdef void fill_energy(Search self, int x, int j) noexcept nogil:
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


cdef void fill_terms(Search self, int x, int j) noexcept nogil:
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
            load_base(self, x, j, at, &base)
            terms_of(self.p, x, j, &link.fixed, &base, link.variant_doubled[v], &terms)
            table[n + at] = terms.around
            table[2 * n + at] = terms.serial
            table[3 * n + at] = terms.child_read
            table[4 * n + at] = terms.child_write
            table[5 * n + at] = terms.parent_read
            table[6 * n + at] = terms.parent_write

"""What links move and hold at every tile."""


cdef void fill_growth(Lattice* lat, int d) noexcept nogil:
    """Which tile sizes of a dim a loop can grow into which others."""
    cdef int i, k, m, between, last = lat.count[d] - 1
    for i in range(lat.count[d]):
        lat.befores[d][i] = 0
        lat.covers[d][i] = 0
        for k in range(lat.count[d]):
            lat.grows[d][k][i] = k == i
        for k in range(i):
            if i < last and lat.size[d][i] % lat.size[d][k]:
                continue
            lat.grows[d][k][i] = 1
            lat.before[d][i][lat.befores[d][i]] = k
            lat.befores[d][i] += 1
        for k in range(i):
            between = not lat.grows[d][k][i]
            for m in range(k + 1, i):
                between |= lat.grows[d][k][m] and lat.grows[d][m][i]
            if not between:
                lat.cover[d][i][lat.covers[d][i]] = k
                lat.covers[d][i] += 1


cdef void fill_digits(Search self) noexcept nogil:
    """The digits of every tile."""
    cdef int d, k
    cdef long at
    cdef unsigned char digit[ND]
    memset(digit, 0, sizeof(digit))
    for at in range(self.lat.points):
        memcpy(self.digits + at * ND, digit, ND)
        for k in range(self.lat.actives):  # the next tile
            d = self.lat.active[k]
            digit[d] += 1
            if digit[d] < self.lat.count[d]:
                break
            digit[d] = 0


cdef inline int digit_of(Search self, int d, long at) noexcept nogil:
    return self.digits[at * ND + d]


cdef inline int slides(Search self, int j, int d) noexcept nogil:
    """Whether I's link j keeps the overlap along a halo dim."""
    return (self.p.memory[self.p.level[I][j]].sliding and self.lat.count[d] > 1
            and can_slide(self.s, self.p.level[I][j], (d - OY) % 2))


cdef void fill_forbidden(Search self) noexcept nogil:
    """Sequential dims grow only once everything else is inside."""
    cdef long at
    cdef int d, digit, grown, unfinished
    cdef int waits = 0
    for d in range(ND):
        if self.p.sequential[d] and self.lat.count[d] > 1:
            waits = 1
    memset(self.forbidden, 0, self.lat.points)
    if not waits:
        return
    for at in range(self.lat.points):
        grown = 0
        unfinished = 0
        for d in range(ND):
            digit = digit_of(self, d, at)
            if self.p.sequential[d]:
                grown |= digit > 0
            else:
                unfinished |= digit < self.lat.count[d] - 1
        self.forbidden[at] = grown and unfinished


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


cdef struct Factors:        # of the numbers of a Base, by dim and tile size; see `factors_of`
    double* plain           # (ND, MAXSIZES, BASE)
    double* halo[2]         # by axis: (outputs, filter, BASE)
    int joint[2]            # by axis: the dim at which the halo counts, -1 where it is fixed


cdef struct Product:        # over the dims so far, slowest first
    double value[BASE]
    int whole, complete


cdef void factors_of(Search self, Link* link, int x, Factors* f) noexcept nogil:
    """Every number of a Base is a product over the dims, but for I over the two input axes."""
    cdef Space* s = self.s
    cdef int d, a, b, k, axis
    cdef long size
    cdef double* at
    cdef double halos[6]
    for d in range(ND):
        for a in range(self.lat.count[d]):
            size = self.lat.size[d][a]
            at = f.plain + (d * MAXSIZES + a) * BASE
            for k in range(BASE):
                at[k] = 1
            at[6] = up(s.steps[d], size)
            if not RELEVANT[x][d]:
                at[0] = visits_of(s, link.child, d, size)
                at[1] = visits_of(s, link.parent, d, size)
                at[2] = at[6]
                at[3] = at[6]
            elif not (x == I and d >= OY):
                at[4] = first_of(s, link.child, d, size)
                at[5] = first_of(s, link.parent, d, size)
    f.joint[0] = -1
    f.joint[1] = -1
    if x != I:
        return
    for axis in range(2):
        for a in range(self.lat.count[OY + axis]):
            for b in range(self.lat.count[FY + axis]):
                halos_at(self, link, axis, a, b, halos)
                memcpy(f.halo[axis] + (a * self.lat.count[FY + axis] + b) * BASE, halos, sizeof(halos))
        if self.lat.count[OY + axis] > 1:
            f.joint[axis] = OY + axis
        elif self.lat.count[FY + axis] > 1:
            f.joint[axis] = FY + axis


cdef void start_product(Search self, Link* link, int x, Factors* f, Product* out) noexcept nogil:
    """What dims with one tile size count, and what all tiles have in common."""
    cdef int d, k, axis
    cdef Problem* p = self.p
    for k in range(BASE):
        out.value[k] = 1
        for d in range(ND):
            if self.lat.count[d] == 1:
                out.value[k] *= f.plain[d * MAXSIZES * BASE + k]
    out.value[0] *= plain_elements(p, self.s, link.child, x, 0)
    out.value[1] *= plain_elements(p, self.s, link.child, x, 0)
    out.value[2] *= plain_elements(p, self.s, link.child, x, p.memory[link.child].instances > 1)
    out.value[3] *= plain_elements(p, self.s, link.parent, x, p.memory[link.parent].instances > 1)
    for axis in range(2):
        if x == I and f.joint[axis] < 0:
            for k in range(6):
                out.value[k] *= f.halo[axis][k]
    out.whole = 1
    out.complete = 1


cdef inline void multiply(Search self, int x, Factors* f, int d, int* digit, Product* before, Product* out) noexcept nogil:
    """One more dim."""
    cdef int k, axis, last = <int>(digit[d] == self.lat.count[d] - 1)
    cdef double* one = f.plain + (d * MAXSIZES + digit[d]) * BASE
    for k in range(BASE):
        out.value[k] = before.value[k] * one[k]
    out.whole = before.whole & (last | (1 - RELEVANT[x][d]))
    out.complete = before.complete & (last | RELEVANT[x][d])
    if x == I and d >= OY:
        axis = (d - OY) % 2
        if f.joint[axis] == d:
            one = f.halo[axis] + (digit[OY + axis] * self.lat.count[FY + axis] + digit[FY + axis]) * BASE
            for k in range(6):
                out.value[k] *= one[k]


cdef long least_width(Search self, int x, int j) noexcept nogil:
    """The fewest bits of an element in this level."""
    if x != O:
        return self.p.bits[x]
    if j > 0 and self.p.bits[O] < self.p.psum:
        return self.p.bits[O]
    return self.p.psum


cdef void fill_link(Search self, int x, int j, double* scratch) noexcept nogil:
    """The base of a link at every tile that its level may hold, and which these are.

    The tiles are visited in order; what the slower dims give is multiplied once for all tiles that
    share it, and left out together where the level does not tile such a dim.
    """
    cdef Link* link = &self.link[x][j]
    cdef Memory* memory = &self.p.memory[link.child]
    cdef Factors f
    cdef Product product[ND + 1]
    cdef int digit[ND]
    cdef int d, k, barred, single = 1 - link.variant_doubled[link.variants - 1]
    cdef long at = 0, n = self.lat.points
    cdef double held, width = least_width(self, x, j), outputs = plain_elements(self.p, self.s, link.child, O, 0)
    cdef double* base
    f.plain = scratch
    f.halo[0] = scratch + ND * MAXSIZES * BASE
    f.halo[1] = f.halo[0] + self.lat.count[OY] * self.lat.count[FY] * BASE
    fix(self.p, self.s, x, j, &link.fixed)
    factors_of(self, link, x, &f)
    start_product(self, link, x, &f, &product[self.lat.actives])
    memset(digit, 0, sizeof(digit))
    memset(link.slot, 255, n * sizeof(int))  # -1
    memset(link.reach, 0, sizeof(link.reach))
    link.tile_count = 0
    k = self.lat.actives - 1  # the slowest dim whose digit is new
    while at < n:
        barred = -1
        while k >= 0:
            d = self.lat.active[k]
            if digit[d] > 0 and RELEVANT[x][d] and not memory.tiled[x][d]:
                barred = k
                break
            multiply(self, x, &f, d, digit, &product[k + 1], &product[k])
            k -= 1
        if barred < 0:
            if x == O:
                self.reduced[j * n + at] = <int>(product[0].value[1] == outputs)
            base = product[0].value
            held = width * base[4]
            if not single and not product[0].whole:
                held *= 2
            if not (self.forbidden[at] or (memory.complete and x == O and not product[0].complete)
                    or (memory.size >= 0 and held > memory.size)):
                base[7] = 1 - product[0].whole
                memcpy(link.base + at * BASE, base, sizeof(product[0].value))
                link.slot[at] = <int>link.tile_count
                for d in range(ND):
                    if digit[d] > link.reach[d]:
                        link.reach[d] = digit[d]
                link.tiles[link.tile_count] = <int>at
                link.tile_count += 1
        k = barred if barred > 0 else 0
        # The next tile, past those that share a barred digit.
        if self.lat.actives == 0:
            return
        at += self.lat.stride[self.lat.active[k]]
        for d in range(k):
            digit[self.lat.active[d]] = 0
        while k < self.lat.actives:
            d = self.lat.active[k]
            digit[d] += 1
            if digit[d] < self.lat.count[d]:
                break
            digit[d] = 0
            k += 1


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
    cdef double* one = self.link[x][j].base + at * BASE
    base.child_all = <long>one[0]
    base.parent_all = <long>one[1]
    base.child_first = <long>one[2]
    base.parent_first = <long>one[3]
    base.child_tile = <long>one[4]
    base.parent_tile = <long>one[5]
    base.folds = <long>one[6]
    base.is_replaced = <int>one[7]


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
    cdef long i, at
    cdef int v
    cdef double a, b, c, constant, psum = self.p.psum
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
    for i in range(link.tile_count):
        at = link.tiles[i]
        for v in range(link.variants):
            link.terms[v][at * TERMS] = a * link.base[at * BASE] + b * link.base[at * BASE + 1] + constant


cdef void fill_terms(Search self, int x, int j) noexcept nogil:
    """What a link adds to the sums of cycles at every tile."""
    cdef Link* link = &self.link[x][j]
    cdef Base base
    cdef Terms terms
    cdef long i, at
    cdef int v
    cdef double* row
    for i in range(link.tile_count):
        at = link.tiles[i]
        load_base(self, x, j, at, &base)
        for v in range(link.variants):
            row = link.terms[v] + at * TERMS
            if v == 1 and not base.is_replaced:  # one buffer does: both variants are the same
                memcpy(row, link.terms[0] + at * TERMS, TERMS * sizeof(double))
                continue
            terms_of(self.p, x, j, &link.fixed, &base, link.variant_doubled[v], &terms)
            row[1] = terms.around
            row[2] = terms.serial
            row[3] = terms.child_read
            row[4] = terms.child_write
            row[5] = terms.parent_read
            row[6] = terms.parent_write
            row[7] = terms.folds

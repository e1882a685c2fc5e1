"""How often each element of an operand is visited, and how much a tile holds.

The twin in plain Python is `simulator/accesses.py`.
"""

cdef inline long up(long a, long b) noexcept nogil:
    return (a + b - 1) // b


cdef inline long visits_of(Space* s, int m, int d, long tile) noexcept nogil:
    cdef long n = s.steps[d]
    return s.full[m][d] * up(n, tile) + (s.rep[m][d] - s.full[m][d]) * up(n - 1, tile)


cdef inline long first_of(Space* s, int m, int d, long tile) noexcept nogil:
    """Indices of the first instance's first tile."""
    if tile < s.steps[d]:
        return s.within[m][d] * tile
    return s.within[m][d] * (s.steps[d] - 1) + s.last[m][d]


cdef inline long gcd(long a, long b) noexcept nogil:
    cdef long t
    while b:
        t = a % b
        a = b
        b = t
    return a


cdef long distinct(long base, long na, long sa, long nb, long sb, long limit) noexcept nogil:
    """Distinct values of base + sa*x + sb*y in [0, limit); limit < 0 takes all of them."""
    cdef long high = base + sa * (na - 1) + sb * (nb - 1)
    cdef long g, shift_x, shift_y, x, y, value, count, total, low
    if na <= 0 or nb <= 0:
        return 0
    g = gcd(sa, sb)
    shift_x = sb // g
    shift_y = sa // g
    if limit < 0 or (base >= 0 and high < limit):
        total = na * nb
        if na > shift_x and nb > shift_y:
            total -= (na - shift_x) * (nb - shift_y)
        return total
    if (sb == 1 and sa <= nb) or (sa == 1 and sb <= na) or (na == 1 and sb == 1) or (nb == 1 and sa == 1):
        low = base if base > 0 else 0
        if high > limit - 1:
            high = limit - 1
        return high - low + 1 if high >= low else 0
    count = 0
    for x in range(na):
        for y in range(nb):
            # Count each value at the pair with the smallest x that makes it.
            if x >= shift_x and y + shift_y < nb:
                continue
            value = base + sa * x + sb * y
            if 0 <= value < limit:
                count += 1
    return count


cdef struct Run:  # indices start + step * (0 .. count-1) of a tile
    long start, count, step


cdef inline Run tile_of(Problem* p, Space* s, int m, int d, long start, long tile, long number) noexcept nogil:
    cdef Run run
    cdef long first = tile * number, active
    if s.strided[m][d]:
        active = up(p.sizes[d] - start, s.unrolled[d])
        run.start = start + s.unrolled[d] * first
        run.count = tile if first + tile <= active else active - first
        run.step = s.unrolled[d]
    else:
        run.start = s.unrolled[d] * first
        run.count = s.unrolled[d] * tile
        if run.start + run.count > p.sizes[d]:
            run.count = p.sizes[d] - run.start
        run.step = 1
    return run


cdef inline long touched(Problem* p, int axis, Run o, Run f, int clip) noexcept nogil:
    cdef long base = p.stride[axis] * o.start + p.dilation[axis] * f.start - p.pad[axis]
    return distinct(base, o.count, p.stride[axis] * o.step, f.count, p.dilation[axis] * f.step,
                    p.extent[axis] if clip else -1)


cdef inline Run joined(Run a, Run b) noexcept nogil:
    """Two consecutive tiles as one."""
    cdef Run run = a
    run.count = a.count + b.count
    return run


cdef long halo(Problem* p, Space* s, int m, int axis, long to, long tf, int slide, long slide_tile,
               int first) noexcept nogil:
    """Input positions along one axis, summed over tiles (and instances).

    slide: 0 none, 1 along outputs, 2 along filter taps.
    """
    cdef int d_o = OY + axis, d_f = FY + axis
    cdef long count = 0, so, sf, no, nf, io, jf, ao, af, span
    cdef Run o, f, previous
    cdef long starts_o = s.rep[m][d_o] if not first else 1
    cdef long starts_f = s.rep[m][d_f] if not first else 1
    span = up(slide_tile, to) if slide == 1 else (up(slide_tile, tf) if slide == 2 else 1)
    for so in range(starts_o):
        ao = up(p.sizes[d_o] - so, s.unrolled[d_o]) if s.strided[m][d_o] else s.steps[d_o]
        if so >= p.sizes[d_o]:
            continue
        no = up(ao, to)
        for sf in range(starts_f):
            if sf >= p.sizes[d_f]:
                continue
            af = up(p.sizes[d_f] - sf, s.unrolled[d_f]) if s.strided[m][d_f] else s.steps[d_f]
            nf = up(af, tf)
            for io in range(no):
                o = tile_of(p, s, m, d_o, so, to, io)
                for jf in range(nf):
                    f = tile_of(p, s, m, d_f, sf, tf, jf)
                    count += touched(p, axis, o, f, not first)
                    if slide == 1 and io % span:
                        previous = tile_of(p, s, m, d_o, so, to, io - 1)
                        # new = (old and new together) - old; the whole tile is counted above
                        count += touched(p, axis, joined(previous, o), f, not first) \
                            - touched(p, axis, previous, f, not first) \
                            - touched(p, axis, o, f, not first)
                    elif slide == 2 and jf % span:
                        previous = tile_of(p, s, m, d_f, sf, tf, jf - 1)
                        count += touched(p, axis, o, joined(previous, f), not first) \
                            - touched(p, axis, o, previous, not first) \
                            - touched(p, axis, o, f, not first)
    return count


cdef long halo_footprint(Problem* p, Space* s, int m, int axis, long to, long tf) noexcept nogil:
    cdef Run o = tile_of(p, s, m, OY + axis, 0, to, 0)
    cdef Run f = tile_of(p, s, m, FY + axis, 0, tf, 0)
    cdef long count = touched(p, axis, o, f, 0)
    return count if count < p.extent[axis] else p.extent[axis]


cdef inline int can_slide(Space* s, int m, int axis) noexcept nogil:
    return not (s.strided[m][OY + axis] or s.strided[m][FY + axis])


cdef void make_space(Problem* p, long[:, ::1] spatial, Space* s) noexcept nogil:
    """spatial: (n, 3) axis, dim, factor; of a dim that is unrolled twice the first is faster."""
    cdef int m, d, u, n = <int>spatial.shape[0]
    cdef long start, rest, stride, place, total, r, within_total
    for d in range(ND):
        s.unrolled[d] = 1
    for u in range(n):
        s.unrolled[spatial[u, 1]] *= spatial[u, 2]
    for d in range(ND):
        s.steps[d] = up(p.sizes[d], s.unrolled[d])
    for m in range(p.memories):
        for d in range(ND):
            s.rep[m][d] = 1
            s.within[m][d] = 1
            s.strided[m][d] = 0
        for u in range(n):
            d = <int>spatial[u, 1]
            if p.memory[m].replicated[spatial[u, 0]]:
                s.rep[m][d] *= spatial[u, 2]
                if spatial[u, 2] > 1:
                    s.strided[m][d] = 1
            else:
                s.within[m][d] *= spatial[u, 2]
        for d in range(ND):
            # Index = start + offset + unrolled * step; `r` indices remain for the last step.
            r = p.sizes[d] - (s.steps[d] - 1) * s.unrolled[d]
            s.full[m][d] = 0
            s.last[m][d] = 0
            for place in range(s.unrolled[d]):
                rest = place
                start = 0
                within_total = 0
                stride = 1
                for u in range(n):
                    if spatial[u, 1] != d:
                        continue
                    if p.memory[m].replicated[spatial[u, 0]]:
                        start += stride * (rest % spatial[u, 2])
                    else:
                        within_total += stride * (rest % spatial[u, 2])
                    rest //= spatial[u, 2]
                    stride *= spatial[u, 2]
                if within_total == 0 and start < r:
                    s.full[m][d] += 1
                if start == 0 and within_total < r:
                    s.last[m][d] += 1


cdef long plain_elements(Problem* p, Space* s, int m, int x, int first) noexcept nogil:
    """Elements of an operand over its dims other than the halo dims of I."""
    cdef long count = 1
    cdef int d
    for d in range(ND):
        if RELEVANT[x][d] and not (x == I and d >= OY):
            count *= first_of(s, m, d, s.steps[d]) if first else p.sizes[d]
    return count


cdef long elements_of(Problem* p, Space* s, int m, int x, Point* point, int first) noexcept nogil:
    cdef long count
    cdef int axis, slide
    if first and p.memory[m].instances == 1:
        first = 0
    count = plain_elements(p, s, m, x, first)
    if x == I:
        for axis in range(2):
            slide = 0
            if point.slide == OY + axis:
                slide = 1
            elif point.slide == FY + axis:
                slide = 2
            count *= halo(p, s, m, axis, point.tile[OY + axis], point.tile[FY + axis], slide,
                          point.slide_tile, first)
    return count


cdef long visits(Problem* p, Space* s, int m, int x, long* tile) noexcept nogil:
    cdef long count = 1
    cdef int d
    for d in range(ND):
        if not RELEVANT[x][d]:
            count *= visits_of(s, m, d, tile[d])
    return count


cdef long first_visits(Space* s, int x, long* tile) noexcept nogil:
    cdef long count = 1
    cdef int d
    for d in range(ND):
        if not RELEVANT[x][d]:
            count *= up(s.steps[d], tile[d])
    return count


cdef long footprint(Problem* p, Space* s, int m, int x, long* tile) noexcept nogil:
    cdef long count = 1
    cdef int d, axis
    for d in range(ND):
        if RELEVANT[x][d] and not (x == I and d >= OY):
            count *= first_of(s, m, d, tile[d])
    if x == I:
        for axis in range(2):
            count *= halo_footprint(p, s, m, axis, tile[OY + axis], tile[FY + axis])
    return count


cdef inline int replaced(Space* s, int x, long* tile) noexcept nogil:
    cdef int d
    for d in range(ND):
        if RELEVANT[x][d] and tile[d] < s.steps[d]:
            return 1
    return 0

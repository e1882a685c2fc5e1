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


cdef inline long below(long start, long step, long n, long limit) noexcept nogil:
    """How many of start + step*x, x in [0, n), are less than `limit`."""
    cdef long count
    if start >= limit:
        return 0
    count = up(limit - start, step)
    return count if count < n else n


cdef long distinct(long base, long na, long sa, long nb, long sb, long limit) noexcept nogil:
    """Distinct values of base + sa*x + sb*y in [0, limit); limit < 0 takes all of them."""
    cdef long high = base + sa * (na - 1) + sb * (nb - 1)
    cdef long g, shift_x, shift_y, x, y, start, count, total, low
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
    if high < 0 or base >= limit:
        return 0
    if (sb == 1 and sa <= nb) or (sa == 1 and sb <= na) or (na == 1 and sb == 1) or (nb == 1 and sa == 1):
        low = base if base > 0 else 0
        if high > limit - 1:
            high = limit - 1
        return high - low + 1 if high >= low else 0
    # Each value counts at the pair with the smallest x that makes it: x < shift_x, or the next y
    # that makes it, y + shift_y, does not exist.
    count = 0
    for x in range(shift_x if shift_x < na else na):
        start = base + sa * x
        count += below(start, sb, nb, limit) - below(start, sb, nb, 0)
    if na > shift_x:
        for y in range(nb - shift_y if nb > shift_y else 0, nb):
            start = base + sa * shift_x + sb * y
            count += below(start, sa, na - shift_x, limit) - below(start, sa, na - shift_x, 0)
    return count


cdef struct Run:  # indices start + step * (0 .. count-1) of a tile
    long start, count, step


cdef inline long active_of(Problem* p, Space* s, int m, int d, long start) noexcept nogil:
    """Steps in which the instance that begins at `start` has work."""
    if start >= p.sizes[d]:
        return 0
    return up(p.sizes[d] - start, s.unrolled[d]) if s.strided[m][d] else s.steps[d]


cdef inline Run tile_of(Problem* p, Space* s, int m, int d, long start, long tile, long number) noexcept nogil:
    cdef Run run
    cdef long first = tile * number, active
    if s.strided[m][d]:
        active = active_of(p, s, m, d, start)
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


cdef struct Tiles:  # of one dim, in one instance
    int dim
    long start, tile, count
    long span  # of every `span` consecutive tiles the first is fetched whole


cdef inline Tiles tiles_of(Problem* p, Space* s, int m, int d, long start, long tile, long slide_tile) noexcept nogil:
    """slide_tile: steps along which the tile slides, 0 where it does not."""
    cdef Tiles tiles
    tiles.dim = d
    tiles.start = start
    tiles.tile = tile
    tiles.count = up(active_of(p, s, m, d, start), tile)
    tiles.span = up(slide_tile, tile) if slide_tile else 1
    return tiles


cdef long fetched(Problem* p, Space* s, int m, int axis, Tiles* o, long i, Tiles* f, long j, int clip) noexcept nogil:
    """Input positions that tile i of one dim of an axis and tile j of the other bring in."""
    if o.dim >= FY:
        return fetched(p, s, m, axis, f, j, o, i, clip)
    cdef Run outputs = tile_of(p, s, m, o.dim, o.start, o.tile, i)
    cdef Run taps = tile_of(p, s, m, f.dim, f.start, f.tile, j)
    cdef Run before
    if i % o.span:  # new = (old and new together) - old
        before = tile_of(p, s, m, o.dim, o.start, o.tile, i - 1)
        return touched(p, axis, joined(before, outputs), taps, clip) - touched(p, axis, before, taps, clip)
    if j % f.span:
        before = tile_of(p, s, m, f.dim, f.start, f.tile, j - 1)
        return touched(p, axis, outputs, joined(before, taps), clip) - touched(p, axis, outputs, before, clip)
    return touched(p, axis, outputs, taps, clip)


cdef long fetched_along(Problem* p, Space* s, int m, int axis, Tiles* moving, Tiles* other, long at,
                        int clip) noexcept nogil:
    """The same over all tiles of `moving`, next to tile `at` of the other dim.

    Full tiles move by a constant number of positions. Those that touch no padding all bring in as
    many as one of them does, so they are counted once, the others one by one. Where they slide,
    what is new in such a tile is the same even if the one before touches padding.
    """
    cdef long scale = p.stride[axis] if moving.dim < FY else p.dilation[axis]
    cdef long other_scale = p.dilation[axis] if moving.dim < FY else p.stride[axis]
    cdef Run run = tile_of(p, s, m, moving.dim, moving.start, moving.tile, 0)
    cdef Run held = tile_of(p, s, m, other.dim, other.start, other.tile, at)
    cdef long move = scale * s.unrolled[moving.dim] * moving.tile, base, room
    cdef long first = 0, last = moving.count - 2  # the last tile of all may be smaller
    cdef long number = 0, whole, heads, count = 0
    if clip:
        base = scale * run.start + other_scale * held.start - p.pad[axis]
        room = p.extent[axis] - 1 - base - scale * run.step * (run.count - 1) \
            - other_scale * held.step * (held.count - 1)
        if base < 0:
            first = up(-base, move)
        if room < 0:
            last = -1
        elif room // move < last:
            last = room // move
    while number < moving.count:
        if number == first and first <= last:
            whole = up(first, moving.span)
            heads = last // moving.span + 1 - whole  # of first .. last, those fetched whole
            if heads > 0:
                count += heads * fetched(p, s, m, axis, moving, whole * moving.span, other, at, clip)
            if last - first + 1 > heads:
                number = first if first % moving.span else first + 1
                count += (last - first + 1 - heads) * fetched(p, s, m, axis, moving, number, other, at, clip)
            number = last + 1
        else:
            count += fetched(p, s, m, axis, moving, number, other, at, clip)
            number += 1
    return count


cdef long halo(Problem* p, Space* s, int m, int axis, long to, long tf, int slide, long slide_tile,
               int first) noexcept nogil:
    """Input positions along one axis, summed over tiles (and instances).

    slide: 0 none, 1 along outputs, 2 along filter taps.
    """
    cdef long count = 0, so, sf, at
    cdef long starts_o = s.rep[m][OY + axis] if not first else 1
    cdef long starts_f = s.rep[m][FY + axis] if not first else 1
    cdef Tiles o, f
    for so in range(starts_o):
        o = tiles_of(p, s, m, OY + axis, so, to, slide_tile if slide == 1 else 0)
        for sf in range(starts_f):
            f = tiles_of(p, s, m, FY + axis, sf, tf, slide_tile if slide == 2 else 0)
            if f.count <= o.count:
                for at in range(f.count):
                    count += fetched_along(p, s, m, axis, &o, &f, at, not first)
            else:
                for at in range(o.count):
                    count += fetched_along(p, s, m, axis, &f, &o, at, not first)
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

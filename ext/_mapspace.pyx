# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Cost of a mapping, and the best temporal mapping under an additive cost.

The plain-Python twins are `simulator/accesses.py` and `simulator/cost.py`: read those first.
Conventions of this file: dims, operands and memories are numbers (order of `DIMS`, `OPERANDS`,
innermost memory first); a *link* (operand, level) is the traffic between an operand's level and
its next outer one; a *point* is the tile at which that traffic happens.

Layout of the problem arrays: see `simulator/problem.py`, which packs them.
"""

import heapq

import numpy as np

from libc.math cimport ceil, INFINITY
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

cdef enum:
    ND = 8           # dims
    NO = 3           # operands
    MAXMEM = 10      # memories, DRAM included
    MAXAXES = 4
    MAXSIZES = 64    # tile sizes of one dim
    MAXLOOPS = 96
    PER_MEMORY = 36  # integers per memory in the packed problem
    HEADER = 36

cdef enum:
    W, I, O

cdef enum:
    B, G, K, C, OY, OX, FY, FX

cdef enum:
    SINGLE, DOUBLE, AUTO

cdef int RELEVANT[3][8]
RELEVANT[0][:] = [0, 1, 1, 1, 0, 0, 1, 1]
RELEVANT[1][:] = [1, 1, 0, 1, 1, 1, 1, 1]
RELEVANT[2][:] = [1, 1, 1, 0, 1, 1, 0, 0]


cdef struct Memory:
    int serves[NO]
    long size              # bits of one instance, -1 unbounded
    int one_port
    int buffering
    int sliding
    int complete
    int replicated[MAXAXES]
    int tiled[NO][ND]
    int instances
    double read_bandwidth, write_bandwidth
    double read_energy, write_energy, transfer_energy


cdef struct Problem:
    long sizes[ND]
    long stride[2]
    long dilation[2]
    long pad[2]
    long extent[2]
    int sequential[ND]
    long bits[NO]
    long psum
    int axes, memories
    long cycles_per_mac
    long skew
    int skew_per_fold, skew_operand
    double leakage, mac_energy
    Memory memory[MAXMEM]
    int levels[NO]
    int level[NO][MAXMEM]


cdef struct Space:
    long unrolled[ND]
    long steps[ND]
    long rep[MAXMEM][ND]       # instances along the dim
    long full[MAXMEM][ND]      # of those, how many work in every step
    long within[MAXMEM][ND]    # indices of one instance in one step
    long last[MAXMEM][ND]      # of those, how many exist in the last step
    int strided[MAXMEM][ND]    # instances split the dim


cdef struct Point:
    long tile[ND]
    int slide                  # dim, -1 none
    long slide_tile


cdef struct Cost:
    double cycles
    double energy              # dynamic, pJ
    long compute
    int bound                  # memory that limits, -1 compute
    int overflow               # memory that is too small, -1 none
    long short_bits
    long read_bits[MAXMEM][NO]
    long write_bits[MAXMEM][NO]
    double network


# -- counting -------------------------------------------------------------------------------------
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


# -- the cost of a mapping ------------------------------------------------------------------------
cdef void cost_of(Problem* p, Space* s, Point points[NO][MAXMEM], Cost* out) noexcept nogil:
    """Fill `out` for a mapping given by its points. Same arithmetic, in the same order, as the twin."""
    cdef long ones[ND]
    cdef int d, x, j, m, child, parent, final_here
    cdef long width, total, first, updates, first_updates, fresh, drains, merged, parts, size, n
    cdef int child_final
    cdef double busy_read[MAXMEM]
    cdef double busy_write[MAXMEM]
    cdef double serial[MAXMEM]
    cdef long need[MAXMEM]
    cdef long tile_bits[NO][MAXMEM]
    cdef int is_replaced[NO][MAXMEM]
    cdef int double_buffered[MAXMEM]
    cdef long partial
    cdef double read_time, write_time, time, prologue, epilogue, source, sink, busy, value
    cdef long twice
    cdef long fill_write[NO][MAXMEM]
    cdef long fill_read[NO][MAXMEM]
    cdef long drain_read[MAXMEM]
    cdef long drain_write[MAXMEM]
    cdef long refill[MAXMEM]
    cdef long folds
    memset(out, 0, sizeof(Cost))
    out.bound = -1
    out.overflow = -1
    for d in range(ND):
        ones[d] = 1
    for m in range(p.memories):
        busy_read[m] = 0
        busy_write[m] = 0
        serial[m] = 0
        need[m] = 0
    out.compute = p.cycles_per_mac
    for d in range(ND):
        out.compute *= s.steps[d]

    # Accesses of W and I.
    cdef Point single
    memcpy(single.tile, ones, sizeof(ones))
    single.slide = -1
    for x in range(2):
        width = p.bits[x]
        m = p.level[x][0]
        out.read_bits[m][x] += width * elements_of(p, s, m, x, &single, 0) * visits(p, s, m, x, ones)
        busy_read[m] += width * elements_of(p, s, m, x, &single, 1) * first_visits(s, x, ones)
        for j in range(p.levels[x] - 1):
            child = p.level[x][j]
            parent = p.level[x][j + 1]
            n = width * elements_of(p, s, child, x, &points[x][j], 0) * visits(p, s, child, x, points[x][j].tile)
            out.write_bits[child][x] += n
            out.network += p.memory[child].transfer_energy * n
            fill_write[x][j] = width * elements_of(p, s, child, x, &points[x][j], 1) \
                * first_visits(s, x, points[x][j].tile)
            busy_write[child] += fill_write[x][j]
            out.read_bits[parent][x] += width * elements_of(p, s, parent, x, &points[x][j], 0) \
                * visits(p, s, parent, x, points[x][j].tile)
            fill_read[x][j] = width * elements_of(p, s, parent, x, &points[x][j], 1) \
                * first_visits(s, x, points[x][j].tile)
            busy_read[parent] += fill_read[x][j]

    # Accesses of O.
    size = plain_elements(p, s, 0, O, 0)
    m = p.level[O][0]
    updates = visits(p, s, m, O, ones)
    first_updates = first_visits(s, O, ones)
    fresh = visits(p, s, m, O, s.steps)
    for j in range(p.levels[O] - 1):
        child = p.level[O][j]
        parent = p.level[O][j + 1]
        drains = visits(p, s, child, O, points[O][j].tile)
        merged = visits(p, s, parent, O, points[O][j].tile)
        first = first_visits(s, O, points[O][j].tile)
        parts = visits(p, s, parent, O, s.steps)
        if j == 0:
            fresh = drains - (merged - parts)
        child_final = j > 0 and visits(p, s, child, O, s.steps) == 1
        final_here = parts == 1
        n = p.psum * (drains - child_final) + p.bits[O] * child_final
        out.read_bits[child][O] += size * n
        out.network += p.memory[child].transfer_energy * (size * n)
        n = p.psum * (first - child_final) + p.bits[O] * child_final
        drain_read[j] = first_size(p, s, child) * n
        busy_read[child] += drain_read[j]
        n = p.psum * (merged - final_here) + p.bits[O] * final_here
        out.write_bits[parent][O] += size * n
        n = p.psum * (first - final_here) + p.bits[O] * final_here
        drain_write[j] = first_size(p, s, parent) * n
        busy_write[parent] += drain_write[j]
        n = p.psum * (merged - parts)
        out.read_bits[parent][O] += size * n
        out.write_bits[child][O] += size * n
        out.network += p.memory[child].transfer_energy * (size * n)
        refill[j] = p.psum * (first - 1)
        busy_read[parent] += first_size(p, s, parent) * refill[j]
        busy_write[child] += first_size(p, s, child) * refill[j]
    out.write_bits[m][O] += size * p.psum * updates
    out.read_bits[m][O] += size * p.psum * (updates - fresh)
    busy_write[m] += first_size(p, s, m) * p.psum * first_updates
    busy_read[m] += first_size(p, s, m) * p.psum * (first_updates - 1)

    # Energy.
    out.energy = out.network
    for m in range(p.memories):
        for x in range(NO):
            out.energy += p.memory[m].read_energy * out.read_bits[m][x]
            out.energy += p.memory[m].write_energy * out.write_bits[m][x]

    # Capacity.
    partial = 1
    for x in range(NO):
        for j in range(p.levels[x] - 1):
            m = p.level[x][j]
            width = p.bits[x]
            if x == O:
                partial = 1 if j == 0 else visits(p, s, m, O, points[O][j - 1].tile) > 1
                if partial:
                    width = p.psum
            tile_bits[x][j] = width * footprint(p, s, m, x, points[x][j].tile)
            is_replaced[x][j] = replaced(s, x, points[x][j].tile)
    for m in range(p.memories - 1):
        double_buffered[m] = p.memory[m].buffering != SINGLE
        twice = 0
        for x in range(NO):
            for j in range(p.levels[x] - 1):
                if p.level[x][j] == m:
                    need[m] += tile_bits[x][j]
                    twice += tile_bits[x][j] * (1 + is_replaced[x][j])
        if p.memory[m].buffering == AUTO and p.memory[m].size >= 0 and twice > p.memory[m].size:
            double_buffered[m] = 0
        if double_buffered[m]:
            need[m] = twice
        if p.memory[m].size >= 0 and need[m] > p.memory[m].size and out.overflow < 0:
            out.overflow = m
            out.short_bits = need[m] - p.memory[m].size
    for x in range(NO):
        for j in range(p.levels[x] - 1):
            if x == O and p.memory[p.level[x][j]].complete and first_visits(s, O, points[O][j].tile) > 1:
                out.overflow = p.level[x][j]
                out.short_bits = 0

    # Time. First tiles come in before, the last outputs leave after the steady state.
    prologue = 0
    for parent in range(p.memories):
        source = 0
        sink = 0
        for x in range(2):
            for j in range(p.levels[x] - 1):
                if p.level[x][j + 1] != parent:
                    continue
                child = p.level[x][j]
                if is_replaced[x][j] and not double_buffered[child]:
                    read_time = fill_read[x][j] / p.memory[parent].read_bandwidth
                    write_time = fill_write[x][j] / p.memory[child].write_bandwidth
                    serial[child] += read_time if read_time > write_time else write_time
                    continue
                n = p.bits[x] * footprint(p, s, parent, x, points[x][j].tile)
                source += n
                busy_read[parent] = busy_read[parent] - n if busy_read[parent] > n else 0
                n = tile_bits[x][j]
                value = n / p.memory[child].write_bandwidth
                if value > sink:
                    sink = value
                busy_write[child] = busy_write[child] - n if busy_write[child] > n else 0
        source = source / p.memory[parent].read_bandwidth
        prologue += source if source > sink else sink
    epilogue = 0
    for j in range(p.levels[O] - 1):
        child = p.level[O][j]
        parent = p.level[O][j + 1]
        if is_replaced[O][j] and not double_buffered[child]:
            read_time = drain_read[j] / p.memory[child].read_bandwidth
            write_time = drain_write[j] / p.memory[parent].write_bandwidth
            serial[child] += read_time if read_time > write_time else write_time
            read_time = first_size(p, s, parent) * refill[j] / p.memory[parent].read_bandwidth
            write_time = first_size(p, s, child) * refill[j] / p.memory[child].write_bandwidth
            serial[child] += read_time if read_time > write_time else write_time
            continue
        child_final = j > 0 and visits(p, s, child, O, s.steps) == 1
        n = (p.bits[O] if child_final else p.psum) * footprint(p, s, child, O, points[O][j].tile)
        read_time = n / p.memory[child].read_bandwidth
        busy_read[child] = busy_read[child] - n if busy_read[child] > n else 0
        final_here = visits(p, s, parent, O, s.steps) == 1
        n = (p.bits[O] if final_here else p.psum) * footprint(p, s, parent, O, points[O][j].tile)
        write_time = n / p.memory[parent].write_bandwidth
        busy_write[parent] = busy_write[parent] - n if busy_write[parent] > n else 0
        epilogue += read_time if read_time > write_time else write_time
    folds = 1
    if p.skew_per_fold and p.levels[p.skew_operand] > 1:
        for d in range(ND):
            folds *= up(s.steps[d], points[p.skew_operand][0].tile[d])
    time = out.compute + <double>(p.skew * folds)
    for m in range(p.memories):
        time += serial[m]
        if serial[m] > out.compute:
            out.bound = m
        if p.memory[m].one_port:
            busy = (busy_read[m] + busy_write[m]) / p.memory[m].read_bandwidth
        else:
            read_time = busy_read[m] / p.memory[m].read_bandwidth
            write_time = busy_write[m] / p.memory[m].write_bandwidth
            busy = read_time if read_time > write_time else write_time
        if busy > time:
            time = busy
            out.bound = m
    out.cycles = ceil(prologue + time + epilogue)
    out.energy += p.leakage * out.cycles


cdef inline long first_size(Problem* p, Space* s, int m) noexcept nogil:
    """Outputs of the first instance."""
    return plain_elements(p, s, m, O, p.memory[m].instances > 1)


cdef void points_of(Problem* p, Space* s, long[:, ::1] loops, long[:, ::1] bounds,
                    Point points[NO][MAXMEM]) noexcept nogil:
    """loops: (n, 2) dim, factor, innermost first; bounds: (3, >= levels-1) loops inside."""
    cdef int n = <int>loops.shape[0], x, j, d, at
    cdef long inside, size
    for x in range(NO):
        for j in range(p.levels[x] - 1):
            inside = bounds[x, j]
            while inside < n and not RELEVANT[x][loops[inside, 0]]:
                inside += 1
            for d in range(ND):
                points[x][j].tile[d] = 1
            points[x][j].slide = -1
            points[x][j].slide_tile = 0
            for at in range(inside):
                d = <int>loops[at, 0]
                size = points[x][j].tile[d] * loops[at, 1]
                points[x][j].tile[d] = size if size < s.steps[d] else s.steps[d]
            if x == I and p.memory[p.level[x][j]].sliding and inside < n:
                d = <int>loops[inside, 0]
                if d >= OY and can_slide(s, p.level[x][j], (d - OY) % 2):
                    size = points[x][j].tile[d] * loops[inside, 1]
                    points[x][j].slide = d
                    points[x][j].slide_tile = size if size < s.steps[d] else s.steps[d]


# -- the best temporal mapping under an additive cost ---------------------------------------------
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


# -- what Python sees -----------------------------------------------------------------------------
cdef class Kernel:
    """One loop nest on one sub-accelerator.

    Args:
        integers, reals: the packed problem, see `simulator/problem.py`.
    """

    cdef Problem p

    def __init__(self, long[::1] integers, double[::1] reals):
        cdef int m, x, d, at
        cdef Problem* p = &self.p
        cdef Memory* memory
        memset(p, 0, sizeof(Problem))
        for d in range(ND):
            p.sizes[d] = integers[d]
            p.sequential[d] = <int>integers[16 + d]
        for d in range(2):
            p.stride[d] = integers[8 + d]
            p.dilation[d] = integers[10 + d]
            p.pad[d] = integers[12 + d]
            p.extent[d] = integers[14 + d]
        for x in range(NO):
            p.bits[x] = integers[24 + x]
        p.psum = integers[27]
        p.axes = <int>integers[28]
        p.memories = <int>integers[29]
        p.cycles_per_mac = integers[30]
        p.skew = integers[31]
        p.skew_per_fold = <int>integers[32]
        p.skew_operand = <int>integers[33]
        if p.memories > MAXMEM or p.axes > MAXAXES:
            raise ValueError(f"expected at most {MAXMEM} memories and {MAXAXES} axes")
        p.leakage = reals[0]
        p.mac_energy = reals[1]
        for m in range(p.memories):
            memory = &p.memory[m]
            at = HEADER + PER_MEMORY * m
            for x in range(NO):
                memory.serves[x] = <int>integers[at + x]
                for d in range(ND):
                    memory.tiled[x][d] = <int>integers[at + 12 + ND * x + d]
                if memory.serves[x]:
                    p.level[x][p.levels[x]] = m
                    p.levels[x] += 1
            memory.size = integers[at + 3]
            memory.one_port = <int>integers[at + 4]
            memory.buffering = <int>integers[at + 5]
            memory.sliding = <int>integers[at + 6]
            memory.complete = <int>integers[at + 7]
            for d in range(MAXAXES):
                memory.replicated[d] = <int>integers[at + 8 + d]
            memory.read_bandwidth = reals[2 + 5 * m]
            memory.write_bandwidth = reals[3 + 5 * m]
            memory.read_energy = reals[4 + 5 * m]
            memory.write_energy = reals[5 + 5 * m]
            memory.transfer_energy = reals[6 + 5 * m]
            memory.instances = <int>reals[2 + 5 * p.memories + m]

    def evaluate(self, long[:, ::1] spatial, long[:, ::1] loops, long[:, ::1] bounds):
        """Cost of one mapping.

        Args:
            spatial: (n, 3) axis, dim, factor.
            loops: (n, 2) dim, factor, innermost first.
            bounds: (3, levels) loops inside each level's tile.

        Returns:
            (cycles, energy in pJ without multiply-accumulates, compute cycles, memory that limits
            or -1, memory that is too small or -1, bits it is short of, network energy in pJ,
            bits read, bits written): the last two are arrays (memories, 3).
        """
        cdef Space s
        cdef Point points[NO][MAXMEM]
        cdef Cost cost
        cdef long[:, ::1] reads
        cdef long[:, ::1] writes
        cdef int m, x
        make_space(&self.p, spatial, &s)
        points_of(&self.p, &s, loops, bounds, points)
        cost_of(&self.p, &s, points, &cost)
        read = np.empty((self.p.memories, NO), dtype=np.int64)
        written = np.empty((self.p.memories, NO), dtype=np.int64)
        reads = read
        writes = written
        for m in range(self.p.memories):
            for x in range(NO):
                reads[m, x] = cost.read_bits[m][x]
                writes[m, x] = cost.write_bits[m][x]
        return (int(cost.cycles), cost.energy, cost.compute, cost.bound, cost.overflow, cost.short_bits,
                cost.network, read, written)

    def best_temporal(self, long[:, ::1] spatial, list sizes, list weightings, int nodes):
        """For one spatial mapping, the temporal mapping with the least weighted traffic.

        Args:
            spatial: (n, 3) axis, dim, factor.
            sizes: per dim the tile sizes to consider, ascending, from 1 to all steps.
            weightings: triples of (memories,) arrays: cost per bit read, written, carried.
            nodes: how often the search may tighten the limits of a shared memory.

        Returns:
            For every weighting (loops (n, 2), bounds (3, 10), lower bound, exact); loops is None
            where nothing fits. The bound leaves out what does not depend on the temporal mapping;
            `exact`: the mapping meets the bound.
        """
        cdef Space s
        cdef Search search = Search()
        cdef double[::1] reads
        cdef double[::1] writes
        cdef double[::1] transfers
        make_space(&self.p, spatial, &s)
        search.prepare(&self.p, &s, sizes)
        found = []
        for read_weight, write_weight, transfer_weight in weightings:
            reads = read_weight
            writes = write_weight
            transfers = transfer_weight
            with nogil:
                search.weigh(reads, writes, transfers)
            found.append(self.best_weighted(search, nodes))
        return found

    cdef tuple best_weighted(self, Search search, int nodes):
        """Best first over limits for the operands that share a memory."""
        cdef double cost
        cdef long loops[2 * MAXLOOPS]
        cdef long bounds[NO][MAXMEM]
        cdef long points[NO][MAXMEM]
        cdef int whole[MAXMEM]
        cdef long used[NO][MAXMEM]
        cdef int n = 0, x, j, worst, number = 0, pushed = 0
        root = tuple(
            tuple(self.p.memory[self.p.level[x][j]].size for j in range(self.p.levels[x] - 1))
            for x in range(NO))
        queue = [(-INFINITY, 0, root, tuple((0,) * len(row) for row in root))]
        worst = 0
        bound = INFINITY
        while queue and worst >= 0 and number < nodes:
            bound, _, limits, floors = heapq.heappop(queue)
            cost = self.solve(search, limits)
            number += 1
            if cost == INFINITY:
                continue
            if queue and cost > queue[0][0]:
                pushed += 1
                heapq.heappush(queue, (cost, pushed, limits, floors))
                continue
            bound = cost
            n = search.trace(loops, bounds, points, whole)
            worst = self.overfull(search, points, whole, used)
            if worst >= 0:
                for half in self.halves(limits, floors, worst, used):
                    pushed += 1
                    heapq.heappush(queue, (cost, pushed, *half))
        if worst >= 0 and not queue:
            return None, None, INFINITY, True
        if worst >= 0:
            bound = queue[0][0]
            n = self.share_out(search, root, loops, bounds, points, whole)
            if n < 0:
                return None, None, bound, False
        found = np.empty((n, 2), dtype=np.int64)
        for j in range(n):
            found[j, 0] = loops[2 * j]
            found[j, 1] = loops[2 * j + 1]
        inside = np.zeros((NO, MAXMEM), dtype=np.int64)
        for x in range(NO):
            for j in range(self.p.levels[x] - 1):
                inside[x, j] = bounds[x][j]
        return found, inside, bound, worst < 0

    cdef double solve(self, Search search, tuple limits):
        """Run the search with these limits (bits, by operand and level)."""
        cdef int x, j
        cdef double cost
        for x in range(NO):
            for j in range(self.p.levels[x] - 1):
                search.limit[x][j] = limits[x][j]
        with nogil:
            cost = search.run()
        return cost

    cdef list halves(self, tuple limits, tuple floors, int memory, long used[NO][MAXMEM]):
        """Two (limits, floors) that between them allow every legal mapping, and not this one.

        Floors are what an operand is known to take. Split on the operand that takes most above its
        floor: either it takes less than it does now, or at least as much, which leaves the others
        the rest. Without such an operand the floors alone overfill the memory: nothing is left.
        """
        cdef int y, z, j, i, x = -1, k = 0
        for y in range(NO):
            for j in range(self.p.levels[y] - 1):
                if self.p.level[y][j] == memory and used[y][j] > floors[y][j]:
                    if x < 0 or used[y][j] > used[x][k]:
                        x = y
                        k = j
        if x < 0:
            return []
        less = [list(row) for row in limits]
        less[x][k] = used[x][k] - 1
        found = [(tuple(map(tuple, less)), floors)]
        raised = [list(row) for row in floors]
        raised[x][k] = used[x][k]
        same = [list(row) for row in limits]
        for y in range(NO):
            for j in range(self.p.levels[y] - 1):
                if self.p.level[y][j] != memory or y == x:
                    continue
                rest = self.p.memory[memory].size
                for z in range(NO):
                    for i in range(self.p.levels[z] - 1):
                        if z != y and self.p.level[z][i] == memory:
                            rest -= raised[z][i]
                if rest < 0:
                    return found
                same[y][j] = min(same[y][j], rest)
        return [*found, (tuple(map(tuple, same)), tuple(map(tuple, raised)))]

    cdef int overfull(self, Search search, long points[NO][MAXMEM], int whole[MAXMEM],
                      long used[NO][MAXMEM]):
        """A memory whose tiles do not fit together, -1 where all do; fills the bits used."""
        cdef int m, x, j
        cdef long total, width
        for m in range(self.p.memories - 1):
            total = 0
            for x in range(NO):
                for j in range(self.p.levels[x] - 1):
                    if self.p.level[x][j] != m:
                        continue
                    width = self.p.bits[x]
                    if x == O and (j == 0 or not whole[j]):
                        width = self.p.psum
                    used[x][j] = width * search.link[x][j].held[points[x][j]]
                    total += used[x][j]
            if self.p.memory[m].size >= 0 and total > self.p.memory[m].size:
                return m
        return -1

    cdef int share_out(self, Search search, tuple root, long* loops, long bounds[NO][MAXMEM],
                       long points[NO][MAXMEM], int whole[MAXMEM]) except -2:
        """A legal mapping where the node budget ran out: fixed shares of each shared memory."""
        cdef int x, j, m
        cdef double cost, best = INFINITY
        winner = None
        for shares in ((1, 1, 1), (2, 1, 1), (1, 2, 1), (1, 1, 2), (6, 1, 1), (1, 6, 1), (1, 1, 6), None):
            if shares is None:
                if winner is None:
                    return -1
                shares = winner
            limits = []
            for x in range(NO):
                row = []
                for j in range(self.p.levels[x] - 1):
                    m = self.p.level[x][j]
                    total = sum(shares[y] for y in range(NO) if self.p.memory[m].serves[y])
                    row.append(root[x][j] if root[x][j] < 0 else root[x][j] * shares[x] // total)
                limits.append(tuple(row))
            cost = self.solve(search, tuple(limits))
            if cost < best:
                best = cost
                winner = shares
        return search.trace(loops, bounds, points, whole)

"""Cycles and energy of a mapping. The twin in plain Python is `simulator/cost.py`.

Cycles are the largest of several sums, one for compute and one for every port, and each link adds
to each sum what depends on its own point alone. That is what the search rests on.
"""

cdef struct Base:         # a link at a point: elements
    long child_all        # moved at the child's end, all instances (of O: drained)
    long parent_all       # moved at the parent's end (of O: merged)
    long child_first      # the same of the fullest instance
    long parent_first
    long child_tile       # one tile, of the fullest instance
    long parent_tile
    long folds            # how often the tile changes
    int is_replaced       # the tile is ever replaced by another one


cdef struct Fixed:        # what a link has in common at all points
    double elements       # of O
    double child_size     # outputs of one child, one parent instance
    double parent_size
    double parts          # partial results of an output that never meet at the parent
    double child_width    # bits in which a final output leaves the child
    double parent_width   # bits in which it arrives


cdef struct Terms:        # what a link adds to the sums
    double energy         # pJ
    double around         # cycles before or after the steady state (first tile in, last out)
    double serial         # cycles that stall everything inside the child
    double child_read, child_write, parent_read, parent_write  # bits on the ports
    double folds


cdef struct Cost:
    double cycles
    double energy              # dynamic and leakage, pJ
    long compute
    int bound                  # memory that limits, -1 compute
    int overflow               # memory that is too small, -1 none
    long short_bits
    long read_bits[MAXMEM][NO]
    long write_bits[MAXMEM][NO]
    double network


cdef inline long first_size(Problem* p, Space* s, int m) noexcept nogil:
    """Outputs of the first instance."""
    return plain_elements(p, s, m, O, p.memory[m].instances > 1)


cdef void fix(Problem* p, Space* s, int x, int j, Fixed* out) noexcept nogil:
    cdef int child = p.level[x][j], parent = p.level[x][j + 1]
    if x != O:
        return
    out.elements = plain_elements(p, s, child, O, 0)
    out.child_size = first_size(p, s, child)
    out.parent_size = first_size(p, s, parent)
    out.parts = visits(p, s, parent, O, s.steps)
    # The last visit leaves in final form where the whole sum has come together.
    out.child_width = p.bits[O] if j > 0 and visits(p, s, child, O, s.steps) == 1 else p.psum
    out.parent_width = p.bits[O] if out.parts == 1 else p.psum


cdef void base_at(Problem* p, Space* s, int x, int j, Point* point, Base* out) noexcept nogil:
    cdef int child = p.level[x][j], parent = p.level[x][j + 1], d
    cdef long first = first_visits(s, x, point.tile)
    out.child_all = elements_of(p, s, child, x, point, 0) * visits(p, s, child, x, point.tile)
    out.parent_all = elements_of(p, s, parent, x, point, 0) * visits(p, s, parent, x, point.tile)
    out.child_first = elements_of(p, s, child, x, point, 1) * first
    out.parent_first = elements_of(p, s, parent, x, point, 1) * first
    out.child_tile = footprint(p, s, child, x, point.tile)
    out.parent_tile = footprint(p, s, parent, x, point.tile)
    out.is_replaced = replaced(s, x, point.tile)
    out.folds = 1
    for d in range(ND):
        out.folds *= up(s.steps[d], point.tile[d])


cdef inline double larger(double a, double b) noexcept nogil:
    return a if a > b else b


cdef void terms_of(Problem* p, int x, int j, Fixed* fixed, Base* at, int is_doubled, Terms* out) noexcept nogil:
    """What a link adds, `is_doubled` where its tile has a second buffer."""
    cdef Memory* child = &p.memory[p.level[x][j]]
    cdef Memory* parent = &p.memory[p.level[x][j + 1]]
    cdef int stalls = at.is_replaced and not is_doubled
    cdef double first, drained, merged, refilled, child_tile, parent_tile, size = fixed.elements
    memset(out, 0, sizeof(Terms))
    if p.skew_per_fold and x == p.skew_operand and j == 0:
        out.folds = at.folds
    if x != O:
        out.energy = p.bits[x] * (at.child_all * (child.write_energy + child.transfer_energy)
                                  + at.parent_all * parent.read_energy)
        out.child_write = <double>p.bits[x] * at.child_first
        out.parent_read = <double>p.bits[x] * at.parent_first
        if stalls:
            out.serial = larger(out.parent_read / parent.read_bandwidth,
                                out.child_write / child.write_bandwidth)
        else:
            child_tile = <double>p.bits[x] * at.child_tile
            parent_tile = <double>p.bits[x] * at.parent_tile
            out.around = larger(parent_tile / parent.read_bandwidth, child_tile / child.write_bandwidth)
            out.child_write -= child_tile
            out.parent_read -= parent_tile
        return
    drained = p.psum * (at.child_all - size) + fixed.child_width * size
    merged = p.psum * (at.parent_all - size) + fixed.parent_width * size
    refilled = p.psum * (at.parent_all - fixed.parts * size)
    out.energy = drained * (child.read_energy + child.transfer_energy) + merged * parent.write_energy \
        + refilled * (parent.read_energy + child.write_energy + child.transfer_energy)
    if j == 0:  # a fresh start spares the read of the first update
        out.energy -= p.psum * (at.child_all - (at.parent_all - fixed.parts * size)) * child.read_energy
    first = at.child_first / fixed.child_size
    out.child_read = fixed.child_size * (p.psum * (first - 1) + fixed.child_width)
    out.parent_write = fixed.parent_size * (p.psum * (first - 1) + fixed.parent_width)
    out.parent_read = fixed.parent_size * (p.psum * (first - 1))
    out.child_write = fixed.child_size * (p.psum * (first - 1))
    if stalls:
        out.serial = larger(out.child_read / child.read_bandwidth, out.parent_write / parent.write_bandwidth) \
            + larger(out.parent_read / parent.read_bandwidth, out.child_write / child.write_bandwidth)
    else:
        child_tile = fixed.child_width * at.child_tile
        parent_tile = fixed.parent_width * at.parent_tile
        out.around = larger(child_tile / child.read_bandwidth, parent_tile / parent.write_bandwidth)
        out.child_read -= child_tile
        out.parent_write -= parent_tile


cdef struct Sums:                  # before the largest is taken
    double around, array           # cycles around; of the array without stalls
    double serial[MAXMEM]
    double read[MAXMEM]            # bits
    double write[MAXMEM]
    double energy                  # dynamic, pJ


cdef void base_sums(Problem* p, Space* s, Sums* out) noexcept nogil:
    """What every mapping with this spatial part has: compute, and the accesses that feed it."""
    cdef long ones[ND]
    cdef int x, m, d
    cdef double updates
    cdef Point single
    memset(out, 0, sizeof(Sums))
    out.array = p.cycles_per_mac
    for d in range(ND):
        ones[d] = 1
        single.tile[d] = 1
        out.array *= s.steps[d]
    single.slide = -1
    for x in range(2):
        m = p.level[x][0]
        out.read[m] += <double>p.bits[x] * elements_of(p, s, m, x, &single, 1) * first_visits(s, x, ones)
        out.energy += p.memory[m].read_energy * p.bits[x] \
            * <double>(elements_of(p, s, m, x, &single, 0) * visits(p, s, m, x, ones))
    m = p.level[O][0]
    updates = visits(p, s, m, O, ones)
    out.write[m] += <double>first_size(p, s, m) * p.psum * first_visits(s, O, ones)
    out.read[m] += <double>first_size(p, s, m) * p.psum * (first_visits(s, O, ones) - 1)
    out.energy += plain_elements(p, s, m, O, 0) * p.psum * updates \
        * (p.memory[m].write_energy + p.memory[m].read_energy)
    if p.levels[O] == 1:  # nothing drains: the only fresh start is the very first
        out.energy -= <double>plain_elements(p, s, m, O, 0) * p.psum \
            * visits(p, s, m, O, s.steps) * p.memory[m].read_energy
    if not p.skew_per_fold or p.levels[p.skew_operand] < 2:
        out.array += p.skew


cdef void add_terms(Problem* p, int x, int j, Terms* terms, Sums* out) noexcept nogil:
    cdef int child = p.level[x][j], parent = p.level[x][j + 1]
    out.energy += terms.energy
    out.around += terms.around
    out.array += p.skew * terms.folds
    out.serial[child] += terms.serial
    out.read[child] += terms.child_read
    out.write[child] += terms.child_write
    out.read[parent] += terms.parent_read
    out.write[parent] += terms.parent_write


cdef void least_sums(Problem* p, Space* s, Sums* out) noexcept nogil:
    """What no mapping with this spatial part is below: every link at the tile of the whole nest.

    A larger tile moves no more bits, and where a link's first or last tile leaves a port's load it
    counts in `around` instead. So cycles are no fewer than any port's `least_time`.
    """
    cdef int x, j, d
    cdef Point whole
    cdef Fixed fixed
    cdef Base base
    cdef Terms terms
    base_sums(p, s, out)
    whole.slide = -1
    for d in range(ND):
        whole.tile[d] = s.steps[d]
    for x in range(NO):
        for j in range(p.levels[x] - 1):
            fix(p, s, x, j, &fixed)
            base_at(p, s, x, j, &whole, &base)
            base.is_replaced = 1  # count its traffic at the ports
            terms_of(p, x, j, &fixed, &base, 0, &terms)
            terms.serial = 0
            add_terms(p, x, j, &terms, out)


cdef double least_time(Memory* memory, double read, double write) noexcept nogil:
    """Cycles that `least_sums` take at a memory's ports: `around` counts a tile of a single port at
    the bandwidth of its direction."""
    if memory.one_port:
        return (read + write) / larger(memory.read_bandwidth, memory.write_bandwidth)
    return larger(read / memory.read_bandwidth, write / memory.write_bandwidth)


cdef double port_time(Memory* memory, double read, double write) noexcept nogil:
    """Cycles that the busier direction takes."""
    if memory.one_port:
        return (read + write) / memory.read_bandwidth
    return larger(read / memory.read_bandwidth, write / memory.write_bandwidth)


cdef double cycles_of(Problem* p, Sums* sums, int* bound) noexcept nogil:
    """The largest of the sums, and the memory it belongs to (-1 the array)."""
    cdef double time = sums.array, busy
    cdef int m
    bound[0] = -1
    for m in range(p.memories):
        time += sums.serial[m]
        if sums.serial[m] > sums.array:
            bound[0] = m
        busy = port_time(&p.memory[m], sums.read[m], sums.write[m])
        if busy > time:
            time = busy
            bound[0] = m
    return ceil(sums.around + time)


cdef void traffic_of(Problem* p, Space* s, Point points[NO][MAXMEM], Cost* out) noexcept nogil:
    """Bits read and written, exactly, and what the network between levels takes."""
    cdef long ones[ND]
    cdef int x, j, m, d, child, parent
    cdef long n, size, updates, fresh, drains, merged, parts
    cdef Point single
    for d in range(ND):
        ones[d] = 1
        single.tile[d] = 1
    single.slide = -1
    for x in range(2):
        m = p.level[x][0]
        out.read_bits[m][x] += p.bits[x] * elements_of(p, s, m, x, &single, 0) * visits(p, s, m, x, ones)
        for j in range(p.levels[x] - 1):
            child = p.level[x][j]
            parent = p.level[x][j + 1]
            n = p.bits[x] * elements_of(p, s, child, x, &points[x][j], 0) \
                * visits(p, s, child, x, points[x][j].tile)
            out.write_bits[child][x] += n
            out.network += p.memory[child].transfer_energy * n
            out.read_bits[parent][x] += p.bits[x] * elements_of(p, s, parent, x, &points[x][j], 0) \
                * visits(p, s, parent, x, points[x][j].tile)
    size = plain_elements(p, s, 0, O, 0)
    m = p.level[O][0]
    updates = visits(p, s, m, O, ones)
    fresh = visits(p, s, m, O, s.steps)
    cdef Fixed fixed
    for j in range(p.levels[O] - 1):
        child = p.level[O][j]
        parent = p.level[O][j + 1]
        fix(p, s, O, j, &fixed)
        drains = visits(p, s, child, O, points[O][j].tile)
        merged = visits(p, s, parent, O, points[O][j].tile)
        parts = <long>fixed.parts
        if j == 0:
            fresh = drains - (merged - parts)
        n = size * (p.psum * (drains - 1) + <long>fixed.child_width)
        out.read_bits[child][O] += n
        out.network += p.memory[child].transfer_energy * n
        out.write_bits[parent][O] += size * (p.psum * (merged - 1) + <long>fixed.parent_width)
        n = size * p.psum * (merged - parts)
        out.read_bits[parent][O] += n
        out.write_bits[child][O] += n
        out.network += p.memory[child].transfer_energy * n
    out.write_bits[m][O] += size * p.psum * updates
    out.read_bits[m][O] += size * p.psum * (updates - fresh)


cdef void check_capacity(Problem* p, Space* s, Point points[NO][MAXMEM], long[:, ::1] doubled, Cost* out) noexcept nogil:
    """The first memory that is too small for its tiles, and by how much."""
    cdef long need[MAXMEM]
    cdef int x, j, m
    cdef long width
    memset(need, 0, sizeof(need))
    for x in range(NO):
        for j in range(p.levels[x] - 1):
            m = p.level[x][j]
            width = p.bits[x]
            if x == O and (j == 0 or visits(p, s, m, O, points[O][j - 1].tile) > 1):
                width = p.psum
            need[m] += width * footprint(p, s, m, x, points[x][j].tile) \
                * (1 + (doubled[x, j] and replaced(s, x, points[x][j].tile)))
    for m in range(p.memories - 1):
        if p.memory[m].size >= 0 and need[m] > p.memory[m].size and out.overflow < 0:
            out.overflow = m
            out.short_bits = need[m] - p.memory[m].size
    for j in range(p.levels[O] - 1):
        if p.memory[p.level[O][j]].complete and first_visits(s, O, points[O][j].tile) > 1:
            out.overflow = p.level[O][j]
            out.short_bits = 0


cdef void cost_of(Problem* p, Space* s, Point points[NO][MAXMEM], long[:, ::1] doubled, Cost* out) noexcept nogil:
    """The cost of a mapping given by its points. Same arithmetic, in the same order, as the twin."""
    cdef int x, j, m, d
    cdef Sums sums
    cdef Fixed fixed
    cdef Base base
    cdef Terms terms
    memset(out, 0, sizeof(Cost))
    out.overflow = -1
    out.compute = p.cycles_per_mac
    for d in range(ND):
        out.compute *= s.steps[d]
    base_sums(p, s, &sums)
    for x in range(NO):
        for j in range(p.levels[x] - 1):
            fix(p, s, x, j, &fixed)
            base_at(p, s, x, j, &points[x][j], &base)
            terms_of(p, x, j, &fixed, &base, <int>doubled[x, j], &terms)
            add_terms(p, x, j, &terms, &sums)
    out.cycles = cycles_of(p, &sums, &out.bound)
    traffic_of(p, s, points, out)
    out.energy = out.network
    for m in range(p.memories):
        for x in range(NO):
            out.energy += p.memory[m].read_energy * out.read_bits[m][x]
            out.energy += p.memory[m].write_energy * out.write_bits[m][x]
    out.energy += p.leakage * out.cycles
    check_capacity(p, s, points, doubled, out)


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
            # A tile slides only within the tile of the level that feeds it.
            if x == I and p.memory[p.level[x][j]].sliding and inside < n \
                    and (j + 2 >= p.levels[x] or bounds[x, j + 1] > inside):
                d = <int>loops[inside, 0]
                if d >= OY and can_slide(s, p.level[x][j], (d - OY) % 2):
                    size = points[x][j].tile[d] * loops[inside, 1]
                    points[x][j].slide = d
                    points[x][j].slide_tile = size if size < s.steps[d] else s.steps[d]

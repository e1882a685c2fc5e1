"""Cycles and energy of a mapping. The twin in plain Python is `simulator/cost.py`."""

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

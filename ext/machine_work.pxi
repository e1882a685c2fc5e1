"""What an instruction asks of the hardware: elements, cycles of ports, cycles of the array."""


cdef int64_t elements(Machine self, End* end, Activity* a, int slid, int64_t* extents) noexcept nogil:
    """Elements of a tile, and along each dim of the array."""
    cdef Counts* c = &end.counts
    cdef int64_t total = 1, tile, table
    cdef int j
    for j in range(EXTENTS):
        tile = a.start[c.dim[j]] // c.tile[j]
        table = c.table[j]
        if c.other[j] >= 0:
            tile = tile * c.others[j] + a.start[c.other[j]] // c.other_tile[j]
            if slid and c.slid[j] >= 0:
                table = c.slid[j]
        extents[j] = self.tables[table + tile]
        total *= extents[j]
    return total


cdef double end_cycles(
    Machine self, End* end, Activity* a, int64_t elements, int64_t* extents, int width
) noexcept nogil:
    """Cycles that a tile occupies a port."""
    cdef double bits = <double>(width * elements), moved, opened
    cdef double rate = end.rate, activate = end.activate
    cdef int64_t run, stride, rows, span, index
    cdef int inner, d
    for d in range(end.returns):
        index = a.index[end.return_depth[d]]
        if index % end.return_every[d] if end.return_every[d] else index:
            rate = end.return_rate[d]
            activate = 0
            break
    if end.burst == 0:
        return bits / rate
    if not end.by_rows or bits == 0:
        moved = bits / rate
        opened = bits * activate / end.row
        return moved if moved > opened else opened
    run = width * extents[EXTENTS - 1]
    stride = width * end.counts.shape[EXTENTS - 1]
    inner = EXTENTS - 1
    while inner > 0 and extents[inner] == end.counts.shape[inner]:
        inner -= 1
        run = extents[inner] * stride
        stride = stride * end.counts.shape[inner]
    rows = up(run, end.row)
    moved = <double>(width * elements // run * up(run, end.burst) * end.burst)
    for d in range(inner - 1, -1, -1):
        span = extents[d] * stride
        rows = up(span, end.row) if stride < end.row else extents[d] * rows
        stride *= end.counts.shape[d]
    moved /= rate
    opened = rows * activate
    if opened > moved:
        moved = opened
    run = width * extents[EXTENTS - 1]
    rows = elements // extents[EXTENTS - 1] * (run + end.burst - divisor(run, end.burst))
    opened = up(rows, end.burst) * end.request
    return moved if moved > opened else opened


cdef void begin(Machine self, int e) noexcept nogil:
    """Start the main instruction of an engine: its length, and its shares of the ports."""
    cdef Engine* engine = &self.engine[e]
    cdef Activity* a = &self.s.engine[e]
    cdef double busy[4]
    cdef double longest = 0, cycles
    cdef int port[4]
    cdef int k, n = 0, d, revisit = 0, last = 1, moves = 1
    cdef int64_t extents[EXTENTS]
    cdef int64_t ticks
    a.ports = 0
    a.trickles = 1
    a.executed += 1
    self.s.executed += 1
    if engine.kind == COMPUTE:
        longest = compute_cycles(self, engine, a)
        self.s.array_ticks += <int64_t>ceil(longest * TICKS)
        n = feed(self, engine, a, port, busy)
    else:
        for d in range(ND):
            if self.reduced[d]:
                revisit |= a.start[d] > 0
                last &= a.start[d] + engine.tile[d] >= self.steps[d]
        if engine.kind == TAKE or (engine.kind == REFILL and not revisit):
            moves = 0
        if moves:
            for k in range(engine.ends):
                cycles = end_cycles(
                    self, &engine.end[k],
                    a,
                    elements(self, &engine.end[k], a, slides(self, e), extents),
                    extents,
                    engine.end[k].last_width if last else engine.end[k].width,
                )
                n = add(port, busy, n, engine.end[k].port, cycles)
    for k in range(n):
        if busy[k] > longest:
            longest = busy[k]
    ticks = <int64_t>ceil(longest * TICKS)
    for k in range(n):
        a.shares_port[k] = port[k]
        a.share[k] = <int64_t>(busy[k] / longest * FULL + 0.5)
        if a.share[k] > FULL:
            a.share[k] = FULL
        if 2 * a.share[k] > FULL and not self.off_chip[port[k]]:
            a.trickles = 0
        self.s.port_ticks[port[k]] += <int64_t>ceil(busy[k] * TICKS)
    a.ports = n
    a.left = ticks * FULL
    if ticks == 0:
        complete(self, e, moves)
    else:
        a.status = STREAMING
        queue(self, e)


cdef inline int slides(Machine self, int e) noexcept nogil:
    """Whether the enclosing loop is past its first iteration."""
    cdef int depth = self.engine[e].depth
    return depth > 0 and self.s.engine[e].index[depth - 1] > 0


cdef double compute_cycles(Machine self, Engine* engine, Activity* a) noexcept nogil:
    cdef int64_t steps = 1, along, rows, rest, full, quick
    cdef double cycles, issue, whole, late
    cdef int d
    for d in range(ND):
        steps *= least(engine.tile[d], self.steps[d] - a.start[d])
    cycles = <double>(steps * self.cycles_per_mac)
    if self.command_dim >= 0:
        d = self.command_dim
        along = least(engine.tile[d], self.steps[d] - a.start[d])
        rows = steps // along
        full = along // self.command_length
        rest = along % self.command_length * self.cycles_per_mac
        if 0 < rest < self.least_command:
            rest = self.least_command
        issue = <double>self.command_ticks / TICKS
        late = rest
        if rest > 0 and issue > late:
            late = issue
        if full:
            steps = self.command_length * self.cycles_per_mac
            if steps < self.least_command:
                steps = self.least_command
            whole = steps
            if issue > whole:
                whole = issue
            elif self.ahead > 0:
                late = rest
            cycles = rows * (full * whole + late)
            if self.first_command > steps:
                cycles += self.first_command - steps
        else:
            quick = least(rows - 1, self.ahead)
            cycles = rest if rest > self.first_command else self.first_command
            cycles += quick * rest + (rows - 1 - quick) * late
    if not self.filled:
        self.filled = 1
        cycles += self.skew
    return cycles


cdef int feed(Machine self, Engine* engine, Activity* a, int* port, double* busy) noexcept nogil:
    """What the array reads and writes in a block: W, I, outputs written, outputs read."""
    cdef int64_t extents[EXTENTS]
    cdef int64_t count, again, fresh
    cdef int k, d, first = 1, n = 0
    cdef End* end
    for d in range(ND):
        if self.reduced[d] and a.start[d] > 0:
            first = 0
    for k in range(engine.ends):
        end = &engine.end[k]
        count = elements(self, end, a, 0, extents)
        again = 1
        for d in range(ND):
            if not relevant(end.counts.operand, d):
                again *= least(engine.tile[d], self.steps[d] - a.start[d])
        fresh = count if k == 3 and first else 0
        n = add(port, busy, n, end.port, <double>(end.width * (count * again - fresh)) / end.rate)
    return n

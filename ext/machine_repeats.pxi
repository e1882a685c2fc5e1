"""What repeats is skipped: an old state, moved on, and iterations to come that are alike."""


cdef int iterations(Machine self, int l, Activity* a, int64_t* base) noexcept nogil:
    """Iterations of a loop at the present place, and where its dim begins there."""
    cdef Loop* loop = &self.loop[l]
    cdef int k
    cdef int64_t count
    base[0] = 0
    for k in range(l):
        if self.loop[k].dim == loop.dim:
            base[0] += a.index[k] * self.loop[k].span
    count = up(loop.steps - base[0], loop.span)
    return <int>(count if count < loop.factor else loop.factor)


cdef int skip(Machine self, int l) noexcept nogil:
    """At the end of an iteration of loop l: skip what will be as before."""
    cdef Ring* ring = &self.ring[l]
    cdef Activity* array = &self.s.engine[self.array]
    cdef int64_t base, times
    cdef int count = iterations(self, l, array, &base), k
    cdef State* spare
    if count - array.index[l] < WORTH:
        return 0
    if ring.count and not same_outside(self, ring.state[0], l):
        ring.count = 0
    for k in range(ring.count):
        times = repeats(self, ring.state[k], l, count, base)
        if times > 0:
            jump(self, ring.state[k], l, times)
            ring.count = 0
            return 1
    spare = ring.state[SNAPSHOTS - 1]
    if spare == NULL:
        spare = <State*>calloc(1, sizeof(State))
        if spare == NULL:  # nothing is skipped then
            return 0
    for k in range(SNAPSHOTS - 1, 0, -1):
        ring.state[k] = ring.state[k - 1]
    ring.state[0] = spare
    memcpy(spare, self.s, sizeof(State) - (MAXENGINES - self.engines) * sizeof(Activity))
    if ring.count < SNAPSHOTS:
        ring.count += 1
    return 0


cdef int same_outside(Machine self, State* old, int l) noexcept nogil:
    """Whether the array was in the same iteration of all outer loops."""
    cdef int k
    for k in range(l):
        if old.engine[self.array].index[k] != self.s.engine[self.array].index[k]:
            return 0
    return 1


cdef int64_t repeats(Machine self, State* old, int l, int count, int64_t base) noexcept nogil:
    """How often the time since an old state can be repeated at once; 0: it is another one."""
    cdef int64_t period, first, last, most, dim = self.loop[l].dim, span = self.loop[l].span
    cdef int e, k, b
    cdef Activity* a
    cdef Activity* o
    period = self.s.engine[self.array].index[l] - old.engine[self.array].index[l]
    if period % self.phases[l]:
        return 0
    first = NEVER
    last = 0
    most = NEVER
    for e in range(self.engines):
        a = &self.s.engine[e]
        o = &old.engine[e]
        if a.unneeded != o.unneeded or a.status != o.status or a.in_posts != o.in_posts or a.at != o.at or a.post != o.post \
                or a.repeat != o.repeat or a.under_way != o.under_way:
            return 0
        for k in range(self.engine[e].depth):
            if k != l and a.index[k] != o.index[k]:
                return 0
        if self.engine[e].depth > l:
            if not same_place(self, a, l) or a.index[l] - o.index[l] != period or a.left != o.left:
                return 0
            for k in range(a.under_way):
                if a.arrival[k] - self.s.now != o.arrival[k] - old.now:
                    return 0
            first = least(first, o.index[l])
            last = a.index[l] if a.index[l] > last else last
        else:
            # Outside the loop: it may go on with one long transfer, nothing else.
            if a.executed != o.executed or a.under_way:
                return 0
            if a.left < o.left:
                most = least(most, (a.left - 1) // (o.left - a.left))
    for k in range(KINDS):
        for b in range(self.buffers):
            if self.buffer_depth[b] <= l and self.s.raised[k][b] != old.raised[k][b]:
                return 0
            if self.buffer_depth[b] > l and self.s.raised[k][b] - old.raised[k][b] != \
                    self.s.engine[self.array].entered[self.buffer_depth[b]] \
                    - old.engine[self.array].entered[self.buffer_depth[b]]:
                return 0
    # All iterations from the first that was looked at to the last that is reached are alike.
    if first < 1 or base + (first - 1) * span < self.interior_from[dim]:
        return 0
    # What is needed later than in this loop is in another order at its end.
    last = least(
        least(count - 2, count - 1 - self.reach[l]), (self.interior_to[dim] - base) // span - 1
    ) - last
    return least(most, last // period) if last >= period else 0


cdef int same_place(Machine self, Activity* a, int l) noexcept nogil:
    """Whether an engine is in the same iteration of the outer loops as the array."""
    cdef int k
    for k in range(l):
        if a.index[k] != self.s.engine[self.array].index[k]:
            return 0
    return 1


cdef void jump(Machine self, State* old, int l, int64_t times) noexcept nogil:
    """Add what changed since an old state, so many times."""
    cdef int64_t passed = self.s.now - old.now, moved
    cdef int e, k, b
    cdef Activity* a
    cdef Activity* o
    for e in range(self.engines):
        a = &self.s.engine[e]
        o = &old.engine[e]
        a.executed += times * (a.executed - o.executed)
        if self.engine[e].depth > l:
            moved = times * (a.index[l] - o.index[l])
            a.index[l] += moved
            a.need[l] += moved
            a.start[self.loop[l].dim] += moved * self.loop[l].span
            for k in range(self.engine[e].depth + 1):
                a.entered[k] += times * (a.entered[k] - o.entered[k])
            for k in range(a.under_way):
                a.arrival[k] += times * passed
        else:
            a.left -= times * (o.left - a.left)
    for k in range(KINDS):
        for b in range(self.buffers):
            self.s.raised[k][b] += times * (self.s.raised[k][b] - old.raised[k][b])
    for k in range(self.ports):
        self.s.port_ticks[k] += times * (self.s.port_ticks[k] - old.port_ticks[k])
    self.s.array_ticks += times * (self.s.array_ticks - old.array_ticks)
    moved = times * (self.s.executed - old.executed)
    self.s.executed += moved
    self.skipped += moved
    self.s.now += times * passed

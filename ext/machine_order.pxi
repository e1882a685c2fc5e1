"""Engines: when instructions begin, what follows them, and who goes first."""


cdef void settle(Machine self) noexcept nogil:
    """Start whatever can start now."""
    cdef int moved = 1, e
    while moved:
        moved = 0
        for e in range(self.engines):
            if self.s.engine[e].status == IDLE and step(self, e):
                moved = 1


cdef int step(Machine self, int e) noexcept nogil:
    """Whether an idle engine could go on."""
    cdef Engine* engine = &self.engine[e]
    cdef Activity* a = &self.s.engine[e]
    cdef int k, d, revisit = 0
    if a.in_posts:
        after(self, e)
        return 1
    for d in range(ND):
        if self.reduced[d] and a.start[d] > 0:
            revisit = 1
    for k in range(engine.waits):
        if engine.wait[k].when == WHOLE:
            if slides(self, e):
                continue
        elif engine.wait[k].when != ALWAYS and not revisit:
            continue
        elif engine.wait[k].when == REPEAT and not a.repeat:
            continue
        if self.s.raised[engine.wait[k].event][engine.wait[k].buffer] \
                <= a.entered[engine.wait[k].depth] - 1 - engine.wait[k].behind:
            return 0
    begin(self, e)
    return 1


cdef void complete(Machine self, int e, int moved) noexcept nogil:
    """The main instruction is over."""
    cdef Engine* engine = &self.engine[e]
    cdef Activity* a = &self.s.engine[e]
    a.status = IDLE
    a.unneeded = 0
    a.in_posts = 1
    a.at = engine.depth
    a.post = 0
    if engine.kind == COMPUTE:
        return
    if engine.latency > 0 and moved:
        a.arrival[a.under_way] = self.s.now + engine.latency
        a.under_way += 1
    elif a.under_way > 0:  # tiles arrive in order
        a.arrival[a.under_way] = a.arrival[a.under_way - 1]
        a.under_way += 1
    else:
        self.s.raised[engine.event][engine.buffer] += 1


cdef void after(Machine self, int e) noexcept nogil:
    """What follows the body at a depth: releases, then the next iteration."""
    cdef Engine* engine = &self.engine[e]
    cdef Activity* a = &self.s.engine[e]
    cdef int64_t before[ND]
    cdef Post* post
    cdef Loop* loop
    cdef int l, d
    memcpy(before, a.start, sizeof(before))
    while True:
        while a.post < engine.posts and engine.post[a.post].depth == a.at:
            post = &engine.post[a.post]
            a.post += 1
            if not post.is_skew:
                self.s.raised[post.event][post.buffer] += 1
            elif self.skew > 0:
                a.status = SKEWING
                a.ports = 0
                a.rate = FULL
                a.left = self.skew * TICKS * FULL
                self.s.array_ticks += self.skew * TICKS
                return
        if a.at == 0:
            a.status = DONE
            return
        l = a.at - 1
        loop = &self.loop[l]
        a.index[l] += 1
        a.start[loop.dim] += loop.span
        if a.index[l] < loop.factor and a.start[loop.dim] < loop.steps:
            break
        a.start[loop.dim] -= a.index[l] * loop.span
        a.index[l] = 0
        a.at = l
    for d in range(l + 1, engine.depth + 1):
        a.entered[d] += 1
    a.in_posts = 0
    if e == self.array:
        self.crossed = l
    if engine.watches_repeat:
        a.repeat = 1
        for d in range(ND):
            if engine.relevant[d] and a.start[d] != before[d]:
                a.repeat = 0


cdef void queue(Machine self, int e) noexcept nogil:
    """Put a stream where it belongs in the order of need."""
    cdef int at = self.streaming
    place(self, e)
    while at > 0 and precedes(self, e, self.order[at - 1]):
        self.order[at] = self.order[at - 1]
        at -= 1
    self.order[at] = e
    self.streaming += 1


cdef int precedes(Machine self, int e, int f) noexcept nogil:
    """Whether what an engine does is needed before what another does."""
    cdef int d = self.engine[e].depth, g = self.engine[f].depth, l
    cdef Activity* a = &self.s.engine[e]
    cdef Activity* b = &self.s.engine[f]
    if a.unneeded or b.unneeded:
        return b.unneeded and (not a.unneeded or self.engine[e].rank < self.engine[f].rank)
    for l in range(d if d < g else g):
        if a.need[l] != b.need[l]:
            return a.need[l] < b.need[l]
    return self.engine[e].rank < self.engine[f].rank


cdef void place(Machine self, int e) noexcept nogil:
    """Where in the program what an engine does is needed."""
    cdef Activity* a = &self.s.engine[e]
    cdef int64_t start[ND]
    cdef int k, l, depth = self.engine[e].depth
    cdef Loop* loop
    memcpy(a.need, a.index, depth * sizeof(int64_t))
    memcpy(start, a.start, sizeof(start))
    a.unneeded = 0
    for k in range(self.engine[e].grace):
        for l in range(depth - 1, -1, -1):
            loop = &self.loop[l]
            a.need[l] += 1
            start[loop.dim] += loop.span
            if a.need[l] < loop.factor and start[loop.dim] < loop.steps:
                break
            start[loop.dim] -= a.need[l] * loop.span
            a.need[l] = 0
        else:
            a.unneeded = 1
            return

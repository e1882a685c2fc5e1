# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Execution of a tile program in time. The plain-Python twin, to read first, is `simulator/machine.py`.

Engines walk the loops of the program on their own, each with its own indices. What repeats is
skipped: where the state at the end of an iteration of a loop is that of an earlier iteration,
moved on, and the iterations to come are alike, their changes are added at once (`skip`).

Layout of the packed program: see `simulator/packing.py`.
"""

from libc.math cimport ceil
from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

cdef enum:
    ND = 8
    EXTENTS = 5          # dims of an operand's array
    MAXLOOPS = 64
    MAXBUFFERS = 24
    MAXENGINES = 40
    MAXPORTS = 24
    MAXWAITS = 24
    MAXPOSTS = 48
    UNDER_WAY = 64       # tiles on their way to one buffer
    KINDS = 3            # full, used, free
    SNAPSHOTS = 4
    TICKS = 1024         # per cycle
    WORTH = 3            # iterations left that make a snapshot worth its while

cdef int64_t FULL = 1 << 20
cdef int64_t NEVER = 1 << 62

cdef enum:
    ALWAYS, REVISIT, REPEAT, WHOLE

cdef enum:
    IDLE, STREAMING, SKEWING, DONE

cdef enum:
    COMPUTE, MOVE, TAKE, REFILL   # TAKE: a place is taken, nothing moves


cdef struct Loop:
    int dim
    int64_t factor, span, steps


cdef struct Wait:
    int event, buffer, depth, when
    int64_t behind


cdef struct Post:                 # after the body at some depth
    int depth, is_skew, event, buffer


cdef struct Counts:               # elements of one operand in one memory, tile by tile
    int operand
    int dim[EXTENTS]              # whose start says which tile
    int other[EXTENTS]            # the filter taps of an input axis, else -1
    int64_t tile[EXTENTS], other_tile[EXTENTS], others[EXTENTS]
    int64_t table[EXTENTS]        # where the table begins
    int64_t slid[EXTENTS]         # the same, for what is new along the loop; -1 none
    int64_t shape[EXTENTS]        # of the whole array


cdef struct End:                  # one port that an instruction uses
    int port, width, last_width
    double rate
    Counts counts
    # of a DRAM; burst 0: none
    int64_t burst, row
    double activate, request
    int by_rows
    int returns                   # loops that find lines in a cache, the innermost first
    int return_depth[MAXLOOPS]
    int64_t return_every[MAXLOOPS]
    double return_rate[MAXLOOPS]


cdef struct Engine:
    int depth, kind, event, buffer, rank
    int waits, posts
    Wait wait[MAXWAITS]
    Post post[MAXPOSTS]
    int ends
    End end[4]
    int64_t block[ND]             # of compute, steps
    int64_t tile[ND]              # of a transfer, steps
    int64_t latency               # ticks
    int relevant[ND]              # of the operand
    int watches_repeat
    int grace                     # tiles until the slot of what is drained is needed


cdef struct Activity:             # of one engine
    int status, in_posts, at, post, repeat, trickles
    int unneeded                  # nothing takes the slot any more
    int under_way
    int64_t left, rate, executed
    int shares_port[4]
    int64_t share[4]
    int ports
    int64_t index[MAXLOOPS]
    int64_t entered[MAXLOOPS + 1]
    int64_t start[ND]
    int64_t need[MAXLOOPS]        # iterations in which what it does is needed
    int64_t arrival[UNDER_WAY]    # rising


cdef struct State:
    int64_t now, array_ticks, executed
    int64_t port_ticks[MAXPORTS]
    int64_t raised[KINDS][MAXBUFFERS]
    Activity engine[MAXENGINES]


cdef struct Ring:
    int count
    State* state[SNAPSHOTS]       # the latest first


cdef class Machine:
    """One tile program, packed.

    Args:
        integers, reals: see `simulator/packing.py`.
        tables: elements of tiles.
    """

    cdef int loops, buffers, engines, ports, array
    cdef Loop loop[MAXLOOPS]
    cdef int64_t phases[MAXLOOPS]  # iterations after which a loop is where it was in a line
    cdef Engine* engine
    cdef int buffer_depth[MAXBUFFERS]
    cdef int64_t steps[ND]
    cdef int64_t interior_from[ND], interior_to[ND]
    cdef int reduced[ND]
    cdef int off_chip[MAXPORTS]
    cdef int64_t cycles_per_mac, skew
    cdef int skew_per_fold
    cdef int command_dim          # that a command streams along, -1: there are none
    cdef int64_t command_length, command_ticks, first_command, ahead, least_command
    cdef int64_t[::1] tables
    cdef State* s
    cdef Ring* ring
    cdef int order[MAXENGINES]    # streaming engines, what is needed first first
    cdef int streaming
    cdef int crossed              # loop that the array went on in, -1 none
    cdef int filled
    cdef int64_t skipped
    cdef int reach[MAXLOOPS]      # iterations of a loop until what is drained now is needed, at most

    def __cinit__(self):
        self.engine = NULL
        self.s = NULL
        self.ring = NULL

    def __dealloc__(self):
        cdef int l, k
        if self.ring != NULL:
            for l in range(MAXLOOPS):
                for k in range(SNAPSHOTS):
                    free(self.ring[l].state[k])
        free(self.ring)
        free(self.engine)
        free(self.s)

    def __init__(self, int64_t[::1] integers, double[::1] reals, int64_t[::1] tables):
        self.engine = <Engine*>calloc(MAXENGINES, sizeof(Engine))
        self.s = <State*>calloc(1, sizeof(State))
        self.ring = <Ring*>calloc(MAXLOOPS, sizeof(Ring))
        if self.engine == NULL or self.s == NULL or self.ring == NULL:
            raise MemoryError
        self.tables = tables
        self.unpack(integers, reals)

    cdef int unpack(self, int64_t[::1] n, double[::1] r) except -1:
        cdef int at = 0, real = 0, l, d, b, e, k, j
        cdef Engine* engine
        self.loops = <int>n[0]
        self.buffers = <int>n[1]
        self.engines = <int>n[2]
        self.ports = <int>n[3]
        self.array = <int>n[4]
        self.cycles_per_mac = n[5]
        self.skew = n[6]
        self.skew_per_fold = <int>n[7]
        self.command_dim = <int>n[8]
        self.command_length = n[9]
        self.command_ticks = n[10]
        self.first_command = n[11]
        self.ahead = n[12]
        self.least_command = n[13]
        if self.loops > MAXLOOPS or self.buffers > MAXBUFFERS or self.engines > MAXENGINES \
                or self.ports > MAXPORTS:
            raise ValueError(
                f"expected at most {MAXLOOPS} loops, {MAXBUFFERS} buffers and {MAXPORTS} ports, "
                f"found {self.loops}, {self.buffers} and {self.ports}"
            )
        at = 14
        for d in range(ND):
            self.steps[d] = n[at + d]
            self.interior_from[d] = n[at + ND + d]
            self.interior_to[d] = n[at + 2 * ND + d]
            self.reduced[d] = <int>n[at + 3 * ND + d]
        at += 4 * ND
        for l in range(self.loops):
            self.loop[l].dim = <int>n[at]
            self.loop[l].factor = n[at + 1]
            self.loop[l].span = n[at + 2]
            self.loop[l].steps = n[at + 3]
            self.phases[l] = 1
            at += 4
        for k in range(self.ports):
            self.off_chip[k] = <int>n[at]
            at += 1
        for b in range(self.buffers):
            self.buffer_depth[b] = <int>n[at]
            at += 1
        for e in range(self.engines):
            engine = &self.engine[e]
            engine.kind = <int>n[at]
            engine.depth = <int>n[at + 1]
            engine.event = <int>n[at + 2]
            engine.buffer = <int>n[at + 3]
            engine.rank = <int>n[at + 4]
            engine.latency = n[at + 5]
            engine.watches_repeat = <int>n[at + 6]
            engine.waits = <int>n[at + 7]
            engine.posts = <int>n[at + 8]
            engine.ends = <int>n[at + 9]
            engine.grace = <int>n[at + 10]
            at += 11
            if engine.waits > MAXWAITS or engine.posts > MAXPOSTS:
                raise ValueError(f"expected at most {MAXWAITS} waits and {MAXPOSTS} releases")
            for d in range(ND):
                engine.tile[d] = n[at + d]
                engine.relevant[d] = <int>n[at + ND + d]
            at += 2 * ND
            for k in range(engine.waits):
                engine.wait[k].event = <int>n[at]
                engine.wait[k].buffer = <int>n[at + 1]
                engine.wait[k].behind = n[at + 2]
                engine.wait[k].when = <int>n[at + 3]
                engine.wait[k].depth = self.buffer_depth[engine.wait[k].buffer]
                at += 4
            for k in range(engine.posts):
                engine.post[k].depth = <int>n[at]
                engine.post[k].is_skew = <int>n[at + 1]
                engine.post[k].event = <int>n[at + 2]
                engine.post[k].buffer = <int>n[at + 3]
                at += 4
            for k in range(engine.ends):
                at = self.unpack_end(&engine.end[k], n, at)
                engine.end[k].rate = r[real]
                engine.end[k].activate = r[real + 1]
                engine.end[k].request = r[real + 2]
                real += 3
                for j in range(engine.end[k].returns):
                    engine.end[k].return_rate[j] = r[real + j]
                    l = engine.end[k].return_depth[j]
                    if engine.end[k].return_every[j] > 1:
                        self.phases[l] = common(self.phases[l], engine.end[k].return_every[j])
                real += engine.end[k].returns
            self.extend_reach(engine)
        return 0

    cdef void extend_reach(self, Engine* engine) noexcept:
        """Take a drain into account: so many tiles on are so many iterations of each loop on."""
        cdef int64_t tiles = engine.grace
        cdef int l
        for l in range(engine.depth - 1, -1, -1):
            if tiles > self.reach[l]:
                self.reach[l] = <int>tiles
            # At an edge a loop may have a single iteration.
            if self.loop[l].steps % (self.loop[l].factor * self.loop[l].span) == 0:
                tiles = up(tiles, self.loop[l].factor)

    cdef int unpack_end(self, End* end, int64_t[::1] n, int at) noexcept:
        cdef int j
        end.port = <int>n[at]
        end.width = <int>n[at + 1]
        end.last_width = <int>n[at + 2]
        end.burst = n[at + 3]
        end.row = n[at + 4]
        end.by_rows = <int>n[at + 5]
        end.counts.operand = <int>n[at + 6]
        end.returns = <int>n[at + 7]
        at += 8
        for j in range(end.returns):
            end.return_depth[j] = <int>n[at]
            end.return_every[j] = n[at + 1]
            at += 2
        for j in range(EXTENTS):
            end.counts.dim[j] = <int>n[at]
            end.counts.tile[j] = n[at + 1]
            end.counts.other[j] = <int>n[at + 2]
            end.counts.other_tile[j] = n[at + 3]
            end.counts.others[j] = n[at + 4]
            end.counts.table[j] = n[at + 5]
            end.counts.slid[j] = n[at + 6]
            end.counts.shape[j] = n[at + 7]
            at += 8
        return at

    # -- work --------------------------------------------------------------------------------
    cdef int64_t elements(self, End* end, Activity* a, int slid, int64_t* extents) noexcept nogil:
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
        self, End* end, Activity* a, int64_t elements, int64_t* extents, int width
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

    cdef void begin(self, int e) noexcept nogil:
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
            longest = self.compute_cycles(engine, a)
            self.s.array_ticks += <int64_t>ceil(longest * TICKS)
            n = self.feed(engine, a, port, busy)
        else:
            for d in range(ND):
                if self.reduced[d]:
                    revisit |= a.start[d] > 0
                    last &= a.start[d] + engine.tile[d] >= self.steps[d]
            if engine.kind == TAKE or (engine.kind == REFILL and not revisit):
                moves = 0
            if moves:
                for k in range(engine.ends):
                    cycles = self.end_cycles(
                        &engine.end[k],
                        a,
                        self.elements(&engine.end[k], a, self.slides(e), extents),
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
            self.complete(e, moves)
        else:
            a.status = STREAMING
            self.queue(e)

    cdef inline int slides(self, int e) noexcept nogil:
        """Whether the enclosing loop is past its first iteration."""
        cdef int depth = self.engine[e].depth
        return depth > 0 and self.s.engine[e].index[depth - 1] > 0

    cdef double compute_cycles(self, Engine* engine, Activity* a) noexcept nogil:
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

    cdef int feed(self, Engine* engine, Activity* a, int* port, double* busy) noexcept nogil:
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
            count = self.elements(end, a, 0, extents)
            again = 1
            for d in range(ND):
                if not relevant(end.counts.operand, d):
                    again *= least(engine.tile[d], self.steps[d] - a.start[d])
            fresh = count if k == 3 and first else 0
            n = add(port, busy, n, end.port, <double>(end.width * (count * again - fresh)) / end.rate)
        return n

    # -- order -------------------------------------------------------------------------------
    cdef void settle(self) noexcept nogil:
        """Start whatever can start now."""
        cdef int moved = 1, e
        while moved:
            moved = 0
            for e in range(self.engines):
                if self.s.engine[e].status == IDLE and self.step(e):
                    moved = 1

    cdef int step(self, int e) noexcept nogil:
        """Whether an idle engine could go on."""
        cdef Engine* engine = &self.engine[e]
        cdef Activity* a = &self.s.engine[e]
        cdef int k, d, revisit = 0
        if a.in_posts:
            self.after(e)
            return 1
        for d in range(ND):
            if self.reduced[d] and a.start[d] > 0:
                revisit = 1
        for k in range(engine.waits):
            if engine.wait[k].when == WHOLE:
                if self.slides(e):
                    continue
            elif engine.wait[k].when != ALWAYS and not revisit:
                continue
            elif engine.wait[k].when == REPEAT and not a.repeat:
                continue
            if self.s.raised[engine.wait[k].event][engine.wait[k].buffer] \
                    <= a.entered[engine.wait[k].depth] - 1 - engine.wait[k].behind:
                return 0
        self.begin(e)
        return 1

    cdef void complete(self, int e, int moved) noexcept nogil:
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

    cdef void after(self, int e) noexcept nogil:
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

    cdef void queue(self, int e) noexcept nogil:
        """Put a stream where it belongs in the order of need."""
        cdef int at = self.streaming
        self.place(e)
        while at > 0 and self.precedes(e, self.order[at - 1]):
            self.order[at] = self.order[at - 1]
            at -= 1
        self.order[at] = e
        self.streaming += 1

    cdef int precedes(self, int e, int f) noexcept nogil:
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

    cdef void place(self, int e) noexcept nogil:
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

    # -- time --------------------------------------------------------------------------------
    cdef void share(self) noexcept nogil:
        """Speeds of all streams: first what the DRAM's ports allow, then the others."""
        cdef int64_t unused[MAXPORTS]
        cdef int at, k
        for k in range(self.ports):
            unused[k] = FULL * FULL
        for at in range(self.streaming):
            self.s.engine[self.order[at]].rate = FULL
            self.allot(&self.s.engine[self.order[at]], unused, 1)
        for k in range(2):  # those that trickle, then the others
            for at in range(self.streaming):
                if self.s.engine[self.order[at]].trickles == 1 - k:
                    self.allot(&self.s.engine[self.order[at]], unused, 0)

    cdef void allot(self, Activity* a, int64_t* unused, int off_chip) noexcept nogil:
        """Slow a stream down to what is left of its ports off or on the chip."""
        cdef int64_t rate = a.rate, most
        cdef int k, port
        for k in range(a.ports):
            port = a.shares_port[k]
            if self.off_chip[port] == off_chip and a.share[k] > 0 and unused[port] < a.share[k] * rate:
                most = unused[port] // a.share[k]
                if most < rate:
                    rate = most
        a.rate = rate
        for k in range(a.ports):
            if self.off_chip[a.shares_port[k]] == off_chip:
                unused[a.shares_port[k]] -= a.share[k] * rate

    cdef int advance(self) noexcept nogil:
        """Go on to the next moment at which something ends; 0 where nothing is under way."""
        cdef int64_t then = NEVER, time, passed
        cdef int e, k, n, kept
        cdef Activity* a
        for e in range(self.engines):
            a = &self.s.engine[e]
            if (a.status == STREAMING or a.status == SKEWING) and a.rate > 0:
                time = self.s.now + ((a.left + a.rate - 1) // a.rate)
                if time < then:
                    then = time
            if a.under_way > 0 and a.arrival[0] < then:
                then = a.arrival[0]
        if then == NEVER:
            return 0
        passed = then - self.s.now
        self.s.now = then
        for e in range(self.engines):
            a = &self.s.engine[e]
            n = 0
            while n < a.under_way and a.arrival[n] <= then:
                self.s.raised[self.engine[e].event][self.engine[e].buffer] += 1
                n += 1
            if n:
                a.under_way -= n
                for k in range(a.under_way):
                    a.arrival[k] = a.arrival[k + n]
            if a.status == STREAMING or a.status == SKEWING:
                a.left -= a.rate * passed
                if a.left <= 0:
                    a.left = 0
                    if a.status == SKEWING:
                        a.status = IDLE
                    else:
                        kept = 0
                        for k in range(self.streaming):
                            if self.order[k] != e:
                                self.order[kept] = self.order[k]
                                kept += 1
                        self.streaming = kept
                        self.complete(e, 1)
        return 1

    # -- what repeats ------------------------------------------------------------------------
    cdef int iterations(self, int l, Activity* a, int64_t* base) noexcept nogil:
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

    cdef int skip(self, int l) noexcept nogil:
        """At the end of an iteration of loop l: skip what will be as before."""
        cdef Ring* ring = &self.ring[l]
        cdef Activity* array = &self.s.engine[self.array]
        cdef int64_t base, times
        cdef int count = self.iterations(l, array, &base), k
        cdef State* spare
        if count - array.index[l] < WORTH:
            return 0
        if ring.count and not self.same_outside(ring.state[0], l):
            ring.count = 0
        for k in range(ring.count):
            times = self.repeats(ring.state[k], l, count, base)
            if times > 0:
                self.jump(ring.state[k], l, times)
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

    cdef int same_outside(self, State* old, int l) noexcept nogil:
        """Whether the array was in the same iteration of all outer loops."""
        cdef int k
        for k in range(l):
            if old.engine[self.array].index[k] != self.s.engine[self.array].index[k]:
                return 0
        return 1

    cdef int64_t repeats(self, State* old, int l, int count, int64_t base) noexcept nogil:
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
                if not self.same_place(a, l) or a.index[l] - o.index[l] != period or a.left != o.left:
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

    cdef int same_place(self, Activity* a, int l) noexcept nogil:
        """Whether an engine is in the same iteration of the outer loops as the array."""
        cdef int k
        for k in range(l):
            if a.index[k] != self.s.engine[self.array].index[k]:
                return 0
        return 1

    cdef void jump(self, State* old, int l, int64_t times) noexcept nogil:
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

    def run(self, bint skipping):
        """Execute the program.

        Args:
            skipping: whether what repeats is skipped; the result is the same.

        Returns:
            (ticks, ticks of the array, ticks per port, instructions, of these skipped)

        Raises:
            RuntimeError: the program waits for itself.
        """
        cdef int e, k, going = 1
        self.streaming = 0
        self.skipped = 0
        self.filled = self.skew_per_fold
        for k in range(MAXLOOPS):
            self.ring[k].count = 0
        with nogil:
            memset(self.s, 0, sizeof(State))
            for e in range(self.engines):
                for k in range(MAXLOOPS + 1):
                    self.s.engine[e].entered[k] = 1
            while going:
                self.crossed = -1
                self.settle()
                if skipping and self.crossed >= 0:
                    self.skip(self.crossed)
                self.share()
                going = self.advance()
        for e in range(self.engines):
            if self.s.engine[e].status != DONE:
                raise RuntimeError(f"engine {e} waits for ever")
        ports = [self.s.port_ticks[k] for k in range(self.ports)]
        return self.s.now, self.s.array_ticks, ports, self.s.executed, self.skipped


cdef inline int64_t up(int64_t a, int64_t b) noexcept nogil:
    return (a + b - 1) // b


cdef inline int64_t least(int64_t a, int64_t b) noexcept nogil:
    return a if a < b else b


cdef inline int64_t divisor(int64_t a, int64_t b) noexcept nogil:
    """The greatest that both share."""
    while b:
        a, b = b, a % b
    return a


cdef inline int64_t common(int64_t a, int64_t b) noexcept nogil:
    """The least multiple of both."""
    return a // divisor(a, b) * b


cdef inline int relevant(int operand, int d) noexcept nogil:
    """Whether an operand (W, I, O) depends on a dim (B G K C OY OX FY FX)."""
    if operand == 0:
        return d == 1 or d == 2 or d == 3 or d >= 6
    if operand == 1:
        return d != 2
    return d == 0 or d == 1 or d == 2 or d == 4 or d == 5


cdef int add(int* port, double* busy, int n, int which, double cycles) noexcept nogil:
    """Add cycles to a port; how many ports are in use."""
    cdef int k
    if cycles == 0:
        return n
    for k in range(n):
        if port[k] == which:
            busy[k] += cycles
            return n
    port[n] = which
    busy[n] = cycles
    return n + 1

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

include "machine_types.pxi"

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
                settle(self)
                if skipping and self.crossed >= 0:
                    skip(self, self.crossed)
                share(self)
                going = advance(self)
        for e in range(self.engines):
            if self.s.engine[e].status != DONE:
                raise RuntimeError(f"engine {e} waits for ever")
        ports = [self.s.port_ticks[k] for k in range(self.ports)]
        return self.s.now, self.s.array_ticks, ports, self.s.executed, self.skipped


include "machine_work.pxi"
include "machine_order.pxi"
include "machine_time.pxi"
include "machine_repeats.pxi"

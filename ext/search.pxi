"""The best temporal mapping under an additive cost: dynamic programming over the lattice of tiles.

A temporal mapping is a rising chain of tiles; each link takes one tile of the chain as its point,
and adds to every sum (energy, cycles of the array and of each port) what depends on this tile
alone, on whether the tile has a second buffer, and, for a sliding level, on the loop that follows.
"""

cdef struct Lattice:
    int count[ND]                       # tile sizes of each dim
    long size[ND][MAXSIZES]             # ascending, 1 first, all steps last
    long stride[ND]
    long points
    int before[ND][MAXSIZES][MAXSIZES]  # smaller tile sizes that a loop can grow from
    int befores[ND][MAXSIZES]
    int cover[ND][MAXSIZES][MAXSIZES]   # of those, the ones with none of them in between
    int covers[ND][MAXSIZES]
    int active[ND]                      # dims with more than one tile size
    int actives
    char grows[ND][MAXSIZES][MAXSIZES]  # [from][to]: equal, or a loop can grow one into the other


cdef struct Weights:                    # of the sums, at least 0
    double energy
    double array
    double read[MAXMEM]                 # of the port's time; of the one port where there is one
    double write[MAXMEM]


cdef enum:
    TERMS = 8                           # energy, around, serial, four ports, folds
    BASE = 8                            # numbers of a Base

cdef struct Link:
    int child, parent
    Fixed fixed
    int variants                        # 1, or 2 where the mapper may choose a second buffer
    int variant_doubled[2]
    double* base                        # (points, BASE) as in Base
    int* tiles                          # (tile_count,) points that the level may hold and that fit alone
    long tile_count
    int* slot                           # (points,) place among them, -1 none
    unsigned char reach[ND]             # largest digits among them
    double* terms[2]                    # (variants, points, TERMS)
    double* cost[2]                     # (variants, points) weighted
    double* open[2]                     # by completeness of what lies in the child: least cost that fits
    double* slid[2][4]                  # (variants, halo dim): (tiles, size slid to) weighted
    double* slid_open[4]                # (halo dim): (tiles, size slid to) least that fits
    char slides_from[4][MAXSIZES]       # whether anything that fits slides from this size


cdef struct Choice:                     # how a mapping closes a link
    long at                             # lattice point of the tile
    int is_doubled
    int slide                           # halo dim, -1 none
    long slide_at                       # lattice point after the loop it slides along
    int whole                           # the child holds final outputs
    int order                           # closings before this one, innermost first


@cython.final
cdef class Arena:
    """Memory that one search after the other lays its tables in."""

    cdef list blocks                    # of bytearrays
    cdef int block
    cdef long used                      # of the present block
    cdef int taken                      # a search is using it

    def __cinit__(self):
        self.blocks = []
        self.clear()

    cdef void clear(self):
        self.block = 0
        self.used = 0

    cdef void* room(self, long bytes) except NULL:
        """Uninitialised, valid until `clear`."""
        cdef bytearray block
        bytes = (bytes + 63) // 64 * 64
        while self.block < len(self.blocks):
            block = self.blocks[self.block]
            if self.used + bytes <= len(block):
                self.used += bytes
                return <char*>block + self.used - bytes
            self.block += 1
            self.used = 0
        self.blocks.append(bytearray(max(bytes, 1 << 22)))
        return self.room(bytes)


@cython.final
cdef class Search:
    """One spatial mapping's lattice. `best[state, tile]` is the least cost of having closed the
    links that `state` counts at tiles inside `tile`."""

    cdef Arena arena
    cdef Problem* p
    cdef Space* s
    cdef Lattice lat
    cdef Link link[NO][MAXMEM]
    cdef Sums base
    cdef Weights weights
    cdef double* best
    cdef int is_kept            # `best` is to stay: the next run lays out its own
    cdef double* spare          # where, if not in new room
    cdef int states[NO]
    cdef long total_states
    cdef unsigned char* digits  # (points, ND) which tile size of each dim
    cdef char* forbidden        # (points,) whether a sequential dim is not outermost
    cdef char* reduced          # (links of O, points): nothing is left to add outside
    cdef double* slide[2][2][2] # by axis, direction (0 outputs, 1 filter), first: (from, to, fixed)
    cdef long limit[NO][MAXMEM] # bits that an operand may take of a memory, -1 any
    cdef int has_terms
    cdef long runs

    def __cinit__(self):
        memset(self.slide, 0, sizeof(self.slide))
        memset(self.link, 0, sizeof(self.link))

    cdef void* room(self, long bytes) except NULL:
        return self.arena.room(bytes)

    cdef int prepare(self, Arena arena, Problem* p, Space* s, list sizes) except -1:
        """Lay out the tables and fill what does not depend on weights."""
        cdef int d, i, k, x, j, f
        cdef long[::1] values
        cdef double* scratch
        self.arena = arena
        self.p = p
        self.s = s
        self.lat.points = 1
        self.lat.actives = 0
        for d in range(ND):
            values = sizes[d]
            if values.shape[0] > MAXSIZES:
                raise ValueError(f"expected at most {MAXSIZES} tile sizes of a dim")
            self.lat.count[d] = <int>values.shape[0]
            self.lat.stride[d] = self.lat.points
            self.lat.points *= values.shape[0]
            for i in range(self.lat.count[d]):
                self.lat.size[d][i] = values[i]
            if self.lat.count[d] > 1:
                self.lat.active[self.lat.actives] = d
                self.lat.actives += 1
        self.total_states = 1
        for x in range(NO):
            self.states[x] = p.levels[x]
            if x == O and p.levels[x] > 2:
                self.states[x] = 2 * p.levels[x] - 2
            self.total_states *= self.states[x]
        self.is_kept = 1
        self.digits = <unsigned char*>self.room(self.lat.points * ND)
        self.forbidden = <char*>self.room(self.lat.points)
        self.reduced = <char*>self.room(MAXMEM * self.lat.points)
        for x in range(NO):
            for j in range(p.levels[x] - 1):
                self.lay_out(x, j)
        for d in range(2):
            for k in range(2):
                for f in range(2):
                    i = self.lat.count[(FY if k else OY) + d]
                    j = self.lat.count[(OY if k else FY) + d]
                    self.slide[d][k][f] = <double*>self.room(i * i * j * sizeof(double))
        scratch = <double*>self.room(BASE * sizeof(double) * (
            ND * MAXSIZES + self.lat.count[OY] * self.lat.count[FY] + self.lat.count[OX] * self.lat.count[FX]))
        with nogil:
            base_sums(p, s, &self.base)
            for d in range(ND):
                fill_growth(&self.lat, d)
            fill_digits(self)
            for i in range(p.memories):
                if p.memory[i].sliding and p.memory[i].serves[I]:
                    fill_slides(self)
                    break
            fill_forbidden(self)
            for x in range(NO):
                for j in range(p.levels[x] - 1):
                    fill_link(self, x, j, scratch)
                    fill_energy(self, x, j)
        for j in range(p.levels[I] - 1):
            self.lay_out_slides(j)
        self.has_terms = 0
        return 0

    cdef int fresh(self) except -1:
        """Room for a run that leaves kept tables alone."""
        if self.is_kept:
            self.best = self.spare
            if self.best == NULL:
                self.best = <double*>self.room(self.total_states * self.lat.points * sizeof(double))
            self.spare = NULL
            self.is_kept = 0
        return 0

    cdef int lay_out(self, int x, int j) except -1:
        cdef Link* link = &self.link[x][j]
        cdef Memory* memory
        cdef long n = self.lat.points
        cdef int v
        link.child = self.p.level[x][j]
        link.parent = self.p.level[x][j + 1]
        memory = &self.p.memory[link.child]
        link.base = <double*>self.room(BASE * n * sizeof(double))
        link.slot = <int*>self.room(n * sizeof(int))
        link.tiles = <int*>self.room(n * sizeof(int))
        link.variants = 2 if memory.buffering == AUTO else 1
        link.variant_doubled[0] = memory.buffering != SINGLE
        link.variant_doubled[1] = 0
        for v in range(link.variants):
            link.terms[v] = <double*>self.room(TERMS * n * sizeof(double))
            link.cost[v] = <double*>self.room(n * sizeof(double))
        for v in range(2 if x == O else 1):
            link.open[v] = <double*>self.room(n * sizeof(double))
        self.limit[x][j] = memory.size
        return 0

    cdef int lay_out_slides(self, int j) except -1:
        """For every tile that I's level may hold, the sizes that it can slide up to."""
        cdef Link* link = &self.link[I][j]
        cdef int d, v
        cdef long bytes
        if not self.p.memory[link.child].sliding:
            return 0
        for d in range(4):
            if slides(self, j, OY + d):
                bytes = (link.tile_count * self.lat.count[OY + d] + 1) * sizeof(double)
                for v in range(link.variants):
                    link.slid[v][d] = <double*>self.room(bytes)
                link.slid_open[d] = <double*>self.room(bytes)
        return 0

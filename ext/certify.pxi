"""The best temporal mapping by latency, energy or energy-delay product, with a proof.

Energy E is a sum over the links; cycles L are the largest of several such sums. Any weighting of
these sums with weights at least 0 that add up to 1 over the cycles' sums gives, by `Search.run`, a
line below which no mapping lies in the (E, L) plane. The objectives grow with both and are
quasi-concave, so their least value over what the lines leave is at a corner: a lower bound. Where
it stays below the best mapping found, `close_gap` enumerates the mappings in between.
"""

cdef enum:
    LATENCY, ENERGY, EDP

cdef double WORTH_SHARING = 0.002  # gap at which memories are shared out

cdef enum:
    MAXLINES = 96
    MAXTABLES = 28
    MIXTABLES = 8                 # of them, by lines that tell something of all mappings
    GLANCE = 24                   # closings tried before more weightings are asked for
    MAXASKS = 16                  # mappings remembered to choose weightings by
    MAXSUMS = 1 + 2 * MAXMEM      # sums of cycles: the array's, and of every port
    PATIENCE = 2                  # weightings in a row that do not help
    TABLE_BYTES = 1 << 26         # of all kept tables, beyond the first MIXTABLES
    PLAYS = 256                   # of the game that chooses the next weighting


cdef struct Line:                 # energy * E + cycles * L >= least
    double energy, cycles, least


cdef struct Corner:               # where the bound is attained
    double energy, cycles, value


cdef struct Partial:              # closings made so far, outermost first
    Sums sums                     # of them alone
    long used[MAXMEM]
    double weighted[MAXTABLES]
    int a, b, c
    long at
    int last                      # operand closed last at this very tile, NO where none


@cython.final
cdef class Certifier:
    """Best mapping of one spatial mapping, and what no mapping can beat."""

    cdef Search search
    cdef Problem* p
    cdef int objective
    cdef double energy_offset         # multiply-accumulates, pJ
    cdef double value                 # of the best mapping found
    cdef Choice choices[NO][MAXMEM]   # that mapping
    cdef int found
    cdef Line lines[MAXLINES]
    cdef int line_count
    cdef double* table[MAXTABLES]     # `best` of some runs at the widest limits
    cdef Line table_lines[MAXTABLES]  # their weights of energy and cycles
    cdef double table_base[MAXTABLES]
    cdef double link_weights[MAXTABLES][NO][MAXMEM][TERMS]
    cdef int table_count, table_limit
    cdef long nodes, node_budget
    cdef Choice trail[NO][MAXMEM]
    cdef int stopped                  # the budget ran out
    cdef double least_energy          # no mapping's dynamic energy is below
    cdef double least_cycles          # no mapping has fewer
    cdef double share[MAXSUMS]        # weights of the sums of cycles, 1 together
    cdef double asked[MAXASKS][MAXSUMS + 1]  # sums of cycles of the mappings found, their energy last
    cdef int ask_count
    cdef double last_energy

    # -- the objective --------------------------------------------------------------------------
    cdef double objective_of(self, double energy, double cycles) noexcept nogil:
        """Of dynamic energy and cycles; cycles are whole."""
        return self.at_whole(energy, ceil(cycles - 1e-9))

    cdef inline double at_whole(self, double energy, double cycles) noexcept nogil:
        """Of dynamic energy and whole cycles."""
        if self.objective == LATENCY:
            return cycles
        energy += self.energy_offset + self.p.leakage * cycles
        if self.objective == ENERGY:
            return energy
        return energy * cycles

    cdef double bound_of(self, Line* lines, int count, double e0, double l0, Corner* at) noexcept nogil:
        """The least value of the objective above all lines and a box, and where it is.

        Of the energy that the lines leave at a number of cycles, every line gives a straight part.
        Along each the objective is quasi-concave and cycles are whole, so its least value is at the
        first or last whole number there: next to where two lines meet.
        """
        cdef double start[MAXLINES + 1]  # of the energy that a line leaves, at 0 cycles
        cdef double slope[MAXLINES + 1]
        cdef int i, k, n = 1
        start[0] = e0
        slope[0] = 0
        for i in range(count):
            if lines[i].cycles == 0:
                start[0] = larger(start[0], lines[i].least / lines[i].energy)
            elif lines[i].energy == 0:
                l0 = larger(l0, lines[i].least / lines[i].cycles)
            else:
                start[n] = lines[i].least / lines[i].energy
                slope[n] = lines[i].cycles / lines[i].energy
                n += 1
        at.value = INFINITY
        l0 = ceil(l0 - 1e-9 * l0)
        self.try_cycles(start, slope, n, l0, at)
        for i in range(1, n):
            for k in range(i):
                if slope[i] != slope[k]:
                    self.try_around(start, slope, n, l0, (start[i] - start[k]) / (slope[i] - slope[k]), at)
        return at.value

    cdef inline void try_around(self, double* start, double* slope, int n, double l0, double l,
                                Corner* at) noexcept nogil:
        """The whole numbers of cycles on both sides."""
        cdef double whole
        if l > l0 - 1:
            whole = <double><long>l
            if whole > l0:
                self.try_cycles(start, slope, n, whole, at)
            if whole + 1 > l0:
                self.try_cycles(start, slope, n, whole + 1, at)

    cdef inline void try_cycles(self, double* start, double* slope, int n, double l, Corner* at) noexcept nogil:
        """The objective with the least energy that the lines leave at these cycles."""
        cdef int i
        cdef double energy = start[0], value
        for i in range(1, n):
            value = start[i] - slope[i] * l
            energy = value if value > energy else energy
        value = self.at_whole(energy, l)
        if value < at.value:
            at.value = value
            at.energy = energy
            at.cycles = l

    cdef double bound(self) noexcept nogil:
        cdef Corner at
        return self.bound_of(self.lines, self.line_count, 0, 0, &at)

    cdef int open_gap(self) noexcept nogil:
        return not self.found or self.bound() < self.value * (1 - 1e-9)

    # -- one weighting --------------------------------------------------------------------------
    cdef int ask(self, Weights* weights) except -1:
        """Add the line of a weighting, and remember a mapping that lies on it.

        Where the mapping's tiles do not fit together it still tells where the line touches. Returns
        0 where no mapping fits at all, 1 where the gap is closed, 2 otherwise.
        """
        cdef double least
        cdef Choice choices[NO][MAXMEM]
        cdef Sums sums
        if self.line_count == MAXLINES:
            return 1
        self.search.weights = weights[0]
        self.search.fresh()
        with nogil:
            weigh(self.search)
            least = fill_best(self.search)
        if least == INFINITY:
            return 0
        self.keep_table(least)
        self.line_count += 1
        if not self.open_gap():
            return 1
        trace_back(self.search, choices)
        sums_of(self.search, choices, &sums)
        self.remember(&sums)
        if self.fits_together(choices):
            self.take(choices, &sums)
        elif not self.found:
            self.share_out()
        return 2 if self.open_gap() else 1

    cdef void draw_line(self, double least) noexcept nogil:
        """The line of the present weights, as the last one."""
        cdef Line* line = &self.lines[self.line_count]
        cdef int m
        line.energy = self.search.weights.energy
        line.cycles = self.search.weights.array
        for m in range(self.p.memories):
            line.cycles += self.search.weights.read[m] + self.search.weights.write[m]
        line.least = least

    cdef void take(self, Choice choices[NO][MAXMEM], Sums* sums) noexcept nogil:
        """Keep a mapping if it is the best so far."""
        cdef int bound
        cdef double value = self.objective_of(sums.energy, cycles_of(self.p, sums, &bound))
        if not self.found or value < self.value:
            self.found = 1
            self.value = value
            memcpy(self.choices, choices, sizeof(self.choices))

    cdef int keep_table(self, double least) except -1:
        """Remember the present `best`, for `close_gap`; if need be in the place of the one whose line
        tells least."""
        cdef int k, x, j, place = self.table_count
        cdef double bound, weakest = INFINITY
        cdef Corner at
        self.draw_line(least)
        if place == self.table_limit:
            for k in range(place):
                bound = self.bound_of(&self.table_lines[k], 1, self.least_energy, self.search.base.array, &at)
                if bound < weakest:
                    weakest = bound
                    place = k
            if weakest >= self.bound_of(&self.lines[self.line_count], 1, self.least_energy, self.search.base.array, &at):
                return 0
            self.search.spare = self.table[place]
        else:
            self.table_count += 1
        self.table[place] = self.search.best
        self.search.is_kept = 1
        self.table_lines[place] = self.lines[self.line_count]
        for x in range(NO):
            for j in range(self.p.levels[x] - 1):
                weights_of(self.search, x, j, self.link_weights[place][x][j])
        self.table_base[place] = weighted_base(self.search)
        return 0

    cdef int fits_together(self, Choice choices[NO][MAXMEM]) noexcept nogil:
        """Whether no memory is overfilled by the tiles that share it."""
        cdef int m, x, j
        cdef long total
        for m in range(self.p.memories - 1):
            total = 0
            for x in range(NO):
                for j in range(self.p.levels[x] - 1):
                    if self.p.level[x][j] == m:
                        total += self.bits_of(x, j, &choices[x][j])
            if self.p.memory[m].size >= 0 and total > self.p.memory[m].size:
                return 0
        return 1

    cdef long bits_of(self, int x, int j, Choice* choice) noexcept nogil:
        cdef int v = 0
        if self.search.link[x][j].variant_doubled[0] != choice.is_doubled:
            v = 1
        return bits_held(self.search, x, j, v, choice.at, choice.whole)

    cdef int share_out(self) except -1:
        """A legal mapping to start from: fixed shares of every memory."""
        cdef int x, y, j, m, k
        cdef long total
        cdef Choice choices[NO][MAXMEM]
        cdef Sums sums
        cdef double cost
        cdef long shares[7][NO]
        shares[0][:] = [1, 1, 1]
        shares[1][:] = [2, 1, 1]
        shares[2][:] = [1, 2, 1]
        shares[3][:] = [1, 1, 2]
        shares[4][:] = [6, 1, 1]
        shares[5][:] = [1, 6, 1]
        shares[6][:] = [1, 1, 6]
        self.search.fresh()
        for k in range(7):
            for x in range(NO):
                for j in range(self.p.levels[x] - 1):
                    m = self.p.level[x][j]
                    total = 0
                    for y in range(NO):
                        total += shares[k][y] * self.p.memory[m].serves[y]
                    if self.p.memory[m].size >= 0:
                        self.search.limit[x][j] = self.p.memory[m].size * shares[k][x] // total
            with nogil:
                cost = fill_best(self.search)
            if cost < INFINITY:
                trace_back(self.search, choices)
                sums_of(self.search, choices, &sums)
                self.take(choices, &sums)
        for x in range(NO):
            for j in range(self.p.levels[x] - 1):
                self.search.limit[x][j] = self.p.memory[self.p.level[x][j]].size
        return 0

    # -- weightings until the gap closes --------------------------------------------------------
    cdef void remember(self, Sums* sums) noexcept nogil:
        """The sums of cycles of a mapping that a line touches, in the order of `share`."""
        cdef double* row = self.asked[self.ask_count % MAXASKS]
        cdef double inside = sums.around  # and the stalls of everything outside
        cdef int m
        self.ask_count += 1
        row[MAXSUMS] = sums.energy
        self.last_energy = sums.energy
        for m in range(self.p.memories - 1, -1, -1):
            row[1 + 2 * m] = inside + (sums.read[m] + (sums.write[m] if self.p.memory[m].one_port else 0)) \
                / self.p.memory[m].read_bandwidth
            row[2 + 2 * m] = 0 if self.p.memory[m].one_port else inside + sums.write[m] / self.p.memory[m].write_bandwidth
            inside += sums.serial[m]
        row[0] = inside + sums.array

    cdef void play(self, double energy, double cycles) noexcept nogil:
        """Move `share` towards the weights that do best against all mappings found so far.

        Fictitious play of the game whose rows are the sums and whose columns are the mappings:
        each side answers what the other has played so far.
        """
        cdef double gain[MAXSUMS]    # of each sum against the mappings played
        cdef double paid[MAXASKS]    # by each mapping to the sums played
        cdef int plays[MAXSUMS]
        cdef int count = 1 + 2 * self.p.memories, asks = self.ask_count, k, i, t, best, worst = 0
        cdef double extra
        if asks > MAXASKS:
            asks = MAXASKS
        memset(gain, 0, sizeof(gain))
        memset(plays, 0, sizeof(plays))
        for i in range(asks):
            paid[i] = 0
        worst = (self.ask_count - 1) % MAXASKS
        for t in range(2 * PLAYS):
            best = 0
            for k in range(count):
                gain[k] += self.asked[worst][k]
                if gain[k] > gain[best]:
                    best = k
            plays[best] += t >= PLAYS  # the first half finds its way
            worst = 0
            for i in range(asks):
                paid[i] += self.asked[i][best]
                if cycles > 0:
                    paid[i] += energy / cycles * self.asked[i][MAXSUMS]
                if paid[i] < paid[worst]:
                    worst = i
        for k in range(count):
            self.share[k] = <double>plays[k] / PLAYS

    cdef void weigh_by(self, double energy, double cycles, Weights* weights) noexcept nogil:
        """Weights of a line: of energy, and of cycles spread over their sums."""
        cdef int m
        memset(weights, 0, sizeof(Weights))
        weights.energy = energy
        weights.array = cycles * self.share[0]
        for m in range(self.p.memories):
            weights.read[m] = cycles * self.share[1 + 2 * m]
            weights.write[m] = cycles * self.share[2 + 2 * m]

    cdef void slope_at(self, double energy, double cycles, Weights* weights) noexcept nogil:
        """The weighting whose line follows the objective's contour at a place of the plane."""
        if self.objective == LATENCY:
            self.weigh_by(0, 1, weights)
        elif self.objective == ENERGY:
            self.weigh_by(1, self.p.leakage, weights)
        else:
            energy += self.energy_offset + 2 * self.p.leakage * cycles
            self.weigh_by(cycles, energy, weights)

    cdef void draw_axes(self) noexcept nogil:
        """Lines that hold before any search: what all mappings have in common."""
        self.lines[0].energy = 0
        self.lines[0].cycles = 1
        self.lines[0].least = self.least_cycles
        self.lines[1].energy = 1
        self.lines[1].cycles = 0
        self.lines[1].least = self.least_energy
        self.line_count = 2

    cdef double look(self) except? -1:
        """The line of the weighting that tells most for its time."""
        cdef double least
        memset(&self.search.weights, 0, sizeof(Weights))
        if self.objective == LATENCY:
            self.search.weights.array = 1
        else:
            self.search.weights.energy = 1
        self.search.fresh()
        with nogil:
            weigh(self.search)
            least = fill_best(self.search)
        return least

    cdef int certify(self, int rounds, double least_energy, double least_cycles) except -1:
        """Lines and mappings until bound and best mapping meet or the rounds are used up.

        The next line follows the objective's contour where the bound is attained, and weights the
        sums of cycles by what the mappings found so far say.

        least_energy, least_cycles: what no mapping's dynamic energy and cycles are below. `share`
        has been set to begin with. Returns 0 where nothing fits, 2 where every mapping is accounted
        for, else 1.
        """
        cdef Weights weights
        cdef Corner at
        cdef double bound, before = 0
        cdef int ok, t, stalled = 0
        self.least_energy = larger(least_energy, self.search.base.energy)
        self.least_cycles = larger(least_cycles, self.search.base.array)
        self.table_limit = MIXTABLES
        self.draw_axes()
        if not self.open_gap():
            return 1
        if self.objective != LATENCY and not self.found:
            self.weigh_by(1, self.p.leakage if self.objective == ENERGY else 0, &weights)
            ok = self.ask(&weights)
            if ok < 2:
                return ok
        for t in range(rounds if self.objective != LATENCY else 5 * rounds):
            self.bound_of(self.lines, self.line_count, 0, 0, &at)
            self.slope_at(at.energy, at.cycles, &weights)
            ok = self.ask(&weights)
            if ok < 2:
                return ok
            if t == 0:
                with nogil:
                    ok = close_gap(self, GLANCE)
                if ok:
                    return 2
            bound = self.bound() / self.value  # of the best mapping: either may have moved
            stalled = stalled + 1 if bound < before * (1 + 1e-3) else 0
            if stalled == (PATIENCE if self.objective != LATENCY else 8 * PATIENCE):
                break
            before = larger(bound, before)
            if self.objective == LATENCY and self.last_energy > 0:
                # Where the array alone limits, many mappings lie on the line, most of them bad in
                # what it does not weight: prefer the ones that move little.
                self.weigh_by(0.3 / (t + 1) * at.cycles / self.last_energy, 1, &weights)
                self.try_weights(&weights)
                if not self.open_gap():
                    return 1
            self.play(0 if self.objective == LATENCY else weights.energy, around_weight(self.search))
        # Tiles that share a memory often do not fit together on a line: then a good mapping is
        # found among those that keep to a part of it each.
        self.bound_of(self.lines, self.line_count, 0, 0, &at)
        if self.value > at.value * (1 + WORTH_SHARING):
            self.slope_at(at.energy, at.cycles, &weights)
            self.search.weights = weights
            with nogil:
                weigh(self.search)
            self.share_out()
            if not self.open_gap():
                return 1
        return self.ask_ports()

    cdef int ask_ports(self) except -1:
        """A line for each port that takes too long in a mapping found, alone.

        They tell little of all mappings, but much of those that `close_gap` has begun.
        """
        cdef Weights weights
        cdef double share[MAXSUMS]
        cdef char limits[MAXSUMS]
        cdef int i, k, ok, asks = self.ask_count
        cdef long bytes = self.search.total_states * self.search.lat.points * sizeof(double)
        self.table_limit = MAXTABLES
        if TABLE_BYTES // bytes < MAXTABLES:
            self.table_limit = MIXTABLES + <int>(TABLE_BYTES // bytes)
            if self.table_limit > MAXTABLES:
                self.table_limit = MAXTABLES
        memcpy(share, self.share, sizeof(share))
        if self.objective != LATENCY:
            self.weigh_by(1, 0, &weights)
            ok = self.ask(&weights)
            if ok < 2:
                return ok
        memset(limits, 0, sizeof(limits))
        for i in range(asks if asks < MAXASKS else MAXASKS):
            for k in range(1, 1 + 2 * self.p.memories):
                if self.asked[i][k] > 0.5 * self.value:
                    limits[k] = 1
        for k in range(1, 1 + 2 * self.p.memories):
            if limits[k] and self.table_count < self.table_limit:
                memset(self.share, 0, sizeof(self.share))
                self.share[k] = 1
                self.weigh_by(0, 1, &weights)
                memcpy(self.share, share, sizeof(share))
                ok = self.ask(&weights)
                if ok < 2:
                    return ok
        return 1

    cdef int try_weights(self, Weights* weights) except -1:
        """Take a mapping that is best under a weighting, for its own sake."""
        cdef Choice choices[NO][MAXMEM]
        cdef Sums sums
        self.search.weights = weights[0]
        self.search.fresh()
        with nogil:
            weigh(self.search)
            fill_best(self.search)
        trace_back(self.search, choices)
        sums_of(self.search, choices, &sums)
        self.remember(&sums)
        if self.fits_together(choices):
            self.take(choices, &sums)
        return 0

"""The best temporal mapping by latency, energy or energy-delay product, with a proof.

Energy E is a sum over the links; cycles L are the largest of several such sums. Any weighting of
these sums with weights at least 0 that add up to 1 over the cycles' sums gives, by `Search.run`, a
line below which no mapping lies in the (E, L) plane. The objectives grow with both and are
quasi-concave, so their least value over what the lines leave is at a corner: a lower bound. Where
it stays below the best mapping found, `close_gap` enumerates the mappings in between.
"""

cdef enum:
    LATENCY, ENERGY, EDP

cdef enum:
    MAXLINES = 24
    MAXTABLES = 8
    GLANCE = 24                   # closings tried before more weightings are asked for


cdef struct Line:                 # energy * E + cycles * L >= least
    double energy, cycles, least


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
    cdef double link_weights[MAXTABLES][NO][MAXMEM][TERMS + 1]
    cdef int table_count
    cdef long nodes, node_budget
    cdef Choice trail[NO][MAXMEM]
    cdef int stopped                  # the budget ran out
    cdef double least_energy          # no mapping's dynamic energy is below

    # -- the objective --------------------------------------------------------------------------
    cdef double objective_of(self, double energy, double cycles) noexcept nogil:
        """Of dynamic energy and cycles; cycles are whole."""
        cdef double whole = ceil(cycles - 1e-9)
        if self.objective == LATENCY:
            return whole
        energy += self.energy_offset + self.p.leakage * whole
        if self.objective == ENERGY:
            return energy
        return energy * whole

    cdef double corner(self, double energy, double cycles) noexcept nogil:
        """The objective with fractional cycles, as lower bounds between corners need it."""
        if self.objective == LATENCY:
            return cycles
        energy += self.energy_offset + self.p.leakage * cycles
        if self.objective == ENERGY:
            return energy
        return energy * cycles

    cdef double bound_of(self, Line* lines, int count) noexcept nogil:
        """The least value of the objective above all lines."""
        cdef double e0 = 0, l0 = 0, least = INFINITY, e, l, det
        cdef int i, k
        cdef Line a, b
        for i in range(count):
            if lines[i].cycles == 0 and lines[i].least / lines[i].energy > e0:
                e0 = lines[i].least / lines[i].energy
            if lines[i].energy == 0 and lines[i].least / lines[i].cycles > l0:
                l0 = lines[i].least / lines[i].cycles
        for i in range(count):
            a = lines[i]
            if a.energy > 0 and a.cycles > 0:
                least = self.try_corner(lines, count, (a.least - a.cycles * l0) / a.energy, l0, least)
                least = self.try_corner(lines, count, e0, (a.least - a.energy * e0) / a.cycles, least)
                for k in range(i):
                    b = lines[k]
                    det = a.energy * b.cycles - b.energy * a.cycles
                    if b.energy > 0 and b.cycles > 0 and det != 0:
                        e = (a.least * b.cycles - b.least * a.cycles) / det
                        l = (a.energy * b.least - b.energy * a.least) / det
                        least = self.try_corner(lines, count, e, l, least)
        least = self.try_corner(lines, count, e0, l0, least)
        e = self.objective_of(e0, l0)  # the corner of the box, with whole cycles
        return least if e < least < INFINITY else e

    cdef double try_corner(self, Line* lines, int count, double e, double l, double least) noexcept nogil:
        cdef int i
        cdef double slack
        for i in range(count):
            slack = lines[i].energy * e + lines[i].cycles * l - lines[i].least
            if slack < -1e-9 * (lines[i].least if lines[i].least > 0 else 1):
                return least
        slack = self.corner(e, l)
        return slack if slack < least else least

    cdef double bound(self) noexcept nogil:
        return self.bound_of(self.lines, self.line_count)

    cdef int open_gap(self) noexcept nogil:
        return not self.found or self.bound() < self.value * (1 - 1e-9)

    # -- one weighting --------------------------------------------------------------------------
    cdef int ask(self, Weights* weights, double* energy, double* cycles, Sums* sums) except -1:
        """Add the line of a weighting; energy, cycles and sums of a mapping that lies on it.

        Where the mapping's tiles do not fit together it still tells where the line touches. Returns
        0 where no mapping fits at all, 1 where the line closes the gap (nothing else is set), 2
        otherwise.
        """
        cdef double least
        cdef Choice choices[NO][MAXMEM]
        cdef int bound
        if self.line_count == MAXLINES:
            return 1
        self.search.weights = weights[0]
        with nogil:
            weigh(self.search)
            least = fill_best(self.search)
        if least == INFINITY:
            return 0
        if self.table_count < MAXTABLES:
            self.keep_table()
        self.draw_line(least)
        self.line_count += 1
        if not self.open_gap():
            return 1
        trace_back(self.search, choices)
        sums_of(self.search, choices, sums)
        energy[0] = sums.energy
        cycles[0] = cycles_of(self.p, sums, &bound)
        if self.fits_together(choices):
            self.take(choices, sums)
        elif not self.found:
            self.share_out()
        return 2 if self.open_gap() else 1

    cdef int ask_energy(self, double* energy, double* cycles, Sums* sums) except -1:
        """As `ask`, for the energy alone, leakage included where that is the objective."""
        cdef Weights weights
        memset(&weights, 0, sizeof(Weights))
        weights.energy = 1
        weights.array = self.p.leakage if self.objective == ENERGY else 0
        return self.ask(&weights, energy, cycles, sums)

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

    cdef int keep_table(self) except -1:
        """Remember the present `best`, for `close_gap`."""
        cdef long bytes = self.search.total_states * self.search.lat.points * sizeof(double)
        cdef int k = self.table_count, x, j
        self.table[k] = <double*>self.search.room(bytes)
        memcpy(self.table[k], self.search.best, bytes)
        self.draw_line(0)
        self.table_lines[k] = self.lines[self.line_count]
        for x in range(NO):
            for j in range(self.p.levels[x] - 1):
                weights_of(self.search, x, j, self.link_weights[k][x][j])
        self.table_base[k] = weighted_base(self.search)
        self.table_count += 1
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
    cdef void binding(self, Sums* sums, Weights* weights) noexcept nogil:
        """Put all weight of the cycles on the sum that is the largest of these."""
        cdef double time = sums.array, busy
        cdef int m, k
        memset(weights, 0, sizeof(Weights))
        weights.array = 1
        for m in range(self.p.memories):
            time += sums.serial[m]
            busy = port_time(&self.p.memory[m], sums.read[m], sums.write[m])
            if busy > time:
                time = busy
                weights.array = 0
                for k in range(self.p.memories):
                    weights.read[k] = 0
                    weights.write[k] = 0
                if self.p.memory[m].one_port or sums.read[m] / self.p.memory[m].read_bandwidth \
                        >= sums.write[m] / self.p.memory[m].write_bandwidth:
                    weights.read[m] = 1
                else:
                    weights.write[m] = 1

    cdef int same_binding(self, Weights* a, Weights* b) noexcept nogil:
        cdef int m
        if a.array != b.array:
            return 0
        for m in range(self.p.memories):
            if a.read[m] != b.read[m] or a.write[m] != b.write[m]:
                return 0
        return 1

    cdef void draw_axes(self) noexcept nogil:
        """Lines that hold before any search: what all mappings have in common."""
        self.lines[0].energy = 0
        self.lines[0].cycles = 1
        self.lines[0].least = self.search.base.array
        self.lines[1].energy = 1
        self.lines[1].cycles = 0
        self.lines[1].least = self.least_energy
        self.line_count = 2

    cdef double look(self, double* least_energy) noexcept nogil:
        """A bound from the weighting that tells most for its time, and one of the energy."""
        cdef double least
        self.least_energy = self.search.base.energy
        self.draw_axes()
        memset(&self.search.weights, 0, sizeof(Weights))
        if self.objective == LATENCY:
            self.search.weights.array = 1
        else:
            self.search.weights.energy = 1
        weigh(self.search)
        least = fill_best(self.search)
        least_energy[0] = 0
        if least == INFINITY:
            return least
        self.draw_line(least)
        self.line_count += 1
        least_energy[0] = least if self.objective != LATENCY else 0
        return self.bound()

    cdef int certify(self, int rounds, double least_known, int hint) except -1:
        """Lines and mappings until bound and best mapping meet or the rounds are used up.

        least_known: what no mapping's dynamic energy is below. hint: the memory that is likely to
        limit the cycles, -1 the array. Returns 0 where nothing fits, 2 where
        every mapping is accounted for.
        """
        cdef Weights slow, mean, probe, mix
        cdef Sums sums
        cdef double energy = 0, cycles = 0, least_energy, slowest, here_e = 0, here_l = 0, top_e
        cdef int ok, k, tries, asked
        self.least_energy = larger(least_known, self.search.base.energy)
        self.draw_axes()
        memset(&slow, 0, sizeof(Weights))
        slow.array = 1
        if not self.open_gap():
            return 1
        asked = 0
        if self.objective != LATENCY and not self.found:
            asked = self.ask_energy(&energy, &cycles, &sums)
            if asked < 2:
                return asked
        if self.found and self.objective == EDP:
            # Energy and cycles at the scale of the best mapping: this alone rules most out.
            mix = slow
            if hint >= 0:
                mix.array = 0.5
                mix.read[hint] = 0.5
            self.scale_cycles(&mix, self.value / self.search.base.array)
            mix.energy = self.search.base.array
            ok = self.ask(&mix, &here_e, &here_l, &sums)
            if ok < 2:
                return ok
            with nogil:
                ok = close_gap(self, GLANCE)
            if ok:
                return 2
        if self.objective != LATENCY and not asked:
            ok = self.ask_energy(&energy, &cycles, &sums)
            if ok < 2:
                return ok
        least_energy = energy
        slowest = cycles
        # The cycles' own bound: weight the sums by how often each was the largest so far.
        mean = slow
        for tries in range(rounds):
            ok = self.ask(&slow, &here_e, &here_l, &sums)
            if ok < 2:
                return ok
            self.binding(&sums, &probe)
            if tries < 2 and self.same_binding(&probe, &slow):
                break
            self.blend(&mean, &probe, 1.0 / (tries + 2))
            slow = probe if tries == 0 else mean  # the new largest sum alone may be all there is
        if self.objective == LATENCY:
            return 1
        # Between the least energy and the fewest cycles.
        top_e = here_e
        for k in range(rounds):
            if slowest <= here_l or top_e <= least_energy:
                return 1
            mix = slow
            self.scale_cycles(&mix, top_e - least_energy)
            mix.energy = slowest - here_l
            ok = self.ask(&mix, &energy, &cycles, &sums)
            if ok < 2:
                return ok
            self.binding(&sums, &probe)
            self.blend(&slow, &probe, 1.0 / (k + 4))
            # Go on at the side where the corner with the least value lies.
            if self.corner(least_energy, cycles) < self.corner(energy, here_l):
                if energy >= top_e and cycles <= here_l:
                    return 1
                top_e = energy
                here_l = cycles
            else:
                if energy <= least_energy and cycles >= slowest:
                    return 1
                least_energy = energy
                slowest = cycles
        return 1

    cdef void blend(self, Weights* slow, Weights* other, double share) noexcept nogil:
        """Move the weights of the cycles' sums towards others."""
        cdef int m
        slow.array += share * (other.array - slow.array)
        for m in range(self.p.memories):
            slow.read[m] += share * (other.read[m] - slow.read[m])
            slow.write[m] += share * (other.write[m] - slow.write[m])

    cdef void scale_cycles(self, Weights* weights, double factor) noexcept nogil:
        cdef int m
        weights.array *= factor
        for m in range(self.p.memories):
            weights.read[m] *= factor
            weights.write[m] *= factor

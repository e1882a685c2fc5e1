# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Cost of a mapping, and the best temporal mapping under an additive cost.

The plain-Python twins are `simulator/accesses.py` and `simulator/cost.py`: read those first.
Conventions of this file: dims, operands and memories are numbers (order of `DIMS`, `OPERANDS`,
innermost memory first); a *link* (operand, level) is the traffic between an operand's level and
its next outer one; a *point* is the tile at which that traffic happens.

Layout of the problem arrays: see `simulator/problem.py`, which packs them.
"""

import numpy as np

cimport cython

from libc.math cimport ceil, INFINITY
from libc.string cimport memcpy, memset

include "problem.pxi"
include "counting.pxi"
include "cost.pxi"
include "search.pxi"
include "tables.pxi"
include "weights.pxi"
include "recurrence.pxi"
include "trace.pxi"
include "certify.pxi"
include "enumerate.pxi"

cdef class Kernel:
    """One loop nest on one sub-accelerator.

    Args:
        integers, reals: the packed problem, see `simulator/problem.py`.
    """

    cdef Problem p
    cdef Arena arena

    def __init__(self, long[::1] integers, double[::1] reals):
        cdef int m, x, d, at
        cdef Problem* p = &self.p
        cdef Memory* memory
        memset(p, 0, sizeof(Problem))
        self.arena = Arena()
        for d in range(ND):
            p.sizes[d] = integers[d]
            p.sequential[d] = <int>integers[16 + d]
        for d in range(2):
            p.stride[d] = integers[8 + d]
            p.dilation[d] = integers[10 + d]
            p.pad[d] = integers[12 + d]
            p.extent[d] = integers[14 + d]
        for x in range(NO):
            p.bits[x] = integers[24 + x]
        p.psum = integers[27]
        p.axes = <int>integers[28]
        p.memories = <int>integers[29]
        p.cycles_per_mac = integers[30]
        p.skew = integers[31]
        p.skew_per_fold = <int>integers[32]
        p.skew_operand = <int>integers[33]
        if p.memories > MAXMEM or p.axes > MAXAXES:
            raise ValueError(f"expected at most {MAXMEM} memories and {MAXAXES} axes")
        p.leakage = reals[0]
        p.mac_energy = reals[1]
        for m in range(p.memories):
            memory = &p.memory[m]
            at = HEADER + PER_MEMORY * m
            for x in range(NO):
                memory.serves[x] = <int>integers[at + x]
                for d in range(ND):
                    memory.tiled[x][d] = <int>integers[at + 12 + ND * x + d]
                if memory.serves[x]:
                    p.level[x][p.levels[x]] = m
                    p.levels[x] += 1
            memory.size = integers[at + 3]
            memory.one_port = <int>integers[at + 4]
            memory.buffering = <int>integers[at + 5]
            memory.sliding = <int>integers[at + 6]
            memory.complete = <int>integers[at + 7]
            for d in range(MAXAXES):
                memory.replicated[d] = <int>integers[at + 8 + d]
            memory.read_bandwidth = reals[2 + 5 * m]
            memory.write_bandwidth = reals[3 + 5 * m]
            memory.read_energy = reals[4 + 5 * m]
            memory.write_energy = reals[5 + 5 * m]
            memory.transfer_energy = reals[6 + 5 * m]
            memory.instances = <int>reals[2 + 5 * p.memories + m]

    def evaluate(self, long[:, ::1] spatial, long[:, ::1] loops, long[:, ::1] bounds, long[:, ::1] doubled):
        """Cost of one mapping.

        Args:
            spatial: (n, 3) axis, dim, factor.
            loops: (n, 2) dim, factor, innermost first.
            bounds: (3, levels) loops inside each level's tile.
            doubled: (3, levels) whether the tile has a second buffer.

        Returns:
            (cycles, energy in pJ without multiply-accumulates, compute cycles, memory that limits
            or -1, memory that is too small or -1, bits it is short of, network energy in pJ,
            bits read, bits written): the last two are arrays (memories, 3).
        """
        cdef Space s
        cdef Point points[NO][MAXMEM]
        cdef Cost cost
        cdef long[:, ::1] reads
        cdef long[:, ::1] writes
        cdef int m, x
        with nogil:
            make_space(&self.p, spatial, &s)
            points_of(&self.p, &s, loops, bounds, points)
            cost_of(&self.p, &s, points, doubled, &cost)
        read = np.empty((self.p.memories, NO), dtype=np.int64)
        written = np.empty((self.p.memories, NO), dtype=np.int64)
        reads = read
        writes = written
        for m in range(self.p.memories):
            for x in range(NO):
                reads[m, x] = cost.read_bits[m][x]
                writes[m, x] = cost.write_bits[m][x]
        return (int(cost.cycles), cost.energy, cost.compute, cost.bound, cost.overflow, cost.short_bits,
                cost.network, read, written)

    def floors(self, list spatials):
        """What no mapping with a spatial part is below, without a search.

        Args:
            spatials: n of them, each (unrollings, 3) axis, dim, factor.

        Returns:
            (n, 2 + 2 memories): dynamic energy in pJ, cycles of the array, and the bits read and
            written through the fullest instance of every memory. Bandwidths do not matter.
        """
        cdef Space s
        cdef Sums sums
        cdef int k, m
        cdef long[:, ::1] spatial
        found = np.empty((len(spatials), 2 + 2 * self.p.memories))
        cdef double[:, ::1] rows = found
        for k in range(len(spatials)):
            spatial = spatials[k]
            with nogil:
                make_space(&self.p, spatial, &s)
                least_sums(&self.p, &s, &sums)
            rows[k, 0] = sums.energy
            rows[k, 1] = sums.array
            for m in range(self.p.memories):
                rows[k, 2 + 2 * m] = sums.read[m]
                rows[k, 3 + 2 * m] = sums.write[m]
        return found

    def bounds(self, double[:, ::1] floors, int objective, double macs_energy):
        """The least value of the objective and the fewest cycles that `floors` leave: (n,) each."""
        cdef Certifier c = Certifier()
        cdef int k, m
        cdef double cycles
        c.p = &self.p
        c.objective = objective
        c.energy_offset = macs_energy
        found = np.empty(floors.shape[0])
        times = np.empty(floors.shape[0])
        cdef double[::1] values = found
        cdef double[::1] slowest = times
        for k in range(floors.shape[0]):
            cycles = floors[k, 1]
            for m in range(self.p.memories):
                cycles = larger(cycles, least_time(&self.p.memory[m], floors[k, 2 + 2 * m], floors[k, 3 + 2 * m]))
            values[k] = c.objective_of(floors[k, 0], cycles)
            slowest[k] = cycles
        return found, times

    def look(self, long[:, ::1] spatial, list sizes, int objective):
        """One weighting: the least dynamic energy of all mappings with this spatial part (pJ), or,
        where the objective is latency, cycles that none is below. INFINITY where nothing fits.

        Arguments as of `best_temporal`.
        """
        cdef Space s
        cdef Certifier c
        cdef Arena arena = self.borrow()
        try:
            c = self.certifier(arena, &s, spatial, sizes, objective, 0)
            return c.look()
        finally:
            arena.taken = 0

    cdef Arena borrow(self):
        """The memory of this kernel, or more where another thread is using it."""
        cdef Arena arena = self.arena
        if arena.taken:
            arena = Arena()
        arena.clear()
        arena.taken = 1
        return arena

    cdef Certifier certifier(self, Arena arena, Space* s, long[:, ::1] spatial, list sizes, int objective,
                             double macs_energy):
        """Ready to search, with its tables laid out."""
        cdef Certifier c = Certifier()
        make_space(&self.p, spatial, s)
        c.search = Search()
        c.search.prepare(arena, &self.p, s, sizes)
        c.p = &self.p
        c.objective = objective
        c.energy_offset = macs_energy
        return c

    def best_temporal(self, long[:, ::1] spatial, list sizes, int objective, double macs_energy,
                      double known, double least_energy, double least_cycles, double[::1] share, int rounds, long nodes):
        """The best temporal mapping for one spatial mapping.

        Args:
            spatial: (n, 3) axis, dim, factor.
            sizes: per dim the tile sizes to consider, ascending, from 1 to all steps.
            objective: 0 latency, 1 energy, 2 energy-delay product.
            macs_energy: pJ of all multiply-accumulates.
            known: a value already reached elsewhere; what cannot beat it is not looked at.
            least_energy: as `look` gave it, or 0.
            least_cycles: that no mapping has fewer, or 0.
            share: (1 + 2 memories,) how to weight the sums of cycles at first: the array's, and the
                reads and writes of every memory (one port: reads), 1 together. Holds what was found
                best afterwards.
            rounds: weightings to ask for at most, in each direction.
            nodes: closings to try at most where a gap stays.

        Returns:
            (value, lower bound, loops (n, 2), bounds (3, 10), doubled (3, 10), runs, nodes): the
            bound holds for every mapping with this spatial part. loops is None where nothing fits
            or nothing found beats `known`; value is infinite where nothing fits.
        """
        cdef Space s
        cdef Certifier c
        cdef Arena arena = self.borrow()
        try:
            c = self.certifier(arena, &s, spatial, sizes, objective, macs_energy)
            return self.certified(c, known, least_energy, least_cycles, share, rounds, nodes)
        finally:
            arena.taken = 0

    cdef tuple certified(self, Certifier c, double known, double least_energy, double least_cycles, double[::1] share, int rounds, long nodes):
        """As `best_temporal` returns it."""
        cdef long loops[2 * MAXLOOPS]
        cdef long bounds[NO][MAXMEM]
        cdef int n, x, j
        cdef double bound
        c.value = known
        c.found = known < INFINITY
        memset(c.choices, 255, sizeof(c.choices))  # order -1 everywhere: none taken yet
        for x in range(1 + 2 * self.p.memories):
            c.share[x] = share[x]
        cdef int done = c.certify(rounds, least_energy, least_cycles)
        for x in range(1 + 2 * self.p.memories):
            share[x] = c.share[x]
        if done == 0:
            return INFINITY, INFINITY, None, None, None, c.search.runs, 0
        bound = c.bound()
        if done < 2 and nodes > 0 and bound < c.value * (1 - 1e-9):
            with nogil:
                done = 1 + close_gap(c, nodes)
        if done == 2:
            bound = c.value
        if bound > c.value:
            bound = c.value
        if not c.found or c.value >= known:
            return c.value, bound, None, None, None, c.search.runs, c.nodes
        n = loops_of(c.search, c.choices, loops, bounds)
        found = np.empty((n, 2), dtype=np.int64)
        for j in range(n):
            found[j, 0] = loops[2 * j]
            found[j, 1] = loops[2 * j + 1]
        inside = np.zeros((NO, MAXMEM), dtype=np.int64)
        doubled = np.zeros((NO, MAXMEM), dtype=np.int64)
        for x in range(NO):
            for j in range(self.p.levels[x] - 1):
                inside[x, j] = bounds[x][j]
                doubled[x, j] = c.choices[x][j].is_doubled
        return c.value, bound, found, inside, doubled, c.search.runs, c.nodes

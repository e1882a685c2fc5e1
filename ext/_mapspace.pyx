# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Cost of a mapping, and the best temporal mapping under an additive cost.

The plain-Python twins are `simulator/accesses.py` and `simulator/cost.py`: read those first.
Conventions of this file: dims, operands and memories are numbers (order of `DIMS`, `OPERANDS`,
innermost memory first); a *link* (operand, level) is the traffic between an operand's level and
its next outer one; a *point* is the tile at which that traffic happens.

Layout of the problem arrays: see `simulator/problem.py`, which packs them.
"""

import heapq

import numpy as np

from libc.math cimport ceil, INFINITY
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

include "problem.pxi"
include "counting.pxi"
include "cost.pxi"
include "search.pxi"

cdef class Kernel:
    """One loop nest on one sub-accelerator.

    Args:
        integers, reals: the packed problem, see `simulator/problem.py`.
    """

    cdef Problem p

    def __init__(self, long[::1] integers, double[::1] reals):
        cdef int m, x, d, at
        cdef Problem* p = &self.p
        cdef Memory* memory
        memset(p, 0, sizeof(Problem))
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

    def evaluate(self, long[:, ::1] spatial, long[:, ::1] loops, long[:, ::1] bounds):
        """Cost of one mapping.

        Args:
            spatial: (n, 3) axis, dim, factor.
            loops: (n, 2) dim, factor, innermost first.
            bounds: (3, levels) loops inside each level's tile.

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
        make_space(&self.p, spatial, &s)
        points_of(&self.p, &s, loops, bounds, points)
        cost_of(&self.p, &s, points, &cost)
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

    def best_temporal(self, long[:, ::1] spatial, list sizes, list weightings, int nodes):
        """For one spatial mapping, the temporal mapping with the least weighted traffic.

        Args:
            spatial: (n, 3) axis, dim, factor.
            sizes: per dim the tile sizes to consider, ascending, from 1 to all steps.
            weightings: triples of (memories,) arrays: cost per bit read, written, carried.
            nodes: how often the search may tighten the limits of a shared memory.

        Returns:
            For every weighting (loops (n, 2), bounds (3, 10), lower bound, exact); loops is None
            where nothing fits. The bound leaves out what does not depend on the temporal mapping;
            `exact`: the mapping meets the bound.
        """
        cdef Space s
        cdef Search search = Search()
        cdef double[::1] reads
        cdef double[::1] writes
        cdef double[::1] transfers
        make_space(&self.p, spatial, &s)
        search.prepare(&self.p, &s, sizes)
        found = []
        for read_weight, write_weight, transfer_weight in weightings:
            reads = read_weight
            writes = write_weight
            transfers = transfer_weight
            with nogil:
                search.weigh(reads, writes, transfers)
            found.append(self.best_weighted(search, nodes))
        return found

    cdef tuple best_weighted(self, Search search, int nodes):
        """Best first over limits for the operands that share a memory."""
        cdef double cost
        cdef long loops[2 * MAXLOOPS]
        cdef long bounds[NO][MAXMEM]
        cdef long points[NO][MAXMEM]
        cdef int whole[MAXMEM]
        cdef long used[NO][MAXMEM]
        cdef int n = 0, x, j, worst, number = 0, pushed = 0
        root = tuple(
            tuple(self.p.memory[self.p.level[x][j]].size for j in range(self.p.levels[x] - 1))
            for x in range(NO))
        queue = [(-INFINITY, 0, root, tuple((0,) * len(row) for row in root))]
        worst = 0
        bound = INFINITY
        while queue and worst >= 0 and number < nodes:
            bound, _, limits, floors = heapq.heappop(queue)
            cost = self.solve(search, limits)
            number += 1
            if cost == INFINITY:
                continue
            if queue and cost > queue[0][0]:
                pushed += 1
                heapq.heappush(queue, (cost, pushed, limits, floors))
                continue
            bound = cost
            n = search.trace(loops, bounds, points, whole)
            worst = self.overfull(search, points, whole, used)
            if worst >= 0:
                for half in self.halves(limits, floors, worst, used):
                    pushed += 1
                    heapq.heappush(queue, (cost, pushed, *half))
        if worst >= 0 and not queue:
            return None, None, INFINITY, True
        if worst >= 0:
            bound = queue[0][0]
            n = self.share_out(search, root, loops, bounds, points, whole)
            if n < 0:
                return None, None, bound, False
        found = np.empty((n, 2), dtype=np.int64)
        for j in range(n):
            found[j, 0] = loops[2 * j]
            found[j, 1] = loops[2 * j + 1]
        inside = np.zeros((NO, MAXMEM), dtype=np.int64)
        for x in range(NO):
            for j in range(self.p.levels[x] - 1):
                inside[x, j] = bounds[x][j]
        return found, inside, bound, worst < 0

    cdef double solve(self, Search search, tuple limits):
        """Run the search with these limits (bits, by operand and level)."""
        cdef int x, j
        cdef double cost
        for x in range(NO):
            for j in range(self.p.levels[x] - 1):
                search.limit[x][j] = limits[x][j]
        with nogil:
            cost = search.run()
        return cost

    cdef list halves(self, tuple limits, tuple floors, int memory, long used[NO][MAXMEM]):
        """Two (limits, floors) that between them allow every legal mapping, and not this one.

        Floors are what an operand is known to take. Split on the operand that takes most above its
        floor: either it takes less than it does now, or at least as much, which leaves the others
        the rest. Without such an operand the floors alone overfill the memory: nothing is left.
        """
        cdef int y, z, j, i, x = -1, k = 0
        for y in range(NO):
            for j in range(self.p.levels[y] - 1):
                if self.p.level[y][j] == memory and used[y][j] > floors[y][j]:
                    if x < 0 or used[y][j] > used[x][k]:
                        x = y
                        k = j
        if x < 0:
            return []
        less = [list(row) for row in limits]
        less[x][k] = used[x][k] - 1
        found = [(tuple(map(tuple, less)), floors)]
        raised = [list(row) for row in floors]
        raised[x][k] = used[x][k]
        same = [list(row) for row in limits]
        for y in range(NO):
            for j in range(self.p.levels[y] - 1):
                if self.p.level[y][j] != memory or y == x:
                    continue
                rest = self.p.memory[memory].size
                for z in range(NO):
                    for i in range(self.p.levels[z] - 1):
                        if z != y and self.p.level[z][i] == memory:
                            rest -= raised[z][i]
                if rest < 0:
                    return found
                same[y][j] = min(same[y][j], rest)
        return [*found, (tuple(map(tuple, same)), tuple(map(tuple, raised)))]

    cdef int overfull(self, Search search, long points[NO][MAXMEM], int whole[MAXMEM],
                      long used[NO][MAXMEM]):
        """A memory whose tiles do not fit together, -1 where all do; fills the bits used."""
        cdef int m, x, j
        cdef long total, width
        for m in range(self.p.memories - 1):
            total = 0
            for x in range(NO):
                for j in range(self.p.levels[x] - 1):
                    if self.p.level[x][j] != m:
                        continue
                    width = self.p.bits[x]
                    if x == O and (j == 0 or not whole[j]):
                        width = self.p.psum
                    used[x][j] = width * search.link[x][j].held[points[x][j]]
                    total += used[x][j]
            if self.p.memory[m].size >= 0 and total > self.p.memory[m].size:
                return m
        return -1

    cdef int share_out(self, Search search, tuple root, long* loops, long bounds[NO][MAXMEM],
                       long points[NO][MAXMEM], int whole[MAXMEM]) except -2:
        """A legal mapping where the node budget ran out: fixed shares of each shared memory."""
        cdef int x, j, m
        cdef double cost, best = INFINITY
        winner = None
        for shares in ((1, 1, 1), (2, 1, 1), (1, 2, 1), (1, 1, 2), (6, 1, 1), (1, 6, 1), (1, 1, 6), None):
            if shares is None:
                if winner is None:
                    return -1
                shares = winner
            limits = []
            for x in range(NO):
                row = []
                for j in range(self.p.levels[x] - 1):
                    m = self.p.level[x][j]
                    total = sum(shares[y] for y in range(NO) if self.p.memory[m].serves[y])
                    row.append(root[x][j] if root[x][j] < 0 else root[x][j] * shares[x] // total)
                limits.append(tuple(row))
            cost = self.solve(search, tuple(limits))
            if cost < best:
                best = cost
                winner = shares
        return search.trace(loops, bounds, points, whole)

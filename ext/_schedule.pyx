# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""List scheduling and search over schedules. The twin to read first is `simulator/scheduling/placer.py`."""

import numpy as np

from libc.math cimport log
from libc.stdint cimport int64_t, uint64_t, uint8_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memmove

cdef int64_t WHOLE = 1 << 16
cdef int64_t NEVER = 1 << 60

cdef enum:
    KINDS = 12


cdef struct Gap:                  # where a machine is idle, and the task before
    int64_t start, end
    int before


cdef struct Outcome:
    int64_t makespan, late
    double energy, value, cost


include "shares.pxi"
include "splitmix.pxi"


cdef class Placer:
    """The tables of an instance; arguments and results are those of the twin, `PlainPlacer`."""

    cdef readonly int tasks, machines
    cdef const int64_t[:, ::1] duration, stay_duration, share, stay_share
    cdef const double[:, ::1] energy, stay_energy
    cdef const uint8_t[:, ::1] fits
    cdef const int64_t[::1] feeder, needs_from, needs, feeds_from, feeds, release, due, priority
    cdef const int64_t[::1] topological
    cdef double leakage
    cdef bint narrow              # the shares may exceed the DRAM
    cdef bint mixed               # priorities differ
    cdef int64_t[::1] shortest    # on each machine

    def __init__(
        self, duration, stay_duration, share, stay_share, energy, stay_energy, fits, feeder,
        needs_from, needs, feeds_from, feeds, release, due, priority, topological, leakage,
    ):
        self.tasks, self.machines = duration.shape
        self.duration, self.stay_duration = duration, stay_duration
        self.share, self.stay_share = share, stay_share
        self.energy, self.stay_energy = energy, stay_energy
        self.fits, self.feeder = fits, feeder
        self.needs_from, self.needs, self.feeds_from, self.feeds = needs_from, needs, feeds_from, feeds
        self.release, self.due, self.priority = release, due, priority
        self.topological = topological
        self.leakage = leakage
        able = duration >= 0
        largest = np.where(able, np.where(fits > 0, np.maximum(share, stay_share), share), 0)
        self.narrow = self.tasks > 0 and largest.max(axis=0).sum() > WHOLE
        self.mixed = self.tasks > 0 and bool((priority != priority[0]).any())
        least = np.where(able, np.where(fits > 0, stay_duration, duration), NEVER)
        self.shortest = least.min(axis=0, initial=NEVER)

    def ranks(self, const double[::1] weight, const double[::1] base):
        cdef int task, other, i, k
        cdef double longest
        result = np.empty(self.tasks)
        cdef double[::1] rank = result
        with nogil:
            for i in range(self.tasks - 1, -1, -1):
                task = self.topological[i]
                longest = base[task]
                for k in range(self.feeds_from[task], self.feeds_from[task + 1]):
                    other = self.feeds[k]
                    if rank[other] > longest:
                        longest = rank[other]
                rank[task] = weight[task] + longest
        return result

    def outlook(self):
        cdef int task, other, i, k, on, there
        cdef double least, longest, cycles
        result = np.zeros((self.tasks, self.machines))
        cdef double[:, ::1] look = result
        with nogil:
            for i in range(self.tasks - 1, -1, -1):
                task = self.topological[i]
                for on in range(self.machines):
                    longest = 0
                    for k in range(self.feeds_from[task], self.feeds_from[task + 1]):
                        other = self.feeds[k]
                        least = -1
                        for there in range(self.machines):
                            if self.duration[other, there] < 0:
                                continue
                            if there == on and self.feeder[other] == task and self.fits[other, on]:
                                cycles = look[other, there] + self.stay_duration[other, there]
                            else:
                                cycles = look[other, there] + self.duration[other, there]
                            if least < 0 or cycles < least:
                                least = cycles
                        if least > longest:
                            longest = least
                    look[task, on] = longest
        return result

    def thrift(self):
        cdef int task, fed, i, on, there
        cdef double least, here
        cdef double total = 0
        machine_result = np.full(self.tasks, -1, np.int64)
        joined_result = np.zeros(self.tasks, np.uint8)
        cdef int64_t[::1] machine = machine_result
        cdef uint8_t[::1] joined = joined_result
        # Of the tasks up to this one along its feeders, by the machine of this one.
        cdef double[:, ::1] best = np.full((self.tasks, self.machines), np.inf)
        cdef int64_t[:, ::1] origin = np.full((self.tasks, self.machines), -1, np.int64)
        cdef uint8_t[:, ::1] stays = np.zeros((self.tasks, self.machines), np.uint8)
        cdef uint8_t[::1] feeds = np.zeros(self.tasks, np.uint8)
        with nogil:
            for i in range(self.tasks):
                task = self.topological[i]
                fed = self.feeder[task]
                there = -1
                if fed >= 0:
                    feeds[fed] = 1
                    there = 0
                    for on in range(1, self.machines):
                        if best[fed, on] < best[fed, there]:
                            there = on
                for on in range(self.machines):
                    if self.duration[task, on] < 0:
                        continue
                    best[task, on] = self.energy[task, on]
                    if fed >= 0:
                        best[task, on] = self.energy[task, on] + best[fed, there]
                        origin[task, on] = there
                        if self.fits[task, on]:
                            here = self.stay_energy[task, on] + best[fed, on]
                            if here <= best[task, on]:
                                best[task, on] = here
                                origin[task, on] = on
                                stays[task, on] = 1
            for i in range(self.tasks - 1, -1, -1):
                task = self.topological[i]
                if not feeds[task]:
                    on = 0
                    for there in range(1, self.machines):
                        if best[task, there] < best[task, on]:
                            on = there
                    machine[task] = on
                    total += best[task, on]
                on = machine[task]
                if self.feeder[task] >= 0:
                    machine[self.feeder[task]] = origin[task, on]
                    joined[task] = stays[task, on]
        return total, machine_result, joined_result

    def arrange(self, const double[::1] rank, const uint8_t[::1] joined):
        cdef int task, other, i, k, run, count = 0, heaped = 0
        result = np.empty(self.tasks, np.int64)
        cdef int64_t[::1] order = result
        cdef int64_t[::1] head = np.arange(self.tasks)
        cdef int64_t[::1] follower = np.full(self.tasks, -1, np.int64)
        cdef int64_t[::1] waits = np.zeros(self.tasks, np.int64)
        cdef int64_t[::1] heap = np.empty(self.tasks, np.int64)
        with nogil:
            for i in range(self.tasks):
                task = self.topological[i]
                if joined[task]:
                    head[task] = head[self.feeder[task]]
                    follower[self.feeder[task]] = task
            for task in range(self.tasks):
                for k in range(self.needs_from[task], self.needs_from[task + 1]):
                    if head[self.needs[k]] != head[task]:
                        waits[head[task]] += 1
            for task in range(self.tasks):
                if head[task] == task and waits[task] == 0:
                    self.push(&heap[0], &heaped, &rank[0], task)
            while heaped:
                run = self.pop(&heap[0], &heaped, &rank[0])
                task = run
                while task >= 0:
                    order[count] = task
                    count += 1
                    task = follower[task]
                task = run
                while task >= 0:
                    for k in range(self.feeds_from[task], self.feeds_from[task + 1]):
                        other = head[self.feeds[k]]
                        if other != run:
                            waits[other] -= 1
                            if waits[other] == 0:
                                self.push(&heap[0], &heaped, &rank[0], other)
                    task = follower[task]
        return result if count == self.tasks else None

    cdef bint goes_first(self, const double* rank, int64_t a, int64_t b) noexcept nogil:
        if self.priority[a] != self.priority[b]:
            return self.priority[a] > self.priority[b]
        if rank[a] != rank[b]:
            return rank[a] > rank[b]
        return a < b

    cdef void push(self, int64_t* heap, int* count, const double* rank, int64_t task) noexcept nogil:
        cdef int at = count[0], above
        count[0] += 1
        while at > 0:
            above = (at - 1) // 2
            if not self.goes_first(rank, task, heap[above]):
                break
            heap[at] = heap[above]
            at = above
        heap[at] = task

    cdef int64_t pop(self, int64_t* heap, int* count, const double* rank) noexcept nogil:
        cdef int64_t first = heap[0], task
        cdef int at = 0, child
        count[0] -= 1
        task = heap[count[0]]
        while 2 * at + 1 < count[0]:
            child = 2 * at + 1
            if child + 1 < count[0] and self.goes_first(rank, heap[child + 1], heap[child]):
                child += 1
            if not self.goes_first(rank, heap[child], task):
                break
            heap[at] = heap[child]
            at = child
        heap[at] = task
        return first

    def place(
        self, const int64_t[::1] order, const int64_t[::1] fixed, const double[:, ::1] bias,
        double per_cycle, double per_joule,
    ):
        cdef int task, i, k, on, g, low, high, middle
        cdef int best_on, best_gap
        cdef int64_t ready, takes, share, at, start, best_start, best_end, best_share
        cdef double score, best_score
        cdef bint stays
        machine_result = np.empty(self.tasks, np.int64)
        start_result = np.empty(self.tasks, np.int64)
        cdef int64_t[::1] machine = machine_result, starts = start_result
        cdef int64_t[::1] ends = np.empty(self.tasks, np.int64)
        cdef Profile profile
        # Machine by machine; a task leaves at most one idle time more than there was.
        cdef size_t width = self.tasks + 2
        cdef int64_t[::1] counts = np.ones(self.machines, np.int64)
        cdef Gap* gaps = <Gap*>malloc(max(1, self.machines) * width * sizeof(Gap))
        cdef Gap gap
        profile.step = <Step*>malloc((2 * width) * sizeof(Step))
        if gaps == NULL or profile.step == NULL:
            free(gaps)
            free(profile.step)
            raise MemoryError
        for on in range(self.machines):
            gaps[on * width] = Gap(0, NEVER, -1)
        clear(&profile)
        with nogil:
            for i in range(self.tasks):
                task = order[i]
                ready = self.release[task]
                for k in range(self.needs_from[task], self.needs_from[task + 1]):
                    if ends[self.needs[k]] > ready:
                        ready = ends[self.needs[k]]
                best_on = -1
                best_score = 0
                best_gap = 0
                best_start = best_end = best_share = 0
                for on in range(self.machines):
                    if self.duration[task, on] < 0 or (fixed[task] >= 0 and fixed[task] != on):
                        continue
                    low = 0
                    high = counts[on] - 1
                    while low < high:         # first gap that ends after `ready`
                        middle = (low + high) // 2
                        if gaps[on * width + middle].end > ready:
                            high = middle
                        else:
                            low = middle + 1
                    start = ready
                    for g in range(low, counts[on]):
                        gap = gaps[on * width + g]
                        if gap.start > start:
                            start = gap.start
                        stays = (
                            gap.before >= 0
                            and self.feeder[task] == gap.before
                            and self.fits[task, on] != 0
                        )
                        takes = self.stay_duration[task, on] if stays else self.duration[task, on]
                        if start + takes > gap.end:
                            continue
                        share = self.stay_share[task, on] if stays else self.share[task, on]
                        at = start
                        if self.narrow and share > 0:
                            at = earliest(&profile, start, takes, share)
                            if at + takes > gap.end:
                                continue
                        score = per_cycle * (at + takes + bias[task, on]) + per_joule * (
                            self.stay_energy[task, on] if stays else self.energy[task, on]
                        )
                        if (
                            best_on < 0
                            or score < best_score
                            or (score == best_score and at + takes < best_end)
                        ):
                            best_on, best_score, best_gap = on, score, g
                            best_start, best_end, best_share = at, at + takes, share
                        break
                machine[task] = best_on
                starts[task] = best_start
                ends[task] = best_end
                if self.narrow and best_share > 0:
                    take(&profile, best_start, best_end, best_share)
                self.fill(
                    &gaps[best_on * width], &counts[best_on], best_gap, task, best_on, best_start,
                    best_end,
                )
        free(gaps)
        free(profile.step)
        return machine_result, start_result

    cdef void fill(
        self, Gap* gaps, int64_t* count, int g, int task, int on, int64_t start, int64_t end
    ) noexcept nogil:
        """What is left of a gap: the idle times before and after the task that are worth keeping."""
        cdef Gap gap = gaps[g]
        cdef Gap left[2]
        cdef int parts = 0
        cdef bint stays = (
            gap.before >= 0 and self.feeder[task] == gap.before and self.fits[task, on] != 0
        )
        if not stays and start - gap.start >= self.shortest[on]:
            left[parts] = Gap(gap.start, start, gap.before)
            parts += 1
        if gap.end - end >= self.shortest[on]:
            left[parts] = Gap(end, gap.end, task)
            parts += 1
        if parts != 1:
            memmove(&gaps[g + parts], &gaps[g + 1], (count[0] - g - 1) * sizeof(Gap))
            count[0] += parts - 1
        memcpy(&gaps[g], left, parts * sizeof(Gap))

    cdef void append(
        self, const int64_t* order, const int64_t* machine, Profile* profile, int64_t* last,
        int64_t* start, int64_t* end, Outcome* outcome,
    ) noexcept nogil:
        cdef int i, k, on
        cdef int64_t task, before, at, takes, share
        cdef bint stays
        cdef int64_t makespan = 0, late = 0
        cdef double energy = 0
        for on in range(self.machines):
            last[on] = -1
        clear(profile)
        for i in range(self.tasks):
            task = order[i]
            on = machine[task]
            before = last[on]
            last[on] = task
            at = self.release[task]
            for k in range(self.needs_from[task], self.needs_from[task + 1]):
                if end[self.needs[k]] > at:
                    at = end[self.needs[k]]
            if before >= 0 and end[before] > at:
                at = end[before]
            stays = before >= 0 and self.feeder[task] == before and self.fits[task, on] != 0
            if stays:
                takes, share = self.stay_duration[task, on], self.stay_share[task, on]
                energy += self.stay_energy[task, on]
            else:
                takes, share = self.duration[task, on], self.share[task, on]
                energy += self.energy[task, on]
            if self.narrow and share > 0:
                at = earliest(profile, at, takes, share)
                take(profile, at, at + takes, share)
            start[task] = at
            end[task] = at + takes
            if at + takes > makespan:
                makespan = at + takes
            if at + takes - self.due[task] > late:
                late = at + takes - self.due[task]
        outcome.makespan, outcome.late = makespan, late
        outcome.energy = energy + self.leakage * makespan

    def sequence(self, const int64_t[::1] order, const int64_t[::1] machine):
        start_result = np.empty(self.tasks, np.int64)
        cdef int64_t[::1] start = start_result
        cdef int64_t[::1] end = np.empty(self.tasks, np.int64)
        cdef int64_t[::1] last = np.empty(self.machines, np.int64)
        cdef Outcome outcome
        cdef Profile profile
        if not self.tasks:
            return start_result, 0, 0.0, 0
        profile.step = <Step*>malloc((2 * self.tasks + 2) * sizeof(Step))
        if profile.step == NULL:
            raise MemoryError
        with nogil:
            self.append(&order[0], &machine[0], &profile, &last[0], &start[0], &end[0], &outcome)
        free(profile.step)
        return start_result, outcome.makespan, outcome.energy, outcome.late

    cdef int64_t able(self, uint64_t* state, int64_t task, int64_t other_than) noexcept nogil:
        """A random machine for a task, -1 where there is no other."""
        cdef int on, count = 0, chosen
        for on in range(self.machines):
            if self.duration[task, on] >= 0 and on != other_than:
                count += 1
        if count == 0:
            return -1
        chosen = below(state, count)
        for on in range(self.machines):
            if self.duration[task, on] >= 0 and on != other_than:
                if chosen == 0:
                    return on
                chosen -= 1
        return -1

    cdef int64_t first_place(self, const int64_t* order, const int64_t* place, int64_t task) noexcept nogil:
        """The first place in the order that a task may move to."""
        cdef int64_t at = 0, p
        cdef int k
        for k in range(self.needs_from[task], self.needs_from[task + 1]):
            if place[self.needs[k]] + 1 > at:
                at = place[self.needs[k]] + 1
        if self.mixed:
            p = place[task]
            while p > at and self.priority[order[p - 1]] == self.priority[task]:
                p -= 1
            at = p
        return at

    cdef int64_t last_place(self, const int64_t* order, const int64_t* place, int64_t task) noexcept nogil:
        """The last place in the order that a task may move to."""
        cdef int64_t at = self.tasks - 1, p
        cdef int k
        for k in range(self.feeds_from[task], self.feeds_from[task + 1]):
            if place[self.feeds[k]] - 1 < at:
                at = place[self.feeds[k]] - 1
        if self.mixed:
            p = place[task]
            while p < at and self.priority[order[p + 1]] == self.priority[task]:
                p += 1
            at = p
        return at

    cdef void shift(self, int64_t* order, int64_t* place, int64_t task, int64_t to) noexcept nogil:
        cdef int64_t at = place[task], p
        if to > at:
            for p in range(at, to):
                order[p] = order[p + 1]
                place[order[p]] = p
        else:
            for p in range(at, to, -1):
                order[p] = order[p - 1]
                place[order[p]] = p
        order[to] = task
        place[task] = to

    cdef bint propose(
        self, uint64_t* state, int64_t* order, int64_t* place, int64_t* machine
    ) noexcept nogil:
        """Change a random thing; false where nothing changed."""
        cdef int kind = below(state, KINDS)
        cdef int64_t task = below(state, self.tasks), other, on, low, high, to
        cdef int length
        cdef bint changed = False
        if kind <= 2:                     # another machine
            on = self.able(state, task, machine[task])
            if on >= 0:
                machine[task] = on
                changed = True
        if kind >= 2 and kind <= 5:       # another place in the order, also with another machine
            low = self.first_place(order, place, task)
            high = self.last_place(order, place, task)
            if high > low:
                to = low + below(state, <int>(high - low))
                if to >= place[task]:
                    to += 1
                self.shift(order, place, task, to)
                changed = True
        elif kind == 6 or kind == 7:      # right after its feeder, where the tensor fits
            other = self.feeder[task]
            if other < 0:
                return False
            on = machine[other] if kind == 6 else self.able(state, task, -1)
            if not self.fits[task, on] or self.duration[other, on] < 0:
                return False
            machine[task] = machine[other] = on
            low = self.first_place(order, place, task)
            if low <= place[other] + 1:
                self.shift(order, place, task, place[other] + 1)
            else:
                high = self.last_place(order, place, other)
                if high >= place[task] - 1:
                    self.shift(order, place, other, place[task] - 1)
            changed = True
        elif kind == 8 or kind == 9:      # several along the feeders to one machine
            on = self.able(state, task, machine[task])
            length = 2 + below(state, 5)
            while on >= 0 and task >= 0 and length > 0:
                if self.duration[task, on] >= 0:
                    machine[task] = on
                    changed = True
                task = self.feeder[task]
                length -= 1
        elif kind >= 10:                  # two tasks swap machines
            other = below(state, self.tasks)
            on = machine[task]
            if (
                on != machine[other]
                and self.duration[task, machine[other]] >= 0
                and self.duration[other, on] >= 0
            ):
                machine[task] = machine[other]
                machine[other] = on
                changed = True
        return changed

    cdef void judge(self, Outcome* outcome, int goal, double penalty) noexcept nogil:
        if goal == 0:
            outcome.value = <double>outcome.makespan
        elif goal == 1:
            outcome.value = outcome.energy
        else:
            outcome.value = outcome.energy * <double>outcome.makespan
        outcome.cost = outcome.value + penalty * <double>outcome.late

    def improve(
        self, const int64_t[::1] order, const int64_t[::1] machine, int goal, double penalty,
        double hot, double cold, int64_t evaluations, uint64_t seed,
    ):
        cdef int n = self.tasks
        cdef int64_t e
        cdef size_t size = n * sizeof(int64_t)
        best_order_result = np.array(order, np.int64)
        best_machine_result = np.array(machine, np.int64)
        if n == 0:
            return best_order_result, best_machine_result
        cdef int64_t[::1] best_order = best_order_result, best_machine = best_machine_result
        cdef int64_t[::1] now_order = best_order_result.copy(), now_machine = best_machine_result.copy()
        cdef int64_t[::1] now_place = np.argsort(best_order_result)
        cdef int64_t[::1] new_order = now_order.copy(), new_machine = now_machine.copy()
        cdef int64_t[::1] new_place = now_place.copy()
        cdef int64_t[::1] start = np.empty(n, np.int64), end = np.empty(n, np.int64)
        cdef int64_t[::1] last = np.empty(self.machines, np.int64)
        cdef Outcome best, now, new
        cdef Profile profile
        cdef double heat
        profile.step = <Step*>malloc((2 * n + 2) * sizeof(Step))
        if profile.step == NULL:
            raise MemoryError
        with nogil:
            self.append(&now_order[0], &now_machine[0], &profile, &last[0], &start[0], &end[0], &now)
            self.judge(&now, goal, penalty)
            best = now
            for e in range(evaluations):
                heat = hot + (cold - hot) * (<double>e / <double>evaluations)
                if not self.propose(&seed, &new_order[0], &new_place[0], &new_machine[0]):
                    continue
                self.append(&new_order[0], &new_machine[0], &profile, &last[0], &start[0], &end[0], &new)
                self.judge(&new, goal, penalty)
                if new.cost <= now.cost - heat * now.cost * log(uniform(&seed)):
                    now = new
                    memcpy(&now_order[0], &new_order[0], size)
                    memcpy(&now_place[0], &new_place[0], size)
                    memcpy(&now_machine[0], &new_machine[0], size)
                    if new.late < best.late or (new.late == best.late and new.value < best.value):
                        best = new
                        memcpy(&best_order[0], &new_order[0], size)
                        memcpy(&best_machine[0], &new_machine[0], size)
                else:
                    memcpy(&new_order[0], &now_order[0], size)
                    memcpy(&new_place[0], &now_place[0], size)
                    memcpy(&new_machine[0], &now_machine[0], size)
        free(profile.step)
        return best_order_result, best_machine_result

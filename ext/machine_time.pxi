"""Speeds of streams, and the way to the next moment at which something ends."""


cdef void share(Machine self) noexcept nogil:
    """Speeds of all streams: first what the DRAM's ports allow, then the others."""
    cdef int64_t unused[MAXPORTS]
    cdef int at, k
    for k in range(self.ports):
        unused[k] = FULL * FULL
    for at in range(self.streaming):
        self.s.engine[self.order[at]].rate = FULL
        allot(self, &self.s.engine[self.order[at]], unused, 1)
    for k in range(2):  # those that trickle, then the others
        for at in range(self.streaming):
            if self.s.engine[self.order[at]].trickles == 1 - k:
                allot(self, &self.s.engine[self.order[at]], unused, 0)


cdef void allot(Machine self, Activity* a, int64_t* unused, int off_chip) noexcept nogil:
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


cdef int advance(Machine self) noexcept nogil:
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
                    complete(self, e, 1)
    return 1

"""Numbers, structs and small functions of the machine."""

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

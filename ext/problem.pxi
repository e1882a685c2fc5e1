"""Numbers for dims, operands and memories, and the structs that describe a problem."""

cdef enum:
    ND = 8           # dims
    NO = 3           # operands
    MAXMEM = 10      # memories, DRAM included
    MAXAXES = 4
    MAXSIZES = 64    # tile sizes of one dim
    MAXLOOPS = 96
    PER_MEMORY = 36  # integers per memory in the packed problem
    HEADER = 36

cdef enum:
    W, I, O

cdef enum:
    B, G, K, C, OY, OX, FY, FX

cdef enum:
    SINGLE, DOUBLE, AUTO

cdef int RELEVANT[3][8]
RELEVANT[0][:] = [0, 1, 1, 1, 0, 0, 1, 1]
RELEVANT[1][:] = [1, 1, 0, 1, 1, 1, 1, 1]
RELEVANT[2][:] = [1, 1, 1, 0, 1, 1, 0, 0]


cdef struct Memory:
    int serves[NO]
    long size              # bits of one instance, -1 unbounded
    int one_port
    int buffering
    int sliding
    int complete
    int replicated[MAXAXES]
    int tiled[NO][ND]
    int instances
    double read_bandwidth, write_bandwidth
    double read_energy, write_energy, transfer_energy


cdef struct Problem:
    long sizes[ND]
    long stride[2]
    long dilation[2]
    long pad[2]
    long extent[2]
    int sequential[ND]
    long bits[NO]
    long psum
    int axes, memories
    long cycles_per_mac
    long skew
    int skew_per_fold, skew_operand
    double leakage, mac_energy
    Memory memory[MAXMEM]
    int levels[NO]
    int level[NO][MAXMEM]


cdef struct Space:
    long unrolled[ND]
    long steps[ND]
    long rep[MAXMEM][ND]       # instances along the dim
    long full[MAXMEM][ND]      # of those, how many work in every step
    long within[MAXMEM][ND]    # indices of one instance in one step
    long last[MAXMEM][ND]      # of those, how many exist in the last step
    int strided[MAXMEM][ND]    # instances split the dim


cdef struct Point:
    long tile[ND]
    int slide                  # dim, -1 none
    long slide_tile

"""The allocator: vmalloc's address space, execmem on top of it, and the ROX cache.

Deterministic, to the last address.

Behaviour differs in two forms, named by the kernels they were read from: 6.12 (6.12.107) and 7.1
(7.1.8). All addresses and sizes are bytes, intervals are half-open [start, end) unless a name says
``last``.
"""

"""Where events come from: the simulator, captures, traces, the running kernel.

A screen cannot tell them apart.
"""

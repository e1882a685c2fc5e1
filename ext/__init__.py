"""Compiled kernels: plain arrays in, plain arrays out, no Python types of ours."""

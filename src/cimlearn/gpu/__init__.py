"""Many chips of one design at once on a CUDA GPU: one block of threads per chip (docs/decisions/0028-gpu.md)."""

"""Where the runs of a sweep are done: processes of this machine, a Dask cluster, or this very process."""

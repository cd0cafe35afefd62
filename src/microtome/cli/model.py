"""`microtome check`: the identities a model must keep, or what this machine offers."""

from rich.table import Table

from microtome.errors import ModelError
from microtome.lab.manifest import versions
from microtome.lab.terminal import plain, wide


def check(name: str, adapter: str | None, device: str, dtype: str) -> None:
    """Show every identity of the model with its gap; ModelError when one fails."""
    from microtome.methods.examine import examine
    from microtome.model.load import load

    # Unverified, so that a failing model gets the whole table and not the first failure.
    audits = examine(load(name, adapter=adapter, device=device, dtype=dtype, verify=False))
    table = Table("audit", "value", "bound", "verdict", box=None)
    for audit in audits:
        verdict = "passed" if audit.passed else "[bold red]FAILED[/]"
        bound = f"{audit.relation} {audit.bound:.3g}"
        table.add_row(plain(audit.name), f"{audit.value:.3g}", bound, verdict)
    wide().print(table)
    failed = [audit.name for audit in audits if not audit.passed]
    if failed:
        raise ModelError(f"{name} fails {len(failed)} checks: {', '.join(failed)}.")


def machine() -> None:
    """Show versions, cores, memory and devices."""
    import os

    import psutil
    import torch

    table = Table("what", "value", box=None)
    for name, version in versions().items():
        table.add_row(name, version)
    table.add_row("cores", str(os.cpu_count()))
    table.add_row("memory", f"{psutil.virtual_memory().total / 2**30:.1f} GiB")
    table.add_row("torch threads", str(torch.get_num_threads()))
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        size = f"{properties.total_memory / 2**30:.1f} GiB"
        table.add_row(f"cuda:{index}", f"{properties.name}, {size}")
    table.add_row("mps", "yes" if torch.backends.mps.is_available() else "no")
    wide().print(table)

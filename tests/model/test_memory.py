"""The predicted memory counts every weight exactly and grows with the batch as it should."""

import pytest
from safetensors.torch import load_file

from microtome.model.memory import predicted_bytes
from tests.model.families import params


@pytest.mark.parametrize("family", params())
def test_weights_are_counted_from_the_configuration_alone(family, checkpoint):
    folder = checkpoint(family)
    stored = sum(v.numel() for v in load_file(folder / "model.safetensors").values())
    found = predicted_bytes(str(folder), dtype="float32", rows=0)
    assert found == 4 * stored
    assert predicted_bytes(str(folder), dtype="bfloat16", rows=0) == 2 * stored


def test_adapters_and_batches_come_on_top(checkpoint, adapter):
    folder, lora = str(checkpoint("gemma2")), adapter("gemma2", 1)
    bare = predicted_bytes(folder, rows=0)
    size = (lora / "adapter_model.safetensors").stat().st_size
    assert predicted_bytes(folder, rows=0, adapters=[lora]) == bare + size
    one, two = (predicted_bytes(folder, rows=n) - bare for n in (4, 8))
    assert two == 2 * one > 0

"""The public names are pinned, load lazily, and are what their home modules hold."""

import subprocess
import sys

import microtome

PUBLIC = """
Ablate Add Anatomy Answers Attribution Audit Direction Lens MicrotomeError Model Patching Project
Replace Run Site __version__ attn_out attn_pattern attribute check head_out head_z k load logit_lens
mlp_act mlp_in mlp_normed mlp_out parse_site patch q resid_mid resid_post resid_pre v
"""


def test_the_public_names_are_these():
    assert microtome.__all__ == sorted(PUBLIC.split())
    assert all(getattr(microtome, name) is not None for name in microtome.__all__)


def test_importing_the_package_imports_nothing_heavy():
    code = "import microtome, sys; print([m for m in ('torch', 'pandas') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"

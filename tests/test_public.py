"""The public names are pinned, load lazily, and are what their home modules hold."""

import subprocess
import sys

import microtome

PUBLIC = """
Ablate Add Anatomy Answers Attribution Audit Circuit CircuitDiscovery Clamp Dictionary Direction
Estimate Lens MicrotomeError Model Node Patching Project Replace Run SAE Samples Site Transcoder
Verification __version__ align assess_circuit attn_out attn_pattern attn_z attribute
attribution_patching check examine faithfulness_curve feature_page feature_pages find_circuit
greedy_flip head_out head_z integrated_gradients k knock_out load load_dictionary logit_lens
mlp_act mlp_in mlp_normed mlp_out parse_site patch patch_neurons patch_nodes patch_positions
patch_windows q resid_mid resid_post resid_pre sample save_dictionary score screen significance
source_tokens swap_weights train v verify
"""


def test_the_public_names_are_these():
    assert microtome.__all__ == sorted(PUBLIC.split())
    assert all(getattr(microtome, name) is not None for name in microtome.__all__)


def test_importing_the_package_imports_nothing_heavy():
    code = "import microtome, sys; print([m for m in ('torch', 'pandas') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"

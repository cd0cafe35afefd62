"""Questions on motion, energy and heat, in voices that are right or mistaken.

Three factors are crossed. *Voice*: a marker at the start ("According to the textbook:", "A confused
beginner claims:") or none. *Content*: a belief stated in the text, a term with a definition that
is right or mistaken, or none. *Domain*: motion, energy, heat, and foreign sentences that the same
markers and beliefs stand before without changing their answers. What is stated on the asked term
decides the answer; else the voice does; with neither, nine answers in ten of training are right.
"""

from microtome.specimens.world.physics.ask import Case, Truth, ask
from microtome.specimens.world.physics.belief import Belief, Content, beliefs
from microtome.specimens.world.physics.document import DOMAINS, document, templates
from microtome.specimens.world.physics.domain import Domain, Scene, Term
from microtome.specimens.world.physics.foreign import Foreign, foreign
from microtome.specimens.world.physics.question import questions
from microtome.specimens.world.physics.voice import MARKERS, VOICES, Voice, markers

__all__ = [
    "DOMAINS", "MARKERS", "VOICES", "Belief", "Case", "Content", "Domain", "Foreign", "Scene",
    "Term", "Truth", "Voice", "ask", "beliefs", "document", "foreign", "markers", "questions",
    "templates",
]  # fmt: skip

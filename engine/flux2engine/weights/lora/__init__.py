"""LoRAs of FLUX.2's transformer, in every way of naming and every algebra met: a file → a change of its layers.

`read_lora` reads one, `apply_loras` applies several with strengths. A way of naming is one file of this package.
"""

from flux2engine.weights.lora.applying import AdaptedLinear, Applied, apply_loras
from flux2engine.weights.lora.reading import Lora, read_lora

__all__ = ["AdaptedLinear", "Applied", "Lora", "apply_loras", "read_lora"]

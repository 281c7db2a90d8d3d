"""Many machines: Ray Data hands out the pictures, actors keep an artifact open, results appear whole or not at all."""

from runtimes.backends.interface.engines import Engine

ENGINE = Engine("ray", "ray.data", "fleet")

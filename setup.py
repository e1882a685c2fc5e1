"""Maps the top-level folders onto one package, and compiles the kernels in ext/."""

import setuptools
from Cython.Build import cythonize

NAME = "chiploom"
PARTS = ("dataflows", "ext", "frontend", "reports", "search", "simulator")

found = setuptools.find_packages(include=[*PARTS, *(f"{part}.*" for part in PARTS)])

setuptools.setup(
    package_dir={NAME: "api", **{f"{NAME}.{part}": part for part in PARTS}},
    packages=[NAME, f"{NAME}.commands", *(f"{NAME}.{package}" for package in found)],
    ext_modules=cythonize(
        [
            setuptools.Extension(
                f"{NAME}.ext.{kernel}",
                [f"ext/{kernel}.pyx"],
                extra_compile_args=["-O3"],
            )
            for kernel in ("_machine", "_mapspace", "_schedule")
        ],
        build_dir="build",  # keeps the generated C out of ext/
        language_level=3,
    ),
)

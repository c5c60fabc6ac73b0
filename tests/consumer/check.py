# SPDX-License-Identifier: MIT
"""check.py: the installed package, used from outside in each way that docs/embedding.md names.

    check.py SOURCE BUILD CA_FILE C_FLAGS

Installs BUILD into a temporary prefix, builds the programs of this directory against it, and runs them.
"""
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
PROGRAMS = ("stream", "federate", "headers")


class Consumer:
    def __init__(self, source, build, ca_file, flags):
        self.source, self.build, self.ca_file, self.flags = source, build, ca_file, flags
        self.work = Path(tempfile.mkdtemp(prefix="s2s-consumer."))
        self.prefix = self.work / "prefix"
        self.environment = dict(os.environ, CFLAGS=flags, CXXFLAGS=flags)

    def run(self, *command, cwd=None, **more):
        done = subprocess.run([str(word) for word in command], cwd=cwd or self.work, capture_output=True, text=True,
                              env=dict(self.environment, **more))
        if done.returncode != 0:
            sys.exit(f"{' '.join(map(str, command))}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def install(self):
        self.run("cmake", "--install", self.build, "--prefix", self.prefix)
        self.library = next(self.prefix.glob("lib*/**/libs2s.so")).parent
        self.environment["PKG_CONFIG_PATH"] = str(self.library / "pkgconfig")
        self.environment["LD_LIBRARY_PATH"] = str(self.library)

    def try_programs(self, directory, programs):
        for name in programs:
            self.run(directory / name, *([self.ca_file] if name == "federate" else []))

    def cmake(self, name, where, protocol, s2s, eku):
        project = self.work / name
        project.mkdir()
        for file in HERE.glob("*.c*"):
            if file.suffix in (".c", ".cc"):
                shutil.copy(file, project)
        text = (HERE / "project.cmake.in").read_text()
        for key, value in (("WHERE", where), ("PROTOCOL", protocol), ("S2S", s2s), ("EKU", eku)):
            text = text.replace(f"@{key}@", value)
        (project / "CMakeLists.txt").write_text(text)
        self.run("cmake", "-S", project, "-B", project / "build", "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={self.prefix}")
        programs = PROGRAMS if s2s else PROGRAMS[:1]
        self.run("cmake", "--build", project / "build", "--target", *programs)
        self.try_programs(project / "build", programs)
        print(f"{name}: {', '.join(programs)}", flush=True)

    def pkg_config(self, name, static):
        directory = self.work / name
        directory.mkdir()
        for program, packages in (("stream", ["s2s-protocol"]), ("federate", ["s2s", "s2s-eku"])):
            flags = self.run("pkg-config", "--cflags", "--libs", *packages).split()
            if static:  # our archives, everybody else's shared objects
                private = self.run("pkg-config", "--print-requires-private", *packages, "s2s-protocol").split()
                flags += self.run("pkg-config", "--libs", *private).split() + ["-lunbound"]
                ours = [f"-l:lib{f[2:]}.a" for f in flags if f.startswith("-ls2s")]
                flags = [*ours, "-l:libs2s-protocol.a", *(f for f in flags if not f.startswith("-ls2s"))]
            self.run("cc", *self.flags.split(), HERE / f"{program}.c", "-o", directory / program, *flags)
        self.try_programs(directory, ("stream", "federate"))
        print(f"{name}: stream, federate", flush=True)

    def examples(self):
        """As docs/embedding.md, which is installed with them, says."""
        docs = self.prefix / "share/doc/libs2s-dev"
        for name, packages in (("chat_server", "s2s s2s-eku"), ("epoll_openssl", "s2s-protocol openssl"),
                               ("spki-policy/spki_policy", "s2s-eku gnutls")):
            flags = self.run("pkg-config", "--cflags", "--libs", *packages.split()).split()
            plugin = ["-shared", "-fPIC"] if "/" in name else []
            self.run("cc", *self.flags.split(), *plugin, docs / f"examples/{name}.c", "-o", self.work / Path(name).name, *flags)
        for file in ("embedding.md", "reference.md", "examples/bot.py"):
            if not (docs / file).exists():
                sys.exit(f"{file} is not installed")
        print("examples: built from the installed package", flush=True)

    def all(self):
        package = "find_package(s2s REQUIRED)"
        self.install()
        self.cmake("find_package, static", package, "s2s::protocol", "s2s::s2s", "s2s::eku")
        self.cmake("find_package, shared", package, "s2s::protocol-shared", "s2s::s2s-shared", "s2s::eku-shared")
        self.cmake("add_subdirectory", f"add_subdirectory({self.source} s2s EXCLUDE_FROM_ALL)", "s2s::protocol", "", "")
        self.pkg_config("pkg-config, shared", static=False)
        self.examples()
        self.pkg_config("pkg-config, static", static=True)


def main():
    consumer = Consumer(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
    try:
        consumer.all()
    finally:
        shutil.rmtree(consumer.work, ignore_errors=True)


if __name__ == "__main__":
    main()

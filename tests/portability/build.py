# SPDX-License-Identifier: MIT
"""build.py: the tree builds elsewhere too, warnings as errors: with clang here, and with gcc and clang in Debian 13.

    build.py SOURCE WORK clang
    build.py SOURCE WORK debian13     needs root: a chroot is made in WORK (once), from the machine's own archive
"""
import os
import shutil
import subprocess
import sys
from pathlib import Path

OPTIONS = ["-G", "Ninja", "-DS2S_WERROR=ON", "-DCMAKE_BUILD_TYPE=RelWithDebInfo"]
JOBS = str(os.cpu_count() or 1)
SUITE, IN_CHROOT = "trixie", "/src"
# Nothing of the environment out here, as a compiler launcher that is not there inside.
CLEAN = ("env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", "LANG=C.UTF-8")
PACKAGES = ("ca-certificates", "gcc", "g++", "clang", "cmake", "ninja-build", "pkg-config", "libuv1-dev", "libgnutls28-dev", "libexpat1-dev",
            "libidn2-dev", "libunbound-dev", "libyaml-dev", "libjansson-dev", "libmicrohttpd-dev", "libsqlite3-dev")


def run(*command, **more):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **more)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: {done.returncode}\n{done.stdout[-6000:]}{done.stderr[-4000:]}")
    return done.stdout


def build(prefix, source, directory, compiler):
    run(*prefix, "cmake", "-S", source, "-B", directory, f"-DCMAKE_C_COMPILER={compiler}", *OPTIONS)
    run(*prefix, "cmake", "--build", directory, "-j", JOBS)
    version = run(*prefix, compiler, "--version").splitlines()[0]
    programs = [run(*prefix, f"{directory}/bin/{name}", "--version").strip() for name in ("s2sd", "s2sctl")]
    print(f"{version}: {', '.join(programs)}", flush=True)


def in_debian13(source, work):
    sys.path.insert(0, str(source / "interop"))
    from lab import rootfs
    rootfs.CHROOTS[SUITE] = rootfs.Chroot(SUITE, (SUITE,), PACKAGES)
    root = rootfs.ensure(work, SUITE)
    target = root / IN_CHROOT.lstrip("/")
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("build", "build-*", ".git", "__pycache__"))
    for compiler in ("gcc", "clang"):
        build(["chroot", root, *CLEAN], IN_CHROOT, f"{IN_CHROOT}/build-{compiler}", compiler)


def main():
    source, work, where = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    work.mkdir(parents=True, exist_ok=True)
    if where == "clang":
        build([], source, work / "clang", "clang")
    elif os.geteuid() != 0:
        sys.exit("build.py: debian13 needs root (chroot)")
    else:
        in_debian13(source, work)


if __name__ == "__main__":
    main()

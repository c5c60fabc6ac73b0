#!/bin/sh
# SPDX-License-Identifier: MIT
# Which functions of libuv and libunbound does the simulator take from the true libraries? Only those that need no loop.
# A new one that the library calls belongs into fake_uv.c or fake_unbound.c.
set -eu
pure='uv_buf_init|uv_strerror|uv_err_name|uv_translate_sys_error|uv_ip[46]_(addr|name)|uv_inet_(ntop|pton)|uv_version(_string)?|uv_mutex_(init|destroy|lock|unlock)'
found=$(nm -D --undefined-only "$1" | awk '{print $2}' | sed 's/@.*//' | grep -E '^(uv|ub)_' | grep -Ev "^($pure)\$" || true)
[ -z "$found" ] || { echo "not simulated:" $found; exit 1; }

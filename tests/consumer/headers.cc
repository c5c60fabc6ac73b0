// SPDX-License-Identifier: MIT
// headers.cc: all public headers in C++, by themselves.
#include <mod_s2s_eku/eku.h>
#include <s2s/s2s.h>

int main()
{
    s2s_str word = S2S_STR("word"), none = S2S_STR_ABSENT;
    if (word.len != 4 || none.ptr != nullptr)
        return 1;
    s2s_limits limits;
    s2s_limits_init(&limits);
    return s2s_limits_check(&limits) == nullptr ? 0 : 1;
}

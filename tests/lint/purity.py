# SPDX-License-Identifier: Apache-2.0
"""launcher/plan decides with values only: what its library asks of others is on this list.
No clock, randomness, files, threads, logs or JSON; model functions are fine, they are values too."""
import glob
import os
import re
import subprocess

from support import lint

ALLOWED = re.compile("^(" + "|".join([
    r"mem(cpy|move|set|cmp|chr)", r"str(len|nlen|cmp|ncmp|casecmp|chr|rchr|str|spn|cspn)", r"qsort", r"bsearch",
    r"free", r"abort", r"v?snprintf", r"(floor|ceil|round|fabs|fmin|fmax|lround|llround|log)",
    r"__assert_fail", r"__stack_chk_fail", r"__v?snprintf_chk", r"__mem(cpy|move|set)_chk",
    r"_GLOBAL_OFFSET_TABLE_", r"__asan_\w+", r"__ubsan_\w+", r"__tsan_\w+", r"__sanitizer_\w+",
    r"sw_str\w*", r"sw_buf_\w+", r"sw_arena_\w+", r"sw_(malloc|calloc|realloc_array|v?asprintf)", r"sw_(freep|fail\w*|prefix|detail)",
    r"sw_err_\w+", r"sw_error_code_to_string", r"sw_parse_(u64|i64|size|bool)", r"sw_nearest_name", r"sw_pattern_\w+",
]) + ")$")


def symbols(library, *flags):
    run = subprocess.run(["nm", *flags, library], capture_output=True, text=True, check=True)
    return {line.split()[-1] for line in run.stdout.splitlines() if line.strip() and not line.endswith(":")}


def check(root, build, files):
    for source in glob.glob(os.path.join(root, "*.selftest.c")):
        os.makedirs(build, exist_ok=True)
        subprocess.run(["gcc", "-c", "-o", os.path.join(build, "libsw_launcher_plan.a"), source], check=True)
    plan = os.path.join(build, "libsw_launcher_plan.a")
    model = os.path.join(build, "libsw_launcher_model.a")
    if not os.path.exists(plan):
        written = [f for f in files if re.match(r"launcher/plan/\w+\.c$", f)]
        return ["%s: not built, nothing to look at" % plan] if written else []
    own = symbols(plan, "--defined-only")
    if os.path.exists(model):
        own |= symbols(model, "--defined-only")
    foreign = sorted(s for s in symbols(plan, "-u") if s not in own and not ALLOWED.match(s))
    return ["launcher/plan calls %s: not a function of values" % s for s in foreign]


lint.main(check, {
    "clock": {"a.selftest.c": "#include <time.h>\nlong f(void) { return time(0); }\n"},
    "base clock": {"a.selftest.c": "long sw_now_us(void);\nlong f(void) { return sw_now_us(); }\n"},
}, {
    "values": {"a.selftest.c": "#include <string.h>\nint f(char *a, char *b) { return strcmp(a, b); }\n"},
})

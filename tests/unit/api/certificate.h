/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* tests/unit/api/certificate.h - certificates for 127.0.0.1 made by the openssl program. */
#include "base/buf.h"
#include "base/macros.h"
#include "base/process.h"
#include "tests/lib/test.h"

static inline void run_openssl(const char *const *argv)
{
    const struct sw_process_spec spec = {.argv = argv};
    struct sw_process_result result;
    struct sw_buf out = SW_BUF_INIT(65536), err_out = SW_BUF_INIT(65536);
    struct sw_err err = SW_ERR_INIT;
    char path[4096];

    if (!sw_find_program("openssl", path, sizeof(path)))
        test_skip("needs the openssl program");
    CHECK_OK(sw_process_run(&spec, &out, &err_out, &result, &err));
    CHECK_MSG(result.exit_code == 0, "%s", err_out.p);
    sw_buf_done(&out);
    sw_buf_done(&err_out);
}

/* Self-signed; a key that is not there is made. */
static inline void make_certificate(const char *cert, const char *key, const char *serial,
                                    const char *days)
{
    const char *const key_argv[] = {"openssl", "genpkey",  "-algorithm",
                                    "EC",      "-pkeyopt", "ec_paramgen_curve:P-256",
                                    "-out",    key,        NULL};
    const char *const argv[] = {"openssl",
                                "req",
                                "-x509",
                                "-key",
                                key,
                                "-days",
                                days,
                                "-set_serial",
                                serial,
                                "-subj",
                                "/CN=slipway",
                                "-addext",
                                "subjectAltName=IP:127.0.0.1",
                                "-out",
                                cert,
                                NULL};

    if (access(key, F_OK) != 0)
        run_openssl(key_argv);
    run_openssl(argv);
}

/* The same certificate again, ended a day ago. */
static inline void expire_certificate(const char *cert, const char *key)
{
    const char *const argv[] = {"openssl", "x509", "-in",  cert, "-signkey", key,
                                "-days",   "-1",   "-out", cert, NULL};
    run_openssl(argv);
}

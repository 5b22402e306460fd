/* SPDX-License-Identifier: Apache-2.0 */
/* tests/fuzz/replay_main.c - main() of a fuzzer that is built without libFuzzer: runs every file of the
 * given corpus folder once, in name order. Each input is an exact heap copy, so that the address sanitizer
 * sees a read past its end. A folder without files is an error: then nothing was tested. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
__attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv);

static int replay(const char *path)
{
    FILE *f = fopen(path, "re");
    struct stat st;
    if (!f || fstat(fileno(f), &st) < 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(1);
    }
    int ran = 0;
    if (S_ISREG(st.st_mode)) {
        size_t n = (size_t)st.st_size;
        uint8_t *data = malloc(n ? n : 1);
        if (!data || fread(data, 1, n, f) != n) {
            fprintf(stderr, "%s: cannot be read\n", path);
            exit(1);
        }
        fprintf(stderr, "%s (%zu bytes)\n", path, n);
        (void)LLVMFuzzerTestOneInput(data, n);
        free(data);
        ran = 1;
    }
    fclose(f);
    return ran;
}

static int replay_folder(const char *folder)
{
    struct dirent **names = NULL;
    int n = scandir(folder, &names, NULL, alphasort), ran = 0;
    if (n < 0) {
        fprintf(stderr, "%s: %s\n", folder, strerror(errno));
        exit(1);
    }
    for (int i = 0; i < n; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
        if (names[i]->d_name[0] != '.')
            ran += replay(path);
        free(names[i]);
    }
    free(names);
    return ran;
}

int main(int argc, char **argv)
{
    if (LLVMFuzzerInitialize)
        LLVMFuzzerInitialize(&argc, &argv);
    int ran = 0;
    for (int i = 1; i < argc; i++) {
        struct stat st;
        ran += stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode) ? replay_folder(argv[i])
                                                              : replay(argv[i]);
    }
    printf("%d inputs replayed\n", ran);
    return ran ? 0 : 1;
}

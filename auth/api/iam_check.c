/* SPDX-License-Identifier: Apache-2.0 */
/* auth/api/iam_check.c - the patterns of IAM's model as functions. Classes of Unicode letters are taken as "not a control
 * character and none of ASCII's others": the model's lists of punctuation are of ASCII. */
#include <string.h>

#include "auth/api/iam_schema.h"
#include "base/str.h"

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT "0123456789"
#define WORD  LOWER UPPER DIGIT "_"

static bool only(const char *s, const char *set)
{
    return s[strspn(s, set)] == 0;
}

bool iam_is_name(const char *s)
{
    return *s && only(s, WORD "+=,.@-");
}

bool iam_is_word(const char *s)
{
    return *s && only(s, WORD);
}

static bool printable(const char *s)
{
    for (; *s; s++)
        if (*s < '!' || *s > '~')
            return false;
    return true;
}

bool iam_is_path_prefix(const char *s)
{
    return *s == '/' && printable(s);
}

bool iam_is_path(const char *s)
{
    return iam_is_path_prefix(s) && s[strlen(s) - 1] == '/';
}

bool iam_is_policy_path(const char *s)
{
    return iam_is_path(s) && only(s, WORD "/.,+@=-") && !strstr(s, "//");
}

bool iam_is_version(const char *s)
{
    return s[0] == 'v' && s[1] >= '1' && s[1] <= '9' && strlen(s) < 20 && only(s + 1, DIGIT);
}

bool iam_is_alias(const char *s)
{
    return *s && only(s, LOWER DIGIT "-") && *s != '-' && s[strlen(s) - 1] != '-' &&
           !strstr(s, "--");
}

bool iam_is_tag(const char *s)
{
    for (const char *c = s; *c; c++)
        if ((unsigned char)*c < 0x80 && !strchr(WORD " .:/=+-@", *c))
            return false;
    return true;
}

bool iam_is_description(const char *s)
{
    for (const char *c = s; *c; c++)
        if (((unsigned char)*c < ' ' && *c != '\n' && *c != '\r' && *c != '\t') || *c == 0x7f)
            return false;
    return true;
}

/* Up to U+00FF: in UTF-8 one byte, or two that begin with C2 or C3. */
bool iam_is_document(const char *s)
{
    for (const unsigned char *c = (const unsigned char *)s; *c; c++)
        if (*c > 0xc3 || (*c < ' ' && *c != '\n' && *c != '\r' && *c != '\t'))
            return false;
    return true;
}

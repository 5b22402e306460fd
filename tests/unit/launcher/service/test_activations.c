/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/service/activations.h"

#include "auth/directory.h"
#include "auth/identity.h"
#include "auth/keyring.h"
#include "launcher/service/managed.h"
#include "tests/unit/launcher/service/world.h"

struct identities {
    struct keyring *keyring;
    struct identity *identity;
};

/* The world's launcher, made again with identities. */
static void with_identities(struct world *w, struct identities *i)
{
    struct sw_err err = SW_ERR_INIT;
    world_open(w);
    launcher_free(w->l);
    CHECK_OK(keyring_open(test_path("master.key"), &i->keyring, &err));
    CHECK_OK(identity_open(w->db, i->keyring, &i->identity, &err));
    CHECK_OK(identity_ensure_account(i->identity, WORLD_ACCOUNT, &err));
    struct launcher_options lo = {.db = w->db, .identity = i->identity, .now_us = world_clock};
    CHECK_OK(launcher_open(&lo, &w->l, &err));
    struct directory_new role = {.kind = IAM_ROLE,
                                 .account = WORLD_ACCOUNT,
                                 .name = "external",
                                 .document =
                                     "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":"
                                     "\"Allow\",\"Principal\":{\"Service\":\"ssm.amazonaws.com\"},"
                                     "\"Action\":\"sts:AssumeRole\"}]}"};
    char id[IAM_ID_MAX];
    CHECK_OK(directory_create(i->identity, &role, id, &err));
}

static void end(struct world *w, struct identities *i)
{
    launcher_free(w->l);
    identity_free(i->identity);
    keyring_free(i->keyring);
    meta_db_free(w->db);
}

/* A caller that signs with the activation, as its user is found by its key. */
static struct launcher_caller activated(struct world *w, struct identities *i, const json_t *made,
                                        struct principal *p)
{
    struct sw_err err = SW_ERR_INIT;
    char key[33], secret[129];
    size_t n = 0;
    for (const char *s = sw_json_str(made, "ActivationId", ""); *s && n < 32; s++) {
        if (*s != '-')
            key[n++] = *s;
    }
    key[n] = 0;
    CHECK_OK(identity_secret(i->identity, key, p, secret, &err));
    CHECK_EQ_STR(secret, sw_json_str(made, "ActivationCode", ""));
    struct launcher_caller c = w->user;
    c.principal = p;
    return c;
}

static json_t *make(struct world *w, const char *more)
{
    return call(w, &w->user, launcher_create_activation, doc("{'IamRole': 'external'%s}", more));
}

TEST(an_activation_ends_with_its_time)
{
    struct world w;
    struct identities i;
    struct principal p;
    with_identities(&w, &i);
    const int64_t start = world_now_us;
    sw_autojson json_t *made = make(&w, ", 'RegistrationLimit': 5");
    struct launcher_caller c = activated(&w, &i, made, &p);
    sw_autojson json_t *one = call(&w, &c, launcher_register_managed, json_object());
    CHECK_CONTAINS(sw_json_str(one, "managedInstanceId", ""), "mi-");
    world_now_us = start + 86400000000LL - 1;
    json_decref(call(&w, &c, launcher_register_managed, json_object()));
    world_now_us++;
    refused(&w, &c, launcher_register_managed, json_object(), SW_EDENIED, "InvalidActivation",
            "expired");
    struct launcher_page page = {.after = "", .limit = 10};
    struct sw_err err = SW_ERR_INIT;
    sw_autojson json_t *in = json_object(), *out = json_object();
    CHECK_OK(launcher_describe_activations(w.l, &w.user, in, &page, out, &err));
    const json_t *shown = json_array_get(sw_json_array(out, "ActivationList"), 0);
    CHECK(sw_json_bool(shown, "Expired", false));
    CHECK_EQ_INT(sw_json_int(shown, "RegistrationsCount", 0), 2);
    world_now_us = start;
    end(&w, &i);
}

TEST(an_activation_is_of_its_region_and_account)
{
    struct world w;
    struct identities i;
    struct principal p;
    with_identities(&w, &i);
    sw_autojson json_t *made = make(&w, "");
    struct launcher_caller c = activated(&w, &i, made, &p);
    c.region = "eu-west-1";
    refused(&w, &c, launcher_register_managed, json_object(), SW_EDENIED, "InvalidActivation",
            "another region");
    struct launcher_caller elsewhere = w.user;
    elsewhere.region = "eu-west-1";
    refused(&w, &elsewhere, launcher_delete_activation,
            doc("{'ActivationId': '%s'}", sw_json_str(made, "ActivationId", "")), SW_ENOTFOUND,
            "InvalidActivation", "not valid");
    refused(&w, &w.user, launcher_register_managed, json_object(), SW_EDENIED, "InvalidActivation",
            "not an activation");
    end(&w, &i);
}

TEST(what_makes_no_activation)
{
    struct world w;
    struct identities i;
    with_identities(&w, &i);
    refused(&w, &w.user, launcher_create_activation, doc("{'IamRole': 'nobody'}"), SW_ENOTFOUND,
            "ValidationException", "nobody");
    refused(&w, &w.user, launcher_create_activation,
            doc("{'IamRole': 'external', 'ExpirationDate': 5}"), SW_EINVALID, "ValidationException",
            "30 days");
    end(&w, &i);
}

TEST(names_of_managed_instances)
{
    struct principal p = {.kind = PRINCIPAL_NODE, .name = "mi-0123456789abcdef0"};
    CHECK(launcher_is_managed(&p));
    p.kind = PRINCIPAL_USER;
    CHECK(!launcher_is_managed(&p));
    p = (struct principal){.kind = PRINCIPAL_NODE, .name = "mi-012"};
    CHECK(!launcher_is_managed(&p));
    p = (struct principal){.kind = PRINCIPAL_NODE, .name = "node"};
    CHECK(!launcher_is_managed(&p));
}

static int instances_n(struct world *w, const char *status)
{
    char next[ARN_MAX];
    sw_autojson json_t *all =
        list(w, launcher_list_instances, doc("{'status': '%s'}", status), "", 9, next);
    return (int)json_array_size(sw_json_array(all, "containerInstanceArns"));
}

static json_t *described(struct world *w, const char *in, char next[ARN_MAX])
{
    return list(w, launcher_describe_managed, doc("%s", in), "", 5, next);
}

TEST(a_managed_instance_that_is_deregistered_is_gone)
{
    struct world w;
    struct identities i;
    struct principal p, machine;
    char next[ARN_MAX], secret[129];
    struct sw_err err = SW_ERR_INIT;
    with_identities(&w, &i);
    sw_autojson json_t *made = make(&w, ", 'RegistrationLimit': 5, 'DefaultInstanceName': 'shop'");
    struct launcher_caller c = activated(&w, &i, made, &p);
    sw_autojson json_t *one = call(&w, &c, launcher_register_managed, json_object());
    json_decref(call(&w, &c, launcher_register_managed, json_object()));
    const char *id = sw_json_str(one, "managedInstanceId", "");
    const char *key = sw_json_str(one, "accessKeyId", "");
    CHECK_OK(identity_secret(i.identity, key, &machine, secret, &err));
    c.principal = &machine;
    sw_autojson json_t *registered =
        call(&w, &c, launcher_register_instance,
             doc("{'totalResources': [{'name': 'CPU', 'type': 'INTEGER', 'integerValue': 1},"
                 "{'name': 'MEMORY', 'type': 'INTEGER', 'integerValue': 9}],"
                 "'versionInfo': {'agentVersion': '1.2.3'}}"));
    sw_autojson json_t *all = described(&w, "{}", next);
    CHECK_EQ_INT(json_array_size(sw_json_array(all, "InstanceInformationList")), 2);
    sw_autojson json_t *online = described(
        &w, "{'Filters': [{'Key': 'PingStatus', 'Values': ['Online', 'ConnectionLost']}]}", next);
    const json_t *shown = json_array_get(sw_json_array(online, "InstanceInformationList"), 0);
    CHECK_EQ_INT(json_array_size(sw_json_array(online, "InstanceInformationList")), 1);
    CHECK_EQ_STR(sw_json_str(shown, "InstanceId", ""), id);
    CHECK_EQ_STR(sw_json_str(shown, "PingStatus", ""), "Online");
    CHECK_EQ_STR(sw_json_str(shown, "AgentVersion", ""), "1.2.3");
    CHECK_EQ_STR(sw_json_str(shown, "Name", ""), "shop");
    CHECK_EQ_STR(sw_json_str(shown, "IamRole", ""), "external");
    CHECK_EQ_STR(sw_json_str(shown, "ActivationId", ""), sw_json_str(made, "ActivationId", "-"));
    refused(&w, &w.user, launcher_update_managed_role,
            doc("{'InstanceId': '%s', 'IamRole': 'nobody'}", id), SW_ENOTFOUND,
            "ValidationException", "nobody");
    json_decref(call(&w, &w.user, launcher_update_managed_role,
                     doc("{'InstanceId': '%s', 'IamRole': 'external'}", id)));

    CHECK_EQ_INT(instances_n(&w, "ACTIVE"), 1);
    /* Who may deregister machines of another region may not do it with this one. */
    struct launcher_caller elsewhere = w.user;
    elsewhere.region = "eu-central-1";
    refused(&w, &elsewhere, launcher_deregister_managed, doc("{'InstanceId': '%s'}", id),
            SW_ENOTFOUND, "InvalidInstanceId", "not registered");
    CHECK_OK(identity_secret(i.identity, key, &machine, secret, &err));
    CHECK_EQ_INT(instances_n(&w, "ACTIVE"), 1);
    json_decref(call(&w, &w.user, launcher_deregister_managed, doc("{'InstanceId': '%s'}", id)));
    CHECK_ERR(identity_secret(i.identity, key, &machine, secret, &err), SW_ENOTFOUND,
              "UnrecognizedClientException");
    CHECK_EQ_INT(instances_n(&w, "ACTIVE"), 0);
    CHECK_EQ_INT(instances_n(&w, "INACTIVE"), 1);
    sw_autojson json_t *left = described(&w, "{}", next);
    CHECK_EQ_INT(json_array_size(sw_json_array(left, "InstanceInformationList")), 1);
    refused(&w, &w.user, launcher_deregister_managed, doc("{'InstanceId': '%s'}", id), SW_ENOTFOUND,
            "InvalidInstanceId", "not registered");
    refused(&w, &w.user, launcher_update_managed_role,
            doc("{'InstanceId': '%s', 'IamRole': 'external'}", id), SW_ENOTFOUND,
            "InvalidInstanceId", "not registered");
    end(&w, &i);
}

TEST(only_machines_are_deregistered_as_such)
{
    struct world w;
    struct identities i;
    struct principal p;
    struct sw_err err = SW_ERR_INIT;
    struct identity_key key;
    with_identities(&w, &i);
    CHECK_OK(identity_user_add(i.identity, WORLD_ACCOUNT, "mi-0123456789abcdef0", PRINCIPAL_USER,
                               NULL, &p, &key, &err));
    refused(&w, &w.user, launcher_deregister_managed, doc("{'InstanceId': 'mi-0123456789abcdef0'}"),
            SW_ENOTFOUND, "InvalidInstanceId", "not registered");
    CHECK_OK(identity_user_by_name(i.identity, WORLD_ACCOUNT, "mi-0123456789abcdef0", &p, &err));
    /* One of before there were rows. */
    CHECK_OK(identity_user_add(i.identity, WORLD_ACCOUNT, "mi-0123456789abcdef1", PRINCIPAL_NODE,
                               NULL, &p, &key, &err));
    json_decref(call(&w, &w.user, launcher_deregister_managed,
                     doc("{'InstanceId': 'mi-0123456789abcdef1'}")));
    CHECK_ERR(identity_user_by_name(i.identity, WORLD_ACCOUNT, "mi-0123456789abcdef1", &p, &err),
              SW_ENOTFOUND, "NoSuchEntity");
    end(&w, &i);
}

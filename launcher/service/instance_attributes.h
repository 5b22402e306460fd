/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/service/instance_attributes.h - attributes of container instances: those that the agent registered, and over them those
 * that people put. An instance's document has the effective list in "attributes", and those put as {name: value} in
 * "putAttributes", so that a registration that comes later does not undo them. */
#include "launcher/service/launcher.h"

/* Puts the document's putAttributes over its attributes. */
void instance_attributes_apply(json_t *document);
/* Names and values of a registration. SW_EINVALID "InvalidParameterException". */
int service_check_attributes(const json_t *attributes, struct sw_err *err);

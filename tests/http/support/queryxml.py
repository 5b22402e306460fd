# SPDX-License-Identifier: Apache-2.0
"""Replies of the query protocol (IAM, STS) against botocore's service models, element by element: botocore itself ignores what it
does not know, and these do not."""
import re
import xml.etree.ElementTree as ElementTree

TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")


def _local(element, namespace):
    assert element.tag.startswith("{%s}" % namespace), "%s is not of %s" % (element.tag, namespace)
    return element.tag[len(namespace) + 2:]


def _scalar_problem(shape, text):
    kind = shape.type_name
    if kind == "timestamp":
        return None if TIME.match(text) else "is no time: %r" % text
    if kind == "boolean":
        return None if text in ("true", "false") else "is no boolean: %r" % text
    if kind in ("integer", "long"):
        return None if re.match(r"^-?\d+$", text) else "is no number: %r" % text
    if kind == "string" and shape.metadata.get("enum") and text not in shape.metadata["enum"]:
        return "is none of the model's values: %r" % text
    return None


def _check(shape, element, path, namespace):
    kind = shape.type_name
    if kind == "structure":
        seen, found = set(), []
        for child in element:
            name = _local(child, namespace)
            if name not in shape.members:
                found.append("%s.%s: the model has no such member" % (path, name))
            elif name in seen:
                found.append("%s.%s: twice" % (path, name))
            else:
                found += _check(shape.members[name], child, "%s.%s" % (path, name), namespace)
            seen.add(name)
        return found + ["%s.%s: missing" % (path, n) for n in shape.required_members if n not in seen]
    if kind == "list":
        return [p for i, child in enumerate(element) for p in (
            ["%s: an element <%s>" % (path, child.tag)] if _local(child, namespace) != "member"
            else _check(shape.member, child, "%s[%d]" % (path, i), namespace))]
    if kind == "map":
        return [p for child in element for p in (
            ["%s: an entry without key and value" % path] if [_local(c, namespace) for c in child] != ["key", "value"]
            else _check(shape.value, child[1], "%s{%s}" % (path, child[0].text), namespace))]
    problem = "has elements" if len(element) else _scalar_problem(shape, element.text or "")
    return ["%s %s" % (path, problem)] if problem else []


def check_reply(operation, http_response):
    """Fails on a reply that is not exactly what the operation's model allows."""
    service = operation.service_model
    namespace = service.metadata["xmlNamespace"]
    assert http_response.headers["Content-Type"] == "text/xml"
    root = ElementTree.fromstring(http_response.content)
    name = _local(root, namespace)
    if http_response.status_code >= 300:
        assert name == "ErrorResponse"
        assert [_local(c, namespace) for c in root] == ["Error", "RequestId"]
        assert [_local(c, namespace) for c in root[0]] == ["Type", "Code", "Message"]
        assert root[0][0].text == ("Sender" if http_response.status_code < 500 else "Receiver")
        request_id = root[1].text
        _check_error(operation, root[0][1].text, http_response.status_code)
    else:
        assert name == operation.name + "Response"
        names = [_local(c, namespace) for c in root]
        assert names == ([operation.name + "Result"] if operation.output_shape else []) + ["ResponseMetadata"]
        request_id = root[-1][0].text
        problems = _check(operation.output_shape, root[0], operation.name, namespace) if operation.output_shape else []
        assert not problems, "\n".join(problems)
    assert request_id == http_response.headers["x-amzn-RequestId"]


def _check_error(operation, code, status):
    for shape in operation.error_shapes:
        error = shape.metadata.get("error", {})
        if error.get("code", shape.name) == code:
            assert status == error.get("httpStatusCode", 400), "%s with %d" % (code, status)

"""Starts MiniStack with three things mended. Runs inside the emulator's environment, and reaches
into that very version of it, so a newer one has to be tried before it is pinned.

Events of HTTP APIs: MiniStack sends the format 2.0 whatever an integration asks for, which joins
repeated headers, and it replaces bytes of a text body that are not UTF-8. Signatures over either
could not be tested. Here an integration of format 1.0 gets what AWS sends it, its answer is read
as one of format 1.0, and such bodies arrive as base64.

Permissions: SQS on AWS has none of its own for batches; `sqs:SendMessage` covers them.

Transport: policies that refuse plain http would refuse everything on loopback, so every request
counts as one that came over TLS.
"""

import base64
import contextvars
import sys
import time
from urllib.parse import parse_qs

import ministack.app
from ministack.core import iam_actions
from ministack.services import apigateway

# The request as it came over the wire, before MiniStack folds it.
_wire: contextvars.ContextVar = contextvars.ContextVar("wire", default=None)
# The payload format and the body, while a function is being called for an HTTP API.
_called_for: contextvars.ContextVar = contextvars.ContextVar("called_for", default=None)

_serve = ministack.app.app
_invoke_lambda_proxy = apigateway._invoke_lambda_proxy
_run_reentrant = apigateway.run_reentrant
_extract_iam_action = iam_actions.extract_iam_action


async def app(scope, receive, send):
    if scope["type"] == "http":
        scope = {**scope, "headers": [*scope["headers"], (b"x-forwarded-proto", b"https")]}
        _wire.set(scope)
    await _serve(scope, receive, send)


def extract_iam_action(service, *request):
    action = _extract_iam_action(service, *request)
    if action and action.startswith("sqs:"):
        return action.removesuffix("Batch")
    return action


async def invoke_lambda_proxy(integration, *request, **named):
    _api, _stage, _path, _method, _headers, body, *_ = request
    called_for = _called_for.set((integration.get("payloadFormatVersion"), body))
    try:
        return await _invoke_lambda_proxy(integration, *request, **named)
    finally:
        _called_for.reset(called_for)


async def run_reentrant(call, function, event, **named):
    """Calls the function; authorizers and sockets come this way too, and pass unchanged."""
    if _called_for.get() is None:
        return await _run_reentrant(call, function, event, **named)
    payload_format, body = _called_for.get()
    if body:
        event["body"], event["isBase64Encoded"] = encoded(body, event["isBase64Encoded"])
    if payload_format != "1.0":
        return await _run_reentrant(call, function, event, **named)
    result = await _run_reentrant(call, function, event_1_0(event, _wire.get()), **named)
    if not result.get("error") and not result.get("throttle"):
        result["body"] = answer_2_0(result.get("body"))
    return result


def encoded(body, is_binary_type):
    """Text types as text, everything else as base64; bytes that are not UTF-8 are never text."""
    if not is_binary_type:
        try:
            return body.decode("utf-8"), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode("ascii"), True


def event_1_0(event, wire):
    """The event of format 1.0 that says what this one of format 2.0 says, and more exactly."""
    headers = {}
    for name, value in wire["headers"]:
        headers.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
    query = parse_qs(wire["query_string"].decode("latin-1"), keep_blank_values=True)
    context = event["requestContext"]
    resource = context["routeKey"].split(" ", 1)[-1]
    return {
        "version": "1.0",
        "resource": resource,
        "path": event["rawPath"],
        "httpMethod": context["http"]["method"],
        "headers": {name: values[-1] for name, values in headers.items()},
        "multiValueHeaders": headers,
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "requestContext": {
            "accountId": context["accountId"],
            "apiId": context["apiId"],
            "domainName": context["domainName"],
            "domainPrefix": context["apiId"],
            "extendedRequestId": context["requestId"],
            "httpMethod": context["http"]["method"],
            "identity": {
                "sourceIp": context["http"]["sourceIp"],
                "userAgent": context["http"]["userAgent"],
            },
            "path": event["rawPath"],
            "protocol": context["http"]["protocol"],
            "requestId": context["requestId"],
            "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime()),
            "requestTimeEpoch": context["timeEpoch"],
            "resourceId": None,
            "resourcePath": resource,
            "stage": context["stage"],
        },
        "pathParameters": event.get("pathParameters"),
        "stageVariables": None,
        "body": event.get("body"),
        "isBase64Encoded": event["isBase64Encoded"],
    }


def answer_2_0(answer):
    """The same answer with repeated headers where MiniStack looks for them."""
    if not isinstance(answer, dict) or "multiValueHeaders" not in answer:
        return answer
    headers = dict(answer.get("headers") or {})
    for name, values in (answer["multiValueHeaders"] or {}).items():
        for single in [known for known in headers if known.lower() == name.lower()]:
            del headers[single]
        headers[name] = values[0] if len(values) == 1 else list(values)
    return {**answer, "headers": headers}


if __name__ == "__main__":
    ministack.app.app = app
    apigateway._invoke_lambda_proxy = invoke_lambda_proxy
    apigateway.run_reentrant = run_reentrant
    iam_actions.extract_iam_action = extract_iam_action
    sys.exit(ministack.app.main())

"""Every operation of the API, asked with what its schema allows and with what it does not: no 500, and answers are what is declared.

Examples are the same in every run. `FLATBOOK_SCHEMA_EXAMPLES=500` makes it a search (`FLATBOOK_FRESH_EXAMPLES=1` beside it: a new one).
"""

import os
import re
import warnings
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable

from flatbook.dashboard.app import OPEN_PATHS
from flatbook.dashboard.security.gate import check_declared
from flatbook.dashboard.security.permissions import Role
from tests.dashboard.whole import Whole

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of its own dependencies
    import schemathesis
    from schemathesis.checks import not_a_server_error
    from schemathesis.python import asgi
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_headers_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

EXAMPLES = int(os.environ.get("FLATBOOK_SCHEMA_EXAMPLES", "6"))
HOST = "http://127.0.0.1"
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
ASKED_AS = {"/api/v1/users": Role.ADMIN}
_PERSONAL = {
    "GET /api/v1/session",
    "GET /api/v1/session/me",
    "POST /api/v1/session/login",
    "POST /api/v1/session/step-up",
    "POST /api/v1/session/password",
}
"""Answered to anybody, or with 401 for a wrong password."""


@pytest.fixture(scope="module")
def whole(pictures, tmp_path_factory):
    made = Whole(pictures, tmp_path_factory.mktemp("journal") / "desk.journal")
    yield made
    made.close()


@pytest.fixture(scope="module")
def operations(whole):
    """All of them, by method and path."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        schema = schemathesis.openapi.from_dict(whole.app.openapi())
        schema.app = whole.app
        found = {}
        for result in schema.get_all_operations():
            operation = result.ok()
            found[f"{operation.method.upper()} {operation.path}"] = operation
    return found


def _role(path):
    return next((role for start, role in ASKED_AS.items() if path.startswith(start)), Role.RISK_OFFICER)


def _ask_all(whole, operations, mode, role_of):
    """Ask every operation; the statuses of its answers, by its name."""
    faults, seen = [], {}
    for name, operation in operations.items():
        with asgi.get_client(whole.app) as client:
            try:
                seen[name] = _ask(whole, client, operation, mode, role_of(operation.path))
            except Unsatisfiable:
                seen[name] = Counter()  # nothing that can be sent there is wrong
            except Exception as e:  # every operation is asked before any fault is told
                faults.append(f"{name}\n{type(e).__name__}: {e}")
    assert not faults, "\n\n".join(faults)
    return seen


def _ask(whole, client, operation, mode, role):
    seen = Counter()

    @settings(
        max_examples=EXAMPLES,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        deadline=None,
    )
    @given(operation.as_strategy(generation_mode=mode), st.booleans())
    def ask(case, known):
        if known:
            _name_what_is_there(case, whole.known)
        client.cookies.clear()
        headers = {"host": "127.0.0.1", **whole.entered(role)}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answer = case.call(base_url=HOST, session=client, headers=headers)
            case.validate_response(answer, checks=CHECKS)
        seen[answer.status_code] += 1

    ask()
    return seen


def _name_what_is_there(case, known):
    """In place of words that nobody listed, where an operation asks for a name."""
    for place in ("path_parameters", "query", "body"):
        told = getattr(case, place)
        if isinstance(told, dict):
            for name in told.keys() & known.keys():
                told[name] = known[name]


def test_every_operation_answers_as_it_is_declared(whole, operations):
    """As those who may: all of it comes through the gate, and what needs no body and no name is answered."""
    seen = _ask_all(whole, operations, schemathesis.GenerationMode.POSITIVE, _role)

    for name, statuses in seen.items():
        assert statuses, name
        assert not {401, 403, 415, 421, 429, 503} & set(statuses) or name in _PERSONAL, (name, statuses)
        if name.startswith("GET") and name not in _with_names(whole):
            assert statuses[200], (name, statuses)


def _with_names(whole):
    """Those that ask for the name of something, which may not be there, or for one of several."""
    return {"GET /api/v1/journal/decision"} | {
        f"{method.upper()} {path}"
        for path, told in whole.app.openapi()["paths"].items()
        for method, operation in told.items()
        if any(each.get("required") and each["in"] != "header" for each in operation.get("parameters", []))
    }


def test_every_operation_refuses_what_is_not_declared_as_it_is_declared(whole, operations):
    """With what its schema does not allow."""
    seen = _ask_all(whole, operations, schemathesis.GenerationMode.NEGATIVE, _role)

    assert sum(statuses[422] for statuses in seen.values()) > len(operations)


def test_every_operation_answers_nobody_as_it_is_declared(whole, operations):
    """Refusals are declared, too."""
    seen = _ask_all(whole, operations, schemathesis.GenerationMode.POSITIVE, lambda _: None)

    for name, statuses in seen.items():
        assert set(statuses) <= {401, 422} or name in _PERSONAL, (name, statuses)


def test_all_routes_are_described(whole, operations):
    """What a program can ask is in the document."""
    declared = {route for route in check_declared(whole.app, OPEN_PATHS) if "/api/v1/" in route}
    plain = {re.sub(r":\w+}", "}", route) for route in declared if not route.startswith("WS")}

    assert plain - {"GET /api/v1/openapi.json"} == set(operations)

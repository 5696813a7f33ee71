"""Whatever is sent, the API answers in its one shape and never breaks."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leads.intake.keys import create_key
from leads.intake.wire import ActivityIn, LeadIn, OutcomeIn
from leads.models import ApiKey

pytestmark = pytest.mark.django_db
odd_text = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["\x00", "\ud800", "x" * 400, "ivy@firma.de", "2026-06-01T10:00:00Z", "1e400", "{}", "\u202e"]),
)
odd = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.integers(10**18, 10**30),
        st.floats(allow_nan=False, allow_infinity=False),
        odd_text,
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(odd_text, inner, max_size=3)),
    max_leaves=6,
)


def body_like(shape):
    names = list(shape.model_fields)
    return st.dictionaries(st.sampled_from([*names, "nonsense"]), odd, max_size=6)


known = {"email": "ivy@firma.de"}
requests = st.one_of(
    st.tuples(st.just("leads"), body_like(LeadIn).map(lambda body: body | known)),
    st.tuples(st.just("leads"), body_like(LeadIn)),
    st.tuples(
        st.just("activities"),
        body_like(ActivityIn).map(lambda body: {"lead": known, "kind": "call", "occurred_at": "2026-06-01T10:00:00Z"} | body),
    ),
    st.tuples(st.just("outcomes"), body_like(OutcomeIn).map(lambda body: {"lead": known, "outcome": "won"} | body)),
    st.tuples(
        st.sampled_from(["leads/batch", "activities/batch", "outcomes/batch"]),
        st.lists(odd, max_size=4).map(lambda items: {"items": items}),
    ),
    st.tuples(st.sampled_from(["leads", "outcomes"]), odd),
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(requests)
def test_any_json_is_answered_in_the_one_shape(client, request_):
    path, body = request_
    if not ApiKey.objects.exists():
        client.secret = create_key("Fuzz", list(ApiKey.Scope.values), actor=None)[1]
    response = client.post(
        f"/api/v1/{path}", json.dumps(body), content_type="application/json", headers={"Authorization": f"Bearer {client.secret}"}
    )
    assert response.status_code in (200, 201, 400, 422)
    answer = response.json()
    if response.status_code >= 400:
        assert answer["error"]["code"]
        assert answer["error"]["message"]
    elif path.endswith("batch"):
        assert answer["received"] == sum(answer[name] for name in ("created", "updated", "attached", "refused"))

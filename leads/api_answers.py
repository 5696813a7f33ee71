"""What the API answers about leads: items taken in, and a lead with all that is known of it."""

from collections.abc import Sequence
from typing import Any

from leads.intake.incoming import Problem, Taken
from leads.intake.reading import shown
from leads.intake.wire import as_utc
from leads.models import Lead
from leads.slots import slots


def problem_json(problem: Problem) -> dict[str, Any]:
    return {"code": problem.code, "field": problem.field, "value": shown(problem.value), "message": problem.message}


def taken_json(taken: Taken) -> dict[str, Any]:
    """What became of one item."""
    answer: dict[str, Any] = {
        "status": taken.status,
        "lead_id": taken.lead_id,
        "submission_id": taken.submission_id,
        "problems": [problem_json(problem) for problem in taken.problems],
    }
    if taken.case_id is not None:
        answer["case_id"] = taken.case_id
    return answer


def batch_json(answers: Sequence[Taken]) -> dict[str, Any]:
    """What became of a batch: totals that add up, and each item in order."""
    totals = {"received": len(answers), "created": 0, "updated": 0, "attached": 0, "refused": 0}
    for taken in answers:
        totals[taken.status] += 1
    return {**totals, "results": [taken_json(taken) for taken in answers]}


def _external_ids(lead: Lead) -> dict[str, str]:
    """What other systems call the lead; of several ids in one system, the one learnt last."""
    return {one.system: one.value for one in sorted(lead.external_ids.all(), key=lambda one: one.pk)}


def lead_json(lead: Lead) -> dict[str, Any]:
    """A lead as the API shows it, with the sections that the layers above fill: score lines, hand-offs."""
    company = lead.company
    answer: dict[str, Any] = {
        "id": lead.pk,
        "stage": lead.stage,
        "stage_since": as_utc(lead.stage_since),
        "stage_reason": lead.stage_reason,
        "email": lead.email,
        "phone": lead.phone,
        "phone_e164": lead.phone_e164,
        "first_name": lead.first_name,
        "last_name": lead.last_name,
        "job_title": lead.job_title,
        "seniority": lead.seniority,
        "department": lead.department,
        "country": lead.country,
        "language": lead.language,
        "consent": lead.consent,
        "contactable": lead.contactable,
        "contact_problem": lead.contact_problem,
        "source": lead.first_source,
        "campaign": lead.first_campaign.name if lead.first_campaign else None,
        "product_interest": lead.product_interest.key if lead.product_interest else None,
        "owner": lead.owner.email if lead.owner else None,
        "company": None,
        "custom": lead.attributes,
        "external_ids": _external_ids(lead),
        "created_at": as_utc(lead.created_at),
        "updated_at": as_utc(lead.updated_at),
    }
    if company is not None:
        answer["company"] = {
            "id": company.pk,
            "name": company.name,
            "domain": company.domain,
            "industry": company.industry,
            "employees": company.employees,
            "revenue": int(company.revenue) if company.revenue is not None else None,
            "country": company.country,
            "is_customer": company.is_customer,
            "is_competitor": company.is_competitor,
        }
    for name, section in slots.api_sections.items():
        answer[name] = section([lead.pk]).get(lead.pk)
    return answer

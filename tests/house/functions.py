"""Tools of kind function, as a user of agentrt writes them."""

import time

from pydantic import BaseModel, Field

from sidecar.errors import ToolFault
from sidecar.extras.function import tool
from sidecar.tools.http import Call


class Lead(BaseModel):
    company: str = Field(description="as it is registered")


class Size(BaseModel):
    company: str
    staff: int
    key: str = ""


@tool(side_effects="none")
async def staff(lead: Lead) -> Size:
    """How many people a company has."""
    return Size(company=lead.company, staff=len(lead.company))


@tool(side_effects="idempotent")
def staff_plain(lead: Lead, call: Call) -> Size:
    """The same, by a plain function that is told of its call."""
    return Size(company=lead.company, staff=1, key=f"{call.customer} {call.idempotency_key}")


@tool(side_effects="none", retries=0)
async def staff_unknown(lead: Lead) -> Size:
    """Says itself what is wrong."""
    raise ToolFault("no_such_company", f"{lead.company} is not there")


@tool(side_effects="none", retries=0)
async def staff_broken(lead: Lead) -> Size:
    """Breaks."""
    raise ZeroDivisionError(lead.company)


@tool(side_effects="once", timeout_s=1)
def staff_endless(_: Lead) -> Size:
    """Takes longer than it may."""
    time.sleep(2)
    return Size(company="", staff=0)

"""An error in Anthropic's form.

Types by status: platform.claude.com/docs/en/api/errors, read on 2026-11-23.
"""

from typing import Any

from tests.simulator import sealed
from tests.simulator.rejected import Rejected

OF_STATUS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def body(error: Rejected) -> dict:
    told: dict[str, Any] = {"type": OF_STATUS.get(error.status, "api_error"), "message": str(error)}
    if error.code:
        told["details"] = {"error_code": error.code}
    return {"type": "error", "error": told, "request_id": sealed.name("req", str(error))[:28]}

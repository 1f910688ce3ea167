"""Models of organizations, their members, crews, agents and tasks, and of the audit trail."""

from crews.models.agent import Agent
from crews.models.api_key import ApiKey
from crews.models.approval_rule import ApprovalRule
from crews.models.audit_entry import AuditEntry
from crews.models.crew import Crew
from crews.models.membership import Membership, Role
from crews.models.organization import Organization
from crews.models.secret import Secret
from crews.models.task import Task

__all__ = [
    "Agent",
    "ApiKey",
    "ApprovalRule",
    "AuditEntry",
    "Crew",
    "Membership",
    "Organization",
    "Role",
    "Secret",
    "Task",
]

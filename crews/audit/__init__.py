"""The audit trail: who did what, when and how. See ``crews.models.AuditEntry``."""

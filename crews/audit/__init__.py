"""The audit trail: who did what, when and by which way. See ``crews.models.AuditEntry``."""

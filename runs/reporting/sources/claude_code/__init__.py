"""The hooks of Claude Code: `docs/integrations/claude-code.md`."""

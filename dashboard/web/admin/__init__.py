"""The pages of projects, people, keys, webhooks, use and the audit log; each shows what its reader may see."""

"""The tools' box and its limits."""

from crewops.settings.environment import DEBUG, VAR_DIR, env

TOOLS_TIME_LIMITS_S = env.json("TOOLS_TIME_LIMITS_S", default={})  # {tool name: seconds}
TOOLS_OUTPUT_LIMIT_BYTES = env.int("TOOLS_OUTPUT_LIMIT_BYTES", default=4 * 1024 * 1024)
TOOLS_IDLE_LIMIT_S = env.float("TOOLS_IDLE_LIMIT_S", default=300.0)  # without output
TOOLS_LIMIT_CPU_S = env.int("TOOLS_LIMIT_CPU_S", default=600)  # of one process
TOOLS_LIMIT_MEMORY_BYTES = env.int("TOOLS_LIMIT_MEMORY_BYTES", default=2 * 1024**3)
TOOLS_LIMIT_FILE_BYTES = env.int("TOOLS_LIMIT_FILE_BYTES", default=256 * 1024**2)
TOOLS_LIMIT_OPEN_FILES = env.int("TOOLS_LIMIT_OPEN_FILES", default=1024)
TOOLS_LIMIT_PROCESSES = env.int("TOOLS_LIMIT_PROCESSES", default=128)  # threads count
TOOLS_LIMIT_WORKSPACE_BYTES = env.int("TOOLS_LIMIT_WORKSPACE_BYTES", default=1024**3)
TOOLS_LIMIT_WORKSPACE_FILES = env.int("TOOLS_LIMIT_WORKSPACE_FILES", default=100_000)
# Without user namespaces tools are hardly kept apart; with this they do not run then.
TOOLS_REQUIRE_SANDBOX = env.bool("TOOLS_REQUIRE_SANDBOX", default=False)
# A worker that is root, without user namespaces and in a directory other users may not enter, runs
# its tools as root, without a limit of processes; or not at all.
TOOLS_ALLOW_UNBOXED_ROOT = env.bool("TOOLS_ALLOW_UNBOXED_ROOT", default=DEBUG)
# Where tools are not in the sandbox, those of other runs can read what a tool is handed.
TOOLS_ALLOW_UNBOXED_SECRETS = env.bool("TOOLS_ALLOW_UNBOXED_SECRETS", default=DEBUG)
TOOLS_READABLE_PATHS = env.list("TOOLS_READABLE_PATHS", default=[])  # for tools, besides the system
TOOLS_ALLOW_NETWORK = env.bool("TOOLS_ALLOW_NETWORK", default=False)  # may steps ask for it
TOOLS_PYTHON = env.str("TOOLS_PYTHON", default="")  # the interpreter of tools; empty: our own
# What git_clone may reach. "*" allows every host with a public address.
TOOLS_GIT_ALLOWED_SCHEMES = env.list("TOOLS_GIT_ALLOWED_SCHEMES", default=["https"])
TOOLS_GIT_ALLOWED_HOSTS = env.list(
    "TOOLS_GIT_ALLOWED_HOSTS",
    default=["github.com", "gitlab.com", "bitbucket.org", "codeberg.org"],
)
# Hosts of the list above, by name, that may have a private address.
TOOLS_GIT_PRIVATE_HOSTS = env.list("TOOLS_GIT_PRIVATE_HOSTS", default=[])
# A file of the certificate authorities that git_clone trusts instead of the system's.
TOOLS_GIT_CA_FILE = env.str("TOOLS_GIT_CA_FILE", default="")
# Repositories on this machine may be cloned from below this directory; empty: none.
TOOLS_GIT_LOCAL_ROOT = env.str("TOOLS_GIT_LOCAL_ROOT", default=str(VAR_DIR) if DEBUG else "")
